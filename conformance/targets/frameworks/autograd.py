"""autograd.misc.optimizers.adam, a loop of its own that asks for gradients."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project

_STEPS = 10**9
"""More than any case has; a loop that nobody feeds any more ends with the process."""


class _Session:
    """The loop runs in a thread; it asks for a gradient where it has the parameters of the step before."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        self.shapes = [p.shape for p in parameters]
        self.given: queue.Queue[Array] = queue.Queue()
        self.seen: queue.Queue[Array | BaseException] = queue.Queue()
        start = np.concatenate([p.reshape(-1) for p in parameters])
        threading.Thread(target=self._loop, args=(start, hyper), daemon=True).start()
        self._next()

    def _loop(self, start: Array, hyper: Hyperparameters) -> None:
        from autograd.misc.optimizers import adam

        named = {"step_size": hyper.lr, "b1": hyper.beta1, "b2": hyper.beta2, "eps": hyper.eps}
        try:
            with np.errstate(all="ignore"):
                adam(self._gradient, start, num_iters=_STEPS, **named)
        except Exception as error:
            self.seen.put(error)

    def _gradient(self, x: Array, _: int) -> Array:
        self.seen.put(x)
        return self.given.get()

    def _next(self) -> Array:
        seen = self.seen.get()
        if isinstance(seen, BaseException):
            raise seen
        return seen

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """Answer what the loop waits for, and wait until it asks again."""
        self.given.put(np.concatenate([np.reshape(np.asarray(g), -1) for g in gradients]))
        flat, sizes = self._next(), [int(np.prod(shape)) for shape in self.shapes]
        parts = np.split(flat, np.cumsum(sizes)[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]


def adam(**arguments: Any) -> Adapter:
    """`autograd.misc.optimizers.adam`; its moments are float64 whatever the parameters are."""
    return Adapter("autograd:misc.optimizers.adam", _Session, arguments, dtypes=("float64",))


PROJECT = Project(
    "autograd",
    "pip install 'adam-conformance[autograd]'",
    (
        Listed(
            address="autograd:misc.optimizers.adam",
            dialect="adam",
            what="autograd.misc.optimizers.adam",
            make=adam,
            dtypes=("float64",),
        ),
    ),
)
