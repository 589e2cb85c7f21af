"""numpy-ml: one Adam, which keeps the state of each parameter by name; the package still imports `Hashable` from where
Python 3.9 had it.
"""

from __future__ import annotations

import collections
import collections.abc
from typing import Any

from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Adam(Adapter):
    names = {"lr": "lr", "beta1": "decay1", "beta2": "decay2", "eps": "eps"}
    kept = ("cache",)

    def make(self, parameters: list[Any], **named: Any) -> Any:
        vars(collections).setdefault("Hashable", collections.abc.Hashable)
        from numpy_ml.neural_nets.optimizers import Adam

        return Adam(**named)

    def step(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> list[Any]:
        numbered = enumerate(zip(parameters, gradients, strict=True))
        return [optimizer.update(p, g, str(i)) for i, (p, g) in numbered]

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        return {"m": self._cached(optimizer, parameters, "mean"), "v": self._cached(optimizer, parameters, "var")}

    def counter(self, optimizer: Any, parameters: list[Any]) -> list[Any]:
        return self._cached(optimizer, parameters, "t")

    def _cached(self, optimizer: Any, parameters: list[Any], name: str) -> list[Any]:
        return [optimizer.cache[str(i)][name] for i in range(len(parameters))]


PROJECT = Project(
    "numpy_ml",
    "pip install 'adam-conformance[numpy-ml]'",
    (Listed(address="numpy_ml:Adam", dialect="adam", what="numpy-ml's Adam", make=_Adam),),
)
