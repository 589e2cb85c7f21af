"""Optimizers that are a loop of their own: they are given a starting point, and ask for the gradient at each point."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adam_ref.arrays import Array

STEPS = 10**9
"""More than any case has; a loop that nobody feeds any more ends with the process."""


class Loop:
    """The loop in a thread of its own; it asks for a gradient where it has the parameters of the step before.

    Args:
        run: starts the loop, given a function from a point to its gradient, and the point to start from; both are
            arrays of one axis, with all parameters behind one another.
        parameters: where it starts.

    """

    def __init__(self, run: Callable[[Callable[..., Array], Array], Any], parameters: Sequence[Array]) -> None:
        self.shapes = [p.shape for p in parameters]
        self.asked: queue.Queue[Array | BaseException] = queue.Queue()
        self.answers: queue.Queue[Array] = queue.Queue()
        self.answer = np.zeros(0)
        start = np.concatenate([p.reshape(-1) for p in parameters])
        threading.Thread(target=self._run, args=(run, start), daemon=True).start()
        self._next()

    def _run(self, run: Callable[[Callable[..., Array], Array], Any], start: Array) -> None:
        try:
            with np.errstate(all="ignore"):
                run(self._gradient, start)
            self.asked.put(RuntimeError("the loop has ended by itself"))
        except Exception as error:
            self.asked.put(error)

    def _gradient(self, x: Array, *_: Any) -> Array:
        self.asked.put(x)
        return self.answers.get()

    def _next(self) -> Array:
        asked = self.asked.get()
        if isinstance(asked, BaseException):
            raise asked
        return asked

    def step(self, gradients: Sequence[Array]) -> list[Array]:
        """Answer what the loop waits for, and wait until it asks again; returns the parameters there."""
        self.answer = np.concatenate([g.reshape(-1) for g in gradients])
        self.answers.put(self.answer)
        return self.parted(self._next())

    def parted(self, flat: Array) -> list[Array]:
        """One array a parameter."""
        parts = np.split(flat, np.cumsum([int(np.prod(shape)) for shape in self.shapes])[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]
