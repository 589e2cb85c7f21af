"""Keras 3 on each of its backends, which is chosen by `backend=` before Keras is imported."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.protocol import TargetError
from conformance.targets.adapter import Adapter
from conformance.targets.jax_precision import as_wide_as
from conformance.targets.registry import Listed, Project

_INSTALL = "pip install 'adam-conformance[keras]'"
_BACKENDS = ("jax", "numpy", "tensorflow", "torch")
_SETTABLE = ("lr", "beta1", "beta2", "eps", "weight_decay", "amsgrad")


def _to_numpy(tensor: Any) -> Array:
    """Tensors of torch in bfloat16 have no NumPy of their own."""
    import keras

    return np.array(keras.ops.convert_to_numpy(tensor))


class _Session:
    """One optimizer at work on variables; the one count of its steps is `iterations`."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters, kind: str) -> None:
        import keras

        if keras.backend.backend() == "jax":
            as_wide_as(parameters)
        self.variables = [keras.Variable(p, dtype=p.dtype.name) for p in parameters]
        self.optimizer = getattr(keras.optimizers, kind)(
            learning_rate=hyper.lr,
            beta_1=hyper.beta1,
            beta_2=hyper.beta2,
            epsilon=hyper.eps,
            weight_decay=hyper.weight_decay,
            amsgrad=hyper.amsgrad,
        )
        self.optimizer.build(self.variables)

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """`apply` assigns to the variables."""
        import keras

        given = zip(gradients, self.variables, strict=True)
        self.optimizer.apply([keras.ops.convert_to_tensor(g, dtype=v.dtype) for g, v in given])
        return [_to_numpy(v) for v in self.variables]

    def state(self) -> list[dict[str, Any]]:
        """`_momentums`, `_velocities` and `_velocity_hats`."""
        held, count = self.optimizer, int(_to_numpy(self.optimizer.iterations))
        largest = held._velocity_hats if held.amsgrad else [None] * len(self.variables)
        return [
            {"m": _to_numpy(m), "v": _to_numpy(v), "v_max": None if x is None else _to_numpy(x), "step": count}
            for m, v, x in zip(held._momentums, held._velocities, largest, strict=True)
        ]

    def set_lr(self, lr: float) -> None:
        """As a callback sets it."""
        self.optimizer.learning_rate = lr

    def save(self) -> dict[str, Array]:
        """As a checkpoint keeps it; the learning rate is one of the variables."""
        store: dict[str, Any] = {}
        self.optimizer.save_own_variables(store)
        return {name: np.array(value) for name, value in store.items()}

    def load(self, saved: dict[str, Array]) -> None:
        """The reverse of `save`."""
        self.optimizer.load_own_variables(saved)


def _made(kind: str, arguments: dict[str, Any]) -> Adapter:
    backend = arguments.pop("backend", _BACKENDS[0])
    if backend not in _BACKENDS:
        raise TargetError(f"backend = {backend!r} is none of Keras: allowed are {', '.join(_BACKENDS)}")
    os.environ["KERAS_BACKEND"] = backend
    return Adapter(
        f"keras:{kind}",
        _Session,
        {**arguments, "kind": kind},
        dtypes=("float32", "float64", "bfloat16", "float16"),
        settable=_SETTABLE,
        weight_decay=("decoupled",),
        lr_schedule=True,
        state=True,
        counter=True,
        checkpoint=True,
        flush_to_zero=backend in ("jax", "tensorflow"),
    )


def adam(**arguments: Any) -> Adapter:
    """`keras.optimizers.Adam`, whose weight decay is decoupled."""
    return _made("Adam", arguments)


def adamw(**arguments: Any) -> Adapter:
    """`keras.optimizers.AdamW`."""
    return _made("AdamW", arguments)


PROJECT = Project(
    "keras",
    _INSTALL,
    (
        *(
            Listed(
                address="keras:Adam" if backend == _BACKENDS[0] else f"keras:Adam?backend={backend}",
                dialect="epsilon-hat-decoupled",
                what=f"keras.optimizers.Adam on {backend}",
                make=adam,
                dtypes=("float32", "float64", "bfloat16"),
                needs=("keras", backend),
            )
            for backend in _BACKENDS
        ),
        Listed(
            address="keras:AdamW",
            dialect="epsilon-hat-decoupled",
            what="keras.optimizers.AdamW on jax",
            make=adamw,
            needs=("keras", "jax"),
            dtypes=("float32",),
        ),
    ),
)
