"""They take more than they may: memory, time, output, processes."""

import mmap
import os
import sys
import threading
import time

import numpy as np

from tests.miniatures.base import FOREVER, RightAdam

PIECE, PIECES = 1 << 25, 64
"""Bytes eaten at a time, and how often: 2 GiB, should nobody stop them."""


class EatsMemory(RightAdam):
    """Keeps what it should let go."""

    def meanwhile(self, gradients):
        self.kept = [np.ones(PIECE, np.uint8) for _ in range(PIECES)]


class EatsSharedMemory(RightAdam):
    """Takes memory that no limit of the kernel on a process's data counts, and stays with it."""

    def meanwhile(self, gradients):
        self.kept = []
        for _ in range(PIECES):
            self.kept.append(mmap.mmap(-1, PIECE))
            self.kept[-1].write(b"x" * PIECE)
            time.sleep(0.01)
        time.sleep(FOREVER)


class EatsMemoryInChildren(RightAdam):
    """Each of its children takes little; together they take much."""

    def meanwhile(self, gradients):
        for _ in range(16):
            if os.fork() == 0:
                self.kept = np.ones(4 * PIECE, np.uint8)
                time.sleep(FOREVER)
        time.sleep(FOREVER)


class FloodsOutput(RightAdam):
    """Writes to standard output and standard error without end."""

    def meanwhile(self, gradients):
        while True:
            sys.stdout.write("word " * 1000)
            sys.stderr.write("noise " * 1000)


class FloodsOutputFromAThread(RightAdam):
    """The same, while it answers properly."""

    def meanwhile(self, gradients):
        if self.made == 1:
            threading.Thread(target=FloodsOutput.meanwhile, args=(self, gradients), daemon=True).start()
        time.sleep(0.01)


class ForksWithoutEnd(RightAdam):
    """Starts one child after the other."""

    def meanwhile(self, gradients):
        for _ in range(100):
            if os.fork() == 0:
                time.sleep(FOREVER)
        time.sleep(FOREVER)


class Dawdles(RightAdam):
    """Each answer comes in time; all of them together never end."""

    def meanwhile(self, gradients):
        time.sleep(0.1)
