"""They do not answer."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from tests.miniatures.base import FOREVER, PID_FILE, Miniature


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
