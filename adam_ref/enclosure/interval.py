"""Intervals of arrays, and the one operation that turns real arithmetic into a bound on floating-point arithmetic.

An `Interval` holds two arrays `lo <= hi` of a working dtype.  Its operations round to nearest in that dtype; they are
exact only up to the working roundoff `w`.  Soundness comes from `widen`, through which every formula of the recursion
passes: it adds the target's roundings and our own, counted together (theorem T15).
"""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Interval:
    """A box for each element: arrays `lo` and `hi` of one shape and one working dtype.

    Within a step an element of which nothing is known has NaN for ends, which every operation hands on; `settled` turns
    them into the whole line, and `unsettled` back.  Operations divide by zero at will: call them under `np.errstate`.
    """

    lo: Array
    hi: Array

    @classmethod
    def point(cls, values: Any, work: np.dtype[Any]) -> Interval:
        """The degenerate boxes that hold `values` alone."""
        array = np.asarray(values).astype(work)
        return cls(array, array)

    @property
    def size(self) -> Array:
        """The largest absolute value in each box, as float64."""
        lo = np.abs(self.lo.astype(np.float64, copy=False))
        return lo if self.lo is self.hi else np.maximum(lo, np.abs(self.hi.astype(np.float64, copy=False)))

    @property
    def undecided(self) -> Array:
        """Where the box is the whole line, so that it says nothing."""
        return np.asarray(np.isneginf(self.lo) & np.isposinf(self.hi))

    def settled(self) -> Interval:
        """NaN ends as the whole line."""
        unknown = np.isnan(self.hi - self.lo)
        if not unknown.any():
            return self
        unknown = np.isnan(self.lo) | np.isnan(self.hi)
        return Interval(np.where(unknown, -np.inf, self.lo), np.where(unknown, np.inf, self.hi))

    def unsettled(self) -> Interval:
        """The whole line as NaN ends."""
        if not np.isinf(self.lo).any():
            return self
        unknown = self.undecided
        return Interval(np.where(unknown, np.nan, self.lo), np.where(unknown, np.nan, self.hi))

    def __neg__(self) -> Interval:
        return Interval(-self.hi, -self.lo)

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.lo + other.lo, self.hi + other.hi)

    def __sub__(self, other: Interval) -> Interval:
        return Interval(self.lo - other.hi, self.hi - other.lo)

    def __mul__(self, factor: Any) -> Interval:
        """The product with a number that is not negative."""
        lo = self.lo * factor
        return Interval(lo, lo if self.hi is self.lo else self.hi * factor)

    def __truediv__(self, divisor: Any) -> Interval:
        """The quotient by a positive number."""
        return self if divisor == 1 else Interval(self.lo / divisor, self.hi / divisor)

    def divided(self, divisor: Interval) -> Interval:
        """The quotient by boxes that are not negative; unknown where the divisor may be 0, or both infinite."""
        lo = self.lo / np.where(self.lo < 0, divisor.lo, divisor.hi)
        hi = self.hi / np.where(self.hi < 0, divisor.hi, divisor.lo)
        unknown = divisor.lo <= 0
        unknown |= np.isinf(divisor.hi) & np.isinf(self.size)
        return Interval(np.where(unknown, np.nan, lo), hi)

    def squared(self) -> Interval:
        """The square of each box."""
        a = self.lo * self.lo
        if self.lo is self.hi:
            return Interval(a, a)
        b = self.hi * self.hi
        inside = (self.lo < 0) & (self.hi > 0)
        return Interval(np.where(inside, 0, np.minimum(a, b)), np.maximum(a, b))

    def root(self) -> Interval:
        """The square root of boxes that are not negative."""
        return Interval(np.sqrt(self.lo), np.sqrt(self.hi))

    def maximum(self, other: Interval) -> Interval:
        """The elementwise maximum."""
        return Interval(np.maximum(self.lo, other.lo), np.maximum(self.hi, other.hi))

    def clipped(self) -> Interval:
        """The part that is not negative; `hi` must not be."""
        return Interval(np.maximum(self.lo, 0), self.hi)

    def widen(self, radius: Any) -> Interval:
        """Both ends moved outward by `radius >= 0`."""
        return Interval(self.lo - radius, self.hi + radius)

    def overflowing(self, target: Format) -> Interval:
        """Admit an infinity where the box crosses the largest finite number of `target`, and only there."""
        if not (self.size > target.largest).any():
            return self
        return Interval(
            np.where(self.lo < -target.largest, -np.inf, self.lo), np.where(self.hi > target.largest, np.inf, self.hi)
        )

    def contains(self, values: Any) -> Array:
        """Where `values` lies inside; an undecided box contains everything, NaN included."""
        x = np.asarray(values)
        return np.asarray(((self.lo <= x) & (x <= self.hi)) | self.undecided)
