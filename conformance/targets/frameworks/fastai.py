"""fastai's Adam, made of callbacks; its weight decay is decoupled unless the address says `decouple_wd=False`."""

from __future__ import annotations

import copy
from typing import Any

from adam_ref.arrays import Array
from conformance.targets.adapter import GradAdapter
from conformance.targets.registry import Listed, Project


class _Adam(GradAdapter):
    names = {"lr": "lr", "beta1": "mom", "beta2": "sqr_mom", "eps": "eps", "weight_decay": "wd"}

    def __init__(self, *, decouple_wd: bool = True, **arguments: Any) -> None:
        dtypes = ("float32", "float64", "bfloat16", "float16")
        kind = "decoupled" if decouple_wd else "coupled"
        self.claims = {"dtypes": dtypes, "weight_decay": (kind,), "none_gradients": True}
        super().__init__(decouple_wd=decouple_wd, **arguments)

    def to_parameter(self, array: Array) -> Any:
        from conformance.targets.tensors import to_torch

        return to_torch(array, "cpu")

    def to_numpy(self, held: Any) -> Array:
        from conformance.targets.tensors import to_numpy

        return to_numpy(held)

    def make(self, parameters: list[Any], **named: Any) -> Any:
        from fastai.optimizer import Adam

        return Adam(parameters, **named)

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        held = {"m": "grad_avg", "v": "sqr_avg"}
        return {k: [optimizer.state[p].get(name) for p in parameters] for k, name in held.items()}

    def counter(self, optimizer: Any, parameters: list[Any]) -> list[Any]:
        return [optimizer.state[p].get("step") for p in parameters]

    def set_lr(self, optimizer: Any, lr: float) -> None:
        optimizer.set_hyper("lr", lr)

    def save(self, optimizer: Any, parameters: list[Any]) -> Any:
        return copy.deepcopy(optimizer.state_dict())

    def load(self, optimizer: Any, parameters: list[Any], saved: Any) -> None:
        optimizer.load_state_dict(copy.deepcopy(saved))


PROJECT = Project(
    "fastai",
    "pip install 'adam-conformance[fastai]'",
    (
        Listed(
            address="fastai:Adam",
            dialect="adamw",
            what="fastai.optimizer.Adam",
            make=_Adam,
            dtypes=("float32", "float64", "bfloat16", "float16"),
            needs=("fastai", "torch"),
        ),
        Listed(
            address="fastai:Adam?decouple_wd=False",
            dialect="adam",
            what="the same with its decay coupled",
            make=_Adam,
            needs=("fastai", "torch"),
        ),
    ),
)
