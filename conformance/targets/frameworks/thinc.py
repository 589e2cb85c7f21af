"""thinc, which spaCy trains with: Adam as a call with a key, in place on the weights, and on the gradient too.

Clipping is off unless the address asks for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Adam(Adapter):
    names = {"lr": "learn_rate", "beta1": "beta1", "beta2": "beta2", "eps": "eps", "weight_decay": "L2"}
    kept = ("mom1", "mom2", "nr_update", "averages", "learn_rate")

    def __init__(self, *, L2_is_weight_decay: bool = True, **arguments: Any) -> None:
        kind = "decoupled" if L2_is_weight_decay else "coupled"
        self.claims = {"dtypes": ("float32",), "weight_decay": (kind,)}
        super().__init__(**{"grad_clip": 0.0, **arguments}, L2_is_weight_decay=L2_is_weight_decay)

    def make(self, parameters: list[Any], **named: Any) -> Any:
        from thinc.api import Adam

        return Adam(**named)

    def step(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> list[Any]:
        given = enumerate(zip(parameters, gradients, strict=True))
        return [optimizer((i, "W"), weights, gradient)[0] for i, (weights, gradient) in given]

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        return {"m": self._shown(optimizer.mom1, parameters), "v": self._shown(optimizer.mom2, parameters)}

    def counter(self, optimizer: Any, parameters: list[Any]) -> list[Any]:
        return [optimizer.nr_update[i, "W"] for i in range(len(parameters))]

    def set_lr(self, optimizer: Any, lr: float) -> None:
        from thinc.api import constant

        optimizer.learn_rate = constant(lr)

    def _shown(self, moments: dict[Any, Any], parameters: list[Any]) -> list[Any]:
        """They are flat, and not there before the first step that updates them."""
        return [np.reshape(moments.get((i, "W"), np.zeros_like(p)), p.shape) for i, p in enumerate(parameters)]


PROJECT = Project(
    "thinc",
    "pip install 'adam-conformance[thinc]'",
    (
        Listed(
            address="thinc:Adam",
            dialect="epsilon-hat-decoupled",
            what="thinc.api.Adam without clipping",
            make=_Adam,
            dtypes=(),
        ),
        Listed(
            address="thinc:Adam?beta1=0.9",
            dialect="epsilon-hat-decoupled",
            what="the same, beta1 pinned as it must not be 0",
            make=_Adam,
            dtypes=("float32",),
        ),
        Listed(
            address="thinc:Adam?beta1=0.9&L2_is_weight_decay=False",
            dialect="epsilon-hat",
            what="the same with its decay coupled",
            make=_Adam,
            dtypes=("float32",),
        ),
    ),
)
