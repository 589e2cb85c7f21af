"""numpy-ml: one Adam, which keeps the state of each parameter by name."""

from __future__ import annotations

import collections
import collections.abc
import copy
from collections.abc import Sequence
from typing import Any

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Session:
    """One Adam at work; parameters are called by their index."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        from numpy_ml.neural_nets.optimizers import Adam

        self.parameters = list(parameters)
        self.optimizer = Adam(lr=hyper.lr, decay1=hyper.beta1, decay2=hyper.beta2, eps=hyper.eps)

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """`update` returns the parameter after the step."""
        numbered = enumerate(zip(self.parameters, gradients, strict=True))
        self.parameters = [self.optimizer.update(p, g, str(i)) for i, (p, g) in numbered]
        return self.parameters

    def state(self) -> list[dict[str, Any]]:
        """`mean`, `var` and `t` of each name."""
        entries = [self.optimizer.cache[str(i)] for i in range(len(self.parameters))]
        return [{"m": e["mean"], "v": e["var"], "step": e["t"]} for e in entries]

    def save(self) -> Any:
        """The cache."""
        return copy.deepcopy(self.optimizer.cache)

    def load(self, saved: Any) -> None:
        """The reverse of `save`."""
        self.optimizer.cache = copy.deepcopy(saved)


def adam(**arguments: Any) -> Adapter:
    """`numpy_ml.neural_nets.optimizers.Adam`, whose package still imports `Hashable` from where Python 3.9 had it."""
    vars(collections).setdefault("Hashable", collections.abc.Hashable)
    return Adapter("numpy_ml:Adam", _Session, arguments, state=True, counter=True, checkpoint=True)


PROJECT = Project(
    "numpy_ml",
    "pip install 'adam-conformance[numpy-ml]'",
    (Listed(address="numpy_ml:Adam", dialect="adam", what="numpy-ml's Adam", make=adam),),
)
