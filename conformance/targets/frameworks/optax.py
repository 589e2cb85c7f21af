"""optax: functional, on JAX.  Its weight decay is decoupled, its AMSGrad on the corrected moment (dialect `optax`)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.jax_precision import as_wide_as
from conformance.targets.registry import Listed, Project

_INSTALL = "pip install 'adam-conformance[optax]'"
_REAL = ("float32", "float64", "bfloat16", "float16")
_CLAIMS: dict[str, Any] = {
    "dtypes": (*_REAL, "complex64", "complex128"),
    "lr_schedule": True,
    "state": True,
    "counter": True,
    "checkpoint": True,
    "flush_to_zero": True,  # XLA on CPU does
}
_SETTABLE = ("lr", "beta1", "beta2", "eps", "eps_root")


class _Session:
    """One `optax.GradientTransformation` at work; with `jit`, the update and its application as one program."""

    def __init__(
        self, parameters: Sequence[Array], hyper: Hyperparameters, kind: str, *, jit: bool = False, **arguments: Any
    ) -> None:
        import jax

        as_wide_as(parameters)
        self.kind, self.jit, self.arguments = kind, jit, arguments
        self.parameters: Any = [jax.numpy.asarray(p) for p in parameters]
        self._make(hyper)
        self.held = self.transform.init(self.parameters)

    def _make(self, hyper: Hyperparameters) -> None:
        import jax
        import optax

        self.hyper = hyper
        named = {"b1": hyper.beta1, "b2": hyper.beta2, "eps": hyper.eps, "eps_root": hyper.eps_root, **self.arguments}
        if self.kind == "adamw":
            named["weight_decay"] = hyper.weight_decay
        self.transform = getattr(optax, self.kind)(hyper.lr, **named)

        def update(gradients: Any, held: Any, parameters: Any) -> Any:
            updates, after = self.transform.update(gradients, held, parameters)
            return optax.apply_updates(parameters, updates), after

        self.update = jax.jit(update) if self.jit else update

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """Transform the gradients into updates and apply these."""
        import jax

        given = [jax.numpy.asarray(g) for g in gradients]
        self.parameters, self.held = self.update(given, self.held, self.parameters)
        return [np.asarray(p) for p in self.parameters]

    def state(self) -> list[dict[str, Any]]:
        """`mu` and `nu`; AMSGrad's maximum is of the corrected moment."""
        adam = self.held[0]
        largest = getattr(adam, "nu_max", [None] * len(self.parameters))
        return [
            {"m": np.asarray(m), "v": np.asarray(v), "v_max": x, "step": int(adam.count)}
            for m, v, x in zip(adam.mu, adam.nu, largest, strict=True)
        ]

    def set_lr(self, lr: float) -> None:
        """A new transformation goes on with the state, which does not depend on the rate."""
        self._make(self.hyper.with_(lr=lr))

    def save(self) -> Any:
        """The state, a tree of immutable arrays, and the rate that the transformation was made with."""
        return copy.copy(self.held), self.hyper.lr

    def load(self, saved: Any) -> None:
        """The reverse of `save`."""
        self.held, lr = saved
        self.set_lr(lr)


def adam(**arguments: Any) -> Adapter:
    """`optax.adam`, with its arguments, `eps_root` and `mu_dtype` among them."""
    return Adapter("optax:adam", _Session, {**arguments, "kind": "adam"}, settable=_SETTABLE, **_CLAIMS)


def adamw(**arguments: Any) -> Adapter:
    """`optax.adamw`."""
    claims = {**_CLAIMS, "settable": (*_SETTABLE, "weight_decay"), "weight_decay": ("decoupled",)}
    return Adapter("optax:adamw", _Session, {**arguments, "kind": "adamw"}, **claims)


def amsgrad(**arguments: Any) -> Adapter:
    """`optax.amsgrad`, which takes the maximum in every step."""
    claims = {**_CLAIMS, "settable": _SETTABLE, "pinned": {"amsgrad": True}}
    return Adapter("optax:amsgrad", _Session, {**arguments, "kind": "amsgrad"}, **claims)


PROJECT = Project(
    "optax",
    _INSTALL,
    (
        Listed(address="optax:adam", dialect="optax", what="optax.adam, op by op", make=adam, dtypes=_REAL),
        Listed(
            address="optax:adam?jit=True",
            dialect="optax",
            what="optax.adam under jax.jit",
            make=adam,
            dtypes=("float32",),
        ),
        Listed(
            address="optax:adam?eps=0.0&eps_root=1e-8",
            dialect="optax",
            what="optax.adam with epsilon under the root",
            make=adam,
            dtypes=("float32",),
        ),
        Listed(
            address="optax:adam?mu_dtype=bfloat16",
            dialect="optax",
            what="optax.adam with the first moment in bfloat16",
            make=adam,
            dtypes=("float32",),
        ),
        Listed(address="optax:adamw", dialect="optax", what="optax.adamw", make=adamw),
        Listed(address="optax:amsgrad", dialect="optax", what="optax.amsgrad", make=amsgrad),
    ),
)
