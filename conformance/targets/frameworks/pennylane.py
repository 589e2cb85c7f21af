"""PennyLane's AdamOptimizer, on its own NumPy."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Session:
    """One AdamOptimizer at work on trainable arrays."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        import pennylane

        self.parameters = [pennylane.numpy.array(p, requires_grad=True) for p in parameters]
        self.optimizer = pennylane.AdamOptimizer(hyper.lr, beta1=hyper.beta1, beta2=hyper.beta2, eps=hyper.eps)

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """`apply_grad` returns the new arrays."""
        self.parameters = self.optimizer.apply_grad(gradients, self.parameters)
        return [np.asarray(p) for p in self.parameters]

    def state(self) -> list[dict[str, Any]]:
        """`fm`, `sm` and the one `t`."""
        held = self.optimizer
        return [{"m": m, "v": v, "step": held.t} for m, v in zip(held.fm, held.sm, strict=True)]

    def set_lr(self, lr: float) -> None:
        """The attribute that every step reads."""
        self.optimizer.stepsize = lr

    def save(self) -> Any:
        """The accumulation, and the rate."""
        return copy.deepcopy((self.optimizer.accumulation, self.optimizer.stepsize))

    def load(self, saved: Any) -> None:
        """The reverse of `save`."""
        self.optimizer.accumulation, self.optimizer.stepsize = copy.deepcopy(saved)


def adam(**arguments: Any) -> Adapter:
    """`pennylane.AdamOptimizer`; its step size is a NumPy float64, which makes float64 of any parameter."""
    return Adapter(
        "pennylane:AdamOptimizer",
        _Session,
        arguments,
        dtypes=("float64",),
        lr_schedule=True,
        state=True,
        counter=True,
        checkpoint=True,
    )


PROJECT = Project(
    "pennylane",
    "pip install 'adam-conformance[pennylane]'",
    (
        Listed(
            address="pennylane:AdamOptimizer",
            dialect="epsilon-hat",
            what="pennylane.AdamOptimizer",
            make=adam,
            dtypes=("float64",),
        ),
    ),
)
