"""autograd.misc.optimizers.adam, a loop of its own; its moments are float64 whatever the parameters are."""

from __future__ import annotations

from typing import Any

from conformance.targets.adapter import Adapter
from conformance.targets.loop import STEPS, Loop
from conformance.targets.registry import Listed, Project


class _Adam(Adapter):
    names = {"lr": "step_size", "beta1": "b1", "beta2": "b2", "eps": "eps"}
    claims = {"dtypes": ("float64",)}

    def make(self, parameters: list[Any], **named: Any) -> Loop:
        from autograd.misc.optimizers import adam

        return Loop(lambda gradient, start: adam(gradient, start, num_iters=STEPS, **named), parameters)

    def step(self, optimizer: Loop, parameters: list[Any], gradients: list[Any]) -> list[Any]:
        return optimizer.step(gradients)

    def held_gradients(self, optimizer: Loop, parameters: list[Any], gradients: list[Any]) -> list[Any]:
        return optimizer.parted(optimizer.answer)


PROJECT = Project(
    "autograd",
    "pip install 'adam-conformance[autograd]'",
    (
        Listed(
            address="autograd:misc.optimizers.adam",
            dialect="adam",
            what="autograd.misc.optimizers.adam",
            make=_Adam,
            dtypes=("float64",),
        ),
    ),
)
