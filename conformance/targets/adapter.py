"""A framework's optimizer as a target, in a subclass that says what the framework calls things.

    class Adam(Adapter):
        names = {"lr": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon"}

        def make(self, parameters, **named):
            import mylib

            return mylib.Adam(parameters, **named)

        def step(self, optimizer, parameters, gradients):
            optimizer.apply(gradients)

        def state(self, optimizer, parameters):
            return {"m": optimizer.m, "v": optimizer.v}

What can be done is claimed where it is written: the moments (`state`), the step counter (`counter`), another rate
(`set_lr`), checkpoints (`kept`, or `save` and `load`).  Where the framework has arrays of its own, `to_parameter` and
`to_numpy` convert them, with every bit as it was; what becomes of gradients and parameters is read off the converted
arrays, for the NumPy arrays that they were made of show nothing of it.  Where it has none, what overlaps is seen too.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.capabilities import SETTABLE, Capabilities
from conformance.memory import overlapping, span
from conformance.protocol import Session


class Adapter:
    """A target made of what a subclass says; `optimizer` is whatever `make` gave, and the only state of a run.

    Args:
        arguments: those of the address; hyperparameters among them are pinned, the others handed to `make`.

    Attributes:
        names: what the framework calls the hyperparameters that its user can set, by our names.
        kept: the attributes of the optimizer that later steps depend on, the rate included.
        claims: what else is claimed, as `conformance.capabilities.Capabilities` calls it.

    """

    names: Mapping[str, str] = MappingProxyType({"lr": "lr", "beta1": "beta1", "beta2": "beta2", "eps": "eps"})
    kept: Sequence[str] = ()
    claims: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, **arguments: Any) -> None:
        self.name = f"{type(self).__module__}:{type(self).__qualname__}"
        self.arguments = {k: v for k, v in arguments.items() if k not in SETTABLE}
        pinned = {k: v for k, v in arguments.items() if k in SETTABLE}
        claims = {
            "settable": tuple(self.names),
            "lr_schedule": self._says("set_lr"),
            "state": self._says("state"),
            "counter": self._says("counter"),
            "checkpoint": bool(self.kept) or self._says("save"),
            "memory": not self._says("to_parameter"),
            **self.claims,
        }
        self.capabilities = Capabilities(**{**claims, "pinned": {**claims.get("pinned", {}), **pinned}})

    def _says(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Adapter, method)

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        """Without groups all parameters have the same hyperparameters."""
        return _Session(self, parameters, hyperparameters[0])

    def named(self, hyper: Hyperparameters) -> dict[str, Any]:
        """The hyperparameters under the framework's names, and the arguments of the address."""
        return {**{theirs: getattr(hyper, ours) for ours, theirs in self.names.items()}, **self.arguments}

    def to_parameter(self, array: Array) -> Any:
        """A parameter of the framework; without arrays of its own, the NumPy array."""
        return array

    def to_gradient(self, array: Array) -> Any:
        """A gradient, where that is another kind of array than a parameter."""
        return self.to_parameter(array)

    def to_numpy(self, held: Any) -> Array:
        """An array of the framework, of whatever kind, as NumPy's."""
        return np.asarray(held)

    def make(self, parameters: list[Any], **named: Any) -> Any:
        """The optimizer of these parameters, made with what `named` gives."""
        raise NotImplementedError

    def step(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> Sequence[Any] | None:
        """Step once; returns the parameters after the step where they are new arrays, and None where not."""
        raise NotImplementedError

    def held_gradients(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> Sequence[Any]:  # noqa: ARG002
        """The gradients as the framework had them in the last step: those that `step` was given, unless it copies."""
        return gradients

    def state(self, optimizer: Any, parameters: list[Any]) -> Mapping[str, Sequence[Any]]:
        """`m`, `v` and where there is one `v_max`: for each parameter an array."""
        raise NotImplementedError

    def counter(self, optimizer: Any, parameters: list[Any]) -> Any:
        """How many steps the optimizer says it has made: a number, or one for each parameter."""
        raise NotImplementedError

    def set_lr(self, optimizer: Any, lr: float) -> None:
        """From now on with this learning rate."""
        raise NotImplementedError

    def save(self, optimizer: Any, parameters: list[Any]) -> Any:  # noqa: ARG002
        """What a new session needs to go on: a copy of what is `kept`."""
        return copy.deepcopy({name: getattr(optimizer, name) for name in self.kept})

    def load(self, optimizer: Any, parameters: list[Any], saved: Any) -> None:  # noqa: ARG002
        """The reverse of `save`."""
        for name, value in copy.deepcopy(saved).items():
            setattr(optimizer, name, value)


class GradAdapter(Adapter):
    """Of a framework whose parameters carry their gradient as `.grad`, and whose optimizer steps by `method`."""

    method = "step"

    def step(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> None:
        """Each parameter is given its gradient; one that has none is given None."""
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        getattr(optimizer, self.method)()

    def held_gradients(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> list[Any]:  # noqa: ARG002
        """What the parameters carry."""
        return [p.grad for p in parameters]


class _Session:
    """One optimizer at work on the framework's own arrays."""

    def __init__(self, adapter: Adapter, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        self.adapter = adapter
        self.parameters = [adapter.to_parameter(p) for p in parameters]
        self.gradients: list[Any] = []
        self.optimizer = adapter.make(self.parameters, **adapter.named(hyper))

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """Hand over the framework's arrays, and read the parameters."""
        self.gradients = [None if g is None else self.adapter.to_gradient(g) for g in gradients]
        after = self.adapter.step(self.optimizer, self.parameters, self.gradients)
        if after is not None:
            self.parameters = list(after)
        return self.held_parameters()

    def held_parameters(self) -> list[Array]:
        """The parameters as they are now."""
        return [self.adapter.to_numpy(p) for p in self.parameters]

    def held_gradients(self) -> list[Array | None]:
        """The gradients as they are now."""
        held = self.adapter.held_gradients(self.optimizer, self.parameters, self.gradients)
        return [None if g is None else self.adapter.to_numpy(g) for g in held]

    def state(self) -> list[dict[str, Any]]:
        """The moments of each parameter, and the counter."""
        shown = self.adapter.state(self.optimizer, self.parameters)
        arrays = {k: [None if x is None else self.adapter.to_numpy(x) for x in column] for k, column in shown.items()}
        entries = [dict(zip(arrays, row, strict=True)) for row in zip(*arrays.values(), strict=True)]
        if self.adapter.capabilities.counter:
            counts = self.adapter.counter(self.optimizer, self.parameters)
            each = counts if isinstance(counts, list) else [counts] * len(entries)
            return [{**entry, "step": count} for entry, count in zip(entries, each, strict=True)]
        return entries

    def shared_memory(self) -> list[str]:
        """The arrays that overlap, where they are NumPy's."""
        if not self.adapter.capabilities.memory:
            return []
        held: dict[str, Sequence[Any]] = {"parameter": self.parameters, "gradient": self.gradients}
        if self.adapter.capabilities.state:
            held |= self.adapter.state(self.optimizer, self.parameters)
        named = [(f"{name} {i}", array) for name, column in held.items() for i, array in enumerate(column)]
        return overlapping((name, span(np.asarray(array))) for name, array in named if array is not None)

    def set_lr(self, lr: float) -> None:
        """From now on with this learning rate."""
        self.adapter.set_lr(self.optimizer, lr)

    def save(self) -> Any:
        """What a new session needs to go on."""
        return self.adapter.save(self.optimizer, self.parameters)

    def load(self, saved: Any) -> None:
        """The reverse of `save`."""
        self.adapter.load(self.optimizer, self.parameters, saved)
