"""The golden update: Algorithm 1 at points computed by hand, and what surrounds it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from adam_ref import ADAM, DIALECTS, ArrayError, Dialect, Hyperparameters, golden
from adam_ref.arrays import BLOCK, as_reals, map_blocks
from adam_ref.dialect import AXES

HALF = Hyperparameters(lr=1.0, beta1=0.5, beta2=0.75, eps=1.0)
"""Numbers with which a step can be done by hand."""


def trajectory(theta, gradients, hyper=HALF, dialect=ADAM):
    state = golden.init(np.asarray(theta, dtype=np.float64))
    for gradient in gradients:
        state = golden.step(state, np.asarray(gradient, dtype=np.float64), hyper, dialect)
    return state


# --- formulas --------------------------------------------------------------------------------------------------------


def test_algorithm_1_by_hand():
    """g = 2, then 4: m = 1, 2.5; v = 1, 4.75; corrections 1/2, 3/4 and 1/4, 7/16."""
    first = trajectory(10.0, [2.0])
    assert (first.t, first.m, first.v) == (1, 1.0, 1.0)
    assert first.theta == 10 - 2 / (2 + 1)
    second = trajectory(10.0, [2.0, 4.0])
    assert (second.t, second.m, second.v) == (2, 2.5, 4.75)
    assert second.theta == pytest.approx(10 - 2 / 3 - (2.5 / 0.75) / (math.sqrt(4.75 / 0.4375) + 1), rel=1e-15)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 2 / (2 + 1)),
        ({"epsilon": "hat"}, 2 / (2 + 1 / 0.5)),
        ({"epsilon": "inside-corrected"}, 2 / math.sqrt(4 + 1)),
        ({"epsilon": "inside-raw"}, 2 / math.sqrt(4 + 1 / 0.25)),
        ({"correct_m": False}, 1 / (2 + 1)),
        ({"correct_v": False}, 2 / (1 + 1)),
        ({"correct_m": False, "correct_v": False}, 1 / (1 + 1)),
        ({"correct_v": False, "epsilon": "hat"}, 2 / (1 + 1)),
        ({"correct_v": False, "epsilon": "inside-raw"}, 2 / math.sqrt(1 + 1)),
    ],
)
def test_where_epsilon_and_the_corrections_go(changes, expected):
    """g = 2: m_hat = 2, v_hat = 4, m = v = 1, c2 = 1/4."""
    assert 0.0 - trajectory(0.0, [2.0], dialect=ADAM.with_(**changes)).theta == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("epsilon", "expected"),
    [
        ("outside", 2 / (math.sqrt(4 + 5) + 1)),
        ("hat", 2 / (math.sqrt(4 + 5) + 2)),
        ("inside-corrected", 2 / math.sqrt(4 + 5 + 1)),
        ("inside-raw", 2 / math.sqrt(4 + 5 + 4)),
    ],
)
def test_the_second_epsilon_is_added_to_v_hat(epsilon, expected):
    state = trajectory(0.0, [2.0], HALF.with_(eps_root=5.0), ADAM.with_(epsilon=epsilon))
    assert -state.theta == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("kind", "m", "theta"),
    [
        ("coupled", (2 + 0.25 * 8) / 2, 8 - 4 / (4 + 1)),
        ("decoupled", 1.0, 8 * (1 - 0.5 * 0.25) - 0.5 * 2 / (2 + 1)),
        ("absolute", 1.0, 8 * (1 - 0.25) - 0.5 * 2 / (2 + 1)),
    ],
)
def test_weight_decay(kind, m, theta):
    """lr = 1/2, so that decoupled and absolute decay differ; coupled decay takes lr in the step."""
    hyper = HALF.with_(lr=1.0 if kind == "coupled" else 0.5, weight_decay=0.25)
    state = trajectory(8.0, [2.0], hyper, ADAM.with_(weight_decay=kind))
    assert state.m == m
    assert state.theta == pytest.approx(theta, rel=1e-15)


def test_maximize_turns_the_gradient_but_not_the_decay():
    """Flipping the learning rate instead would also grow the parameter (pytorch_optimizer #528)."""
    hyper = HALF.with_(maximize=True, weight_decay=0.25)
    for kind in AXES["weight_decay"]:
        dialect = ADAM.with_(weight_decay=kind)
        assert trajectory(8.0, [2.0], hyper, dialect) == trajectory(8.0, [-2.0], hyper.with_(maximize=False), dialect)


def test_amsgrad_raw_and_corrected_are_different_optimizers():
    """Theorem T13: one large gradient, then twenty small ones."""
    hyper = Hyperparameters(lr=0.1, amsgrad=True)
    gradients = [1.0] + [0.01] * 20
    raw = trajectory(1.0, gradients, hyper, ADAM)
    corrected = trajectory(1.0, gradients, hyper, ADAM.with_(amsgrad="corrected"))
    assert round(float(raw.theta), 3) == 0.404
    assert round(float(corrected.theta), 3) == 0.692
    assert raw.v_max == 1 - 0.999
    assert corrected.v_max == 1.0


def test_amsgrad_is_kept_only_where_asked_for():
    assert trajectory(1.0, [1.0, 2.0]).v_max == 0.0
    assert trajectory(1.0, [1.0, 2.0], HALF.with_(amsgrad=True)).v_max == trajectory(1.0, [1.0, 2.0]).v


@pytest.mark.parametrize("amsgrad", [False, True])
def test_complex_squares(amsgrad):
    """Componentwise: two independent reals.  Modulus: both parts share abs(g)^2."""
    hyper, g = HALF.with_(amsgrad=amsgrad), np.array([3 + 4j])
    parts = golden.step(golden.init(np.zeros(1, complex)), g, hyper)
    shared = golden.step(golden.init(np.zeros(1, complex)), g, hyper, ADAM.with_(complex_square="modulus"))
    assert parts.v == 0.25 * (9 + 16j)
    assert shared.v == 0.25 * (25 + 25j)
    assert parts.m == shared.m == 0.5 * g
    assert parts.theta == -(3 / (3 + 1) + 4 / (4 + 1) * 1j)
    assert shared.theta == -(3 + 4j) / (5 + 1)


def test_componentwise_complex_is_two_reals():
    rng = np.random.default_rng(0)
    hyper = Hyperparameters(lr=0.1, weight_decay=0.1)
    real, pair = golden.init(np.array([[1.0, 2.0]])), golden.init(np.array([1 + 2j]))
    for _ in range(5):
        g = rng.standard_normal((1, 2))
        real, pair = golden.step(real, g, hyper), golden.step(pair, g.view(complex)[0], hyper)
    for name in ("theta", "m", "v"):
        np.testing.assert_array_equal(as_reals(getattr(pair, name)), getattr(real, name))


def test_the_modulus_of_a_real_gradient_is_itself():
    """A real parameter of two columns is no complex one."""
    g = np.array([[3.0, 4.0]])
    assert golden.square(g.ravel(), Dialect(complex_square="modulus")).tolist() == [9.0, 16.0]
    state = golden.step(golden.init(np.zeros((1, 2))), g, HALF, Dialect(complex_square="modulus"))
    assert state.v.tolist() == [[0.25 * 9, 0.25 * 16]]


def test_a_schedule_passes_another_lr_each_step():
    """lr is that of the step: it rescales nothing before it."""
    state = golden.init(np.array(0.0))
    state = golden.step(state, np.array(2.0), HALF)
    paused = golden.step(state, np.array(4.0), HALF.with_(lr=0.0))
    assert paused.theta == state.theta
    assert (paused.t, paused.m, paused.v) == (2, 2.5, 4.75)


def test_degenerate_hyperparameters():
    """beta = 0 is plain normalisation; eps = 0 with a zero gradient is 0/0, silently."""
    sign = Hyperparameters(lr=1.0, beta1=0.0, beta2=0.0, eps=0.0)
    with np.errstate(all="raise"):
        state = trajectory([0.0, 0.0, 0.0], [[3.0, -2.0, 0.0]], sign)
    assert state.theta[:2].tolist() == [-1.0, 1.0]
    assert math.isnan(state.theta[2])


def test_a_nan_or_infinity_stays_in_its_element():
    state = trajectory([1.0] * 3, [[math.nan, math.inf, 1.0]] * 2)
    assert np.isfinite(state.theta).tolist() == [False, False, True]


# --- shapes, lists, blocks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (2, 3), (2, 1, 2)])
@pytest.mark.parametrize("kind", [np.float64, np.complex128])
def test_any_shape(shape, kind):
    state = golden.init(np.zeros(shape, kind))
    for _ in range(2):
        state = golden.step(state, np.ones(shape, kind), Hyperparameters())
    for name in ("theta", "m", "v", "v_max"):
        assert getattr(state, name).shape == shape
        assert getattr(state, name).dtype == kind
    assert state.t == 2


def test_layout_does_not_matter():
    """Elements of a Fortran-ordered or strided gradient must meet their own parameters."""
    g = np.arange(6.0).reshape(2, 3)
    plain = golden.step(golden.init(np.zeros((2, 3))), g, HALF)
    for given in (np.asfortranarray(g), np.repeat(g, 2, axis=1)[:, ::2], g[::-1][::-1]):
        np.testing.assert_array_equal(golden.step(golden.init(np.zeros((2, 3))), given, HALF).m, plain.m)


def test_lists_and_gradients_that_are_none():
    """A parameter without a gradient keeps its t, so that its corrections start when it does."""
    states = golden.init([np.zeros(2), np.array(1.0)])
    states = golden.step(states, [np.ones(2), None], HALF)
    assert [s.t for s in states] == [1, 0]
    late = golden.step(states, [None, np.array(2.0)], HALF)
    assert [s.t for s in late] == [1, 1]
    assert late[0] is states[0]
    assert late[1] == trajectory(1.0, [2.0])
    assert golden.step(golden.init([]), [], HALF) == []


@pytest.mark.parametrize("n", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 17])
@pytest.mark.parametrize("parts", [(), (2,)], ids=["real", "complex"])
def test_blocks_change_no_bit(n, parts):
    """Walking the array in blocks is for speed; the result must be that of the whole, bit for bit."""
    arrays = list(np.random.default_rng(n).random((5, n, *parts)))
    hyper, dialect = Hyperparameters(weight_decay=0.1, amsgrad=True), DIALECTS["optax"]
    whole = golden.update(*arrays, 3, hyper, dialect)
    for one, other in zip(whole, map_blocks(golden.update, arrays, 3, hyper, dialect), strict=True):
        np.testing.assert_array_equal(one, other)


# --- purity and errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.float64, np.complex128])
def test_nothing_given_is_changed(kind):
    """A reference that writes into its inputs would judge a target by what it did itself."""
    theta, g = np.full(3, 2, kind), np.full(3, 5, kind)
    state = golden.init(theta)
    given = (theta, g, state.theta, state.m, state.v, state.v_max)
    copies = [a.copy() for a in given]
    for array in given:
        array.flags.writeable = False
    hyper = Hyperparameters(weight_decay=0.1, maximize=True, amsgrad=True)
    for dialect in DIALECTS.values():
        golden.step(state, g, hyper, dialect)
    for array, copy in zip(given, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_the_moments_share_no_memory():
    """Someone who feeds a state to an in-place implementation must not couple m to v."""
    state = golden.init(np.ones(3))
    arrays = (state.theta, state.m, state.v, state.v_max)
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])


@pytest.mark.parametrize(
    ("parameters", "gradient", "said"),
    [
        (np.zeros(2), np.zeros(3), r"shape \(3,\) is not allowed: the parameter's shape is \(2,\)"),
        (np.zeros(2), np.zeros(2, int), "dtype int64 is not allowed: it must be floating"),
        (np.zeros(2), np.zeros(2, complex), "dtype complex128 is not allowed"),
        (np.zeros(2), None, r"shape \(\) is not allowed"),
        ([np.zeros(2)], [np.zeros(2)] * 2, "2 of them; allowed: a list of 1"),
        ([np.zeros(2)], np.zeros(2), "ndarray; allowed: a list of 1"),
    ],
)
def test_gradients_that_do_not_fit(parameters, gradient, said):
    with pytest.raises(ArrayError, match=said):
        golden.step(golden.init(parameters), gradient, Hyperparameters())


def test_parameters_that_are_not_floating():
    with pytest.raises(ArrayError, match="dtype int64 is not allowed: it must be floating or complex"):
        golden.init(np.array([1, 2]))
