"""Programs that speak the process protocol, most of them badly: `python tests/programs.py NAME`.

`Program` answers as it should, and never moves a parameter; each of the others gets one thing wrong.  `Serve` puts any
target in Python behind the protocol.  Nothing is imported that takes long.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

FOREVER = 3600.0
"""Seconds; no test waits that long."""

UNSPOKEN = ("manners", "memory", "processes", "refuses_invalid", "stochastic_rounding", "walks")
"""Claims that the protocol has no words for."""


class Program:
    """Holds what it was given."""

    claims: dict = {"dtypes": ["float32"], "state": True}  # noqa: RUF012 (nobody changes it)

    def __init__(self):
        self.sessions = {}

    def run(self):
        for line in sys.stdin:
            request = json.loads(line)
            self.write(json.dumps({"number": request["number"], **self.answer(request)}))
            if request["command"] == "stop":
                self.end()

    def write(self, line):
        print(line, flush=True)  # noqa: T201

    def answer(self, request):
        if not hasattr(self, request["command"]):
            return {"error": {"kind": "unknown-command", "message": "never heard of it"}}
        return getattr(self, request["command"])(request)

    def hello(self, request):
        return {"protocol": request["protocol"], "name": "a program", "version": "7", "capabilities": self.claims}

    def start(self, request):
        self.sessions[request["session"]] = request["parameters"]
        return {"parameters": request["parameters"]}

    def step(self, request):
        return {"parameters": self.sessions[request["session"]]}

    def state(self, request):
        return {"state": [{"m": p, "v": p} for p in self.sessions[request["session"]]]}

    def stop(self, request):
        return {}

    def end(self):
        sys.exit(0)


class RefusesZero(Program):
    def start(self, request):
        if any("0x0.0p+0" in (h["lr"], h["eps"]) for h in request["hyperparameters"]):
            return {"error": {"kind": "unsupported", "message": "lr and eps must be positive"}}
        return super().start(request)


class ForgetsWhereLrIsZero(Program):
    def start(self, request):
        answer = super().start(request)
        return {"parameters": []} if request["hyperparameters"][0]["lr"] == "0x0.0p+0" else answer


class DiesOfNaN(Program):
    def step(self, request):
        if "nan" in json.dumps(request["gradients"]):
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().step(request)


class DoesNotKnowWhatItClaims(Program):
    claims = {**Program.claims, "lr_schedule": True}  # noqa: RUF012


class ShowsNoGradients(Program):
    claims = {**Program.claims, "gradients": True}  # noqa: RUF012


class ForgetsABrace(Program):
    def write(self, line):
        super().write(line[:-1])


class SaysMuchInTheEnd(Program):
    def step(self, request):
        sys.exit("\n".join(["IllegalStateException: out of luck", *(f"  at line {n}" for n in range(40))]))


# It does not talk.


class Greets(Program):
    def run(self):
        self.write("Loading the model ...")
        super().run()


class ExitsAtOnce(Program):
    def run(self):
        sys.exit("no licence")


class ExitsWithoutAWord(Program):
    def run(self):
        sys.exit(0)


class DiesOfASegmentationFault(Program):
    def step(self, request):
        print("a last word", file=sys.stderr, flush=True)  # noqa: T201
        os.kill(os.getpid(), signal.SIGSEGV)


class NeverAnswers(Program):
    def step(self, request):
        time.sleep(FOREVER)


class EndsNoLine(Program):
    def step(self, request):
        sys.stdout.write('{"number":')
        sys.stdout.flush()
        time.sleep(FOREVER)


class BreaksOff(Program):
    def step(self, request):
        sys.stdout.write('{"number":4,"param')
        sys.stdout.flush()
        os._exit(0)


class ClosesItsOutput(Program):
    def step(self, request):
        os.close(1)
        time.sleep(FOREVER)


class StopsReading(Program):
    def step(self, request):
        self.write(json.dumps({"number": request["number"], **super().step(request)}))
        time.sleep(FOREVER)


class FloodsItsOutput(Program):
    def step(self, request):
        while True:
            sys.stdout.write("y" * (1 << 20))


class FloodsItsErrors(Program):
    def step(self, request):
        while True:
            sys.stderr.write("y\n" * (1 << 20))


class LeavesAChildBehind(Program):
    def hello(self, request):
        child = subprocess.Popen(["sleep", str(int(FOREVER))])
        print("child", child.pid, file=sys.stderr, flush=True)  # noqa: T201
        return super().hello(request)

    def step(self, request):
        os._exit(1)


# It talks nonsense.


class PrintsBetween(Program):
    def step(self, request):
        self.write("step done")
        return super().step(request)


class WritesNoText(Program):
    def write(self, line):
        sys.stdout.buffer.write(b"\xff\xfe\n")
        sys.stdout.flush()


class WritesDeeply(Program):
    def write(self, line):
        super().write("[" * 100_000)


class WritesAList(Program):
    def write(self, line):
        super().write(f"[{line}]")


class AnswersTwice(Program):
    def step(self, request):
        self.write(json.dumps({"number": request["number"], **super().step(request)}))
        return super().step(request)


class AnswersLate(Program):
    def step(self, request):
        return {**super().step(request), "number": request["number"] - 1}


class NumbersWithWords(Program):
    def step(self, request):
        return {**super().step(request), "number": str(request["number"])}


# Its answers are not what was asked for.


class SpeaksAnotherVersion(Program):
    def hello(self, request):
        return {**super().hello(request), "protocol": "adam-conformance/process/2"}


class HasNoName(Program):
    def hello(self, request):
        return {k: v for k, v in super().hello(request).items() if k != "name"}


class ClaimsNonsense(Program):
    claims = {"dtypes": ["float7"]}  # noqa: RUF012


class ClaimsAsAList(Program):
    claims = ["float32"]  # noqa: RUF012


class PinsInDecimals(Program):
    claims = {"dtypes": ["float32"], "pinned": {"eps": "1e-8"}}  # noqa: RUF012


class KnowsEveryCommand(Program):
    def answer(self, request):
        return {} if request["command"] == "unknown" else super().answer(request)


class Loses(Program):
    """The sign of zero, as printing with %g after a sum would."""

    def start(self, request):
        super().start(request)
        lost = [[x.replace("-0x0.0p+0", "0x0.0p+0") for x in p] for p in request["parameters"]]
        return {"parameters": lost}


class ReadsShortly(Program):
    """The last digit of each number, as six decimal digits would."""

    def start(self, request):
        super().start(request)
        return {"parameters": [[x.replace("555556", "555560") for x in p] for p in request["parameters"]]}


class _Steps(Program):
    """With what it says about the parameters after a step."""

    said: object = None

    def step(self, request):
        return {"parameters": self.said}


class AnswersNothing(Program):
    def step(self, request):
        return {}


class GivesNull(_Steps):
    said = None


class GivesTooFew(_Steps):
    said = [["0x1p+0"] * 4]  # noqa: RUF012


class GivesAnotherSize(_Steps):
    said = [["0x1p+0"] * 4, ["0x1p+0"] * 4]  # noqa: RUF012


class GivesNumbers(_Steps):
    said = [["0x1p+0"] * 4, [1.0, 1.0, 1.0]]  # noqa: RUF012


class GivesDecimals(_Steps):
    said = [["0x1p+0"] * 4, ["1.0", "0x1p+0", "0x1p+0"]]  # noqa: RUF012


class GivesDoubles(_Steps):
    said = [["0x1p+0"] * 4, ["0x1.999999999999ap-4"] * 3]  # noqa: RUF012


class GivesTooLarge(_Steps):
    said = [["0x1p+0"] * 4, ["0x1p+99999"] * 3]  # noqa: RUF012


class GivesMore(Program):
    def step(self, request):
        return {**super().step(request), "loss": 1}


class ShowsNoState(Program):
    def state(self, request):
        return {}


class ShowsTooLittleState(Program):
    def state(self, request):
        return {"state": super().state(request)["state"][:1]}


class ShowsHalfTheState(Program):
    def state(self, request):
        return {"state": [{"m": s["m"]} for s in super().state(request)["state"]]}


class CountsWithWords(Program):
    def state(self, request):
        return {"state": [{**s, "step": "one"} for s in super().state(request)["state"]]}


class Fails(Program):
    def step(self, request):
        return {"error": {"kind": "failed", "message": "CUDA out of memory"}}


class FailsInItsOwnWay(Program):
    def step(self, request):
        return {"error": "CUDA out of memory"}


class DoesNotStop(Program):
    def end(self):
        pass


class StopsBadly(Program):
    def end(self):
        sys.exit(3)


# It is a target in Python.


class Serve(Program):
    """The target at the address that is the second argument, with everything that it claims."""

    def __init__(self):
        super().__init__()
        from conformance.targets import load_target

        self.target = load_target(sys.argv[2])
        self.claims = {k: v for k, v in self.target.capabilities.to_json().items() if k not in UNSPOKEN}

    def start(self, request):
        import numpy as np

        from adam_ref import Hyperparameters
        from conformance.case import from_hex

        parameters = [
            np.array(from_hex(p, request["dtype"]).reshape(shape))
            for p, shape in zip(request["parameters"], request["shapes"], strict=True)
        ]
        hypers = [
            Hyperparameters(**{k: v if isinstance(v, bool) else float.fromhex(v) for k, v in h.items()})
            for h in request["hyperparameters"]
        ]
        self.sessions[request["session"]] = (self.target.start(parameters, hypers), parameters)
        return {"parameters": self.written(parameters)}

    def step(self, request):
        from conformance.case import from_hex

        session, parameters = self.sessions[request["session"]]
        gradients = [
            None if g is None else from_hex(g, str(p.dtype)).reshape(p.shape)
            for g, p in zip(request["gradients"], parameters, strict=True)
        ]
        return {"parameters": self.written(session.step(gradients)), "gradients": self.written(gradients)}

    def state(self, request):
        states = []
        for moments in self.sessions[request["session"]][0].state():
            held = dict(zip(("m", "v", "v_max"), self.written((moments.m, moments.v, moments.v_max)), strict=True))
            dtype = {} if moments.m is None else {"dtype": str(moments.m.dtype)}
            states.append({**held, **dtype, "step": moments.step})
        return {"state": states}

    def set_lr(self, request):
        self.sessions[request["session"]][0].set_lr(float.fromhex(request["lr"]))
        return {}

    def fast_forward(self, request):
        self.sessions[request["session"]][0].fast_forward(request["steps"])
        return {}

    def save(self, request):
        import base64
        import pickle

        return {"saved": base64.b64encode(pickle.dumps(self.sessions[request["session"]][0].save())).decode()}

    def load(self, request):
        import base64
        import pickle

        self.sessions[request["session"]][0].load(pickle.loads(base64.b64decode(request["saved"])))
        return {}

    def written(self, arrays):
        from conformance.case import to_hex

        return [None if a is None else to_hex(a) for a in arrays]


if __name__ == "__main__":
    globals()[sys.argv[1]]().run()
