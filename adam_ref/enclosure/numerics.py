"""What the target computes in, and the radii of what rounding there can do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from adam_ref.enclosure import counts
from adam_ref.enclosure.accuracy import CLASS_A, ROUNDING_UP, AccuracyClass, cast_error
from adam_ref.enclosure.counts import NOTHING, Count
from adam_ref.enclosure.interval import working_dtype
from adam_ref.formats import FLOAT32, Format


@dataclass(frozen=True)
class Numerics:
    """What the target computes in: the parameter's format, those of its moments, and how it holds the scalars.

    A moment's format is the parameter's unless it is declared or was seen to be another one.
    """

    parameter: Format
    first_moment: Format
    second_moment: Format
    accuracy: AccuracyClass = CLASS_A
    fast_math: bool = False
    """Quotients and roots are not correctly rounded (`counts.FAST_QUOTIENT`); such devices flush subnormals as well."""
    stochastic: bool = False
    """The parameter is computed in float32, and rounded at random to its format (`adam_ref.enclosure.stochastic`)."""

    @classmethod
    def uniform(cls, target: Format, accuracy: AccuracyClass = CLASS_A) -> Numerics:
        """Everything in one format."""
        return cls(target, target, target, accuracy)

    @property
    def formats(self) -> tuple[Format, Format, Format]:
        """The format of the parameter, of the first and of the second moment."""
        return self.parameter, self.first_moment, self.second_moment

    @property
    def computed(self) -> Format:
        """The format that the parameter is computed in, before it is stored."""
        if not self.stochastic:
            return self.parameter
        return FLOAT32.flushing() if self.parameter.flush_to_zero else FLOAT32

    @cached_property
    def work(self) -> np.dtype[Any]:
        """The dtype the boxes are computed in."""
        return max((working_dtype(f) for f in self.formats), key=lambda dtype: np.finfo(dtype).nmant)

    @cached_property
    def between(self) -> Format:
        """What the denominator and the step are computed in: the coarsest roundoff, over the widest range."""
        if len(set(self.formats)) == 1:
            return self.parameter
        return Format(
            "between " + " and ".join(f.name for f in self.formats),
            min(f.precision for f in self.formats),
            min(f.min_exponent for f in self.formats),
            max(f.max_exponent for f in self.formats),
            any(f.flush_to_zero for f in self.formats),
        )


class Rounding:
    """What roundings in one format can do, with a surplus for our own arithmetic."""

    def __init__(self, target: Format, numerics: Numerics) -> None:
        self.target = target
        self.u = target.roundoff
        self.largest = target.largest
        self.cast = cast_error(1.0, numerics.accuracy, target)
        self.held = numerics.accuracy.roundoff
        self.own = float(counts.OWN * np.finfo(numerics.work).eps / 2)
        self.per_quotient = counts.FAST_QUOTIENT if numerics.fast_math else 0
        self.per_root = counts.FAST_ROOT if numerics.fast_math else 0
        self.sum = self.relative(counts.SUM)
        smallest = math.ulp(0.0) if target.underflow <= math.ulp(0.0) else 0.0
        # What a float64 radius may lose by underflow itself; of interest where the target is float64.
        self.tiny = target.underflow + 2 * smallest
        """What one rounding may lose where its result is subnormal."""
        self.underflow_sum = self.tiny if target.flush_to_zero else smallest
        """What a sum may lose there: unless it is flushed, it is exact."""

    def first_order(self, count: Count, *errors: float) -> float:
        """The logarithm of the factor that these roundings and relative errors can make."""
        tensor = count.tensor + self.per_quotient * count.quotients + self.per_root * count.roots
        return self.u * tensor + self.cast * count.cast + self.held * count.scalar + sum(errors)

    def relative(self, count: Count = NOTHING, *errors: float) -> float:
        """`x` such that after these roundings and relative errors a value lies within a factor `1 + x`, either way.

        A rounding is a factor between `1/(1+u)` and `1+u`, whichever way round one reads it.
        """
        return self.excess(self.first_order(count, *errors))

    def excess(self, first_order: float) -> float:
        """`exp(first_order) - 1`, rounded up, and our own roundings."""
        return math.expm1(first_order) * ROUNDING_UP + self.own if first_order < 1 else math.inf


@lru_cache(maxsize=256)
def roundings(numerics: Numerics) -> tuple[Rounding, Rounding, Rounding, Rounding]:
    """Those of the parameter, of both moments, and of what lies between them and the parameter."""
    found = {f: Rounding(f, numerics) for f in (*numerics.formats, numerics.between)}
    parameter, first, second = (found[f] for f in numerics.formats)
    return parameter, first, second, found[numerics.between]


@lru_cache(maxsize=256)
def last_roundings(numerics: Numerics) -> Rounding:
    """Those of what the parameter is computed with last: its decay, and the difference with the step."""
    return Rounding(numerics.computed, numerics) if numerics.stochastic else roundings(numerics)[0]
