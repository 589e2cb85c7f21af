"""The numbers Adam is run with: immutable and validated."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, fields, replace
from typing import Any


class HyperparameterError(ValueError):
    """A hyperparameter lies outside what Algorithm 1 allows; the message says what was given and what is allowed."""


_AT_LEAST_ZERO = "a finite number that is at least 0"
_DECAY_RATE = "a number in [0, 1)"
_FLAG = "True or False"
_ALLOWED = {
    "lr": _AT_LEAST_ZERO,
    "beta1": _DECAY_RATE,
    "beta2": _DECAY_RATE,
    "eps": _AT_LEAST_ZERO,
    "weight_decay": _AT_LEAST_ZERO,
    "eps_root": _AT_LEAST_ZERO,
    "amsgrad": _FLAG,
    "maximize": _FLAG,
}


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """What one parameter group is stepped with (Kingma & Ba, Algorithm 1; defaults as in the paper).

    Attributes:
        lr: step size, alpha in the paper, in units of the parameter; >= 0.
        beta1: decay rate of the first moment, in [0, 1).
        beta2: decay rate of the second moment, in [0, 1).
        eps: added to the denominator (the dialect says where), in units of the gradient; >= 0.
        weight_decay: lambda; the dialect says of which kind. 0 means none.
        eps_root: a second epsilon, added to v_hat under the root (optax), in units of the gradient squared; >= 0.
        amsgrad: keep the maximum of the second moment; the dialect says which maximum.
        maximize: ascend instead of descend; the gradient changes its sign before anything else.

    Raises:
        HyperparameterError: a value of the wrong kind or outside its range.

    """

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 0.0
    eps_root: float = 0.0
    amsgrad: bool = False
    maximize: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _validated(field.name, getattr(self, field.name)))

    def with_(self, **changes: Any) -> Hyperparameters:
        """The same hyperparameters with some of them replaced (validated again)."""
        return replace(self, **changes)


def _validated(name: str, value: Any) -> float | bool:
    allowed = _ALLOWED[name]
    if allowed is _FLAG:
        if not isinstance(value, bool):
            raise HyperparameterError(f"{name} = {value!r} is not allowed: it must be {allowed}")
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise HyperparameterError(f"{name} = {value!r} ({type(value).__name__}) is not allowed: it must be {allowed}")
    number = _as_float(value)
    upper = 1.0 if allowed is _DECAY_RATE else math.inf
    if not 0.0 <= number < upper:
        raise HyperparameterError(f"{name} = {number!r} is not allowed: it must be {allowed}")
    return number


def _as_float(value: Any) -> float:
    """A real number as a float; infinite past the largest one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
