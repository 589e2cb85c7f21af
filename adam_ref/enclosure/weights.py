"""The weights of the moments' updates, and how far the admissible orders of evaluation take each from itself."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from adam_ref.dialect import Dialect
from adam_ref.enclosure import counts
from adam_ref.enclosure.accuracy import Scalar, scalars
from adam_ref.enclosure.counts import NOTHING, PRODUCT, Count
from adam_ref.enclosure.numerics import Numerics, Rounding, roundings
from adam_ref.hyperparameters import Hyperparameters


class Weights(NamedTuple):
    """The weights of the old value and of the new term, and how far each may be off."""

    old: Any
    off_old: float
    new: Any
    off_new: float

    @property
    def least(self) -> float:
        """A value of this much has at least this radius, times itself; a weight that is exactly zero has none."""
        return min((off for off in (self.off_old, self.off_new) if off), default=0.0)


@lru_cache(maxsize=1024)
def moment_weights(
    hyper: Hyperparameters, dialect: Dialect, numerics: Numerics
) -> tuple[tuple[Weights, Weights], tuple[Weights, Weights]]:
    """Of the first and of the second moment: the weights of every step, and those of a first step from exactly zero."""
    parameter, first, second, _ = roundings(numerics)
    s = scalars(hyper, dialect, 1, numerics.accuracy, first.target, numerics.work)
    narrowed = _narrowed(first, parameter)
    of_m = [_weights(first, s.beta1, s.w1, narrowed, smaller=False, first=is_first) for is_first in (False, True)]

    # All terms of v have one sign, so unlike m it is never smaller than what is rounded.  A lerp from the old value
    # would lose v where that falls quickly (beta2 < 1/2), and is not admissible there.
    s = scalars(hyper, dialect, 1, numerics.accuracy, second.target, numerics.work)
    squares = squares_of(dialect)
    square = (counts.SQUARE if squares == 1 else counts.MODULUS) + _narrowed(second, parameter)
    of_v = [_weights(second, s.beta2, s.w2, square, smaller=True, first=is_first) for is_first in (False, True)]
    underflow = squares * counts.UNDERFLOW_SQUARE * second.tiny
    of_v = [w._replace(off_new=w.off_new + underflow) for w in of_v]
    return (of_m[0], of_m[1]), (of_v[0], of_v[1])


def _weights(r: Rounding, keep: Scalar, take: Scalar, new: Count, *, smaller: bool, first: bool) -> Weights:
    """The weights of `keep*old + take*new`, where forming the new term takes the roundings `new`.

    Either a multiply-add; or a lerp from the old value, `old + take*(new - old)`; or one from the new value,
    `new - keep*(new - old)` with `keep` or `1 - take`.  `smaller`: a lerp goes from the old value only where its weight
    is the smaller one.  The difference is at most `abs(old) + abs(new)`, so that its error is one of both weights.  At
    the `first` step the old value is exactly zero: there is no difference, and only the lerp from the new value has a
    sum.
    """
    k, w, e = float(keep.value), float(take.value), r.relative(new)
    difference = NOTHING if first else counts.DIFFERENCE
    off_old = k * r.relative(product_with(keep), keep.cast, keep.error)
    off_new = w * r.relative(product_with(take) + new, take.cast, take.error)
    if k >= 0.5 or not smaller:
        lerp = w * r.relative(product_with(take) + difference, take.cast, take.error) * (1 + e)
        off_old, off_new = max(off_old, lerp), max(off_new, lerp + w * e)
    if 0 < k < 0.5 or (k == 0.5 and not first):
        f = r.relative(product_with(keep) + difference, keep.cast, keep.error)
        lerp = (k * f + w * r.relative(NOTHING, take.cast, take.error) * (1 + f)) * (1 + e)
        total = r.sum * (w + lerp) if first else 0.0
        off_old, off_new = max(off_old, lerp), max(off_new, lerp + w * e + total)
    if not first:
        off_old, off_new = off_old + r.sum * (k + off_old), off_new + r.sum * (w + off_new)
    return Weights(keep.value, off_old, take.value, off_new)


def _narrowed(moment: Rounding, parameter: Rounding) -> Count:
    return counts.NARROWED if moment.target.precision < parameter.target.precision else NOTHING


def squares_of(dialect: Dialect) -> int:
    """How many squares the second moment adds for one element."""
    return 2 if dialect.complex_square == "modulus" else 1


def product_with(scalar: Scalar) -> Count:
    """The roundings of a product with it."""
    return PRODUCT if scalar.product else NOTHING
