"""Keras 2 as tf_keras keeps it: its Adam, and the one before that, which keeps slots and calls TensorFlow's kernel."""

from __future__ import annotations

from typing import Any

from conformance.targets.registry import Listed, Project
from conformance.targets.tensorflow_variables import TensorFlowAdapter

_DTYPES = ("float32", "float64", "bfloat16")
_NAMES = {"lr": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon"}


class _Legacy(TensorFlowAdapter):
    names = _NAMES
    claims = {**TensorFlowAdapter.claims, "dtypes": _DTYPES}

    def make(self, parameters: list[Any], **named: Any) -> Any:
        import tf_keras

        return tf_keras.optimizers.legacy.Adam(**named)

    def step(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> None:
        optimizer.apply_gradients(zip(gradients, parameters, strict=True))

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        return {name: [optimizer.get_slot(p, name) for p in parameters] for name in ("m", "v")}

    def counter(self, optimizer: Any, parameters: list[Any]) -> Any:
        return int(optimizer.iterations.numpy())

    def set_lr(self, optimizer: Any, lr: float) -> None:
        optimizer.learning_rate = lr


class _Adam(_Legacy):
    """A saved model keeps the variables, and the rate in its configuration."""

    names = {**_NAMES, "weight_decay": "weight_decay", "amsgrad": "amsgrad"}
    claims = {**_Legacy.claims, "weight_decay": ("decoupled",)}

    def make(self, parameters: list[Any], **named: Any) -> Any:
        import tf_keras

        decay = named.pop("weight_decay") or None
        optimizer = tf_keras.optimizers.Adam(weight_decay=decay, jit_compile=False, **named)
        optimizer.build(parameters)
        return optimizer

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        largest = {"v_max": optimizer._velocity_hats} if optimizer.amsgrad else {}
        return {"m": optimizer._momentums, "v": optimizer._velocities, **largest}

    def save(self, optimizer: Any, parameters: list[Any]) -> Any:
        store: dict[str, Any] = {}
        optimizer.save_own_variables(store)
        return store, optimizer.get_config()["learning_rate"]

    def load(self, optimizer: Any, parameters: list[Any], saved: Any) -> None:
        store, optimizer.learning_rate = saved
        optimizer.load_own_variables(store)


PROJECT = Project(
    "tf_keras",
    "pip install 'adam-conformance[tf-keras]'",
    (
        Listed(
            address="tf_keras:Adam",
            dialect="epsilon-hat-decoupled",
            what="tf_keras.optimizers.Adam",
            make=_Adam,
            dtypes=_DTYPES,
            needs=("tf_keras", "tensorflow"),
        ),
        Listed(
            address="tf_keras:Adam?adaptive_epsilon=True",
            dialect="adamw",
            what="the same with its epsilon adapted to the bias correction",
            make=_Adam,
            dtypes=("float32",),
            needs=("tf_keras", "tensorflow"),
        ),
        Listed(
            address="tf_keras:legacy.Adam",
            dialect="epsilon-hat",
            what="tf_keras.optimizers.legacy.Adam, on TensorFlow's kernel",
            make=_Legacy,
            needs=("tf_keras", "tensorflow"),
        ),
    ),
)
