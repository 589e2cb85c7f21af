"""T16 against the golden reference: what it remembers, and the figures of the page."""

import mpmath
import numpy as np
import pytest

from adam_ref import golden
from adam_ref.hyperparameters import Hyperparameters
from adam_ref.theorems.t16_memory import RATES, steps_until

HYPER = Hyperparameters(beta2=0.99)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("level", [0.5, 0.01, 2**-24])
def test_steps_until_is_the_first(rate, level):
    first = steps_until(mpmath.mpf(level), rate)
    with mpmath.workdps(50):
        before, after = (mpmath.mpf(str(rate)) ** steps for steps in (first - 1, first))
    assert before > level >= after


def test_golden_forgets_a_spike_when_the_theorem_says():
    state = golden.step(golden.init(np.zeros(1)), np.ones(1), HYPER)
    spike = state.v[0]
    for _ in range(steps_until(mpmath.mpf(0.1), HYPER.beta2)):
        before, state = state, golden.step(state, np.zeros(1), HYPER)
    assert before.v[0] > 0.1 * spike >= state.v[0]


def test_share_of_old_gradients():
    steps, age = 60, 20
    state = golden.init(np.zeros(1))
    for step in range(steps):
        state = golden.step(state, np.array([float(step < steps - age)]), HYPER)
    share = HYPER.beta2**age * (1 - HYPER.beta2 ** (steps - age)) / (1 - HYPER.beta2**steps)
    assert state.v[0] / (1 - HYPER.beta2**steps) == pytest.approx(share, rel=1e-13)
