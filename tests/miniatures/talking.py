"""They behave, and talk or move about while at it."""

import os
import sys

from tests.miniatures.base import GradientDescent


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
