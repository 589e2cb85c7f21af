"""T11 against the golden reference and against the formats of NumPy: bit for bit, and where that ends."""

import numpy as np
import pytest

from adam_ref import FLOAT16, FLOAT32, golden
from adam_ref.hyperparameters import Hyperparameters
from adam_ref.theorems.t11_symmetries import relative_error

HYPER = Hyperparameters(lr=0.01, eps=1e-4)
GRADIENTS = np.random.default_rng(11).normal(size=(30, 8))


def run(gradients, hyper=HYPER):
    """The parameters after each step from 0."""
    state, seen = golden.init(np.zeros(gradients.shape[1:])), []
    for gradient in gradients:
        state = golden.step(state, gradient, hyper)
        seen.append(state.theta)
    return np.array(seen)


def test_odd_in_the_gradients():
    assert np.array_equal(run(-GRADIENTS), -run(GRADIENTS))


@pytest.mark.parametrize("power", [-40, -1, 3, 100])
def test_free_of_scale_and_linear_in_lr_bit_for_bit(power):
    factor = 2.0**power
    assert np.array_equal(run(GRADIENTS * factor, HYPER.with_(eps=HYPER.eps * factor)), run(GRADIENTS))
    assert np.array_equal(run(GRADIENTS, HYPER.with_(lr=HYPER.lr * factor)), run(GRADIENTS) * factor)


def test_other_factors_are_exact_up_to_rounding_only():
    tripled = run(GRADIENTS * 3, HYPER.with_(eps=HYPER.eps * 3))
    assert tripled == pytest.approx(run(GRADIENTS), rel=1e-12)
    assert not np.array_equal(tripled, run(GRADIENTS))


def test_epsilon_left_alone_breaks_it():
    assert run(GRADIENTS * 2.0**-10) != pytest.approx(run(GRADIENTS), rel=1e-3)


def test_permuted_split_and_joined():
    order = np.random.default_rng(1).permutation(8)
    whole = run(GRADIENTS)
    assert np.array_equal(run(GRADIENTS[:, order]), whole[:, order])
    assert np.array_equal(np.hstack([run(GRADIENTS[:, :3]), run(GRADIENTS[:, 3:])]), whole)


@pytest.mark.parametrize("format_", [FLOAT16, FLOAT32], ids=lambda f: f.name)
class TestRounding:
    def values(self, format_):
        """Numbers between 1 and 2 that the format cannot hold, ties among them."""
        spacing = 2.0 ** (1 - format_.precision)
        ties = 1 + spacing * (np.arange(8) + 0.5)
        return np.concatenate([ties, np.random.default_rng(2).uniform(1, 2, 1000)])

    def test_commutes_with_powers_of_two_among_normal_numbers(self, format_):
        x = self.values(format_)
        for power in range(format_.min_exponent, format_.max_exponent, 3):
            assert np.array_equal(format_.round(x * 2.0**power), format_.round(x) * 2.0**power)

    def test_does_not_below_them_nor_above(self, format_):
        x = self.values(format_)
        for power in (format_.min_exponent - 1, format_.max_exponent + 1):
            assert not np.array_equal(format_.round(x * 2.0**power), format_.round(x) * 2.0**power)


@pytest.mark.parametrize("exponent", range(-24, 5))
def test_the_spacing_of_the_theorem_is_that_of_float16(exponent):
    from sympy import Rational

    significand = Rational(int(1.2998046875 * 2**30 + 12345), 2**30)
    exact = float(significand) * 2.0**exponent
    error = float(relative_error(significand, exponent, FLOAT16.precision, FLOAT16.min_exponent))
    assert float(np.float16(exact)) == pytest.approx(exact * (1 + error), rel=1e-15)
