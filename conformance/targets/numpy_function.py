"""Plain Python functions and objects over NumPy arrays as targets.

A function is called as `function(parameters, gradients, state, **hyperparameters)` and returns `(parameters, state)`:
lists of arrays in and out, `state` None at the first step and afterwards whatever it returned.  Which hyperparameters
it is given is read off its signature: `lr`, `beta1`, `beta2` (or `betas`), `eps`, `weight_decay`, `eps_root`,
`amsgrad`, `maximize`; where it takes any (`**hyperparameters`), the first four.  Of the options it is not given what it
answers with a ValueError or a NotImplementedError.  What cannot be read off a signature it
may declare in an attribute: `step.capabilities = {"dtypes": ["float32", "bfloat16"], "none_gradients": True}`.
The gradients of all steps come in the same arrays, which are filled anew, as a caller does who saves memory.
One that rounds at random draws from NumPy's global generator, which is seeded before each run.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.capabilities import SETTABLE, Capabilities
from conformance.protocol import TargetError


class NumpyFunction:
    """A target made of a function; see the module's docstring for how it is called."""

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any] | None = None) -> None:
        self.function = function
        self.name = f"{function.__module__}:{getattr(function, '__qualname__', type(function).__qualname__)}"
        self.arguments = dict(arguments or {})
        self.accepted = _accepted(inspect.signature(function))
        self.accepted -= self._refused()
        names = set(SETTABLE) & self.accepted
        if "betas" in self.accepted:
            names |= {"beta1", "beta2"}
        pinned = {k: self.arguments.pop(k) for k in list(self.arguments) if k in SETTABLE}
        read = Capabilities(
            dtypes=("float32", "float64"),
            settable=tuple(sorted(names)),
            pinned=pinned,
            weight_decay=("coupled", "decoupled", "absolute") if "weight_decay" in names else (),
            lr_schedule="lr" in names,
            memory=True,
            walks=True,
        )
        self.capabilities = Capabilities.of(getattr(function, "capabilities", {}), read)

    def _refused(self) -> set[str]:
        """The options that the function takes by name and then refuses, where it can be called without them."""

        def refuses(**options: Any) -> bool:
            one, given = np.ones(1, np.float32), self.named(Hyperparameters(**options))
            try:
                self.function([one], [one.copy()], None, **given)
            except (ValueError, NotImplementedError):
                return True
            except Exception:
                return False
            return False

        options = {"weight_decay": 0.5, "amsgrad": True, "maximize": True}
        asked = [k for k in options if k in self.accepted and k not in self.arguments]
        return {k for k in asked if not refuses() and refuses(**{k: options[k]})}

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> _FunctionSession:
        """Nothing is called for these parameters before the first step."""
        return _FunctionSession(self, list(parameters), hyperparameters[0])

    def seed(self, number: int) -> None:
        """What the function draws, it draws from NumPy's global generator."""
        np.random.seed(number)  # noqa: NPY002

    def named(self, hyper: Hyperparameters) -> dict[str, Any]:
        """The hyperparameters under the names that the function takes."""
        named: dict[str, Any] = {k: v for k, v in vars(hyper).items() if k in self.accepted}
        if "betas" in self.accepted:
            named["betas"] = (hyper.beta1, hyper.beta2)
        return {**named, **self.arguments}


def _accepted(signature: inspect.Signature) -> set[str]:
    """The names that the function takes, read as the module's docstring says."""
    named = set(signature.parameters)
    anything = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
    return named | {"lr", "beta1", "beta2", "eps"} if anything and "betas" not in named else named


_OF_A_GRADIENT = re.compile(r"grad|\bg\b", re.IGNORECASE)
"""What is called so in a state is a gradient, and no moment."""


class _FunctionSession:
    def __init__(self, target: NumpyFunction, parameters: list[Array], hyper: Hyperparameters) -> None:
        self.target, self.parameters, self.hyper = target, parameters, hyper
        self.state: Any = None
        self.filled: list[Array | None] = [None] * len(parameters)
        self.handed: list[Array | None] = []

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """Call the function once."""
        self.handed = [self._in_its_array(i, gradient) for i, gradient in enumerate(gradients)]
        named = self.target.named(self.hyper)
        returned = self.target.function(self.parameters, list(self.handed), self.state, **named)
        if not isinstance(returned, list | tuple) or len(returned) != 2:
            raise TargetError(f"the function returned {type(returned).__name__}; (parameters, state) is expected")
        self.parameters, self.state = list(returned[0]), returned[1]
        return self.parameters

    def _in_its_array(self, i: int, gradient: Array | None) -> Array | None:
        """The gradient of parameter `i` in the array that its first one came in."""
        if gradient is None:
            return None
        if (array := self.filled[i]) is None:
            array = self.filled[i] = gradient
        else:
            array[...] = gradient
        return array

    def held_gradients(self) -> list[Array | None]:
        """The gradients of the last step as they are now."""
        return self.handed

    def shared_memory(self) -> list[str]:
        """What the function returned of the memory of gradients, which its caller fills anew.

        A state may hold a gradient under a name that says so; where it is used later, the numbers show that.
        """
        kept = (named for named in _arrays(self.state, "state", set()) if not _OF_A_GRADIENT.search(named[0]))
        returned = [*_arrays(self.parameters, "parameters", set()), *kept]
        gradients = [(f"gradient {i}", g) for i, g in enumerate(self.handed) if g is not None]
        pairs = [(one, a, other, b) for one, a in gradients for other, b in returned]
        return [f"{one} and {other} share memory" for one, a, other, b in pairs if np.shares_memory(a, b)]

    def set_lr(self, lr: float) -> None:
        """From now on the function is called with this `lr`."""
        self.hyper = self.hyper.with_(lr=lr)


def _arrays(held: Any, where: str, known: set[int]) -> Iterator[tuple[str, Array]]:
    """Every array in containers and attributes, once, with the way to it."""
    if id(held) in known:
        return
    known.add(id(held))
    if isinstance(held, np.ndarray):
        yield where, held
        return
    inner: dict[str, Any] = {}
    if isinstance(held, Mapping):
        inner = {f"{where}[{key!r}]": value for key, value in held.items()}
    elif isinstance(held, list | tuple):
        inner = {f"{where}[{i}]": value for i, value in enumerate(held)}
    elif not isinstance(held, ModuleType | type):
        inner = {f"{where}.{name}": value for name, value in getattr(held, "__dict__", {}).items()}
    for place, value in inner.items():
        yield from _arrays(value, place, known)
