"""T13 against the golden reference: how far the two maxima of AMSGrad are apart, and when they agree."""

import numpy as np
import pytest

from adam_ref import golden
from adam_ref.dialect import ADAM
from adam_ref.hyperparameters import Hyperparameters
from adam_ref.theorems.t13_amsgrad import HISTORY, after

HYPER = Hyperparameters(lr=0.1, amsgrad=True)
FACTOR = 1 - HYPER.beta2


def run(gradients, kind):
    """The states after each step from 1."""
    state, states = golden.init(np.ones(1)), []
    for gradient in gradients:
        state = golden.step(state, np.array([float(gradient)]), HYPER, ADAM.with_(amsgrad=kind))
        states.append(state)
    return states


def second_moments(gradients):
    """The largest v corrected now, and the largest v_hat, after each step."""
    pairs = zip(run(gradients, "raw"), run(gradients, "corrected"), strict=True)
    return [(raw.v_max[0] / (1 - HYPER.beta2**t), corrected.v_max[0]) for t, (raw, corrected) in enumerate(pairs, 1)]


@pytest.mark.parametrize(("kind", "end"), [("raw", 0.404), ("corrected", 0.692)])
def test_where_the_counterexample_leads(kind, end):
    assert len(HISTORY) == 21
    assert round(float(after(HISTORY, kind)), 3) == end
    assert float(run(HISTORY, kind)[-1].theta[0]) == pytest.approx(float(after(HISTORY, kind)), rel=1e-13)


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_v_hat_is_between_the_bounds(seed):
    gradients = np.random.default_rng(seed).standard_cauchy(200)
    for t, (raw, corrected) in enumerate(second_moments(gradients), 1):
        assert raw * (1 - 1e-12) <= corrected <= raw * (1 - HYPER.beta2**t) / FACTOR * (1 + 1e-12)


def test_a_spike_and_zeros_reach_the_bound():
    raw, corrected = second_moments([1.0] + [0.0] * 99)[-1]
    assert corrected / raw == pytest.approx((1 - HYPER.beta2**100) / FACTOR, rel=1e-12)


def test_they_agree_while_v_hat_does_not_fall():
    gradients = np.cumsum(np.random.default_rng(13).random(100))
    for raw, corrected in second_moments(gradients):
        assert raw == pytest.approx(corrected, rel=1e-12)
