"""Tiny named targets: a few functions that are Adam or nearly so, and objects that misbehave, each in one way.

They are addressed as `tests.miniatures:NAME`, and run where a target of anybody may run: in a worker process.  What
the objects do to numbers does not matter; what the harness makes of them does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

from conformance.capabilities import Capabilities

HERE = "tests.miniatures"

FOREVER = 3600.0
"""Seconds; no test waits that long."""

PID_FILE = "MINIATURE_PID_FILE"
"""Environment variable: where a target that hangs writes the number of its process."""


# Adam, or nearly so.


def adam(parameters, gradients, state, lr, beta1, beta2, eps, weight_decay=0.0):
    """Algorithm 1 with coupled decay, in the dtype of its arrays."""
    return _step(parameters, gradients, state, (lr, beta1, beta2, eps, weight_decay), _outside)


def adam_without_options(parameters, gradients, state, lr, beta1, beta2, eps):
    """Algorithm 1 and nothing else."""
    return _step(parameters, gradients, state, (lr, beta1, beta2, eps, 0.0), _outside)


def epsilon_hat(parameters, gradients, state, lr, beta1, beta2, eps):
    """The form at the end of section 2 of the paper."""
    return _step(parameters, gradients, state, (lr, beta1, beta2, eps, 0.0), _hat)


def always_wrong(parameters, gradients, state, lr, beta1, beta2, eps):
    """Steps twice as far as it should."""
    return _step(parameters, gradients, state, (2 * lr, beta1, beta2, eps, 0.0), _outside)


def talkative(parameters, gradients, state, lr, beta1, beta2, eps):
    """Right, and prints while at it."""
    print("talking on standard output")  # noqa: T201
    return _step(parameters, gradients, state, (lr, beta1, beta2, eps, 0.0), _outside)


def _outside(m, v, t, lr, beta1, beta2, eps):
    return lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)


def _hat(m, v, t, lr, beta1, beta2, eps):
    return lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t) * m / (np.sqrt(v) + eps)


def _step(parameters, gradients, state, hyper, update):
    lr, beta1, beta2, eps, decay = hyper
    t, ms, vs = state or (0, [0 * p for p in parameters], [0 * p for p in parameters])
    gradients = [g + decay * p for g, p in zip(gradients, parameters, strict=True)] if decay else gradients
    ms = [beta1 * m + (1 - beta1) * g for m, g in zip(ms, gradients, strict=True)]
    vs = [beta2 * v + (1 - beta2) * (g * g) for v, g in zip(vs, gradients, strict=True)]
    parameters = [p - update(m, v, t + 1, lr, beta1, beta2, eps) for p, m, v in zip(parameters, ms, vs, strict=True)]
    return parameters, (t + 1, ms, vs)


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


instance = GradientDescent()
"""An object, where the others are classes of objects."""


# It does not answer.


class HangsInStep(Miniature):
    """Never comes back from a step."""

    def answer(self, gradients):
        if PID_FILE in os.environ:
            Path(os.environ[PID_FILE]).write_text(str(os.getpid()))
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
            self.settle()
            time.sleep(FOREVER)
            os._exit(0)
        sys.stdout.write(f"child {child}\n")
        sys.stdout.flush()
        time.sleep(FOREVER)

    def settle(self):
        """The child stays where it was born."""


class LeavesADaemonBehind(LeavesAChildBehind):
    """The child leaves the session of its parent, as daemons do."""

    def settle(self):
        os.setsid()


class StopsListening(Miniature):
    """Stops itself when it has answered: nobody reads what it is asked next."""

    def answer(self, gradients):
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGSTOP)).start()
        return super().answer(gradients)


class Forks(Miniature):
    """Answers twice, as two processes."""

    def answer(self, gradients):
        os.fork()
        return super().answer(gradients)


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


class RaisesSomethingUnprintable(Miniature):
    """Says what no terminal can show, at length."""

    def answer(self, gradients):
        raise ValueError("\ud800 \x1b[31m" + "z" * 100_000)


class RaisesSomethingSpeechless(Miniature):
    """Raises an exception that raises when it is asked what it says."""

    def answer(self, gradients):
        raise SpeechlessError


class SpeechlessError(Exception):
    """Has nothing to say."""

    def __str__(self):
        raise ValueError


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
