"""JAX's own example optimizer, `jax.example_libraries.optimizers.adam`; numpyro.optim.Adam is made of it.

The index of the step is the caller's: here it is part of the state.
"""

from __future__ import annotations

from typing import Any

from conformance.targets.jax_functions import Functions, Held, JaxAdapter
from conformance.targets.registry import Listed, Project


class _Adam(JaxAdapter):
    names = {"lr": "step_size", "beta1": "b1", "beta2": "b2", "eps": "eps"}
    claims = {**JaxAdapter.claims, "dtypes": ("float32", "float64", "bfloat16", "float16")}

    def functions(self, **named: Any) -> Functions:
        import jax
        from jax.example_libraries.optimizers import adam

        init, update, read = adam(**named)
        update = jax.jit(update)  # op by op, JAX compiles the power anew for every index
        return lambda p: (0, init(p)), lambda g, held: (held[0] + 1, update(held[0], g, held[1])), lambda h: read(h[1])

    def state(self, optimizer: Held, parameters: list[Any]) -> dict[str, list[Any]]:
        packed = optimizer.state[1].packed_state
        return {"m": [m for _, m, _ in packed], "v": [v for _, _, v in packed]}


PROJECT = Project(
    "jax",
    "pip install 'adam-conformance[jax]'",
    (
        Listed(
            address="jax:example_libraries.optimizers.adam",
            dialect="adam",
            what="jax.example_libraries.optimizers.adam under jax.jit",
            make=_Adam,
            dtypes=("float32", "float64", "bfloat16"),
        ),
    ),
)
