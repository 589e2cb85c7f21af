"""Tiny named targets that misbehave, each in one way, and the few that behave.

They are addressed as `tests.miniatures:Name`, and run where a target of anybody may run: in a worker process.  What
they do to numbers does not matter; what the harness makes of them does.
"""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np

from conformance.capabilities import Capabilities

FOREVER = 3600.0
"""Seconds; no test waits that long."""


class Miniature:
    """Plain gradient descent, which answers properly and is no Adam."""

    capabilities = Capabilities(dtypes=("float32", "float64"), lr_schedule=True)

    def __init__(self):
        self.name = f"tests.miniatures:{type(self).__name__}"

    def start(self, parameters, hyperparameters):
        self.parameters, self.lr, self.made = [p.copy() for p in parameters], hyperparameters[0].lr, 0
        return self

    def step(self, gradients):
        self.made += 1
        return self.answer(gradients)

    def answer(self, gradients):
        self.parameters = [
            p - p.dtype.type(self.lr) * g for p, g in zip(self.parameters, gradients, strict=True) if g is not None
        ]
        return self.parameters

    def set_lr(self, lr):
        self.lr = lr


class GradientDescent(Miniature):
    """Behaves; is no Adam."""


# It does not answer.


class HangsInStep(Miniature):
    """Never comes back from a step."""

    def answer(self, gradients):
        time.sleep(FOREVER)


class HangsInStart(Miniature):
    """Never comes back from start."""

    def start(self, parameters, hyperparameters):
        time.sleep(FOREVER)


class HangsWithoutListening(Miniature):
    """Never comes back, and ignores polite signals."""

    def answer(self, gradients):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        while True:
            time.sleep(FOREVER)


class HangsAtTheThirdStep(Miniature):
    """Two steps, and then nothing."""

    def answer(self, gradients):
        if self.made == 3:
            time.sleep(FOREVER)
        return super().answer(gradients)


class LeavesAChildBehind(Miniature):
    """Starts a process that outlives the step, and hangs; the child writes its id where the test looks."""

    def answer(self, gradients):
        child = os.fork()
        if child == 0:
            time.sleep(FOREVER)
            os._exit(0)
        sys.stdout.write(f"child {child}\n")
        sys.stdout.flush()
        time.sleep(FOREVER)


# It dies.


class ExitsInStep(Miniature):
    """Ends the process with status 0, as if all were well."""

    def answer(self, gradients):
        os._exit(0)


class RaisesSystemExit(Miniature):
    """Calls sys.exit, which no `except Exception` holds."""

    def answer(self, gradients):
        sys.exit(0)


class DiesOfASegmentationFault(Miniature):
    """Dies as a kernel that writes out of bounds does, with a last word."""

    def answer(self, gradients):
        sys.stderr.write("a last word")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGSEGV)


class IsKilled(Miniature):
    """Dies as one that the operating system takes for too greedy does."""

    def answer(self, gradients):
        os.kill(os.getpid(), signal.SIGKILL)


class ClosesEverything(Miniature):
    """Closes every file that it finds, the pipes to the harness among them."""

    def answer(self, gradients):
        os.closerange(3, 256)
        return super().answer(gradients)


# It raises.


class RaisesInStart(Miniature):
    """Refuses its hyperparameters."""

    def start(self, parameters, hyperparameters):
        raise ValueError("I do not like these")


class RaisesAtTheThirdStep(Miniature):
    """Two steps, and then an exception."""

    def answer(self, gradients):
        if self.made == 3:
            raise ZeroDivisionError("the third step is one too many")
        return super().answer(gradients)


class InterruptsItself(Miniature):
    """Raises KeyboardInterrupt, which is not the user's."""

    def answer(self, gradients):
        raise KeyboardInterrupt


class RaisesWhenMade:
    """Cannot even be made."""

    def __init__(self):
        raise RuntimeError("no device of mine is here")

    def start(self, parameters, hyperparameters):
        """Never comes to it."""


class RecursesForever(Miniature):
    """Ends in a RecursionError."""

    def answer(self, gradients):
        return self.answer(gradients)


# It answers nonsense.


class ReturnsNothing(Miniature):
    """Steps in place and returns None."""

    def answer(self, gradients):
        super().answer(gradients)


class ReturnsTooFew(Miniature):
    """Leaves the last parameter out."""

    def answer(self, gradients):
        return super().answer(gradients)[:-1]


class ReturnsAnotherShape(Miniature):
    """Flattens what it returns, with an element more."""

    def answer(self, gradients):
        return [np.append(p, p.dtype.type(0)) for p in super().answer(gradients)]


class ReturnsAnotherDtype(Miniature):
    """Returns float64 whatever it was given."""

    def answer(self, gradients):
        return [p.astype(np.float64) for p in super().answer(gradients)]


class ReturnsText(Miniature):
    """Returns words for numbers."""

    def answer(self, gradients):
        return ["well done" for _ in gradients]


class ReturnsObjects(Miniature):
    """Returns arrays of Python objects."""

    def answer(self, gradients):
        return [p.astype(object) for p in super().answer(gradients)]


class ReturnsInputs(Miniature):
    """Returns the parameters as they were given: it does nothing at all."""

    def answer(self, gradients):
        return self.parameters


class ReturnsNaN(Miniature):
    """Returns NaN throughout."""

    def answer(self, gradients):
        return [np.full_like(p, np.nan) for p in self.parameters]


class ReturnsTheGradients(Miniature):
    """Hands the gradients back, the very arrays."""

    def answer(self, gradients):
        return list(gradients)


class ChangesGradients(Miniature):
    """Overwrites the gradients that it was given."""

    def answer(self, gradients):
        for g in gradients:
            g.fill(0)
        return super().answer(gradients)


class ShowsNoState(Miniature):
    """Claims to show its state and has no such method."""

    capabilities = Capabilities(state=True)


class ShowsNonsenseForState(Miniature):
    """Shows a state that is none."""

    capabilities = Capabilities(state=True)

    def state(self):
        return "fine, thank you"


class ClaimsNonsense:
    """Has capabilities that are none."""

    name = "tests.miniatures:ClaimsNonsense"
    capabilities = "everything"

    def start(self, parameters, hyperparameters):
        """Never comes to it."""


# It talks.


class TalksAlot(GradientDescent):
    """Floods standard output and standard error, and behaves otherwise."""

    def answer(self, gradients):
        for _ in range(200):
            sys.stdout.write("word " * 200)
            sys.stderr.write("noise " * 200)
        return super().answer(gradients)


class WritesToEveryDescriptor(GradientDescent):
    """Writes rubbish into every file descriptor that it finds open, the pipes to the harness among them."""

    def answer(self, gradients):
        for descriptor in range(3, 64):
            try:
                os.write(descriptor, b"rubbish" * 100)
            except OSError:
                continue
        return super().answer(gradients)


class ReadsStandardInput(GradientDescent):
    """Waits for something to be typed; there is nobody, and it must be told so at once."""

    def answer(self, gradients):
        sys.stdin.read()
        return super().answer(gradients)


class ChangesDirectory(GradientDescent):
    """Goes elsewhere, as scripts do."""

    def answer(self, gradients):
        os.chdir("/")
        return super().answer(gradients)
