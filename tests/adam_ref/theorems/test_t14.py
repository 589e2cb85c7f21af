"""T14 against the golden reference, perturbed; and the figures that other pages quote."""

import dataclasses

import numpy as np
import pytest

from adam_ref import golden
from adam_ref.hyperparameters import Hyperparameters
from adam_ref.theorems.t14_conditioning import sensitivity, update_error, weight_error

HYPER = Hyperparameters(lr=1e-3, beta1=0.9, beta2=0.999, eps=0.0)


def v_hat(gradients, beta2):
    state = golden.init(np.zeros(1))
    for g in gradients:
        state = golden.step(state, np.array([g]), dataclasses.replace(HYPER, beta2=beta2))
    return state.v[0] / (1 - beta2 ** len(gradients))


def test_float32_weight_is_off_by_13_millionths():
    assert float(weight_error(0.999, "float32")) == pytest.approx(-1.3e-5, rel=0.02)
    assert float(weight_error(0.999, "float32")) == pytest.approx(
        float((np.float32(1) - np.float32(0.999)) / np.float64(0.001) - 1), rel=1e-6
    )


def test_bfloat16_loses_the_weight_altogether():
    assert weight_error(0.999, "bfloat16") == -1
    assert update_error(weight_error(0.999, "bfloat16")) == float("inf")


def test_update_moves_by_half_of_it():
    error = weight_error(0.999, "float32")
    assert float(update_error(error)) == pytest.approx(-float(error) / 2, rel=1e-4)


@pytest.mark.parametrize("kind", ["constant", "newest alone", "oldest alone"])
def test_same_beta_everywhere_moves_v_hat_by_the_difference_of_mean_ages(kind):
    steps = 300
    gradients = np.full(steps, 1.0) if kind == "constant" else np.zeros(steps)
    gradients[{"constant": 0, "newest alone": -1, "oldest alone": 0}[kind]] = 1.0
    mean_age = 999 - float(sensitivity(0.999, steps))
    expected = {"constant": 0, "newest alone": -mean_age, "oldest alone": steps - 1 - mean_age}[kind]
    shift = 1e-7
    moved = (v_hat(gradients, 0.999 * (1 + shift)) / v_hat(gradients, 0.999 * (1 - shift)) - 1) / (2 * shift)
    assert moved == pytest.approx(expected, abs=1e-3 * steps)
