"""PennyLane's AdamOptimizer, on its own NumPy; the step size is a NumPy float64, and makes float64 of any parameter."""

from __future__ import annotations

from typing import Any

from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Adam(Adapter):
    names = {"lr": "stepsize", "beta1": "beta1", "beta2": "beta2", "eps": "eps"}
    kept = ("accumulation", "stepsize")
    claims = {"dtypes": ("float64",)}

    def to_parameter(self, array: Array) -> Any:
        import pennylane

        return pennylane.numpy.array(array, requires_grad=True)

    def to_gradient(self, array: Array) -> Any:
        return array

    def make(self, parameters: list[Any], **named: Any) -> Any:
        import pennylane

        return pennylane.AdamOptimizer(**named)

    def step(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> Any:
        return optimizer.apply_grad(gradients, parameters)

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        return {"m": optimizer.fm, "v": optimizer.sm}

    def counter(self, optimizer: Any, parameters: list[Any]) -> Any:
        return optimizer.t

    def set_lr(self, optimizer: Any, lr: float) -> None:
        optimizer.stepsize = lr


PROJECT = Project(
    "pennylane",
    "pip install 'adam-conformance[pennylane]'",
    (
        Listed(
            address="pennylane:AdamOptimizer",
            dialect="epsilon-hat",
            what="pennylane.AdamOptimizer",
            make=_Adam,
            dtypes=("float64",),
        ),
    ),
)
