"""JAX's own example optimizer, `jax.example_libraries.optimizers.adam`; numpyro.optim.Adam is made of it."""

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
    """One triple of functions at work; the index of the step is the caller's."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        import jax

        as_wide_as(parameters)
        self.hyper, self.steps = hyper, 0
        self._make(hyper)
        self.held = self.init([jax.numpy.asarray(p) for p in parameters])

    def _make(self, hyper: Hyperparameters) -> None:
        import jax
        from jax.example_libraries.optimizers import adam

        self.hyper = hyper
        self.init, update, self.read = adam(hyper.lr, hyper.beta1, hyper.beta2, hyper.eps)
        self.update = jax.jit(update)  # op by op, JAX compiles the power anew for every index

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """`opt_update` and `get_params`."""
        import jax

        self.held = self.update(self.steps, [jax.numpy.asarray(g) for g in gradients], self.held)
        self.steps += 1
        return [np.asarray(p) for p in self.read(self.held)]

    def state(self) -> list[dict[str, Any]]:
        """Each leaf is packed as `(x, m, v)`."""
        return [{"m": np.asarray(m), "v": np.asarray(v)} for _, m, v in self.held.packed_state]

    def set_lr(self, lr: float) -> None:
        """The state does not depend on the rate."""
        self._make(self.hyper.with_(lr=lr))

    def save(self) -> Any:
        """The state is immutable."""
        return self.held, self.steps, self.hyper.lr

    def load(self, saved: Any) -> None:
        """The reverse of `save`."""
        self.held, self.steps, lr = saved
        self.set_lr(lr)


def adam(**arguments: Any) -> Adapter:
    """`jax.example_libraries.optimizers.adam`."""
    return Adapter(
        "jax:example_libraries.optimizers.adam",
        _Session,
        arguments,
        dtypes=("float32", "float64", "bfloat16", "float16"),
        lr_schedule=True,
        state=True,
        checkpoint=True,
        flush_to_zero=True,
    )


PROJECT = Project(
    "jax",
    "pip install 'adam-conformance[jax]'",
    (
        Listed(
            address="jax:example_libraries.optimizers.adam",
            dialect="adam",
            what="jax.example_libraries.optimizers.adam under jax.jit",
            make=adam,
            dtypes=("float32", "float64", "bfloat16"),
        ),
    ),
)
