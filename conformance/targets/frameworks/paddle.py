"""PaddlePaddle's Adam and AdamW; the state is in accumulators, by the names of the parameters."""

from __future__ import annotations

from typing import Any

from adam_ref.arrays import Array
from conformance.targets.adapter import GradAdapter
from conformance.targets.registry import Listed, Project


class _Adam(GradAdapter):
    kind = "Adam"
    without_decay: float | None = None  # what it takes for no decay
    names = {
        "lr": "learning_rate",
        "beta1": "beta1",
        "beta2": "beta2",
        "eps": "epsilon",
        "weight_decay": "weight_decay",
        "amsgrad": "amsgrad",
    }
    claims = {"weight_decay": ("coupled",)}

    def to_parameter(self, array: Array) -> Any:
        import paddle

        paddle.set_device("cpu")
        made = paddle.create_parameter(list(array.shape), array.dtype.name)
        made.set_value(array)
        return made

    def to_gradient(self, array: Array) -> Any:
        import paddle

        return paddle.to_tensor(array)

    def to_numpy(self, held: Any) -> Array:
        array: Array = held.numpy()
        return array

    def make(self, parameters: list[Any], **named: Any) -> Any:
        import paddle

        named["weight_decay"] = named["weight_decay"] or self.without_decay
        return getattr(paddle.optimizer, self.kind)(parameters=parameters, **named)

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        held = {"m": "moment1", "v": "moment2", **({"v_max": "moment2_max"} if optimizer._amsgrad else {})}
        return {k: [optimizer._accumulators[name][p.name] for p in parameters] for k, name in held.items()}

    def set_lr(self, optimizer: Any, lr: float) -> None:
        optimizer.set_lr(lr)


class _AdamW(_Adam):
    kind = "AdamW"
    without_decay = 0.0
    claims = {"weight_decay": ("decoupled",)}


PROJECT = Project(
    "paddle",
    "pip install 'adam-conformance[paddle]'",
    (
        Listed(address="paddle:Adam", dialect="adam", what="paddle.optimizer.Adam", make=_Adam),
        Listed(address="paddle:AdamW", dialect="adamw", what="paddle.optimizer.AdamW", make=_AdamW),
    ),
)
