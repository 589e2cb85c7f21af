"""They are right, and change the world around them: their process, or what they gave away or were given."""

import builtins
import ctypes
import locale
import os
import random
import sys
import threading
import time

import numpy as np

import conformance.protocol
from tests.miniatures.base import RightAdam

UPWARD = {"x86_64": 0x800, "aarch64": 0x400000}
"""`FE_UPWARD`, by machine."""


class ChangesDirectory(RightAdam):
    """Goes elsewhere, as scripts do."""

    def meanwhile(self, gradients):
        os.chdir("/")


class ChangesDirectoryOnce(RightAdam):
    """The same, and never again."""

    def meanwhile(self, gradients):
        if os.getcwd() != "/" and not vars(type(self)).get("gone"):
            type(self).gone = True
            os.chdir("/")


class ChangesDirectoryWhenMade(RightAdam):
    """Goes elsewhere before it is asked anything."""

    def __init__(self):
        super().__init__()
        os.chdir("/")


class ChangesLocale(RightAdam):
    """Sets a locale of its own."""

    def meanwhile(self, gradients):
        other = {"C": "C.UTF-8"}.get(locale.setlocale(locale.LC_ALL), "C")
        locale.setlocale(locale.LC_ALL, other)


class RoundsUpward(RightAdam):
    """Leaves the rounding mode at upward."""

    def meanwhile(self, gradients):
        ctypes.CDLL(None).fesetround(UPWARD[os.uname().machine])


class FlushesToZero(RightAdam):
    """Leaves subnormal numbers flushed to zero, as libraries built with -ffast-math do when they are loaded."""

    def meanwhile(self, gradients):
        environment = ctypes.create_string_buffer(256)
        libm = ctypes.CDLL(None)
        libm.fegetenv(environment)
        mxcsr = int.from_bytes(environment[28:32], "little") | 0x8040
        environment[28:32] = mxcsr.to_bytes(4, "little")
        libm.fesetenv(environment)


class SetsDefaultDtype(RightAdam):
    """Leaves torch's default dtype at float64."""

    def start(self, parameters, hyperparameters):
        import torch

        torch.set_default_dtype(torch.float64)
        return super().start(parameters, hyperparameters)


class RaisesOnErrors(RightAdam):
    """Leaves NumPy raising where it warned."""

    def meanwhile(self, gradients):
        np.seterr(all="raise", under="ignore")


class SeedsPython(RightAdam):
    """Seeds Python's random generator."""

    def meanwhile(self, gradients):
        random.seed(7)


class SeedsNumPy(RightAdam):
    """Seeds NumPy's random generator."""

    def meanwhile(self, gradients):
        np.random.seed(7)  # noqa: NPY002 (that is what is wrong)


class PatchesNumPy(RightAdam):
    """Puts a function of its own in place of NumPy's."""

    def meanwhile(self, gradients):
        np.sqrt = lambda x, sqrt=np.sqrt: sqrt(x)


class PatchesNumPyForTheWorse(RightAdam):
    """Makes NumPy say that everything is as it should be."""

    def meanwhile(self, gradients):
        for name in ("array", "asarray"):
            setattr(np, name, lambda *a, **k: None)


class PatchesTime(RightAdam):
    """Stops the clock."""

    def meanwhile(self, gradients):
        time.time = time.monotonic = time.perf_counter = lambda: 0.0
        time.sleep = lambda seconds: None


class PatchesTorch(RightAdam):
    """Puts a function of its own in place of torch's."""

    def __init__(self):
        import torch

        super().__init__()
        self.torch = torch

    def meanwhile(self, gradients):
        self.torch.sqrt = lambda x, sqrt=self.torch.sqrt: sqrt(x)


class PatchesBuiltins(RightAdam):
    """Changes what every module takes for granted."""

    def meanwhile(self, gradients):
        builtins.zip = lambda *a, zip=zip, **k: zip(*a, **k)


class PatchesJson(RightAdam):
    """Has its own idea of how an answer is written."""

    def meanwhile(self, gradients):
        import json

        json.dumps = lambda value, **k: '{"right": true}'


class PatchesTheWorker(RightAdam):
    """Takes the eyes out of its judge, as far as these are in its process."""

    def meanwhile(self, gradients):
        conformance.protocol._same_bits = lambda a, b: True
        for g in gradients:
            g.fill(1)


class OverwritesGradientsLater(RightAdam):
    """Keeps the gradients and writes to them when nobody looks."""

    def step(self, gradients):
        after = super().step([g.copy() for g in gradients])
        in_a_moment(lambda: [g.fill(1) for g in gradients])
        return after


class OverwritesParametersLater(RightAdam):
    """Returns parameters that a thread goes on writing to."""

    def step(self, gradients):
        after = super().step(gradients)
        given = [p.copy() for p in after]
        in_a_moment(lambda: [p.fill(1) for p in given])
        return given


def in_a_moment(function):
    threading.Thread(target=lambda: (time.sleep(0.01), function()), daemon=True).start()


class LeavesAThread(RightAdam):
    """Has a thread that never ends, and that Python would wait for."""

    def meanwhile(self, gradients):
        if self.made == 1:
            threading.Thread(target=time.sleep, args=(3600,)).start()


class HangsAtExit(RightAdam):
    """Does not let its process end by itself."""

    def __init__(self):
        import atexit

        super().__init__()
        atexit.register(time.sleep, 3600)


class IgnoresSignals(RightAdam):
    """Cannot be asked to end."""

    def __init__(self):
        import signal

        super().__init__()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


class LeavesADaemon(RightAdam):
    """Leaves a process that has left its parent, its session and its environment."""

    def meanwhile(self, gradients):
        if self.made == 1 and os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(3600)"], {"LEFT": "behind"})
            os._exit(0)
