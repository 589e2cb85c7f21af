"""Plain Python functions and objects over NumPy arrays as targets.

A function is called as `function(parameters, gradients, state, **hyperparameters)` and returns `(parameters, state)`:
lists of arrays in and out, `state` None at the first step and afterwards whatever it returned.  Which hyperparameters
it is given is read off its signature: `lr`, `beta1`, `beta2` (or `betas`), `eps`, `weight_decay`, `eps_root`,
`amsgrad`, `maximize`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.capabilities import SETTABLE, Capabilities


class NumpyFunction:
    """A target made of a function; see the module's docstring for how it is called."""

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any] | None = None) -> None:
        self.function = function
        self.name = f"{function.__module__}:{getattr(function, '__qualname__', type(function).__qualname__)}"
        self.arguments = dict(arguments or {})
        self.accepted = set(inspect.signature(function).parameters)
        names = set(SETTABLE) & self.accepted
        if "betas" in self.accepted:
            names |= {"beta1", "beta2"}
        pinned = {k: self.arguments.pop(k) for k in list(self.arguments) if k in SETTABLE}
        self.capabilities = Capabilities(
            dtypes=("float32", "float64"),
            settable=tuple(sorted(names)),
            pinned=pinned,
            weight_decay=("coupled", "decoupled", "absolute") if "weight_decay" in names else (),
            lr_schedule="lr" in names,
        )

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> _FunctionSession:
        """Nothing is called before the first step."""
        return _FunctionSession(self, list(parameters), hyperparameters[0])

    def named(self, hyper: Hyperparameters) -> dict[str, Any]:
        """The hyperparameters under the names that the function takes."""
        named: dict[str, Any] = {k: v for k, v in vars(hyper).items() if k in self.accepted}
        if "betas" in self.accepted:
            named["betas"] = (hyper.beta1, hyper.beta2)
        return {**named, **self.arguments}


class _FunctionSession:
    def __init__(self, target: NumpyFunction, parameters: list[Array], hyper: Hyperparameters) -> None:
        self.target, self.parameters, self.hyper = target, parameters, hyper
        self.state: Any = None

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """Call the function once."""
        named = self.target.named(self.hyper)
        returned = self.target.function(self.parameters, list(gradients), self.state, **named)
        self.parameters, self.state = returned
        return list(self.parameters)

    def set_lr(self, lr: float) -> None:
        """From now on the function is called with this `lr`."""
        self.hyper = self.hyper.with_(lr=lr)
