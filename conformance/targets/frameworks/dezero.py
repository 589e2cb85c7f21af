"""DeZero, of the book Deep Learning from Scratch 3; the package still calls `np.int` what NumPy 1.23 did.

The state of a parameter is found by its `id`, so that a checkpoint lists it by the place of the parameter.
"""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import numpy as np

from adam_ref.arrays import Array
from conformance.targets.adapter import GradAdapter
from conformance.targets.registry import Listed, Project


class _Adam(GradAdapter):
    method = "update"
    names = {"lr": "alpha", "beta1": "beta1", "beta2": "beta2", "eps": "eps"}

    def __init__(self, **arguments: Any) -> None:
        vars(np).setdefault("int", int)
        super().__init__(**arguments)

    def to_parameter(self, array: Array) -> Any:
        from dezero import Parameter

        return Parameter(array)

    def to_numpy(self, held: Any) -> Array:
        return np.asarray(held if isinstance(held, np.ndarray) else held.data)

    def make(self, parameters: list[Any], **named: Any) -> Any:
        from dezero.optimizers import Adam

        return Adam(**named).setup(SimpleNamespace(params=lambda: parameters))

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        return {"m": [optimizer.ms[id(p)] for p in parameters], "v": [optimizer.vs[id(p)] for p in parameters]}

    def counter(self, optimizer: Any, parameters: list[Any]) -> Any:
        return optimizer.t

    def set_lr(self, optimizer: Any, lr: float) -> None:
        optimizer.alpha = lr

    def save(self, optimizer: Any, parameters: list[Any]) -> Any:
        return copy.deepcopy((self.state(optimizer, parameters), optimizer.t, optimizer.alpha))

    def load(self, optimizer: Any, parameters: list[Any], saved: Any) -> None:
        moments, optimizer.t, optimizer.alpha = copy.deepcopy(saved)
        optimizer.ms = dict(zip(map(id, parameters), moments["m"], strict=True))
        optimizer.vs = dict(zip(map(id, parameters), moments["v"], strict=True))


PROJECT = Project(
    "dezero",
    "pip install 'adam-conformance[dezero]'",
    (Listed(address="dezero:Adam", dialect="epsilon-hat", what="DeZero's Adam", make=_Adam),),
)
