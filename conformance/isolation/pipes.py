"""What connects us with a worker or a program: two pipes for messages, and one for all that it prints meanwhile."""

from __future__ import annotations

import os
import select
import time

THEIR_PYTHONPATH = "ADAM_CONFORMANCE_PYTHONPATH"
"""Where a worker, whose own one we set, finds the PYTHONPATH of our user."""

WORKER = "ADAM_CONFORMANCE_WORKER"
"""Environment variable of a worker and of everything that it starts: which one it is."""

_PIECE = 1 << 20
"""Bytes to be read or written at once."""

_TAIL = 2000
"""Bytes of the output that are kept."""


class FloodError(Exception):
    """The worker printed more than it may."""


class Channel:
    """Our ends of the pipes; nobody on the other side can make us wait, or make us keep more than `_TAIL` bytes.

    Args:
        requests: descriptor to be written to.
        answers: descriptor to be read from.
        output: descriptor of what the worker prints.
        most: bytes that it may print.

    """

    def __init__(self, requests: int, answers: int, output: int, most: int) -> None:
        self.requests, self.answers, self.output, self.most = requests, answers, output, most
        self.deadline = 0.0
        self.printed = 0
        self.tail = b""
        self.open = {requests, answers, output}
        for descriptor in self.open:
            os.set_blocking(descriptor, False)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of an answer, none at its end; raises TimeoutError at the deadline, `FloodError`."""
        self._await(self.answers, select.POLLIN)
        return os.read(self.answers, min(size, _PIECE))

    def write(self, data: bytes) -> None:
        """All of a request; raises TimeoutError at the deadline, for whoever does not read what it is told."""
        rest = memoryview(data)
        while rest:
            self._await(self.requests, select.POLLOUT)
            rest = rest[os.write(self.requests, rest[:_PIECE]) :]

    def flush(self) -> None:
        """Nothing is held back."""

    def waiting(self) -> bool:
        """Whether there is something to be read already."""
        poller = select.poll()
        poller.register(self.answers, select.POLLIN)
        return any(event & select.POLLIN for _, event in poller.poll(0))

    def said(self) -> str:
        """The last of what was printed."""
        while self._listen():
            pass
        return self.tail.decode(errors="replace").strip()

    def close(self) -> None:
        """Close the pipes; what was said is still there."""
        self.said()
        for descriptor in self.open:
            os.close(descriptor)
        self.open = set()

    def _await(self, descriptor: int, event: int) -> None:
        while True:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            poller = select.poll()
            poller.register(descriptor, event)
            if self.output in self.open:
                poller.register(self.output, select.POLLIN)
            ready = dict(poller.poll(1000 * left))
            if self.output in ready:
                self._listen()
            if self.printed > self.most:
                raise FloodError
            if descriptor in ready:
                return

    def _listen(self) -> bool:
        """Take in what was printed; says whether there may be more."""
        if self.output not in self.open or self.printed > self.most:
            return False
        try:
            piece = os.read(self.output, _PIECE)
        except BlockingIOError:
            return False
        if not piece:
            self.open.remove(self.output)
            os.close(self.output)
        self.printed += len(piece)
        self.tail = (self.tail + piece)[-_TAIL:]
        return bool(piece)
