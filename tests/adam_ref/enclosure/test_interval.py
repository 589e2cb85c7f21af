"""Interval arithmetic: whatever lies in the boxes, the result of the operation lies in the result's box."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from adam_ref import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, Interval
from adam_ref.enclosure.interval import working_dtype

Array = NDArray[Any]
OWN = 2.0**-45
"""What float64 arithmetic here may lose itself; the recursion pays for that with each weight."""


def boxes(seed: int, *, positive: bool, symmetric: bool) -> Interval:
    """A few thousand boxes of all sizes."""
    rng = np.random.default_rng(seed)
    at = rng.standard_normal(4000) * 10.0 ** rng.integers(-8, 8, 4000)
    at = np.abs(at) if positive else at
    reach = np.abs(at) * 10.0 ** rng.uniform(-6, -0.05, 4000)
    if symmetric:
        return Interval.ball(at, reach)
    return Interval(at, reach, reach * 10.0 ** rng.uniform(-2, 2, 4000))


def inside(box: Interval, share: Array) -> Array:
    """A point of each box, the ends for 0 and 1."""
    return np.asarray(box.lo + share * (box.hi - box.lo))


OPERATIONS: dict[str, tuple[bool, Callable[..., Any], Callable[..., Any]]] = {
    "sum": (False, lambda a, b: a + b, lambda x, y: x + y),
    "difference": (False, lambda a, b: a - b, lambda x, y: x - y),
    "negative": (False, lambda a, _: -a, lambda x, _: -x),
    "maximum": (False, lambda a, b: a.maximum(b), np.maximum),
    "square": (False, lambda a, _: a.squared(), lambda x, _: x * x),
    "root": (True, lambda a, _: a.clipped().root(), lambda x, _: np.sqrt(np.maximum(x, 0))),
    "multiple": (False, lambda a, _: a.scaled(0.3, 0.01), lambda x, y: x * np.where(np.signbit(y), 0.29, 0.31)),
    "relative": (False, lambda a, _: a.relative(0.01), lambda x, y: x * np.where(np.signbit(y), 0.99, 1.01)),
    "shift": (False, lambda a, _: a.plus(2.0, 0.1), lambda x, y: x + np.where(np.signbit(y), 1.9, 2.1)),
}


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_contain_what_they_should(name: str, symmetric: bool) -> None:
    """A box would be too small, and honest results would fall out of it."""
    positive, of_boxes, of_numbers = OPERATIONS[name]
    a = boxes(1, positive=positive, symmetric=symmetric)
    b = boxes(2, positive=positive, symmetric=symmetric)
    result = of_boxes(a, b)
    rng = np.random.default_rng(3)
    slack = OWN * (np.abs(result.at) + result.below + result.above)
    for share in [np.zeros(4000), np.ones(4000), *rng.random((20, 4000))]:
        exact = of_numbers(inside(a, share), inside(b, rng.permutation(share)))
        assert ((result.lo - slack <= exact) & (exact <= result.hi + slack)).all()


@pytest.mark.parametrize("symmetric", [True, False])
def test_quotients_contain_what_they_should(symmetric: bool) -> None:
    """As above; and near the ends they are not much larger than they must be."""
    a, b = boxes(4, positive=False, symmetric=symmetric), boxes(5, positive=True, symmetric=symmetric)
    result = a.divided(b)
    ends = [x / y for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
    lo, hi = np.minimum.reduce(ends), np.maximum.reduce(ends)
    slack = OWN * (np.abs(result.at) + result.below + result.above)
    assert (result.lo <= lo + slack).all()
    assert (result.hi >= hi - slack).all()
    if not symmetric:
        assert (result.lo >= lo - slack).all()
        assert (result.hi <= hi + slack).all()


def test_a_divisor_that_may_be_zero_leaves_nothing_known() -> None:
    """An element divided by an epsilon that underflowed would count as a pass."""
    one = Interval.ball(np.ones(4), np.zeros(4))
    divisor = Interval(
        np.array([1.0, 1.0, 0.0, 1.0]), np.array([0.5, 1.0, 0.0, 0.5]), np.array([0.5, 1.0, 0.0, np.inf])
    )
    with np.errstate(all="ignore"):
        assert one.divided(divisor).undecided.tolist() == [False, True, True, False]
        assert one.divided(divisor).lo[3] == pytest.approx(0.0, abs=1e-15)
        infinite = Interval(np.ones(4), np.ones(4), np.full(4, np.inf))
        assert infinite.divided(divisor).undecided.tolist() == [False, True, True, True]


def test_an_infinity_is_admitted_only_where_the_box_crosses_the_limit() -> None:
    """A result that overflows without need would pass, or one that must would fail."""
    box = Interval.ball(
        np.array([65000.0, -65000.0, 65000.0, np.nan, np.inf]), np.array([1000.0, 1000.0, 10.0, 1.0, 1.0])
    )
    after = box.overflowing(FLOAT16.largest)
    assert after.contains(np.full(5, np.inf)).tolist() == [True, False, False, True, True]
    assert after.contains(np.full(5, -np.inf)).tolist() == [False, True, False, True, True]
    assert after.undecided.tolist() == [False, False, False, True, True]
    assert after.contains(np.full(5, np.nan)).tolist() == [False, False, False, True, True]


def test_points_slices_and_rounding() -> None:
    """Small things that everything rests on."""
    point = Interval.point([1.0, -2.0], np.dtype(np.float64))
    assert point.contains([1.0, -2.0]).all()
    assert not point.contains([1.0 + 2.0**-52, -2.0]).all()
    assert point.size.tolist() == [1.0, 2.0]
    box = Interval(np.array([1.0, 2.0]), np.array([0.1, 0.2]), np.array([0.3, 0.4]))
    assert (box[1:].lo, box[1:].hi) == (box.lo[1], box.hi[1])
    assert Interval.ball(box.at, box.below)[1:].symmetric
    seen = box.rounded(BFLOAT16)
    assert seen.contains(BFLOAT16.round(box.lo)).all()
    assert seen.contains(BFLOAT16.round(box.hi)).all()
    assert Interval.ball(np.zeros(3), np.ones(3)).clipped().lo.tolist() == pytest.approx([0.0] * 3, abs=1e-300)


def test_the_working_dtype_has_bits_to_spare() -> None:
    """Our own rounding would be as large as the target's."""
    for target in (FLOAT32, BFLOAT16, FLOAT16):
        assert working_dtype(target) == np.float64
    assert np.finfo(working_dtype(FLOAT64)).nmant in (52, 63, 112)
