"""They are right, save and load, and are each particular about what they save or about the process they are in."""

import os
import threading
from pathlib import Path

from conformance.capabilities import Capabilities
from tests.miniatures.base import PID_FILE, RightAdam


class Remembers(RightAdam):
    """Saves values, and goes on from them."""

    capabilities = Capabilities(checkpoint=True)

    def save(self):
        return {"made": self.made, "m": self.m, "v": self.v}

    def load(self, saved):
        self.made, self.m, self.v = saved["made"], saved["m"], saved["v"]


class RemembersInItsClass(Remembers):
    """Saves the counter, and keeps the moments where the next session of this process finds them."""

    kept = None

    def save(self):
        type(self).kept = self.m, self.v
        return self.made

    def load(self, saved):
        self.made = saved
        self.m, self.v = self.kept or (self.m, self.v)


class SavesALock(Remembers):
    """Saves what goes on well, and that nobody can write down."""

    def save(self):
        return {**super().save(), "lock": threading.Lock()}


class Tracing:
    """Writes down where it is unpickled."""

    def __init__(self, held):
        self.held = held

    def __reduce__(self):
        return _traced, (self.held,)


def _traced(held):
    with Path(os.environ[PID_FILE]).open("a") as file:
        file.write(f"{os.getpid()}\n")
    return Tracing(held)


class SavesCode(Remembers):
    """Saves an object that runs code wherever it is loaded."""

    def save(self):
        return Tracing(super().save())

    def load(self, saved):
        super().load(saved.held)


class SavesAgainAndAgain(Remembers):
    """Answers a request to save with a checkpoint that is none."""

    def save(self):
        from conformance.isolation import wire
        from tests.miniatures.forging import ours, trajectory

        answers, message = ours()
        steps = [message["begin"]["parameters"]] * len(message["begin"]["gradients"])
        wire.send(answers, {"trajectories": [trajectory(*steps)], "checkpoint": "text", "number": message["number"]})
        return super().save()


class LivesOnce(Remembers):
    """Can be started once at a time, as what has a device of its own; the file says that it is taken."""

    def __init__(self):
        super().__init__()
        with Path(os.environ[PID_FILE]).open("x") as file:
            file.write(f"{os.getpid()}\n")


class DiesInASecondProcess(Remembers):
    """Ends the process that is not the first to step."""

    def meanwhile(self, gradients):
        file = Path(os.environ[PID_FILE])
        if not file.exists():
            file.write_text(f"{os.getpid()}")
        if file.read_text() != f"{os.getpid()}":
            os._exit(3)


class StepsByHashSeed(Remembers):
    """Has the seed of Python's hashes for a learning rate."""

    capabilities = Capabilities(checkpoint=True)

    def answer(self, gradients):
        self.hyper = self.hyper.with_(lr=float(os.environ["PYTHONHASHSEED"]) + 1)
        return super().answer(gradients)
