"""optax: functional, on JAX.  Its weight decay is decoupled, its AMSGrad on the corrected moment (dialect `optax`)."""

from __future__ import annotations

from typing import Any

from conformance.targets.jax_functions import Functions, Held, JaxAdapter
from conformance.targets.registry import Listed, Project

_REAL = ("float32", "float64", "bfloat16", "float16")


class _Adam(JaxAdapter):
    """With `jit` in the address, the update and its application are one program."""

    kind = "adam"
    names = {"lr": "learning_rate", "beta1": "b1", "beta2": "b2", "eps": "eps", "eps_root": "eps_root"}
    claims = {**JaxAdapter.claims, "dtypes": (*_REAL, "complex64", "complex128")}

    def functions(self, *, jit: bool = False, **named: Any) -> Functions:
        import jax
        import optax

        transform = getattr(optax, self.kind)(**named)

        def update(gradients: Any, held: Any) -> Any:
            updates, after = transform.update(gradients, held[1], held[0])
            return optax.apply_updates(held[0], updates), after

        return lambda p: (p, transform.init(p)), jax.jit(update) if jit else update, lambda held: held[0]

    def state(self, optimizer: Held, parameters: list[Any]) -> dict[str, list[Any]]:
        adam = optimizer.state[1][0]
        largest = {"v_max": adam.nu_max} if hasattr(adam, "nu_max") else {}
        return {"m": adam.mu, "v": adam.nu, **largest}

    def counter(self, optimizer: Held, parameters: list[Any]) -> Any:
        return int(optimizer.state[1][0].count)


class _AdamW(_Adam):
    kind = "adamw"
    names = {**_Adam.names, "weight_decay": "weight_decay"}
    claims = {**_Adam.claims, "weight_decay": ("decoupled",)}


class _AMSGrad(_Adam):
    """The maximum is taken in every step."""

    kind = "amsgrad"
    claims = {**_Adam.claims, "pinned": {"amsgrad": True}}


PROJECT = Project(
    "optax",
    "pip install 'adam-conformance[optax]'",
    (
        Listed(address="optax:adam", dialect="optax", what="optax.adam, op by op", make=_Adam, dtypes=_REAL),
        Listed(
            address="optax:adam?jit=True",
            dialect="optax",
            what="optax.adam under jax.jit",
            make=_Adam,
            dtypes=("float32",),
        ),
        Listed(
            address="optax:adam?eps=0.0&eps_root=1e-8",
            dialect="optax",
            what="optax.adam with epsilon under the root",
            make=_Adam,
            dtypes=("float32",),
        ),
        Listed(
            address="optax:adam?mu_dtype=bfloat16",
            dialect="optax",
            what="optax.adam with the first moment in bfloat16",
            make=_Adam,
            dtypes=("float32",),
        ),
        Listed(address="optax:adamw", dialect="optax", what="optax.adamw", make=_AdamW),
        Listed(address="optax:amsgrad", dialect="optax", what="optax.amsgrad", make=_AMSGrad),
    ),
)
