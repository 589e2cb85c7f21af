"""T12 against the golden reference: which kinds of weight decay are the same there, and which are not."""

import numpy as np
import pytest

from adam_ref import golden
from adam_ref.dialect import ADAM
from adam_ref.hyperparameters import Hyperparameters
from adam_ref.theorems.t12_weight_decay import after, eps, lr, rate, strength, theta, y

HYPER = Hyperparameters(lr=0.1, weight_decay=0.01)


def run(start, gradients, hyper, kind):
    state, dialect = golden.init(np.array([start])), ADAM.with_(weight_decay=kind)
    for gradient in gradients:
        state = golden.step(state, np.array([gradient]), hyper, dialect)
    return float(state.theta[0])


def test_decoupled_decay_is_absolute_decay_by_the_product():
    gradients = np.random.default_rng(12).normal(size=50)
    absolute = HYPER.with_(weight_decay=HYPER.lr * HYPER.weight_decay)
    expected = run(2.0, gradients, HYPER, "decoupled")
    assert run(2.0, gradients, absolute, "absolute") == pytest.approx(expected, rel=1e-14)
    assert run(2.0, gradients, HYPER, "absolute") != pytest.approx(expected, rel=1e-3)


def test_without_epsilon_coupled_decay_does_nothing_to_the_first_step_unless_it_turns_the_gradient():
    hyper = HYPER.with_(eps=0.0, weight_decay=100.0)
    assert run(2.0, [3.0], hyper, "coupled") == pytest.approx(2.0 - hyper.lr, rel=1e-15)
    assert run(2.0, [-3.0], hyper, "coupled") == pytest.approx(2.0 - hyper.lr, rel=1e-15)
    assert run(2.0, [-3.0], hyper.with_(weight_decay=0.0), "coupled") == pytest.approx(2.0 + hyper.lr, rel=1e-15)


def test_the_one_strength_that_does_what_coupled_decay_does_serves_one_gradient():
    hyper = HYPER.with_(eps=0.5, weight_decay=0.25)
    numbers = {eps: hyper.eps, strength: hyper.weight_decay, theta: 2.0, lr: hyper.lr, y: 3.0}
    decoupled = hyper.with_(weight_decay=float(rate(y).subs(numbers)))
    assert run(2.0, [3.0], decoupled, "decoupled") == pytest.approx(run(2.0, [3.0], hyper, "coupled"), rel=1e-15)
    assert run(2.0, [6.0], decoupled, "decoupled") != pytest.approx(run(2.0, [6.0], hyper, "coupled"), rel=1e-5)


@pytest.mark.parametrize("kind", ["coupled", "decoupled"])
def test_the_tables_are_the_golden_reference(kind):
    gradients = [0.1 * (-1) ** step for step in range(200)]
    hyper = Hyperparameters(weight_decay=0.1)
    assert after(gradients, kind, 0.1) == pytest.approx(run(1.0, gradients, hyper, kind), rel=1e-12)
