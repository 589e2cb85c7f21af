"""NumPyro's Adam, which wraps that of jax.example_libraries and keeps the index of the step itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.jax_precision import as_wide_as
from conformance.targets.registry import Listed, Project


class _Session:
    """One optimizer at work; its state is a pair of the step's index and the packed arrays."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        import jax
        import numpyro.optim

        as_wide_as(parameters)
        self.optimizer = numpyro.optim.Adam(hyper.lr, hyper.beta1, hyper.beta2, hyper.eps)
        self.update = jax.jit(self.optimizer.update)
        self.held = self.optimizer.init([jax.numpy.asarray(p) for p in parameters])

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """`update` and `get_params`."""
        import jax

        self.held = self.update([jax.numpy.asarray(g) for g in gradients], self.held)
        return [np.asarray(p) for p in self.optimizer.get_params(self.held)]

    def save(self) -> Any:
        """The state is immutable."""
        return self.held

    def load(self, saved: Any) -> None:
        """The reverse of `save`."""
        self.held = saved


def adam(**arguments: Any) -> Adapter:
    """`numpyro.optim.Adam`."""
    return Adapter("numpyro:optim.Adam", _Session, arguments, checkpoint=True, flush_to_zero=True)


PROJECT = Project(
    "numpyro",
    "pip install 'adam-conformance[numpyro]'",
    (
        Listed(
            address="numpyro:optim.Adam",
            dialect="adam",
            what="numpyro.optim.Adam under jax.jit",
            make=adam,
            dtypes=("float32",),
            needs=("numpyro", "jax"),
        ),
    ),
)
