"""Rounding at random: whatever is drawn, what is stored lies inside, and the boxes stay as narrow as they were."""

from __future__ import annotations

import numpy as np
import pytest

from adam_ref import ADAM, BFLOAT16, DIALECTS, FLOAT16, FLOAT32, Hyperparameters, Interval, Numerics, advance, start
from adam_ref.enclosure import anchored, stored

HALF = pytest.mark.parametrize("fmt", [BFLOAT16, FLOAT16], ids=lambda f: f.name)
STEPS, ELEMENTS = 30, 256

SETTINGS = {
    "plain": (ADAM, Hyperparameters(lr=0.01)),
    "a step of a fraction of a spacing": (ADAM, Hyperparameters(lr=1e-4, beta1=0.5, beta2=0.75, eps=1e-3)),
    "coupled decay": (ADAM, Hyperparameters(lr=0.01, weight_decay=0.1)),
    "decoupled decay": (DIALECTS["adamw"], Hyperparameters(lr=0.01, weight_decay=0.1)),
    "absolute decay": (DIALECTS["adam-absolute"], Hyperparameters(lr=0.01, weight_decay=1e-3)),
}


class Evaluation:
    """Adam in float32, or rounded to the narrow format after each operation that may be; the last difference is not."""

    def __init__(self, fmt, hyper, dialect, *, moments_narrow, step_narrow):
        self.hyper, self.dialect, self.t = hyper, dialect, 0
        self.narrow = fmt.round if step_narrow else FLOAT32.round
        self.keep = fmt.round if moments_narrow else FLOAT32.round
        self.m = self.v = np.zeros(ELEMENTS)

    def computed(self, theta, g):
        """The parameter before it is stored."""
        h, r, wide = self.hyper, self.narrow, FLOAT32.round
        self.t += 1
        if h.weight_decay and self.dialect.weight_decay == "coupled":
            g = r(g + r(h.weight_decay * theta))
        self.m = self.keep(r(r(h.beta1 * self.m) + r((1 - h.beta1) * g)))
        self.v = self.keep(r(r(h.beta2 * self.v) + r(r((1 - h.beta2) * g) * g)))
        below = r(r(np.sqrt(r(self.v / (1 - h.beta2**self.t)))) + r(h.eps))
        with np.errstate(all="ignore"):
            step = r(h.lr * r(r(self.m / (1 - h.beta1**self.t)) / below))
        if h.weight_decay and self.dialect.weight_decay != "coupled":
            theta = wide(theta * (1 - (h.lr if self.dialect.weight_decay == "decoupled" else 1) * h.weight_decay))
        return wide(theta - step)


@HALF
@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("narrow", [(False, False), (True, False), (True, True)], ids=["wide", "moments", "all"])
def test_both_neighbours_of_every_evaluation_lie_inside(fmt, name, narrow):
    """A target that rounds at random, as it says it does, would be called broken."""
    dialect, hyper = SETTINGS[name]
    moments_narrow, step_narrow = narrow
    moments = fmt if moments_narrow else FLOAT32
    numerics = Numerics(fmt, moments, moments, stochastic=True)
    generator = np.random.default_rng(len(name))
    evaluation = Evaluation(fmt, hyper, dialect, moments_narrow=moments_narrow, step_narrow=step_narrow)
    theta = fmt.round(generator.standard_normal(ELEMENTS) * 10.0 ** generator.uniform(-3, 2, ELEMENTS))
    enclosure = start(theta, numerics)
    for _ in range(STEPS):
        g = fmt.round(generator.standard_normal(ELEMENTS))
        below, above = fmt.neighbours(evaluation.computed(theta, g))
        enclosure = advance(enclosure, g, hyper, numerics, dialect)
        box = stored(enclosure.theta, numerics)
        assert box.contains(below).all()
        assert box.contains(above).all()
        assert box.undecided.mean() < 0.1
        theta = np.where(generator.random(ELEMENTS) < 0.5, below, above)
        enclosure = anchored(enclosure, theta, numerics)


@HALF
def test_boxes_do_not_grow_with_the_number_of_steps(fmt):
    """Each starts from what was stored: a step that goes wrong shows as well after many steps as after one."""
    numerics = Numerics(fmt, FLOAT32, FLOAT32, stochastic=True)
    hyper = Hyperparameters(lr=0.3 * fmt.ulp(1.0))
    theta, g = np.full(64, 1.5), np.ones(64)
    enclosure, generator = start(theta, numerics), np.random.default_rng(0)
    for _ in range(50):
        enclosure = advance(enclosure, g, hyper, numerics, ADAM)
        box = stored(enclosure.theta, numerics)
        assert (box.hi - box.lo).max() <= 2.001 * fmt.ulp(1.0)
        below, above = fmt.neighbours(enclosure.theta.at)
        theta = np.where(generator.random(64) < 0.5, below, above)
        enclosure = anchored(enclosure, theta, numerics)


def test_nothing_but_a_number_of_the_format_stands_for_itself():
    """Where nothing moves nothing may change, whatever is drawn."""
    numerics = Numerics(BFLOAT16, FLOAT32, FLOAT32, stochastic=True)
    theta = BFLOAT16.round(np.linspace(-3, 3, 41))
    box = stored(advance(start(theta, numerics), np.ones(41), Hyperparameters(lr=0.0), numerics).theta, numerics)
    assert (box.lo == theta).all()
    assert (box.hi == theta).all()


def test_what_is_not_stored_at_random_is_left_as_it_is():
    box = Interval(np.array([1.0]), np.array([0.1]), np.array([0.2]))
    assert stored(box, Numerics.uniform(BFLOAT16)) is box


def test_past_the_largest_number_there_is_an_infinity_and_unknown_stays_unknown():
    largest = FLOAT16.largest
    box = Interval(np.array([largest, 0.0]), np.array([1.0, np.inf]), np.array([1.0, np.inf])).outward(FLOAT16)
    assert box.contains([np.inf, np.nan]).all()
    assert box.contains([FLOAT16.neighbours(largest - 1.0)[0], 7.0]).all()
    assert not box.contains([-np.inf, 0.0]).all()
