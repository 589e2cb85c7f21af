"""Optimizers that are functions on JAX: a state that begins, is updated by gradients, and holds the parameters.

JAX is as its users have it: with 64 bits only where the parameters have them, for the switch changes float32 as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.protocol import Session
from conformance.targets.adapter import Adapter

Functions = tuple[Callable[[Any], Any], Callable[[Any, Any], Any], Callable[[Any], Sequence[Any]]]
"""From the parameters the state; from gradients and state the next; from the state the parameters."""


@dataclass
class Held:
    """The state of one run, and what goes on with it."""

    functions: Functions
    named: dict[str, Any]
    state: Any


class JaxAdapter(Adapter):
    """A target made of such functions; a subclass says `functions`.  XLA on CPU flushes subnormal numbers."""

    claims: Mapping[str, Any] = MappingProxyType({"flush_to_zero": True})

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._made = lru_cache(maxsize=64)(self.functions)  # so that JAX compiles each of them once

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        """The width of JAX is set before it has an array."""
        as_wide_as(parameters)
        return super().start(parameters, hyperparameters)

    def functions(self, **named: Any) -> Functions:
        """The functions of an optimizer made with what `named` gives; they are what `Functions` says."""
        raise NotImplementedError

    def to_parameter(self, array: Array) -> Any:
        """An array of JAX."""
        import jax

        return jax.numpy.asarray(array)

    def make(self, parameters: list[Any], **named: Any) -> Held:
        """The functions, and the state that they begin with."""
        functions = self._made(**named)
        return Held(functions, named, functions[0](parameters))

    def step(self, optimizer: Held, parameters: list[Any], gradients: list[Any]) -> Sequence[Any]:  # noqa: ARG002
        """One update of the state."""
        _, update, read = optimizer.functions
        optimizer.state = update(gradients, optimizer.state)
        return read(optimizer.state)

    def set_lr(self, optimizer: Held, lr: float) -> None:
        """Other functions go on with the state, which does not depend on the rate."""
        optimizer.named[self.names["lr"]] = lr
        optimizer.functions = self._made(**optimizer.named)

    def save(self, optimizer: Held, parameters: list[Any]) -> Any:  # noqa: ARG002
        """The state, a tree of immutable arrays, and the rate."""
        return optimizer.state, optimizer.named[self.names["lr"]]

    def load(self, optimizer: Held, parameters: list[Any], saved: Any) -> None:  # noqa: ARG002
        """The reverse of `save`."""
        optimizer.state, lr = saved
        self.set_lr(optimizer, lr)


def as_wide_as(parameters: Sequence[Array]) -> None:
    """Switch `jax_enable_x64` on for float64 and complex128 parameters, and off for others."""
    import jax

    jax.config.update("jax_enable_x64", any(p.dtype.name in ("float64", "complex128") for p in parameters))
