"""Intervals of arrays: a value near the middle, and how far below and above it the truth may lie.

The value `at` is computed in a working dtype wider than the target's format; the distances `below` and `above` are
float64, which is enough for radii.  Arithmetic on `at` rounds to nearest in the working dtype; what that loses, and
what rounding the radii loses, the caller pays for: every weight is given with how far it may be `off` (theorem T15).

An element of which nothing is known has both distances infinite; the truth there may also be NaN.  An element that may
have overflowed on one side has that distance infinite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from adam_ref.arrays import Array
from adam_ref.formats import Format


def working_dtype(target: Format) -> np.dtype[Any]:
    """The dtype in which the enclosure for `target` is computed.

    float64 has 29 bits to spare for narrower targets.  For float64 itself it is the 64-bit extended format where the
    platform has it, and float64 otherwise: still sound, only wider.
    """
    if target.precision <= 24:
        return np.dtype(np.float64)
    return np.dtype(np.longdouble) if np.finfo(np.longdouble).nmant >= 63 else np.dtype(np.float64)


_ZERO = np.zeros(())

SLACK = 2.0**-49
"""What radii lose by being computed in float64, from one product to the next and more (theorem T15).

It is added to the factor that carries a radius on, and taken off a divisor.
"""

GUARD = 1e-300
"""Added to a divisor that is 0 only where the dividend is 0; it is far below every other divisor."""


@dataclass(frozen=True)
class Interval:
    """A box for each element, `at - below <= x <= at + above`: three arrays of one shape.

    `above is below` says that the box is symmetric, which saves half the work; distances of shape () are those of every
    element.  Operations divide by zero at will: call them under `np.errstate`.
    """

    at: Array
    below: Array
    above: Array

    @classmethod
    def point(cls, values: Any, work: np.dtype[Any]) -> Interval:
        """The degenerate boxes that hold `values` alone."""
        return cls.ball(np.asarray(values).astype(work), _ZERO)

    @classmethod
    def ball(cls, at: Array, radius: Array) -> Interval:
        """Boxes that reach equally far to both sides."""
        return cls(at, radius, radius)

    @property
    def symmetric(self) -> bool:
        """Whether the boxes are known to reach equally far to both sides."""
        return self.above is self.below

    @property
    def lo(self) -> Array:
        """The lower ends, of the working dtype."""
        return np.asarray(self.at - self.below)

    @property
    def hi(self) -> Array:
        """The upper ends, of the working dtype."""
        return np.asarray(self.at + self.above)

    @property
    def size(self) -> Array:
        """`abs(at)` as float64; kept, as every phase asks for it."""
        known: Array | None = self.__dict__.get("_size")
        if known is None:
            known = self.__dict__["_size"] = np.abs(self.at.astype(np.float64, copy=False))
        return known

    @property
    def undecided(self) -> Array:
        """Where the box is the whole line, so that it says nothing."""
        return np.asarray(np.isinf(self.below) & np.isinf(self.above))

    def within(self, radius: float) -> bool:
        """Whether no box reaches further than `radius` from its middle, nor is unknown."""
        return below(self.below, radius) and (self.symmetric or below(self.above, radius))

    def contains(self, values: Any) -> Array:
        """Where `values` lies inside; an undecided box contains everything, NaN included."""
        x = np.asarray(values)
        return np.asarray(((self.lo <= x) & (x <= self.hi)) | self.undecided)

    def rounded(self, target: Format) -> Interval:
        """The boxes of the same values rounded to a narrower `target`: what a master copy leaves visible."""
        return self._between(target.round(self.lo), target.round(self.hi))

    def outward(self, target: Format) -> Interval:
        """The boxes that hold both neighbours of every value in a narrower `target`: what rounding at random makes."""
        return self._between(target.neighbours(self.lo)[0], target.neighbours(self.hi)[1])

    def _between(self, lo: Array, hi: Array) -> Interval:
        """The boxes with these ends, which are float64; of an end that is the middle itself, with that end exactly."""
        with np.errstate(invalid="ignore"):
            at = np.where(np.isfinite(self.at), self.at, 0).astype(np.float64)
            below, above = (np.where(gap == 0, 0.0, np.nextafter(gap, np.inf)) for gap in (at - lo, hi - at))
            return Interval(at, below, above)

    def __getitem__(self, part: Any) -> Interval:
        below = self.below[part]
        return Interval(self.at[part], below, below if self.symmetric else self.above[part])

    def __neg__(self) -> Interval:
        return Interval(-self.at, self.above, self.below)

    def __add__(self, other: Interval) -> Interval:
        below = self.below + other.below
        both = self.symmetric and other.symmetric
        return Interval(self.at + other.at, below, below if both else self.above + other.above)

    def __sub__(self, other: Interval) -> Interval:
        below = self.below + other.above
        both = self.symmetric and other.symmetric
        return Interval(self.at - other.at, below, below if both else self.above + other.below)

    def scaled(self, weight: Any, off: float) -> Interval:
        """The product with a number that may be `off` by that much from `weight >= 0`."""
        reach, error = (float(weight) + off) * (1 + SLACK), self.size * off
        below = self.below * reach + error
        return Interval(self.at * weight, below, below if self.symmetric else self.above * reach + error)

    def relative(self, off: Any) -> Interval:
        """The product with a number that may be `off` by that much from 1."""
        reach, error = (1 + off) * (1 + SLACK), self.size * off
        below = self.below * reach + error
        return Interval(self.at, below, below if self.symmetric else self.above * reach + error)

    def plus(self, term: Any, off: float) -> Interval:
        """The sum with a number that may be `off` by that much from `term`."""
        below = self.below + off
        return Interval(self.at + term, below, below if self.symmetric else self.above + off)

    def widen(self, radius: Any) -> Interval:
        """Both ends moved outward by `radius >= 0`."""
        below = self.below + radius
        return Interval(self.at, below, below if self.symmetric else self.above + radius)

    def squared(self) -> Interval:
        """The square of each box."""
        if self.below is _ZERO:
            return Interval.ball(self.at * self.at, _ZERO)
        twice = self.size + self.size
        below = (twice + self.below) * self.below
        above = below if self.symmetric else (twice + self.above) * self.above
        return Interval.ball(self.at * self.at, below if self.symmetric else np.maximum(below, above))

    def root(self) -> Interval:
        """The square root of boxes that are not negative: `sqrt(x) - sqrt(x - b) = b / (sqrt(x) + sqrt(x - b))`."""
        root = np.sqrt(self.at)
        middle = root.astype(np.float64, copy=False) + GUARD
        below = self.below / (middle + np.sqrt(np.maximum(self.size * (1 - SLACK) - self.below, 0)))
        if self.symmetric:
            return Interval.ball(root, below)
        above = self.above / (middle + np.sqrt(self.size + self.above))
        return Interval(root, below, np.where(np.isinf(self.above), np.inf, above))

    def divided(self, divisor: Interval) -> Interval:
        """The quotient by boxes that are positive; unknown where the divisor may be 0, or both infinite.

        `m/d - M/D = ((m - M) + (M/D)*(D - d)) / d`.
        """
        quotient = self.at / divisor.at
        least = divisor.size * (1 - SLACK) - divisor.below
        if self.symmetric and divisor.symmetric:
            size = np.abs(quotient.astype(np.float64, copy=False))
            radius = (self.below + size * divisor.below) / least
            if not (least > 0).all():
                radius = np.where(least > 0, radius, np.inf)
            return Interval.ball(quotient, radius)
        greatest = divisor.size * (1 - SLACK) + divisor.above
        q = quotient.astype(np.float64, copy=False)
        above = np.maximum((self.above + q * divisor.below) / least, _toward(self.above, -q, divisor.above, greatest))
        below = np.maximum((self.below - q * divisor.below) / least, _toward(self.below, q, divisor.above, greatest))
        known = (least > 0) & ~(np.isinf(divisor.above) & (np.isinf(self.below) | np.isinf(self.above)))
        return Interval(quotient, np.where(known, below, np.inf), np.where(known, above, np.inf))

    def where(self, present: Array) -> Interval:
        """Exactly 0 elsewhere."""
        below = np.where(present, self.below, 0)
        return Interval(
            np.where(present, self.at, 0), below, below if self.symmetric else np.where(present, self.above, 0)
        )

    def maximum(self, other: Interval) -> Interval:
        """The elementwise maximum, which moves by no more than one of the two does."""
        below = np.maximum(self.below, other.below)
        both = self.symmetric and other.symmetric
        return Interval(np.maximum(self.at, other.at), below, below if both else np.maximum(self.above, other.above))

    def clipped(self) -> Interval:
        """The part that is not negative, of boxes whose middle is not; what is unknown stays so.

        Where that moves a lower end, the end is 0 or, by what float64 rounds away, just below it.
        """
        if (self.below <= self.size).all():
            return self
        least = np.minimum(self.below, self.size * (1 + SLACK) + math.ulp(0.0))
        return Interval(self.at, np.where(np.isinf(self.below), np.inf, least), self.above)

    def overflowing(self, limit: float) -> Interval:
        """Admit an infinity where the box crosses `limit`, and only there; NaN and infinite middles become unknown."""
        middle = self.at.astype(np.float64, copy=False)
        below = np.where(middle - self.below < -limit, np.inf, self.below)
        above = np.where(middle + self.above > limit, np.inf, self.above)
        unknown = ~np.isfinite(self.at) | np.isnan(below) | np.isnan(above)
        return Interval(
            np.where(unknown, 0, self.at), np.where(unknown, np.inf, below), np.where(unknown, np.inf, above)
        )


def _toward(reach: Array, slope: Array, above: Array, greatest: Array) -> Array:
    """`(reach + slope*above) / greatest`, and its limit `slope` where the divisor may be infinite."""
    return np.where(np.isinf(above), np.where(np.isinf(reach), np.inf, slope), (reach + slope * above) / greatest)


def every(array: Array) -> bool:
    """Whether no element is zero."""
    return bool(np.logical_and.reduce(array, axis=None))


def below(array: Array, limit: float) -> bool:
    """Whether every element is a number, and at most `limit`."""
    return bool(np.maximum.reduce(array, axis=None, initial=0.0) <= limit)
