"""T7 against the golden reference: its moments are the sums."""

import numpy as np
import pytest

from adam_ref import golden
from adam_ref.hyperparameters import Hyperparameters
from adam_ref.theorems.t07_closed_form import weight


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.5), (0.99, 0.9)])
def test_golden_moments_are_the_sums(betas):
    gradients = np.random.default_rng(1).uniform(0.5, 1.5, 60)
    state = golden.init(np.zeros(1))
    for g in gradients:
        state = golden.step(state, np.array([g]), Hyperparameters(beta1=betas[0], beta2=betas[1]))
    newest_first = gradients[::-1]
    for moment, rate, terms in ((state.m, betas[0], newest_first), (state.v, betas[1], newest_first**2)):
        weights = [float(weight(rate, age)) for age in range(len(terms))]
        assert moment[0] == pytest.approx(np.dot(weights, terms), rel=1e-13)
