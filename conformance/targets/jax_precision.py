"""JAX as its users have it: 64 bits only where the parameters have them, for the switch changes float32 as well."""

from __future__ import annotations

from collections.abc import Sequence

from adam_ref.arrays import Array


def as_wide_as(parameters: Sequence[Array]) -> None:
    """Switch `jax_enable_x64` on for float64 and complex128 parameters, and off for others."""
    import jax

    jax.config.update("jax_enable_x64", any(p.dtype.name in ("float64", "complex128") for p in parameters))
