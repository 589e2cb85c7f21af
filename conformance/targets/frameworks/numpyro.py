"""NumPyro's Adam, which wraps that of jax.example_libraries and keeps the index of the step itself."""

from __future__ import annotations

from typing import Any

from conformance.targets.jax_functions import Functions, JaxAdapter
from conformance.targets.registry import Listed, Project


class _Adam(JaxAdapter):
    names = {"lr": "step_size", "beta1": "b1", "beta2": "b2", "eps": "eps"}

    def functions(self, **named: Any) -> Functions:
        import jax
        import numpyro.optim

        optimizer = numpyro.optim.Adam(**named)
        return optimizer.init, jax.jit(optimizer.update), optimizer.get_params


PROJECT = Project(
    "numpyro",
    "pip install 'adam-conformance[numpyro]'",
    (
        Listed(
            address="numpyro:optim.Adam",
            dialect="adam",
            what="numpyro.optim.Adam under jax.jit",
            make=_Adam,
            dtypes=("float32",),
            needs=("numpyro", "jax"),
        ),
    ),
)
