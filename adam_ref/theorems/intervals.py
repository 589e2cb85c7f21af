"""Intervals with open and closed ends: what the engine knows about the range of an expression."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import sympy as sp


@dataclass(frozen=True)
class End:
    """One end of an interval; `open` when the value itself is not taken."""

    value: sp.Expr
    open: bool


@dataclass(frozen=True)
class Range:
    """All values between `low` and `high`. Arithmetic encloses: the result holds every possible value."""

    low: End
    high: End

    @property
    def positive(self) -> bool:
        """No value is zero or less."""
        return bool(self.low.value > 0 or (self.low.value == 0 and self.low.open))

    @property
    def nonnegative(self) -> bool:
        """No value is below zero."""
        return bool(self.low.value >= 0)

    @property
    def negative(self) -> bool:
        """No value is zero or more."""
        return (-self).positive

    @property
    def nonzero(self) -> bool:
        """Zero is not taken."""
        return self.positive or self.negative

    def __neg__(self) -> Range:
        return Range(End(-self.high.value, self.high.open), End(-self.low.value, self.low.open))

    def __add__(self, other: Range) -> Range:
        return Range(_plus(self.low, other.low), _plus(self.high, other.high))

    def __mul__(self, other: Range) -> Range:
        corners = [_times(a, b) for a, b in product((self.low, self.high), (other.low, other.high))]
        return Range(_extreme(corners, smallest=True), _extreme(corners, smallest=False))

    def __and__(self, other: Range) -> Range:
        return Range(_tighter(self.low, other.low, lower=True), _tighter(self.high, other.high, lower=False))

    def reciprocal(self) -> Range:
        """`1/x`; only for a range on one side of zero."""
        if self.negative:
            return -(-self).reciprocal()
        if not self.positive:
            return ALL
        high = End(sp.oo, True) if self.low.value == 0 else End(1 / self.low.value, self.low.open)
        low = End(sp.Integer(0), True) if self.high.value == sp.oo else End(1 / self.high.value, self.high.open)
        return Range(low, high)

    def power(self, exponent: sp.Expr) -> Range:
        """`x**exponent` for a number `exponent`."""
        if exponent < 0:
            return self.power(-exponent).reciprocal()
        if exponent == 0:
            return point(sp.Integer(1))
        if self.nonnegative:
            return Range(End(self.low.value**exponent, self.low.open), End(self.high.value**exponent, self.high.open))
        if not exponent.is_integer:
            return ALL
        if exponent % 2 == 1:
            return Range(End(self.low.value**exponent, self.low.open), End(self.high.value**exponent, self.high.open))
        if self.nonzero:
            return (-self).power(exponent)
        return Range(End(sp.Integer(0), False), End(sp.oo, True))


def _plus(a: End, b: End) -> End:
    return End(a.value + b.value, a.open or b.open)


def _times(a: End, b: End) -> End:
    if a.value == 0 or b.value == 0:
        closed_zero = (a.value == 0 and not a.open) or (b.value == 0 and not b.open)
        return End(sp.Integer(0), not closed_zero)
    return End(a.value * b.value, a.open or b.open)


def _extreme(ends: list[End], *, smallest: bool) -> End:
    best = ends[0]
    for end in ends[1:]:
        better = end.value < best.value if smallest else end.value > best.value
        if better or (end.value == best.value and best.open):
            best = end
    return best


def _tighter(a: End, b: End, *, lower: bool) -> End:
    if a.value == b.value:
        return a if a.open else b
    return a if bool(a.value > b.value) == lower else b


def point(value: sp.Expr) -> Range:
    """The range of one number."""
    return Range(End(value, False), End(value, False))


ALL = Range(End(-sp.oo, True), End(sp.oo, True))
NONNEGATIVE = Range(End(sp.Integer(0), False), End(sp.oo, True))
POSITIVE = Range(End(sp.Integer(0), True), End(sp.oo, True))
UNIT = Range(End(sp.Integer(0), False), End(sp.Integer(1), False))
