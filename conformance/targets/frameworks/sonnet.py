"""Sonnet 2, on TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Session:
    """One optimizer at work on variables."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        import sonnet
        import tensorflow as tf

        self.variables = [tf.Variable(p) for p in parameters]
        self.optimizer = sonnet.optimizers.Adam(hyper.lr, hyper.beta1, hyper.beta2, hyper.eps)

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """`apply` subtracts from the variables."""
        import tensorflow as tf

        self.optimizer.apply([tf.constant(g) for g in gradients], self.variables)
        return [v.numpy() for v in self.variables]

    def state(self) -> list[dict[str, Any]]:
        """`m`, `v` and the one `step`."""
        held = self.optimizer
        step = int(held.step.numpy())
        return [{"m": m.numpy(), "v": v.numpy(), "step": step} for m, v in zip(held.m, held.v, strict=True)]

    def set_lr(self, lr: float) -> None:
        """The attribute that every step reads."""
        self.optimizer.learning_rate = lr


def adam(**arguments: Any) -> Adapter:
    """`sonnet.optimizers.Adam`."""
    return Adapter(
        "sonnet:Adam",
        _Session,
        arguments,
        dtypes=("float32", "float64", "bfloat16"),
        lr_schedule=True,
        state=True,
        counter=True,
        flush_to_zero=True,
    )


PROJECT = Project(
    "sonnet",
    "pip install 'adam-conformance[sonnet]'",
    (
        Listed(
            address="sonnet:Adam",
            dialect="adam",
            what="sonnet.optimizers.Adam",
            make=adam,
            dtypes=("float32", "float64", "bfloat16"),
            needs=("sonnet", "tensorflow"),
        ),
    ),
)
