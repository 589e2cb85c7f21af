"""tinygrad's Adam and AdamW, in training mode; moments, rate and powers of the betas are float32.

Its CPU device needs clang, and compiles a kernel for every shape and operation: allow it `--timeout 600`.
"""

from __future__ import annotations

from typing import Any

from adam_ref.arrays import Array
from conformance.targets.adapter import GradAdapter
from conformance.targets.registry import Listed, Project


class _Adam(GradAdapter):
    kind = "Adam"
    names = {"lr": "lr", "beta1": "b1", "beta2": "b2", "eps": "eps"}
    claims = {"dtypes": ("float32",)}

    def to_parameter(self, array: Array) -> Any:
        from tinygrad import Tensor

        return Tensor(array)

    def to_numpy(self, held: Any) -> Array:
        array: Array = held.numpy()
        return array

    def make(self, parameters: list[Any], **named: Any) -> Any:
        from tinygrad.nn import optim

        return getattr(optim, self.kind)(parameters, **named)

    def step(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> None:
        from tinygrad import Context

        with Context(TRAINING=1):
            super().step(optimizer, parameters, gradients)

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        return {"m": optimizer.m, "v": optimizer.v}

    def set_lr(self, optimizer: Any, lr: float) -> None:
        from tinygrad import Tensor

        optimizer.lr.assign(Tensor([lr])).realize()

    def save(self, optimizer: Any, parameters: list[Any]) -> Any:
        return [held.numpy().copy() for held in self._held(optimizer)]

    def load(self, optimizer: Any, parameters: list[Any], saved: Any) -> None:
        for held, array in zip(self._held(optimizer), saved, strict=True):
            held.assign(self.to_parameter(array)).realize()

    def _held(self, optimizer: Any) -> list[Any]:
        return [*optimizer.m, *optimizer.v, optimizer.b1_t, optimizer.b2_t, optimizer.lr]


class _AdamW(_Adam):
    kind = "AdamW"
    names = {**_Adam.names, "weight_decay": "weight_decay"}
    claims = {**_Adam.claims, "weight_decay": ("decoupled",)}


PROJECT = Project(
    "tinygrad",
    "pip install 'adam-conformance[tinygrad]'",
    (
        Listed(
            address="tinygrad:Adam",
            dialect="adam",
            what="tinygrad.nn.optim.Adam",
            make=_Adam,
            dtypes=("float32",),
        ),
        Listed(
            address="tinygrad:AdamW",
            dialect="adamw",
            what="tinygrad.nn.optim.AdamW",
            make=_AdamW,
            dtypes=("float32",),
        ),
    ),
)
