"""An Adam in plain Python that speaks the process protocol: `adam-conformance check 'process:python3 adam.py'`."""

import ctypes
import json
import math
import sys

CLAIMS = {"dtypes": ["float32", "float64"], "state": True, "counter": True, "lr_schedule": True}
HELLO = {"protocol": "adam-conformance/process/1", "name": "plain Python", "version": "1", "capabilities": CLAIMS}
ROUND = {"float32": lambda x: ctypes.c_float(x).value, "float64": float}


def divide(a, b):  # as IEEE 754 has it: Python raises on division by zero
    return a / b if b else math.nan if a == 0 or a != a else math.copysign(math.inf, a)


class Adam:
    def __init__(self, parameters, hyper, rounded):
        self.parameters, self.hyper, self.rounded, self.t = parameters, hyper, rounded, 0
        self.m, self.v = ([[0.0] * len(p) for p in parameters] for _ in range(2))

    def step(self, gradients):
        self.t += 1
        lr, beta1, beta2, eps = (self.hyper[k] for k in ("lr", "beta1", "beta2", "eps"))
        for p, m, v, gradient in zip(self.parameters, self.m, self.v, gradients, strict=True):
            for i, g in enumerate(gradient):
                m[i] = self.rounded(beta1 * m[i] + (1 - beta1) * g)
                v[i] = self.rounded(beta2 * v[i] + (1 - beta2) * g * g)
                m_hat, v_hat = m[i] / (1 - beta1**self.t), v[i] / (1 - beta2**self.t)
                p[i] = self.rounded(p[i] - lr * divide(m_hat, math.sqrt(v_hat) + eps))


def each(change, arrays):
    return [[change(x) for x in array] for array in arrays]


def answer(number, command, session=None, **given):
    adam = sessions.get(session)
    if command == "start":
        hyper = {k: v if isinstance(v, bool) else float.fromhex(v) for k, v in given["hyperparameters"][0].items()}
        adam = sessions[session] = Adam(each(float.fromhex, given["parameters"]), hyper, ROUND[given["dtype"]])
    elif command == "step":
        adam.step(each(float.fromhex, given["gradients"]))
    elif command == "set_lr":
        adam.hyper["lr"] = float.fromhex(given["lr"])
        return {}
    elif command == "state":
        moments = zip(each(float.hex, adam.m), each(float.hex, adam.v), strict=True)
        return {"state": [{"m": m, "v": v, "step": adam.t} for m, v in moments]}
    elif command not in ("hello", "stop"):
        return {"error": {"kind": "unknown-command", "message": command}}
    return HELLO if command == "hello" else {"parameters": each(float.hex, adam.parameters)} if adam else {}


sessions = {}
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"number": request["number"], **answer(**request)}), flush=True)
    if request["command"] == "stop":
        break
