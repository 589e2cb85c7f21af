"""Qiskit's ADAM, a loop of its own that resets its state when it begins; it ends by itself unless `tol` is negative.

What its signature calls `eps` is for finite differences; Adam's is `noise_factor`.
"""

from __future__ import annotations

from typing import Any

from conformance.targets.adapter import Adapter
from conformance.targets.loop import STEPS, Loop
from conformance.targets.registry import Listed, Project


class _Loop(Loop):
    """With the optimizer beside it, whose moments can be read while it waits."""

    def __init__(self, optimizer: Any, parameters: list[Any]) -> None:
        self.optimizer = optimizer
        super().__init__(lambda gradient, start: optimizer.minimize(lambda _: 0.0, start, jac=gradient), parameters)


class _Adam(Adapter):
    names = {"lr": "lr", "beta1": "beta_1", "beta2": "beta_2", "eps": "noise_factor", "amsgrad": "amsgrad"}
    claims = {"dtypes": ("float64",)}

    def make(self, parameters: list[Any], **named: Any) -> _Loop:
        from qiskit_algorithms.optimizers import ADAM

        return _Loop(ADAM(**{"maxiter": STEPS, "tol": -1.0, **named}), parameters)

    def step(self, optimizer: _Loop, parameters: list[Any], gradients: list[Any]) -> list[Any]:
        return optimizer.step(gradients)

    def held_gradients(self, optimizer: _Loop, parameters: list[Any], gradients: list[Any]) -> list[Any]:
        return optimizer.parted(optimizer.answer)

    def state(self, optimizer: _Loop, parameters: list[Any]) -> dict[str, list[Any]]:
        adam = optimizer.optimizer
        largest = {"v_max": adam._v_eff} if adam._amsgrad else {}
        return {name: optimizer.parted(flat) for name, flat in {"m": adam._m, "v": adam._v, **largest}.items()}

    def counter(self, optimizer: _Loop, parameters: list[Any]) -> Any:
        return optimizer.optimizer._t


PROJECT = Project(
    "qiskit_algorithms",
    "pip install 'adam-conformance[qiskit-algorithms]'",
    (
        Listed(
            address="qiskit_algorithms:ADAM",
            dialect="epsilon-hat",
            what="Qiskit's ADAM with its gradients given",
            make=_Adam,
            dtypes=("float64",),
        ),
    ),
)
