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
_times, _over, _plus, _minus = _EXACTLY.multiply, _EXACTLY.divide, _EXACTLY.add, _EXACTLY.subtract


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

POWER_ULPS = {"A": 2, "B": 4}
"""`pow` in the class's format, for t >= 2: the largest errors in ulps that CUDA's manual states (pow 2, powf 4)."""


@dataclass(frozen=True)
class Scalar:
    """One scalar of a step: every admissible value of it lies within a factor `(1 + error)` of `value`, either way.

    Attributes:
        value: of the working dtype, >= 0.
        error: relative; infinite where the scalar may vanish.
        cast: relative error of storing it in the target's format; 0 where that holds it exactly.
        product: roundings of a product with it: 0 for 0, 1 and powers of two.

    """

    value: Any
    error: float
    cast: float
    product: int

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


def cast_error(value: float, accuracy: AccuracyClass, target: Format) -> float:
    """The relative error of casting a scalar near `value`, held as the class has it, to `target`.

    None where `target` holds all of the class's numbers: a scalar that was kept more precisely, and is cast once, is
    within the rounding that the class already has.  Infinite where the cast may make it vanish.
    """
    error = 0.0 if accuracy.format.precision <= target.precision else target.roundoff
    if value >= target.smallest_normal:
        return error
    return error + target.underflow / value if value > 2 * target.underflow else math.inf


@lru_cache(maxsize=4096)
def scalars(
    hyper: Hyperparameters, dialect: Dialect, t: int, accuracy: AccuracyClass, target: Format, work: np.dtype[Any]
) -> Scalars:
    """Every scalar of step `t >= 1` for a target that computes in `target`; `work` is the dtype of the values."""
    constant = _constants(hyper, dialect, accuracy, target, work)
    c1 = _correction(hyper.beta1, t, accuracy, target, work) if dialect.correct_m else constant.c1
    c2 = _correction(hyper.beta2, t, accuracy, target, work) if dialect.correct_v else constant.c2
    return replace(constant, c1=c1, c2=c2)


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
        decay = _rounded((_times(lr[0], weight_decay[0]), _times(lr[1], weight_decay[1])), accuracy)
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
    return Scalars(**{name: _as_scalar(interval, accuracy, target, work) for name, interval in intervals.items()})


_UNIT, _SURPLUS = Decimal(1), Decimal("1e-45")
_ZERO = (Decimal(0), Decimal(0))
_ONE = (_UNIT, _UNIT)


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
    upper = _minus(_UNIT, lo)
    return _rounded((upper if lo == hi else _minus(_UNIT, hi), upper), accuracy)


@lru_cache(maxsize=16384)
def _correction(beta: float, t: int, accuracy: AccuracyClass, target: Format, work: np.dtype[Any]) -> Scalar:
    """`1 - beta^t`: by `pow` or by `t - 1` products, then a subtraction.  `beta^1` is beta."""
    held = _held(beta, accuracy)
    hi = _EXACTLY.power(held[1], t) if beta else _ZERO[1]
    lo = hi if held[0] == held[1] else _EXACTLY.power(held[0], t)
    if hi and t > 1:
        pow_error = _over(Decimal(POWER_ULPS[accuracy.name] * accuracy.format.ulp(float(hi))), lo or hi)
        first_order = _times(Decimal(accuracy.roundoff), Decimal(t - 1))
        products = _times(first_order, _plus(_UNIT, first_order))  # (1 + u)^n - 1 <= nu + (nu)^2 where nu <= 1
        lo, hi = _widened((lo, hi), max(pow_error, products))
    return _as_scalar(_complement((lo, hi), accuracy), accuracy, target, work)


def _widened(interval: tuple[Decimal, Decimal], relative: Decimal) -> tuple[Decimal, Decimal]:
    """Both ends of a non-negative interval moved outward; a small surplus pays for the decimal arithmetic itself."""
    factor = _plus(relative, _SURPLUS)
    lo, hi = interval
    return max(_times(lo, _minus(_UNIT, factor)), _ZERO[0]), _times(hi, _plus(_UNIT, factor))


def _fits(value: Decimal, target: Format) -> bool:
    number = float(value)
    return Decimal(number) == value and target.holds(number)


def _as_scalar(
    interval: tuple[Decimal, Decimal], accuracy: AccuracyClass, target: Format, work: np.dtype[Any]
) -> Scalar:
    """A non-negative interval as a value of `work` near its middle, and how far its ends are from that."""
    lo, hi = interval
    middle = lo if lo == hi else _over(_plus(lo, hi), Decimal(2))
    high = float(middle)
    rest = float(_minus(middle, Decimal(high))) if math.isfinite(high) else 0.0
    value = work.type(high) + work.type(rest)
    known = _plus(Decimal(float(value)), Decimal(float(value - work.type(float(value))))) if rest else Decimal(high)
    exact = lo == hi and _fits(lo, target)
    power = exact and (lo == 0 or math.frexp(high)[0] == 0.5)
    error = 0.0
    if not lo == hi == known:
        error = float(_minus(max(_over(hi, known), _over(known, lo)), _UNIT)) * ROUNDING_UP if lo > 0 else math.inf
    return Scalar(value, error, 0.0 if exact else cast_error(high, accuracy, target), 0 if power else 1)
