"""Hyperparameters: a value Algorithm 1 does not allow must be refused in words that name it and what is allowed."""

from __future__ import annotations

import dataclasses
import decimal
import fractions
import math

import numpy as np
import pytest

from adam_ref import HyperparameterError, Hyperparameters

AT_LEAST_ZERO = ("lr", "eps", "weight_decay", "eps_root")
RATES = ("beta1", "beta2")
FLAGS = ("amsgrad", "maximize")


def message(**values):
    with pytest.raises(HyperparameterError) as error:
        Hyperparameters(**values)
    return str(error.value)


def test_the_defaults_are_those_of_the_paper():
    h = Hyperparameters()
    assert (h.lr, h.beta1, h.beta2, h.eps) == (1e-3, 0.9, 0.999, 1e-8)
    assert (h.weight_decay, h.eps_root, h.amsgrad, h.maximize) == (0.0, 0.0, False, False)


@pytest.mark.parametrize("name", AT_LEAST_ZERO)
@pytest.mark.parametrize("value", [-1e-300, -1.0, math.nan, math.inf, -math.inf])
def test_negative_or_not_finite(name, value):
    assert (
        message(**{name: value}) == f"{name} = {value!r} is not allowed: it must be a finite number that is at least 0"
    )


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", [-1e-300, 1.0, 1.5, math.nan, math.inf, -math.inf])
def test_rates_outside_their_range(name, value):
    assert message(**{name: value}) == f"{name} = {value!r} is not allowed: it must be a number in [0, 1)"


@pytest.mark.parametrize("name", AT_LEAST_ZERO + RATES)
@pytest.mark.parametrize("value", ["0.1", None, True, 1j, [0.1], np.array([0.1]), decimal.Decimal("0.1")])
def test_what_is_no_real_number(name, value):
    assert message(**{name: value}).startswith(
        f"{name} = {value!r} ({type(value).__name__}) is not allowed: it must be"
    )


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", [0, 1, "yes", None, math.nan])
def test_what_is_no_flag(name, value):
    assert message(**{name: value}) == f"{name} = {value!r} is not allowed: it must be True or False"


@pytest.mark.parametrize("value", [10**400, -(10**400)])
def test_an_integer_past_float64(value):
    """An OverflowError would not say which hyperparameter it was."""
    assert "lr = " in message(lr=value)
    assert "is not allowed" in message(lr=value)


@pytest.mark.parametrize("value", [1, np.float32(0.5), np.int8(3), fractions.Fraction(1, 3), np.float64(2)])
def test_other_real_numbers_become_floats(value):
    """The value that the rest computes with is the double nearest to what was given."""
    assert type(Hyperparameters(lr=value).lr) is float
    assert Hyperparameters(lr=value).lr == float(value)


def test_the_edges_of_the_ranges_are_allowed():
    edge = Hyperparameters(lr=0, beta1=0, beta2=math.nextafter(1, 0), eps=0, weight_decay=1e300)
    assert edge.beta2 < 1


def test_immutable_hashable_and_replaced_with_validation():
    h = Hyperparameters(lr=0.1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        h.lr = 1.0
    assert h.with_(lr=0.2) == Hyperparameters(lr=0.2)
    assert hash(h) == hash(Hyperparameters(lr=0.1))
    with pytest.raises(HyperparameterError, match=r"beta1 = 2.0"):
        h.with_(beta1=2)
    with pytest.raises(TypeError):
        Hyperparameters(1e-3)
