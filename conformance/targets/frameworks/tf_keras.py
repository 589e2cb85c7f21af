"""Keras 2 as tf_keras keeps it: its Adam, and the one before that, which calls TensorFlow's kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project

_DTYPES = ("float32", "float64", "bfloat16")


def _named(hyper: Hyperparameters) -> dict[str, Any]:
    return {
        "learning_rate": hyper.lr,
        "beta_1": hyper.beta1,
        "beta_2": hyper.beta2,
        "epsilon": hyper.eps,
        "amsgrad": hyper.amsgrad,
    }


class _Session:
    """One optimizer at work on variables."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters, **arguments: Any) -> None:
        import tensorflow as tf
        import tf_keras

        self.variables = [tf.Variable(p) for p in parameters]
        decay = {"weight_decay": hyper.weight_decay or None, "jit_compile": False}
        self.optimizer = tf_keras.optimizers.Adam(**_named(hyper), **decay, **arguments)
        self.optimizer.build(self.variables)

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """`apply_gradients` assigns to the variables."""
        import tensorflow as tf

        given = [tf.constant(g) for g in gradients]
        self.optimizer.apply_gradients(zip(given, self.variables, strict=True))
        return [v.numpy() for v in self.variables]

    def state(self) -> list[dict[str, Any]]:
        """`_momentums`, `_velocities`, `_velocity_hats` and the one `iterations`."""
        held, step = self.optimizer, int(self.optimizer.iterations.numpy())
        largest = held._velocity_hats if held.amsgrad else [None] * len(self.variables)
        return [
            {"m": m.numpy(), "v": v.numpy(), "v_max": None if x is None else x.numpy(), "step": step}
            for m, v, x in zip(held._momentums, held._velocities, largest, strict=True)
        ]

    def set_lr(self, lr: float) -> None:
        """As a callback sets it."""
        self.optimizer.learning_rate = lr

    def save(self) -> dict[str, Any]:
        """As a saved model keeps it: variables, and the rate in its configuration."""
        store: dict[str, Any] = {}
        self.optimizer.save_own_variables(store)
        return {"variables": dict(store), "learning_rate": self.optimizer.get_config()["learning_rate"]}

    def load(self, saved: dict[str, Any]) -> None:
        """The reverse of `save`."""
        self.optimizer.load_own_variables(saved["variables"])
        self.optimizer.learning_rate = saved["learning_rate"]


class _LegacySession(_Session):
    """The same with the optimizer from before, which keeps slots."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        import tensorflow as tf
        import tf_keras

        self.variables = [tf.Variable(p) for p in parameters]
        self.optimizer = tf_keras.optimizers.legacy.Adam(**_named(hyper))

    def state(self) -> list[dict[str, Any]]:
        """The slots."""
        held, step = self.optimizer, int(self.optimizer.iterations.numpy())
        return [
            {"m": held.get_slot(v, "m").numpy(), "v": held.get_slot(v, "v").numpy(), "step": step}
            for v in self.variables
        ]


def _claims(**more: Any) -> dict[str, Any]:
    shared = {"dtypes": _DTYPES, "lr_schedule": True, "state": True, "counter": True, "flush_to_zero": True}
    return {**shared, **more}


def adam(**arguments: Any) -> Adapter:
    """`tf_keras.optimizers.Adam`."""
    settable = ("lr", "beta1", "beta2", "eps", "weight_decay", "amsgrad")
    claims = _claims(settable=settable, weight_decay=("decoupled",), checkpoint=True)
    return Adapter("tf_keras:Adam", _Session, arguments, **claims)


def legacy_adam(**arguments: Any) -> Adapter:
    """`tf_keras.optimizers.legacy.Adam`."""
    return Adapter("tf_keras:legacy.Adam", _LegacySession, arguments, **_claims())


PROJECT = Project(
    "tf_keras",
    "pip install 'adam-conformance[tf-keras]'",
    (
        Listed(
            address="tf_keras:Adam",
            dialect="epsilon-hat-decoupled",
            what="tf_keras.optimizers.Adam",
            make=adam,
            dtypes=_DTYPES,
            needs=("tf_keras", "tensorflow"),
        ),
        Listed(
            address="tf_keras:Adam?adaptive_epsilon=True",
            dialect="adamw",
            what="the same with its epsilon adapted to the bias correction",
            make=adam,
            dtypes=("float32",),
            needs=("tf_keras", "tensorflow"),
        ),
        Listed(
            address="tf_keras:legacy.Adam",
            dialect="epsilon-hat",
            what="tf_keras.optimizers.legacy.Adam, on TensorFlow's kernel",
            make=legacy_adam,
            needs=("tf_keras", "tensorflow"),
        ),
    ),
)
