"""T8 against the golden reference, and the figures of its page."""

import numpy as np
import pytest

from adam_ref import golden
from adam_ref.hyperparameters import Hyperparameters
from adam_ref.theorems.t08_bias_correction import uncorrected

HYPER = Hyperparameters(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8)


def test_corrected_moments_stay_among_what_was_seen():
    gradients = np.random.default_rng(2).normal(size=(80, 50))
    state = golden.init(np.zeros(50))
    for step, g in enumerate(gradients, 1):
        state = golden.step(state, g, HYPER)
        seen = gradients[:step]
        m_hat, v_hat = state.m / (1 - HYPER.beta1**step), state.v / (1 - HYPER.beta2**step)
        slack = 1e-12
        assert (seen.min(0) - slack <= m_hat).all()
        assert (m_hat <= seen.max(0) + slack).all()
        assert ((seen**2).min(0) - slack <= v_hat).all()
        assert (v_hat <= (seen**2).max(0) + slack).all()


@pytest.mark.parametrize("x", [1.0, -3.0, 1e-8])
def test_constant_gradient_steps_evenly(x):
    state = golden.init(np.zeros(1))
    for _ in range(500):
        before, state = state, golden.step(state, np.array([x]), HYPER)
        assert before.theta[0] - state.theta[0] == pytest.approx(HYPER.lr * x / (abs(x) + HYPER.eps), rel=1e-9)


def test_without_correction_the_first_step_is_three_times_too_large():
    assert float(uncorrected(0.9, 0.999, 1)) == pytest.approx(10**0.5, rel=1e-12)
    assert max(uncorrected(0.9, 0.999, step) for step in range(1, 100)) == pytest.approx(6.57, abs=0.05)
