"""The reference's edge: which arrays are let in, and that blocks and complex views change nothing."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from adam_ref import ArrayError
from adam_ref.arrays import as_reals, checked_gradient, checked_parameter, from_reals, map_blocks

FLOATING = [np.float64, np.float32, np.float16, ml_dtypes.bfloat16]
FORBIDDEN = [np.int64, np.uint8, np.bool_, np.dtype("U1"), object]


@pytest.mark.parametrize("dtype", FLOATING)
def test_floating_parameters_become_float64_copies(dtype):
    given = np.ones((2, 3), dtype=dtype)
    taken = checked_parameter(given)
    assert taken.dtype == np.float64
    assert not np.shares_memory(given, taken)


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_parameters_become_complex128(dtype):
    assert checked_parameter(np.ones(2, dtype)).dtype == np.complex128


@pytest.mark.parametrize("dtype", FORBIDDEN)
def test_other_parameters_are_refused(dtype):
    with pytest.raises(ArrayError, match=r"parameter of dtype .* is not allowed: it must be floating or complex"):
        checked_parameter(np.zeros(2, dtype))


@pytest.mark.parametrize("dtype", [*FORBIDDEN, np.complex128])
def test_gradients_of_another_kind_are_refused(dtype):
    """An integer gradient would be truncated somewhere; a complex one would lose its imaginary part."""
    with pytest.raises(ArrayError, match=r"gradient of dtype .* is not allowed: it must be floating"):
        checked_gradient(np.zeros(2, dtype), np.zeros(2))


def test_a_complex_parameter_takes_complex_and_floating_gradients():
    like = np.zeros(2, np.complex128)
    assert checked_gradient(np.ones(2, np.float32), like).dtype == np.complex128
    assert checked_gradient(np.ones(2, np.complex64), like).dtype == np.complex128
    with pytest.raises(ArrayError, match="dtype int64 is not allowed: it must be complex or floating"):
        checked_gradient(np.ones(2, np.int64), like)


@pytest.mark.parametrize("shape", [(), (3,), (2, 1), (1, 2), (0,)])
def test_a_gradient_of_another_shape_is_refused(shape):
    """Broadcasting would hide it."""
    with pytest.raises(ArrayError, match=r"gradient of shape \(.*\) is not allowed: the parameter's shape is \(2,\)"):
        checked_gradient(np.zeros(shape), np.zeros(2))


@pytest.mark.parametrize(
    ("given", "said"), [([None], "1 of them"), (np.zeros(2), "ndarray"), (None, "NoneType"), ((None,) * 3, "3 of them")]
)
def test_lists_of_gradients_have_the_length_of_the_parameters(given, said):
    with pytest.raises(ArrayError, match=f"gradients given: {said}; allowed: a list of 2"):
        checked_gradient(given, 2)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (0, 2)])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_reals_and_back(shape, dtype):
    array = np.asarray(np.arange(np.prod(shape)).reshape(shape) * (1 + 2j if dtype == np.complex128 else 1), dtype)
    reals = as_reals(array)
    assert reals.shape == ((array.size, 2) if dtype == np.complex128 else (array.size,))
    back = from_reals(reals, array)
    assert back.shape == shape
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("n", [0, 1, 6, 7, 8, 21, 23])
def test_blocks_cover_everything_once(n):
    """A lost tail, or a block done twice."""
    x = np.arange(float(n))
    plus, pairs = map_blocks(lambda a, k: (a + k, np.stack([a, a], axis=-1)), [x], 0.5, block=7)
    np.testing.assert_array_equal(plus, x + 0.5)
    np.testing.assert_array_equal(pairs, np.stack([x, x], axis=-1))


def test_what_is_handed_through_is_not_copied():
    """Without AMSGrad its maximum would cost as much memory as the parameter, for nothing."""
    x, y = np.arange(20.0), np.ones(20)
    doubled, same = map_blocks(lambda a, b: (2 * a, b), [x, y], block=7)
    np.testing.assert_array_equal(doubled, 2 * x)
    assert same is y
