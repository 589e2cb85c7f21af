"""MLX: Adam and AdamW, without bias correction unless it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project

_DTYPES = ("float32", "bfloat16", "float16")


def _to_mlx(array: Array | None) -> Any:
    """bfloat16 crosses as 16-bit integers."""
    import mlx.core as mx

    given = np.asarray(array)
    return mx.array(given.view(np.uint16)).view(mx.bfloat16) if given.dtype.name == "bfloat16" else mx.array(given)


def _to_numpy(array: Any) -> Array:
    import mlx.core as mx

    if array.dtype == mx.bfloat16:
        return np.array(array.view(mx.uint16)).view(ml_dtypes.bfloat16)
    return np.array(array)


class _Session:
    """One optimizer at work on a dictionary of arrays."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters, kind: str, **arguments: Any) -> None:
        import mlx.core as mx
        import mlx.optimizers

        mx.set_default_device(mx.cpu)
        self.parameters = {str(i): _to_mlx(p) for i, p in enumerate(parameters)}
        if kind == "AdamW":
            arguments["weight_decay"] = hyper.weight_decay
        betas = [hyper.beta1, hyper.beta2]
        self.optimizer = getattr(mlx.optimizers, kind)(hyper.lr, betas=betas, eps=hyper.eps, **arguments)
        self.optimizer.init(self.parameters)

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """`apply_gradients` returns the parameters after the step."""
        import mlx.core as mx

        given = {str(i): _to_mlx(g) for i, g in enumerate(gradients)}
        self.parameters = self.optimizer.apply_gradients(given, self.parameters)
        mx.eval(self.parameters, self.optimizer.state)
        return [_to_numpy(p) for p in self.parameters.values()]

    def state(self) -> list[dict[str, Any]]:
        """`m` and `v` of each, and the one `step`."""
        held = self.optimizer.state
        return [
            {"m": _to_numpy(held[name]["m"]), "v": _to_numpy(held[name]["v"]), "step": int(held["step"].item())}
            for name in self.parameters
        ]

    def set_lr(self, lr: float) -> None:
        """The attribute, which is part of its state."""
        self.optimizer.learning_rate = lr

    def save(self) -> Any:
        """The state as NumPy arrays."""
        from mlx.utils import tree_map

        return tree_map(lambda a: (str(a.dtype), _to_numpy(a)), self.optimizer.state)

    def load(self, saved: Any) -> None:
        """The reverse of `save`."""
        import mlx.core as mx
        from mlx.utils import tree_map

        self.optimizer.state = tree_map(_from_saved, saved, is_leaf=lambda x: isinstance(x, tuple))
        mx.eval(self.optimizer.state)


def _from_saved(leaf: tuple[str, Array]) -> Any:
    return _to_mlx(leaf[1])


def _claims(**more: Any) -> dict[str, Any]:
    return {
        "dtypes": _DTYPES,
        "lr_schedule": True,
        "state": True,
        "counter": True,
        "checkpoint": True,
        **more,
    }


def adam(**arguments: Any) -> Adapter:
    """`mlx.optimizers.Adam`."""
    return Adapter("mlx:Adam", _Session, {**arguments, "kind": "Adam"}, **_claims())


def adamw(**arguments: Any) -> Adapter:
    """`mlx.optimizers.AdamW`."""
    settable = ("lr", "beta1", "beta2", "eps", "weight_decay")
    claims = _claims(settable=settable, weight_decay=("decoupled",))
    return Adapter("mlx:AdamW", _Session, {**arguments, "kind": "AdamW"}, **claims)


PROJECT = Project(
    "mlx",
    "pip install 'adam-conformance[mlx]'",
    (
        Listed(
            address="mlx:Adam",
            dialect="no-bias-correction",
            what="mlx.optimizers.Adam as it comes",
            make=adam,
            dtypes=_DTYPES,
        ),
        Listed(
            address="mlx:Adam?bias_correction=True",
            dialect="adam",
            what="mlx.optimizers.Adam with bias correction",
            make=adam,
            dtypes=_DTYPES,
        ),
        Listed(
            address="mlx:AdamW",
            dialect="no-bias-correction-decoupled",
            what="mlx.optimizers.AdamW as it comes",
            make=adamw,
            dtypes=("float32",),
        ),
        Listed(
            address="mlx:AdamW?bias_correction=True",
            dialect="adamw",
            what="mlx.optimizers.AdamW with bias correction",
            make=adamw,
            dtypes=("float32",),
        ),
    ),
)
