"""tinygrad's Adam and AdamW; moments, rate and powers of the betas are float32."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Session:
    """One optimizer at work on tensors, in training mode."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters, kind: str) -> None:
        from tinygrad import Tensor
        from tinygrad.nn import optim

        self.tensors = [Tensor(p) for p in parameters]
        decay = {"weight_decay": hyper.weight_decay} if kind == "AdamW" else {}
        named = {"b1": hyper.beta1, "b2": hyper.beta2, "eps": hyper.eps}
        self.optimizer = getattr(optim, kind)(self.tensors, lr=hyper.lr, **named, **decay)

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """`step` assigns to the tensors."""
        from tinygrad import Context, Tensor

        for tensor, gradient in zip(self.tensors, gradients, strict=True):
            tensor.grad = Tensor(np.asarray(gradient))
        with Context(TRAINING=1):
            self.optimizer.step()
        return [t.numpy() for t in self.tensors]

    def state(self) -> list[dict[str, Any]]:
        """`m` and `v`."""
        return [{"m": m.numpy(), "v": v.numpy()} for m, v in zip(self.optimizer.m, self.optimizer.v, strict=True)]


def _made(kind: str, arguments: dict[str, Any], **claims: Any) -> Adapter:
    os.environ.setdefault("DEV", "PYTHON")  # its CPU device needs a compiler of its own choice
    return Adapter(f"tinygrad:{kind}", _Session, {**arguments, "kind": kind}, dtypes=("float32",), state=True, **claims)


def adam(**arguments: Any) -> Adapter:
    """`tinygrad.nn.optim.Adam`."""
    return _made("Adam", arguments)


PROJECT = Project(
    "tinygrad",
    "pip install 'adam-conformance[tinygrad]'",
    (
        Listed(
            address="tinygrad:Adam",
            dialect="adam",
            what="tinygrad.nn.optim.Adam on its Python device",
            make=adam,
            dtypes=("float32",),
        ),
    ),
)
