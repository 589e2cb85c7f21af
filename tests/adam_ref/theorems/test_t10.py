"""T9 and T10 against the golden reference: the extremal history takes the largest step and crosses the paper's line."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest

from adam_ref import golden
from adam_ref.hyperparameters import Hyperparameters
from adam_ref.theorems.t09_sharp_step_bound import largest_step, largest_step_ever
from adam_ref.theorems.t10_the_papers_bound import first_crossed, papers_bound, spike_step

FIRST_CASE = [(0.9, 0.999), (0.5, 0.999), (0.8, 0.97)]
OTHERWISE = [(0.9, 0.99), (0.9, 0.95), (0.95, 0.95), (0.9, 0.81), (0.9, 0.810081)]
Q_ABOVE_ONE = [(0.9, 0.8), (0.9, 0.7), (0.99, 0.9)]
PAIRS = [*FIRST_CASE, *OTHERWISE, *Q_ABOVE_ONE]


def extremal(beta1, beta2, steps):
    """Gradients proportional to `(beta1/beta2)^(t-i)`, their magnitudes centred at 1 so that no square underflows."""
    with mpmath.workdps(50):
        ratio, middle = mpmath.mpf(str(beta1)) / mpmath.mpf(str(beta2)), mpmath.mpf(steps - 1) / 2
        return [float(ratio ** (age - middle)) for age in range(steps - 1, -1, -1)]


def last_step(gradients, beta1, beta2):
    """The size of the last step of golden in units of lr, with eps = 0. The parameter is put to 0 before it."""
    hyper = Hyperparameters(lr=1.0, beta1=beta1, beta2=beta2, eps=0.0)
    state = golden.init(np.zeros(1))
    for gradient in gradients:
        state = golden.step(
            golden.State(state.t, np.zeros(1), state.m, state.v, state.v_max), np.array([gradient]), hyper
        )
    return abs(float(state.theta[0]))


@pytest.mark.parametrize("steps", [1, 2, 10, 100, 1000])
@pytest.mark.parametrize(("beta1", "beta2"), PAIRS)
def test_the_extremal_history_takes_golden_to_the_bound(beta1, beta2, steps):
    step = last_step(extremal(beta1, beta2, steps), beta1, beta2)
    assert step == pytest.approx(float(largest_step(beta1, beta2, steps)), rel=1e-12, abs=0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("beta1", "beta2"), PAIRS)
def test_no_other_history_goes_further(beta1, beta2, seed):
    """Random histories, and the extremal one with one gradient changed a little."""
    generator = np.random.default_rng(seed)
    best, largest = extremal(beta1, beta2, 40), float(largest_step(beta1, beta2, 40))
    changed = np.array(best)
    changed[generator.integers(40)] *= 1.1
    for gradients in (generator.standard_cauchy(40), generator.uniform(size=40), changed):
        assert last_step(gradients, beta1, beta2) <= largest * (1 + 1e-14)


def test_golden_crosses_the_papers_line_at_210():
    stated = float(papers_bound(0.9, 0.999))
    assert first_crossed(0.9, 0.999) == 210
    assert last_step(extremal(0.9, 0.999, 209), 0.9, 0.999) < stated < last_step(extremal(0.9, 0.999, 210), 0.9, 0.999)


def test_the_line_is_crossed_in_exact_arithmetic():
    """Nothing rounded: the square of the step against the square of the paper's bound, which is 10."""
    beta1, beta2, steps = Fraction(9, 10), Fraction(999, 1000), 500
    m = v = Fraction(0)
    for age in range(steps - 1, -1, -1):
        g = (beta1 / beta2) ** age
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
    squared = (m / (1 - beta1**steps)) ** 2 / (v / (1 - beta2**steps))
    assert (1 - beta1) ** 2 / (1 - beta2) == 10
    assert squared > 20
    assert float(squared) ** 0.5 == pytest.approx(4.5613, abs=5e-5)


@pytest.mark.parametrize(
    ("beta1", "beta2", "stated", "limit"),
    [(0.9, 0.999, 3.1623, 7.2703), (0.9, 0.810081, 1.0, 22.948), (0.9, 0.99, 1.0, 2.3452), (0.95, 0.95, 1.0, 1.0)],
)
def test_what_is_stated_and_what_is_reached(beta1, beta2, stated, limit):
    assert float(papers_bound(beta1, beta2)) == pytest.approx(stated, abs=5e-5)
    assert float(largest_step_ever(beta1, beta2)) == pytest.approx(limit, abs=5e-4)


@pytest.mark.parametrize(("beta1", "beta2"), OTHERWISE + Q_ABOVE_ONE)
def test_in_the_other_case_the_second_step_crosses_unless_the_betas_are_equal(beta1, beta2):
    assert first_crossed(beta1, beta2) == (None if beta1 == beta2 else 2)


@pytest.mark.parametrize(("beta1", "beta2"), FIRST_CASE + OTHERWISE)
@pytest.mark.parametrize("position", [1, 2, 7, 20])
def test_a_lone_gradient_stays_below_the_papers_bound(beta1, beta2, position):
    """Wherever it stands among zeros, at the step where it comes and at every later one (q <= 1 here)."""
    for age in (0, 1, 5):
        size = last_step([0.0] * (position - 1) + [3.7] + [0.0] * age, beta1, beta2)
        assert size == pytest.approx(float(spike_step(beta1, beta2, position + age, age)), rel=1e-12)
        assert size <= float(papers_bound(beta1, beta2)) * (1 + 1e-14)


def test_a_lone_gradient_goes_far_where_m_outlives_v():
    assert last_step([1.0] + [0.0] * 60, 0.9, 0.7) > 10


@pytest.mark.parametrize("seed", range(5))
def test_with_equal_betas_no_step_exceeds_lr(seed):
    gradients = np.random.default_rng(seed).standard_cauchy(50)
    assert all(last_step(gradients[:steps], 0.9, 0.9) <= 1 + 1e-14 for steps in range(1, 51))
