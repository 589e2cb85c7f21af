"""Arrays of Arb balls: midpoint and radius in arbitrary precision, and how far float64 numbers are from them.

The only module that imports python-flint (https://fredrikj.net/arb).  A ball that is NaN stands for a value that is
undefined in real arithmetic (0/0, x/0).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from adam_ref.arrays import Array

try:
    import flint
except ImportError as error:
    raise ImportError(
        "adam_ref.exact needs python-flint, which is not installed: pip install 'adam-conformance[exact]'"
    ) from error

arb: Any = flint.arb
working_precision: Callable[[int], Any] = flint.ctx.workprec

ZERO = arb(0)
UNDEFINED = arb("nan")
SMALLEST = math.ulp(0.0)
GUARD = 20
"""A ball is narrow when its radius is below 2^-GUARD ulp of its midpoint in float64."""


def defined(ball: Any) -> bool:
    """Whether the ball says anything."""
    return not ball.is_nan()


def narrow(ball: Any) -> bool:
    """Whether the radius is below 2^-GUARD float64 ulp of the midpoint (undefined ones count as narrow)."""
    if ball.rel_accuracy_bits() > 54 + GUARD or not defined(ball):
        return True
    return bool(ball.rad() < ulp(ball) * 2.0**-GUARD)


def ulp(ball: Any) -> Any:
    """The spacing of float64 at the midpoint as an exact ball: never below 2^-1074, unbounded above."""
    significand, exponent = ball.mid().man_exp()
    if significand == 0:
        return arb(SMALLEST)
    top = int(significand).bit_length() + int(exponent)
    return _power_of_two(max(top - 53, -1074))


def _power_of_two(exponent: int) -> Any:
    return arb(2) ** exponent


def _below(ball: Any) -> float:
    """The largest float that is surely no larger than anything in the ball, or its neighbour."""
    number = float(ball.lower())
    while not arb(number) <= ball:
        number = math.nextafter(number, -math.inf)
    return number


@dataclass(frozen=True)
class Balls:
    """One ball an element; of n complex numbers, 2n balls: real part, imaginary part, real part, ...

    Attributes:
        values: the balls (flint.arb).
        precision: bits that they were computed with.

    """

    values: tuple[Any, ...]
    precision: int

    def __len__(self) -> int:
        return len(self.values)

    def lower(self) -> Array:
        """Float64 numbers no larger than the exact values, tight to an ulp; NaN where undefined."""
        return self._floats(_below)

    def upper(self) -> Array:
        """Float64 numbers no smaller than the exact values, tight to an ulp; NaN where undefined."""
        return self._floats(lambda ball: 0.0 - _below(-ball))

    def nearest(self) -> Array:
        """The exact values rounded to float64; NaN where undefined."""
        return self._floats(lambda ball: float(ball.mid()))

    def errors(self, numbers: Any) -> Array:
        """Upper bounds of abs(number - exact value).

        Where the exact value is undefined any number that is not finite is right (error 0) and a finite one is
        infinitely wrong; so is one that is not finite where the value is defined, except the infinity that a value past
        the largest float64 rounds to.
        """
        return self._compared(numbers, lambda error, _: error)

    def ulps(self, numbers: Any) -> Array:
        """Upper bounds of abs(number - exact value) in float64 ulps of the exact value (see `errors`)."""
        return self._compared(numbers, lambda error, ball: error / ulp(ball))

    def _floats(self, function: Callable[[Any], float]) -> Array:
        with working_precision(self.precision):
            return np.array([function(b) if defined(b) else math.nan for b in self.values], dtype=np.float64)

    def _compared(self, numbers: Any, measure: Callable[[Any, Any], Any]) -> Array:
        flat = as_floats(numbers)
        if len(flat) != len(self.values):
            raise ValueError(f"{len(flat)} numbers were given to compare with {len(self.values)} exact values")
        with working_precision(self.precision):
            pairs = zip(flat, self.values, strict=True)
            return np.array([_compared(number, ball, measure) for number, ball in pairs], dtype=np.float64)


def _compared(number: float, ball: Any, measure: Callable[[Any, Any], Any]) -> float:
    if not defined(ball):
        return math.inf if math.isfinite(number) else 0.0
    if not math.isfinite(number):
        overflowing = number == float(ball.lower()) == float(ball.upper())
        return 0.0 if overflowing else math.inf
    return 0.0 - _below(-measure(abs(arb(number) - ball), ball))


def as_floats(array: Any) -> list[float]:
    """The elements of an array of any shape as Python floats; real and imaginary parts of complex ones in turn."""
    flat = np.asarray(array).reshape(-1)
    if np.iscomplexobj(flat):
        flat = np.stack([flat.real, flat.imag], axis=-1).reshape(-1)
    return [float(x) for x in flat]


def exactly(numbers: Iterable[float]) -> tuple[Any, ...]:
    """Finite floats as balls of radius zero.

    Raises:
        ValueError: an infinity or a NaN; only finite numbers have an exact update.

    """
    balls = []
    for number in numbers:
        if not math.isfinite(number):
            raise ValueError(f"{number!r} is not allowed: the exact reference takes finite numbers only")
        balls.append(arb(number))
    return tuple(balls)
