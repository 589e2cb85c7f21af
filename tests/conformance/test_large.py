"""Tensors that are judged together, and large ones by the histories that they repeat, are judged as each by itself."""

from dataclasses import replace

import numpy as np
import pytest

from adam_ref import ADAM, Hyperparameters
from conformance.capabilities import Capabilities
from conformance.case import Trajectory
from conformance.cases.build import case_of
from conformance.cases.regimes import REGIMES
from conformance.checks import PROFILES, Context
from conformance.checks.base import inside_enclosure
from conformance.checks.groups import several
from conformance.checks.large import PERIOD, SHAPES, SQUARES, inside_together, tiled
from conformance.faults.adam import Adam

HYPER = Hyperparameters(lr=0.05, eps=1e-3)
DTYPES = ("float32", "float64", "bfloat16", "complex64")


def context(dtype):
    return Context(lambda _: [], ADAM, Capabilities(), dtype, "cpu", PROFILES["quick"], 0)


def run(case):
    session = Adam(case.parameters, case.hyperparameters)
    return Trajectory(tuple(tuple(session.step(g)) for g in case.gradients))


def spoilt(seen, step, parameter, element):
    """The same run, in which one element is another from a step on."""
    rows = [[p.copy() for p in row] for row in seen.parameters]
    for row in rows[step - 1 :]:
        row[parameter].reshape(-1)[element] += 1
    return replace(seen, parameters=tuple(map(tuple, rows)))


def place_of(found):
    return found.step, found.parameter, found.element


def large(dtype):
    return tiled(case_of(REGIMES["ordinary"], HYPER, dtype, 1, elements=PERIOD, steps=2), SHAPES)


def small(dtype):
    return several(context(dtype), [HYPER])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [large, small])
def test_a_correct_run_is_inside(case, dtype):
    made = case(dtype)
    examined = inside_together(made, context(dtype), run(made))
    assert examined.violation is None
    assert examined.accuracy == "A"
    assert examined.decided > 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", [(2, 0, 4), (1, 4, 11), (1, 9, 0)])
def test_tensors_together_give_what_they_give_alone(place, dtype):
    case, given = small(dtype), context(dtype)
    right = run(case)
    wrong = spoilt(right, *place)
    together, alone = (f(case, given, trajectory=wrong).violation for f in (inside_together, inside_enclosure))
    assert place_of(together) == place_of(alone)
    together, alone = (f(case, given, trajectory=right).worst for f in (inside_together, inside_enclosure))
    assert place_of(together) == place_of(alone)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("place", [(2, 0, 16_640), (1, 3, 3_074), (1, 6, 719)])
def test_a_number_that_is_off_is_found_where_it_stands(place, dtype):
    """In the middle of a large tensor, in the last row, in the last element of the last tensor."""
    case = large(dtype)
    violation = inside_together(case, context(dtype), spoilt(run(case), *place)).violation
    parts = 2 if dtype == "complex64" else 1
    assert (violation.step, violation.parameter, violation.element // parts) == place


def test_not_a_number_is_found():
    case = large("float32")
    seen = spoilt(run(case), 1, 2, 7)
    seen.parameters[1][2].reshape(-1)[7] = np.nan
    seen.parameters[0][2].reshape(-1)[7] -= 1
    violation = inside_together(case, context("float32"), seen).violation
    assert place_of(violation) == (2, 2, 7)


@pytest.mark.parametrize("shape", [s for s in (*SHAPES, *SQUARES) if len(s) == 2])
def test_no_matrix_looks_the_same_in_another_order(shape):
    """Or it would not show that rows were taken for columns."""
    order = (np.arange(np.prod(shape)) % PERIOD).reshape(shape)
    assert (order != order.T.reshape(shape)).mean() > 0.9
    assert len(np.unique(order[:, 0])) > 1
