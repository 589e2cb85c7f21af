"""MLX: Adam and AdamW, without bias correction unless it is asked for; parameters are a dictionary of arrays."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project

_DTYPES = ("float32", "bfloat16", "float16")


class _Adam(Adapter):
    kind = "Adam"
    names = {"lr": "learning_rate", "beta1": "beta1", "beta2": "beta2", "eps": "eps"}
    claims = {"dtypes": _DTYPES}

    def to_parameter(self, array: Array) -> Any:
        """bfloat16 crosses as 16-bit integers."""
        import mlx.core as mx

        mx.set_default_device(mx.cpu)
        return mx.array(array.view(np.uint16)).view(mx.bfloat16) if array.dtype.name == "bfloat16" else mx.array(array)

    def to_numpy(self, held: Any) -> Array:
        import mlx.core as mx

        if held.dtype == mx.bfloat16:
            return np.array(held.view(mx.uint16)).view(ml_dtypes.bfloat16)
        return np.array(held)

    def make(self, parameters: list[Any], **named: Any) -> Any:
        import mlx.optimizers

        betas = [named.pop("beta1"), named.pop("beta2")]
        optimizer = getattr(mlx.optimizers, self.kind)(betas=betas, **named)
        optimizer.init(_keyed(parameters))
        return optimizer

    def step(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> list[Any]:
        import mlx.core as mx

        after = optimizer.apply_gradients(_keyed(gradients), _keyed(parameters))
        mx.eval(after, optimizer.state)
        return list(after.values())

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        return {name: [optimizer.state[key][name] for key in _keyed(parameters)] for name in ("m", "v")}

    def counter(self, optimizer: Any, parameters: list[Any]) -> Any:
        return int(optimizer.state["step"].item())

    def set_lr(self, optimizer: Any, lr: float) -> None:
        optimizer.learning_rate = lr

    def save(self, optimizer: Any, parameters: list[Any]) -> Any:
        """The state, the rate in it, as NumPy arrays."""
        from mlx.utils import tree_map

        return tree_map(self.to_numpy, optimizer.state)

    def load(self, optimizer: Any, parameters: list[Any], saved: Any) -> None:
        import mlx.core as mx
        from mlx.utils import tree_map

        optimizer.state = tree_map(self.to_parameter, saved)
        mx.eval(optimizer.state)


class _AdamW(_Adam):
    kind = "AdamW"
    names = {**_Adam.names, "weight_decay": "weight_decay"}
    claims = {"dtypes": _DTYPES, "weight_decay": ("decoupled",)}


def _keyed(arrays: list[Any]) -> dict[str, Any]:
    return {str(i): array for i, array in enumerate(arrays)}


PROJECT = Project(
    "mlx",
    "pip install 'adam-conformance[mlx]'",
    (
        Listed(
            address="mlx:Adam",
            dialect="no-bias-correction",
            what="mlx.optimizers.Adam as it comes",
            make=_Adam,
            dtypes=_DTYPES,
        ),
        Listed(
            address="mlx:Adam?bias_correction=True",
            dialect="adam",
            what="mlx.optimizers.Adam with bias correction",
            make=_Adam,
            dtypes=_DTYPES,
        ),
        Listed(
            address="mlx:AdamW",
            dialect="no-bias-correction-decoupled",
            what="mlx.optimizers.AdamW as it comes",
            make=_AdamW,
            dtypes=("float32",),
        ),
        Listed(
            address="mlx:AdamW?bias_correction=True",
            dialect="adamw",
            what="mlx.optimizers.AdamW with bias correction",
            make=_AdamW,
            dtypes=("float32",),
        ),
    ),
)
