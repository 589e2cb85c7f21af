"""Keras 3 on each of its backends, which is chosen by `backend=` before Keras is imported; its decay is decoupled."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.protocol import Session, TargetError
from conformance.targets.adapter import Adapter
from conformance.targets.jax_functions import as_wide_as
from conformance.targets.registry import Listed, Project

_BACKENDS = ("jax", "numpy", "tensorflow", "torch")


class _Adam(Adapter):
    kind = "Adam"
    names = {
        "lr": "learning_rate",
        "beta1": "beta_1",
        "beta2": "beta_2",
        "eps": "epsilon",
        "weight_decay": "weight_decay",
        "amsgrad": "amsgrad",
    }

    def __init__(self, backend: str = _BACKENDS[0], **arguments: Any) -> None:
        if backend not in _BACKENDS:
            raise TargetError(f"backend = {backend!r} is none of Keras: allowed are {', '.join(_BACKENDS)}")
        os.environ["KERAS_BACKEND"] = self.backend = backend
        dtypes = ("float32", "float64", "bfloat16", "float16")
        flush_to_zero = backend in ("jax", "tensorflow")
        self.claims = {"dtypes": dtypes, "weight_decay": ("decoupled",), "flush_to_zero": flush_to_zero}
        super().__init__(**arguments)

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        if self.backend == "jax":
            as_wide_as(parameters)
        return super().start(parameters, hyperparameters)

    def to_parameter(self, array: Array) -> Any:
        import keras

        return keras.Variable(array, dtype=array.dtype.name)

    def to_gradient(self, array: Array) -> Any:
        import keras

        return keras.ops.convert_to_tensor(array, dtype=array.dtype.name)

    def to_numpy(self, held: Any) -> Array:
        """Tensors of torch in bfloat16 have no NumPy of their own; Keras cannot convert TensorFlow's of no axes."""
        import keras

        return np.array(held.numpy() if self.backend == "tensorflow" else keras.ops.convert_to_numpy(held))

    def make(self, parameters: list[Any], **named: Any) -> Any:
        import keras

        optimizer = getattr(keras.optimizers, self.kind)(**named)
        optimizer.build(parameters)
        return optimizer

    def step(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> None:
        optimizer.apply(gradients)

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        largest = {"v_max": optimizer._velocity_hats} if optimizer.amsgrad else {}
        return {"m": optimizer._momentums, "v": optimizer._velocities, **largest}

    def counter(self, optimizer: Any, parameters: list[Any]) -> Any:
        return int(self.to_numpy(optimizer.iterations))

    def set_lr(self, optimizer: Any, lr: float) -> None:
        optimizer.learning_rate = lr

    def save(self, optimizer: Any, parameters: list[Any]) -> Any:
        """As a checkpoint keeps it; the learning rate is one of the variables."""
        store: dict[str, Any] = {}
        optimizer.save_own_variables(store)
        return {name: np.array(value) for name, value in store.items()}

    def load(self, optimizer: Any, parameters: list[Any], saved: Any) -> None:
        optimizer.load_own_variables(saved)


class _AdamW(_Adam):
    kind = "AdamW"


PROJECT = Project(
    "keras",
    "pip install 'adam-conformance[keras]'",
    (
        *(
            Listed(
                address="keras:Adam" if backend == _BACKENDS[0] else f"keras:Adam?backend={backend}",
                dialect="epsilon-hat-decoupled",
                what=f"keras.optimizers.Adam on {backend}",
                make=_Adam,
                dtypes=("float32", "float64", "bfloat16"),
                needs=("keras", backend),
            )
            for backend in _BACKENDS
        ),
        Listed(
            address="keras:AdamW",
            dialect="epsilon-hat-decoupled",
            what="keras.optimizers.AdamW on jax",
            make=_AdamW,
            needs=("keras", "jax"),
            dtypes=("float32",),
        ),
    ),
)
