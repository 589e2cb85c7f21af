"""The search for the worst deviation finds what is planted."""

import numpy as np
import pytest

from adam_ref import ADAM, CLASS_A, Hyperparameters
from conformance.case import Case
from conformance.compare import NO_CLAIMS
from conformance.field.worst import ELEMENTS, Search, deviations
from conformance.isolation.hosts import InProcess
from conformance.targets import adapt
from tests.miniatures import adam


def search(function, dtype):
    host = InProcess(adapt(function))
    host.capabilities = type(host.capabilities)(**{**vars(host.capabilities), "dtypes": (dtype,)})
    return Search(host.run, host.capabilities, ADAM, dtype, CLASS_A)


def deviating(parameters, gradients, state, *, lr, beta1, beta2, eps):
    """Right, but for a relative error that grows, up to 2e-5, as the gradient's significand comes near 1.7."""
    after, state = adam(parameters, gradients, state, lr=lr, beta1=beta1, beta2=beta2, eps=eps)
    away = [np.abs(2 * np.abs(np.frexp(g.astype(np.float64))[0]) - 1.7) for g in gradients]
    return [(a * (1 + 2e-5 * np.exp(-5e3 * d))).astype(a.dtype) for a, d in zip(after, away, strict=True)], state


def test_climbing_gets_further_than_chance():
    """A planted deviation of which random histories see a part is climbed to its top."""
    found = search(deviating, "float32")
    random, climbed = found.climbed(rounds=1), found.climbed()
    assert random.tried == ELEMENTS
    assert 1 < random.ratio < climbed.ratio
    last = climbed.case.gradients[-1][0]
    assert abs(2 * abs(np.frexp(float(last[0]))[0]) - 1.7) < 1e-4


def test_every_gradient_of_a_16_bit_format_is_tried():
    """One pattern in 65,536 that goes wrong is found, and named."""

    def wrong_once(parameters, gradients, state, *, lr, beta1, beta2, eps):
        after, state = adam(parameters, gradients, state, lr=lr, beta1=beta1, beta2=beta2, eps=eps)
        bad = [g.astype(np.float64) == 1.2109375 for g in gradients]
        return [np.where(b, 2 * a, a).astype(a.dtype) for a, b in zip(after, bad, strict=True)], state

    found = search(wrong_once, "float16").exhausted()
    assert found.tried == 63488
    assert found.ratio > 1
    assert float(found.case.gradients[0][0][0]) == 1.2109375


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_right_stays_within_and_the_input_attains_what_is_said(dtype):
    found = search(adam, dtype)
    worst = found.climbed(rounds=4)
    assert 0 < worst.ratio <= 1
    shares, ulps = deviations(worst.case, found.run((worst.case,))[0], ADAM, CLASS_A, NO_CLAIMS)
    assert (float(shares[-1, 0]), float(ulps[-1, 0])) == (worst.ratio, worst.ulp)


def test_where_nothing_can_be_compared_nothing_is_said():
    """With eps = 0 in the format and zero gradients every interval is the whole line."""
    found = search(adam, "float32")
    case = Case("float32", (np.zeros(2, np.float32),), (Hyperparameters(eps=0.0),), ((np.zeros(2, np.float32),),))
    shares, _ = deviations(case, found.run((case,))[0], ADAM, CLASS_A, NO_CLAIMS)
    assert not shares.any()
