"""T6 in floating point: the orders are one update up to roundoff, and the table shows where one of them cancels."""

import numpy as np
import pytest
import sympy as sp

from adam_ref.dialect import ADAM
from adam_ref.golden import update
from adam_ref.hyperparameters import Hyperparameters
from adam_ref.theorems import t06_operation_orders as t06
from adam_ref.theorems.notation import CORRECTIONS, beta1, beta2, eps, lr, m, optimized, t, unoptimized, v

HYPER = Hyperparameters(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8)
UPDATES = [t06.AS_PRINTED, t06.UNDERNEATH, unoptimized(eps), optimized(t06.RESCALED)]


@pytest.mark.parametrize("form", UPDATES)
def test_golden_is_each_of_the_updates(form):
    source = np.random.default_rng(0)
    old_m, old_v, g = source.normal(size=100), source.normal(size=100) ** 2, source.normal(size=100)
    theta, new_m, new_v, _ = update(np.zeros(100), old_m, old_v, np.zeros(100), g, 7, HYPER, ADAM)
    evaluated = sp.lambdify((lr, beta1, beta2, eps, t, m, v), form.subs(CORRECTIONS))
    step = evaluated(HYPER.lr, HYPER.beta1, HYPER.beta2, HYPER.eps, 7, new_m, new_v)
    np.testing.assert_allclose(-theta, step, rtol=1e-14)


@pytest.mark.parametrize("rate", t06.EXACT_BETAS)
def test_weighted_sum_is_within_two_roundoffs(rate):
    assert t06.worst_error(t06.FORMS["beta*x + w*y"], rate) <= 2


@pytest.mark.parametrize(("form", "rate"), [("x + w*(y - x)", 0.125), ("y + beta*(x - y)", 0.875)])
def test_lerp_from_the_end_with_the_smaller_weight_cancels(form, rate):
    assert t06.worst_error(t06.FORMS[form], rate) > 5
    assert t06.worst_error(t06.FORMS[form], 1 - rate) < 3
