"""The scalars of a step: their intervals contain the exact values, and every value that a class may hold."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from adam_ref import (
    ADAM,
    BFLOAT16,
    CLASS_A,
    CLASS_B,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    Dialect,
    Format,
    Hyperparameters,
)
from adam_ref.enclosure.accuracy import AccuracyClass, Scalar, cast_error, scalars
from adam_ref.enclosure.interval import working_dtype

HYPERS = [
    Hyperparameters(),
    Hyperparameters(lr=0.3, beta1=0.5, beta2=0.25, eps=2.0**-10, weight_decay=0.125),
    Hyperparameters(lr=7e-5, beta1=0.0, beta2=0.99999, eps=1e-16, weight_decay=0.01),
    Hyperparameters(beta1=0.999, beta2=0.9, eps=0.0, eps_root=1e-8),
]
DECOUPLED = Dialect(weight_decay="decoupled")
STEPS = [1, 2, 3, 10, 255, 1000, 3000]


def exactly(value: object) -> Fraction:
    """A float or long double as a fraction."""
    high = float(value)  # type: ignore[arg-type]
    return Fraction(high) + Fraction(float(value - high))  # type: ignore[operator]


def holds(scalar: Scalar, value: Fraction) -> bool:
    """Whether `value` lies within a factor `1 + error` of the scalar, either way, up to our 50 digits."""
    if np.isinf(scalar.error):
        return True
    near, factor = exactly(scalar.value), 1 + Fraction(scalar.error) + Fraction(1, 10**45)
    return near / factor <= value <= near * factor


@pytest.mark.parametrize("accuracy", [CLASS_A, CLASS_B], ids=lambda c: c.name)
@pytest.mark.parametrize("target", [FLOAT64, FLOAT32, BFLOAT16, FLOAT16], ids=lambda f: f.name)
@pytest.mark.parametrize("hyper", HYPERS)
def test_intervals_contain_the_exact_values(hyper: Hyperparameters, target: Format, accuracy: AccuracyClass) -> None:
    """The whole enclosure would be beside the truth."""
    for t in STEPS:
        s = scalars(hyper, DECOUPLED, t, accuracy, target, working_dtype(target))
        beta1, beta2 = Fraction(hyper.beta1), Fraction(hyper.beta2)
        decay = Fraction(hyper.lr) * Fraction(hyper.weight_decay)
        exact = {
            "beta1": beta1,
            "beta2": beta2,
            "w1": 1 - beta1,
            "w2": 1 - beta2,
            "c1": 1 - beta1**t,
            "c2": 1 - beta2**t,
            "lr": Fraction(hyper.lr),
            "eps": Fraction(hyper.eps),
            "eps_root": Fraction(hyper.eps_root),
            "decay": decay,
            "keep": 1 - decay,
        }
        for name, value in exact.items():
            assert holds(getattr(s, name), value), (name, t)


@pytest.mark.parametrize("hyper", HYPERS)
def test_class_b_contains_what_float32_frameworks_compute(hyper: Hyperparameters) -> None:
    """A framework that forms its scalars in float32 would be called broken."""
    f = np.float32
    for t in STEPS:
        s = scalars(hyper, ADAM, t, CLASS_B, FLOAT32, np.dtype(np.float64))
        beta1, beta2 = f(hyper.beta1), f(hyper.beta2)
        power = beta2
        for _ in range(t - 1):
            power = f(power * beta2)
        found = {
            "lr": [f(hyper.lr)],
            "w1": [f(1) - beta1, f(1 - hyper.beta1)],
            "w2": [f(1) - beta2, f(1 - hyper.beta2)],
            "c1": [f(1) - beta1 ** f(t), f(1 - hyper.beta1**t)],
            "c2": [f(1) - beta2 ** f(t), f(1 - hyper.beta2**t), f(1) - power],
        }
        for name, values in found.items():
            for value in values:
                assert holds(getattr(s, name), Fraction(float(value))), (name, t)


def test_class_a_tells_float32_scalars_apart() -> None:
    """The classes would be one."""
    s = scalars(Hyperparameters(), ADAM, 3, CLASS_A, FLOAT32, np.dtype(np.float64))
    assert not holds(s.w2, Fraction(float(np.float32(1) - np.float32(0.999))))
    assert s.w2.error < 1e-12
    assert s.c2.error < 1e-12


def test_exact_scalars_cost_nothing() -> None:
    """Powers of two would have boxes as wide as other numbers, and see no better."""
    hyper = Hyperparameters(lr=0.25, beta1=0.5, beta2=0.75, eps=0.0)
    s = scalars(hyper, ADAM, 1, CLASS_A, FLOAT32, np.dtype(np.float64))
    assert [(x.error, x.cast, x.product) for x in (s.lr, s.beta1, s.w1, s.w2, s.c1, s.c2)] == [(0.0, 0.0, 0)] * 6
    assert (s.beta2.error, s.beta2.cast, s.beta2.product) == (0.0, 0.0, 1)
    assert s.eps.is_zero
    assert s.keep.is_one
    assert not s.lr.is_one


def test_a_correction_that_may_vanish_has_no_bound() -> None:
    """In float32 beta2 = 1 - 1e-9 is 1, and 1 - beta2 is 0: nothing can be said in class B."""
    s = scalars(Hyperparameters(beta2=1 - 1e-9), ADAM, 1, CLASS_B, FLOAT32, np.dtype(np.float64))
    assert np.isinf(s.c2.error)
    assert np.isinf(s.w2.error)


def test_casts() -> None:
    """A cast would be counted where there is none, or not where there is one."""
    assert cast_error(0.1, CLASS_A, FLOAT64) == 0
    assert cast_error(0.1, CLASS_A, FLOAT32) == FLOAT32.roundoff
    assert cast_error(0.1, CLASS_B, FLOAT32) == 0
    assert cast_error(0.1, CLASS_B, BFLOAT16) == BFLOAT16.roundoff
    small = 3e-5  # subnormal in float16
    assert abs(float(np.float16(small)) / small - 1) <= cast_error(small, CLASS_A, FLOAT16)
    assert np.isinf(cast_error(1e-8, CLASS_A, FLOAT16))


def test_long_double_values_are_as_close_as_they_can_be() -> None:
    """The middle would be off by a roundoff of float64, and the boxes as much wider."""
    work = working_dtype(FLOAT64)
    if work == np.float64:
        pytest.skip("this platform has no longer double")
    for t in (2, 3, 100):
        s = scalars(Hyperparameters(), ADAM, t, CLASS_A, FLOAT64, work)
        exact = 1 - Fraction(0.999) ** t
        assert abs(exactly(s.c2.value) - exact) <= exact / 2**62
