"""They do not answer."""

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

from conformance.capabilities import Capabilities
from tests.miniatures.base import FOREVER, PID_FILE, Miniature, RightAdam


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


class Keeper(RightAdam):
    """Can be saved and loaded."""

    capabilities = Capabilities(checkpoint=True)

    def save(self):
        return vars(self).copy()

    def load(self, saved):
        vars(self).update(saved)


class HangsInLoad(Keeper):
    """Never comes back from load."""

    def load(self, saved):
        time.sleep(FOREVER)


class HangsInSave(Keeper):
    """Never comes back from save."""

    def save(self):
        time.sleep(FOREVER)


class HangsInState(RightAdam):
    """Never comes back from state."""

    capabilities = Capabilities(state=True)

    def state(self):
        time.sleep(FOREVER)


class HangsWhenMade(RightAdam):
    """Never comes to be."""

    def __init__(self):
        time.sleep(FOREVER)


class HangsInArray(RightAdam):
    """Returns something that never becomes an array."""

    def answer(self, gradients):
        return [self for _ in gradients]

    def __array__(self, dtype=None, copy=None):
        time.sleep(FOREVER)


class HangsInC(RightAdam):
    """Never comes back, from where Python's signals do not reach."""

    def meanwhile(self, gradients):
        ctypes.CDLL(None).pause()
        ctypes.CDLL(None).sleep(3600)


class HangsAlone(RightAdam):
    """Is alone in the world: with its threads at work, and itself waiting for a lock of its own."""

    def meanwhile(self, gradients):
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
