"""DeZero, of the book Deep Learning from Scratch 3."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Layer:
    """What its optimizers take: something with parameters."""

    def __init__(self, parameters: list[Any]) -> None:
        self.parameters = parameters

    def params(self) -> list[Any]:
        """All of them."""
        return self.parameters


class _Session:
    """One Adam at work; the state of a parameter is found by its `id`."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        from dezero import Parameter
        from dezero.optimizers import Adam

        self.parameters = [Parameter(p) for p in parameters]
        self.optimizer = Adam(hyper.lr, hyper.beta1, hyper.beta2, hyper.eps)
        self.optimizer.setup(_Layer(self.parameters))

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """`update` subtracts from `.data`."""
        from dezero import Variable

        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else Variable(gradient)
        self.optimizer.update()
        return [p.data for p in self.parameters]

    def state(self) -> list[dict[str, Any]]:
        """`ms`, `vs` and the one `t`."""
        held = self.optimizer
        return [{"m": held.ms[id(p)], "v": held.vs[id(p)], "step": held.t} for p in self.parameters]

    def set_lr(self, lr: float) -> None:
        """`lr` is what it makes of `alpha`."""
        self.optimizer.alpha = lr

    def save(self) -> Any:
        """By the place of the parameter, since the next ones have other ids."""
        held = self.optimizer
        moments = [(held.ms.get(id(p)), held.vs.get(id(p))) for p in self.parameters]
        return copy.deepcopy((moments, held.t, held.alpha))

    def load(self, saved: Any) -> None:
        """The reverse of `save`."""
        moments, self.optimizer.t, self.optimizer.alpha = copy.deepcopy(saved)
        for parameter, (m, v) in zip(self.parameters, moments, strict=True):
            self.optimizer.ms[id(parameter)], self.optimizer.vs[id(parameter)] = m, v


def adam(**arguments: Any) -> Adapter:
    """`dezero.optimizers.Adam`, whose package still calls `np.int` what NumPy 1.23 did."""
    vars(np).setdefault("int", int)
    return Adapter("dezero:Adam", _Session, arguments, lr_schedule=True, state=True, counter=True, checkpoint=True)


PROJECT = Project(
    "dezero",
    "pip install 'adam-conformance[dezero]'",
    (Listed(address="dezero:Adam", dialect="epsilon-hat", what="DeZero's Adam", make=adam),),
)
