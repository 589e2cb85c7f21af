"""Formats: a wrong roundoff, underflow or rounding would make every derived tolerance wrong."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adam_ref import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, FormatError, named_format
from adam_ref.formats import FORMATS

ALL = list(FORMATS.values())
HALF = [BFLOAT16, FLOAT16]
by_name = pytest.mark.parametrize("fmt", ALL, ids=lambda f: f.name)
each_half = pytest.mark.parametrize("fmt", HALF, ids=lambda f: f.name)


def info(fmt):
    return ml_dtypes.finfo(fmt.dtype)


def every_value(fmt):
    """All finite numbers of a 16-bit format, sorted, one zero."""
    with np.errstate(invalid="ignore"):
        values = np.arange(2**16, dtype=np.uint16).view(fmt.dtype).astype(np.float64)
    return np.unique(values[np.isfinite(values)])


@by_name
def test_the_numbers_agree_with_finfo(fmt):
    assert fmt.roundoff == float(info(fmt).eps) / 2
    assert fmt.largest == float(info(fmt).max)
    assert fmt.smallest_normal == float(info(fmt).smallest_normal)
    assert fmt.dtype.itemsize == {"float64": 8, "float32": 4}.get(fmt.name, 2)


@by_name
def test_underflow_is_half_the_smallest_subnormal(fmt):
    """Rounded up to what float64 can hold, and the smallest normal where subnormals are flushed."""
    smallest = float(info(fmt).smallest_subnormal)
    assert fmt.underflow == max(smallest / 2, 5e-324)
    assert fmt.flushing().underflow == fmt.smallest_normal
    assert fmt.flushing().roundoff == fmt.roundoff


@each_half
def test_holds_exactly_the_values_of_the_format(fmt):
    """Every number of the format is held, and nothing half way to the next one."""
    values = every_value(fmt)
    assert all(fmt.holds(float(value)) for value in values)
    assert not any(fmt.holds(float(between)) for between in (values[:-1] + values[1:]) / 2)
    assert not any(fmt.holds(bad) for bad in (math.inf, -math.inf, math.nan, 2 * fmt.largest))


@each_half
def test_neighbours_are_the_next_values_of_the_format(fmt):
    """Those of a number of the format are that number itself; beyond the largest one there is an infinity."""
    values = every_value(fmt)
    for share in (0.01, 0.5, 0.99):
        below, above = fmt.neighbours(values[:-1] + share * np.diff(values))
        assert (below == values[:-1]).all()
        assert (above == values[1:]).all()
    assert all((side == values).all() for side in fmt.neighbours(values))
    far = np.array([1.001, 2.0, np.inf]) * fmt.largest
    assert [side.tolist() for side in fmt.neighbours(far)] == [[fmt.largest] * 2 + [fmt.largest], [np.inf] * 3]
    assert [side.tolist() for side in fmt.neighbours(-far)] == [[-np.inf] * 3, [-fmt.largest] * 3]
    assert np.isnan(fmt.neighbours(np.nan)).all()


@each_half
def test_ulp_is_the_distance_to_the_next_value(fmt):
    values = every_value(fmt)
    positive = values[values >= 0]
    assert [fmt.ulp(float(x)) for x in positive[:-1]] == np.diff(positive).tolist()
    assert [fmt.ulp(float(-x)) for x in positive[:-1]] == np.diff(positive).tolist()


@by_name
def test_ulp_at_the_ends(fmt):
    assert fmt.ulp(0.0) == float(info(fmt).smallest_subnormal)
    assert fmt.ulp(1.0) == 2 * fmt.roundoff
    assert fmt.largest - fmt.ulp(fmt.largest) < fmt.largest
    assert math.isnan(fmt.ulp(math.inf))
    assert math.isnan(fmt.ulp(math.nan))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_ulp_of_float64_is_that_of_the_standard_library(x):
    assert FLOAT64.ulp(x) == math.ulp(x)
    assert FLOAT64.holds(x)


@each_half
def test_round_keeps_every_value_and_finds_the_nearest(fmt):
    """Halfway goes to the even neighbour; a hair beside halfway goes to the nearer one, in one rounding."""
    values = every_value(fmt)
    np.testing.assert_array_equal(fmt.round(values), values)
    low, high = values[:-1], values[1:]
    half = (low + high) / 2
    np.testing.assert_array_equal(fmt.round(np.nextafter(half, -np.inf)), low)
    np.testing.assert_array_equal(fmt.round(np.nextafter(half, np.inf)), high)
    even_low = np.round(low / fmt.ulp(0.0)) / np.round((high - low) / fmt.ulp(0.0)) % 2 == 0
    np.testing.assert_array_equal(fmt.round(half), np.where(even_low, low, high))


@pytest.mark.parametrize("fmt", [FLOAT16, FLOAT32], ids=lambda f: f.name)
def test_round_agrees_with_the_cast_of_numpy(fmt):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(20_000) * 10.0 ** rng.integers(-50, 50, 20_000)
    edges = [0.0, -0.0, 5e-324, 1e308, np.inf, -np.inf, np.nan, fmt.largest * (1 + fmt.roundoff / 2)]
    x = np.concatenate([x, edges])
    with np.errstate(over="ignore"):
        expected = x.astype(fmt.dtype).astype(np.float64)
    np.testing.assert_array_equal(fmt.round(x), expected)
    np.testing.assert_array_equal(np.signbit(fmt.round(x)), np.signbit(expected))


def test_round_overflows_at_half_an_ulp_past_the_largest():
    assert FLOAT16.round([65519.99, 65520.0, -65520.0]).tolist() == [65504.0, math.inf, -math.inf]
    assert FLOAT64.round(1e308) == 1e308


def test_names():
    """Complex dtypes have the format of their parts; anything else is an error that lists the formats."""
    assert named_format("complex64") is FLOAT32
    assert named_format("complex128") is FLOAT64
    assert [named_format(f.name) for f in ALL] == ALL
    with pytest.raises(FormatError, match="'int8': the formats are float64, float32, bfloat16, float16, complex"):
        named_format("int8")
