"""How precisely an implementation holds the hyperparameters, and the intervals that follow for every scalar of a step.

The update mixes tensors with a few scalars: beta1, 1 - beta1, 1 - beta1^t, lr and so on.  What accuracy a framework
holds them in is its accuracy class.  The intervals here are computed in 50-digit decimal arithmetic and rounded
outward, so that they contain the exact value whatever the working precision is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

import numpy as np

from adam_ref.dialect import Dialect
from adam_ref.formats import FLOAT32, FLOAT64, Format
from adam_ref.hyperparameters import Hyperparameters

_EXACTLY = Context(prec=50, Emin=-(10**6), Emax=10**6)


@dataclass(frozen=True)
class AccuracyClass:
    """Scalars are held with a relative error of at most the roundoff of `format`; what the format holds, exactly."""

    name: str
    format: Format

    @property
    def roundoff(self) -> float:
        """`u_s` of enclosure.md."""
        return self.format.roundoff


CLASS_A = AccuracyClass("A", FLOAT64)
CLASS_B = AccuracyClass("B", FLOAT32)
ACCURACY_CLASSES: dict[str, AccuracyClass] = {"A": CLASS_A, "B": CLASS_B}

POWER_ROUNDINGS = 2
"""Roundings that forming beta^t takes at t = 1: `pow` within one ulp.  Each further factor adds one (products)."""


@dataclass(frozen=True)
class Scalar:
    """One scalar of a step: every admissible value of it lies within a factor `(1 + error)` of `value`, either way.

    Attributes:
        value: of the working dtype, >= 0.
        error: relative; infinite where the scalar may vanish.
        cast: roundings that storing it in the target's format costs: 0 where the format holds it exactly.
        product: roundings of a product with it: 0 for 0, 1 and powers of two.

    """

    value: Any
    error: float
    cast: int
    product: int

    @property
    def roundings(self) -> int:
        """Roundings of casting it and of multiplying by it."""
        return self.cast + self.product

    @property
    def is_zero(self) -> bool:
        """Whether it is exactly 0."""
        return bool(self.value == 0 and self.error == 0)

    @property
    def is_one(self) -> bool:
        """Whether it is exactly 1."""
        return bool(self.value == 1 and self.error == 0)


@dataclass(frozen=True)
class Scalars:
    """The scalars of step `t` (names as in Algorithm 1; `w1 = 1 - beta1`, `w2 = 1 - beta2`, `c1`, `c2` corrections)."""

    beta1: Scalar
    beta2: Scalar
    w1: Scalar
    w2: Scalar
    c1: Scalar
    c2: Scalar
    lr: Scalar
    eps: Scalar
    eps_root: Scalar
    weight_decay: Scalar
    keep: Scalar
    """What decoupled or absolute decay multiplies the parameter by; 1 where there is none."""
    decay: Scalar
    """`1 - keep` before rounding."""


ROUNDING_UP = 1.0 + 2.0**-40
"""Radii are computed in float64 to nearest; this factor, far below anything they are compared with, rounds them up."""


@lru_cache(maxsize=4096)
def scalars(
    hyper: Hyperparameters, dialect: Dialect, t: int, accuracy: AccuracyClass, target: Format, work: np.dtype[Any]
) -> Scalars:
    """Every scalar of step `t >= 1` for a target that computes in `target`; `work` is the dtype of the values."""
    constant = _constants(hyper, dialect, accuracy, target, work)
    beta1, beta2 = _held(hyper.beta1, accuracy), _held(hyper.beta2, accuracy)
    c1 = _correction(beta1, t, accuracy) if dialect.correct_m else _ONE
    c2 = _correction(beta2, t, accuracy) if dialect.correct_v else _ONE
    return replace(constant, c1=_as_scalar(c1, target, work), c2=_as_scalar(c2, target, work))


@lru_cache(maxsize=1024)
def _constants(
    hyper: Hyperparameters, dialect: Dialect, accuracy: AccuracyClass, target: Format, work: np.dtype[Any]
) -> Scalars:
    """The scalars of a step that do not depend on `t`; `c1` and `c2` are left at 1."""
    beta1, beta2 = _held(hyper.beta1, accuracy), _held(hyper.beta2, accuracy)
    lr, weight_decay = _held(hyper.lr, accuracy), _held(hyper.weight_decay, accuracy)
    decay = _ZERO
    if hyper.weight_decay and dialect.weight_decay == "absolute":
        decay = weight_decay
    elif hyper.weight_decay and dialect.weight_decay == "decoupled":
        decay = _rounded((lr[0] * weight_decay[0], lr[1] * weight_decay[1]), accuracy)
    intervals = {
        "beta1": beta1,
        "beta2": beta2,
        "w1": _complement(beta1, accuracy),
        "w2": _complement(beta2, accuracy),
        "c1": _ONE,
        "c2": _ONE,
        "lr": lr,
        "eps": _held(hyper.eps, accuracy),
        "eps_root": _held(hyper.eps_root, accuracy),
        "weight_decay": weight_decay,
        "keep": _complement(decay, accuracy),
        "decay": decay,
    }
    return Scalars(**{name: _as_scalar(interval, target, work) for name, interval in intervals.items()})


_ZERO = (Decimal(0), Decimal(0))
_ONE = (Decimal(1), Decimal(1))


@lru_cache(maxsize=1024)
def _held(value: float, accuracy: AccuracyClass) -> tuple[Decimal, Decimal]:
    """A hyperparameter as the class holds it: exactly, where the class's format has the number."""
    exact = Decimal(value)
    return (exact, exact) if accuracy.format.holds(value) else _widened((exact, exact), Decimal(accuracy.roundoff))


def _rounded(interval: tuple[Decimal, Decimal], accuracy: AccuracyClass) -> tuple[Decimal, Decimal]:
    """An interval of computed values after one rounding of the class; a single number it holds stays what it is."""
    lo, hi = interval
    if lo == hi and _fits(lo, accuracy.format):
        return interval
    return _widened(interval, Decimal(accuracy.roundoff))


def _complement(interval: tuple[Decimal, Decimal], accuracy: AccuracyClass) -> tuple[Decimal, Decimal]:
    """`1 - x`, one rounding."""
    lo, hi = interval
    return _rounded((_EXACTLY.subtract(Decimal(1), hi), _EXACTLY.subtract(Decimal(1), lo)), accuracy)


def _correction(beta: tuple[Decimal, Decimal], t: int, accuracy: AccuracyClass) -> tuple[Decimal, Decimal]:
    """`1 - beta^t`: by `pow` or by `t - 1` products, then a subtraction."""
    lo, hi = (_EXACTLY.power(end, t) for end in beta)
    if hi == 0:
        return Decimal(1), Decimal(1)
    return _complement(_widened((lo, hi), Decimal(accuracy.roundoff) * (POWER_ROUNDINGS + t - 1)), accuracy)


def _widened(interval: tuple[Decimal, Decimal], relative: Decimal) -> tuple[Decimal, Decimal]:
    """Both ends of a non-negative interval moved outward; a small surplus pays for the decimal arithmetic itself."""
    factor = relative + Decimal("1e-45")
    lo, hi = interval
    return max(_EXACTLY.multiply(lo, 1 - factor), Decimal(0)), _EXACTLY.multiply(hi, 1 + factor)


def _fits(value: Decimal, target: Format) -> bool:
    number = float(value)
    return Decimal(number) == value and target.holds(number)


def _as_scalar(interval: tuple[Decimal, Decimal], target: Format, work: np.dtype[Any]) -> Scalar:
    """A non-negative interval as a value of `work` near its middle, and how far its ends are from that."""
    lo, hi = interval
    middle = lo if lo == hi else (lo + hi) / 2
    high = float(middle)
    rest = float(middle - Decimal(high)) if math.isfinite(high) else 0.0
    value = work.type(high) + work.type(rest)
    known = Decimal(float(value)) + Decimal(float(value - work.type(float(value)))) if rest else Decimal(high)
    if lo == hi == known:
        fits = _fits(lo, target)
        power = lo == 0 or (fits and math.frexp(float(lo))[0] == 0.5)
        return Scalar(value, 0.0, 0 if fits else 1, 0 if power else 1)
    error = float(max(hi / known, known / lo) - 1) * ROUNDING_UP if lo > 0 else math.inf
    return Scalar(value, error, 0 if lo == hi and _fits(lo, target) else 1, 1)
