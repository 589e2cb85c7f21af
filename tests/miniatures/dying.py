"""They die."""

import ctypes
import os
import signal
import sys
import time

from tests.miniatures.base import FOREVER, Miniature, RightAdam


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


class KillsItsWarden(RightAdam):
    """Ends the process that started it."""

    def meanwhile(self, gradients):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(0.1)


class KillsItsGroup(RightAdam):
    """Ends all that it finds around it."""

    def meanwhile(self, gradients):
        os.killpg(0, signal.SIGKILL)


class ExitsWhenMade(RightAdam):
    """Ends the process before it can be asked anything."""

    def __init__(self):
        os._exit(0)


class ClosesEverythingAndHangs(RightAdam):
    """Closes the pipes to the harness, and stays."""

    def meanwhile(self, gradients):
        os.closerange(0, 256)
        time.sleep(FOREVER)


class ReadsAddressZero(RightAdam):
    """Dies in foreign code."""

    def meanwhile(self, gradients):
        ctypes.string_at(0)
