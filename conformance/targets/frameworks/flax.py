"""Flax's nnx.Optimizer around optax.adam: it assigns to the parameters of a model, here a list of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.protocol import Session
from conformance.targets.adapter import Adapter
from conformance.targets.jax_functions import as_wide_as
from conformance.targets.registry import Listed, Project


class _Adam(Adapter):
    names = {"lr": "learning_rate", "beta1": "b1", "beta2": "b2", "eps": "eps", "eps_root": "eps_root"}
    claims = {"flush_to_zero": True, "dtypes": ("float32", "float64", "bfloat16", "float16")}

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        as_wide_as(parameters)
        return super().start(parameters, hyperparameters)

    def to_parameter(self, array: Array) -> Any:
        from flax import nnx
        from jax import numpy

        return nnx.Param(numpy.asarray(array))

    def to_numpy(self, held: Any) -> Array:
        return np.asarray(held[...])

    def make(self, parameters: list[Any], **named: Any) -> Any:
        import optax
        from flax import nnx

        return nnx.Optimizer(nnx.List(parameters), optax.adam(**named), wrt=nnx.Param)

    def step(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> None:
        from flax import nnx

        optimizer.update(nnx.List(parameters), nnx.List(gradients))

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        adam = optimizer.opt_state[0]
        return {k: [moment[i] for i in range(len(parameters))] for k, moment in {"m": adam.mu, "v": adam.nu}.items()}

    def counter(self, optimizer: Any, parameters: list[Any]) -> Any:
        return int(optimizer.step[...])

    def save(self, optimizer: Any, parameters: list[Any]) -> Any:
        import jax
        from flax import nnx

        return jax.tree.map(np.array, nnx.to_pure_dict(nnx.state(optimizer)))

    def load(self, optimizer: Any, parameters: list[Any], saved: Any) -> None:
        """As arrays of JAX: with NumPy's in their place, optax's scalars would be rounded as NumPy rounds them."""
        import jax
        from flax import nnx

        state = nnx.state(optimizer)
        nnx.replace_by_pure_dict(state, jax.tree.map(jax.numpy.asarray, saved))
        nnx.update(optimizer, state)


PROJECT = Project(
    "flax",
    "pip install 'adam-conformance[flax]'",
    (
        Listed(
            address="flax:nnx.Optimizer",
            dialect="optax",
            what="flax.nnx.Optimizer around optax.adam",
            make=_Adam,
            dtypes=("float32", "float64", "bfloat16"),
            needs=("flax", "optax", "jax"),
        ),
    ),
)
