"""PaddlePaddle's Adam and AdamW; the powers of the betas are accumulators of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Session:
    """One optimizer at work on parameters."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters, kind: str) -> None:
        import paddle

        paddle.set_device("cpu")
        self.parameters = [self._parameter(p) for p in parameters]
        self.optimizer = getattr(paddle.optimizer, kind)(
            learning_rate=hyper.lr,
            beta1=hyper.beta1,
            beta2=hyper.beta2,
            epsilon=hyper.eps,
            parameters=self.parameters,
            weight_decay=hyper.weight_decay or (None if kind == "Adam" else 0.0),
            amsgrad=hyper.amsgrad,
        )

    def _parameter(self, array: Array) -> Any:
        import paddle

        made = paddle.create_parameter(list(array.shape), array.dtype.name)
        made.set_value(array)
        return made

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """`step` reads `.grad`; a parameter without one is left alone."""
        import paddle

        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else paddle.to_tensor(gradient)
        self.optimizer.step()
        return [np.array(p.numpy()) for p in self.parameters]

    def state(self) -> list[dict[str, Any]]:
        """The accumulators, by their names."""
        return [
            {"m": self._held("moment1", p), "v": self._held("moment2", p), "v_max": self._held("moment2_max", p)}
            for p in self.parameters
        ]

    def _held(self, name: str, parameter: Any) -> Array | None:
        found = self.optimizer._accumulators.get(name, {}).get(parameter.name)
        return None if found is None else np.array(found.numpy())

    def set_lr(self, lr: float) -> None:
        """Its own method."""
        self.optimizer.set_lr(lr)


def _made(kind: str, arguments: dict[str, Any], decay: str) -> Adapter:
    return Adapter(
        f"paddle:{kind}",
        _Session,
        {**arguments, "kind": kind},
        settable=("lr", "beta1", "beta2", "eps", "weight_decay", "amsgrad"),
        weight_decay=(decay,),
        lr_schedule=True,
        state=True,
    )


def adam(**arguments: Any) -> Adapter:
    """`paddle.optimizer.Adam`."""
    return _made("Adam", arguments, "coupled")


def adamw(**arguments: Any) -> Adapter:
    """`paddle.optimizer.AdamW`."""
    return _made("AdamW", arguments, "decoupled")


PROJECT = Project(
    "paddle",
    "pip install 'adam-conformance[paddle]'",
    (
        Listed(address="paddle:Adam", dialect="adam", what="paddle.optimizer.Adam", make=adam),
        Listed(address="paddle:AdamW", dialect="adamw", what="paddle.optimizer.AdamW", make=adamw),
    ),
)
