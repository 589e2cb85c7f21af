"""Frameworks with arrays of their own: what an adapter of one says, and what is seen through it."""

import numpy as np
import pytest

from adam_ref import Hyperparameters
from conformance import check_adam
from conformance.protocol import TargetError
from conformance.targets.adapter import Adapter
from conformance.targets.loop import Loop
from tests.miniatures import mylib

QUICK = {"profile": "quick", "dtypes": ["float32"], "dialect": "epsilon-hat"}


class MyAdam(Adapter):
    """All that can be said."""

    names = {"lr": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon"}  # noqa: RUF012
    kept = ("m", "v", "t", "learning_rate")

    def to_parameter(self, array):
        return mylib.array(array)

    def to_numpy(self, held):
        return held.numpy()

    def make(self, parameters, **named):
        return mylib.Adam(parameters, **named)

    def step(self, optimizer, parameters, gradients):
        optimizer.apply(gradients)

    def state(self, optimizer, parameters):
        return {"m": optimizer.m, "v": optimizer.v}

    def counter(self, optimizer, parameters):
        return optimizer.t

    def set_lr(self, optimizer, lr):
        optimizer.learning_rate = lr


class Changing(MyAdam):
    """Its framework changes its own copies of the gradients; the NumPy arrays that they were made of do not show it."""

    def step(self, optimizer, parameters, gradients):
        optimizer.apply(gradients)
        gradients[0].held *= 2


class Late(MyAdam):
    """Its framework goes on after the step has returned, on its own copies of the parameters."""

    def counter(self, optimizer, parameters):
        parameters[0].held = parameters[0].held * 2
        return optimizer.t


class InPlace(Adapter):
    """A framework of NumPy arrays, which keeps the gradient as the first moment."""

    def make(self, parameters, **named):
        return {"m": None}

    def step(self, optimizer, parameters, gradients):
        optimizer["m"] = gradients

    def state(self, optimizer, parameters):
        return {"m": optimizer["m"], "v": [np.zeros_like(p) for p in parameters]}


def outcomes(target, *only):
    report = check_adam(target, only=list(only), on_fail=None, **QUICK)
    return {check.id: check.status for check in report.checks}


def test_what_is_said_is_claimed_and_conforms():
    report = check_adam(MyAdam(), **QUICK)
    claims = report.capabilities
    assert (claims.state, claims.counter, claims.checkpoint, claims.lr_schedule) == (True, True, True, True)
    assert claims.settable == ("lr", "beta1", "beta2", "eps")
    assert report.verdict == "conforms"


def test_what_is_not_said_is_not_claimed():
    claims = InPlace().capabilities
    assert (claims.state, claims.counter, claims.checkpoint, claims.lr_schedule) == (True, False, False, False)


def test_hyperparameters_of_an_address_are_pinned_and_the_rest_is_handed_on():
    target = MyAdam(eps=1e-4, fused=True)
    assert target.capabilities.pinned == {"eps": 1e-4}
    assert target.arguments == {"fused": True}


@pytest.mark.parametrize(
    ("target", "check"),
    [(Changing(), "purity.gradients"), (Late(), "purity.settled"), (InPlace(), "purity.memory")],
    ids=["gradients", "late", "memory"],
)
def test_what_happens_to_the_frameworks_own_arrays_is_seen(target, check):
    """Converted arrays are copies: what becomes of them would pass unseen in the arrays that they were made of."""
    assert outcomes(MyAdam(), check)[check] in ("pass", "skip")
    assert outcomes(target, check)[check] == "fail"


def test_without_numpy_arrays_nothing_is_said_of_what_overlaps():
    """Whoever is not NumPy's may not even be comparable; tensors of torch in bfloat16 are not."""
    assert outcomes(MyAdam(), "purity.memory") == {"purity.memory": "skip"}
    session = MyAdam().start([np.ones(1)], [Hyperparameters()])
    session.parameters[0] = session.gradients = None
    assert session.shared_memory() == []


def run(gradient, x):
    for _ in range(2):
        x = x - gradient(x)


def test_a_loop_of_its_own_is_stepped_from_outside():
    loop = Loop(run, [np.ones(2), np.ones((1, 1))])
    first, second = loop.step([np.array([1.0, 2.0]), np.array([[3.0]])])
    assert (first.tolist(), second.tolist()) == ([0.0, -1.0], [[-2.0]])


def test_a_loop_that_ends_says_so():
    """Whoever waits for it would wait for ever."""
    loop = Loop(run, [np.ones(1)])
    loop.step([np.ones(1)])
    with pytest.raises(RuntimeError, match="ended by itself"):
        loop.step([np.ones(1)])


def test_what_a_loop_raises_is_raised_where_it_is_stepped():
    def failing(gradient, x):
        gradient(x)
        raise TargetError("it fails")

    loop = Loop(failing, [np.ones(1)])
    with pytest.raises(TargetError, match="it fails"):
        loop.step([np.ones(1)])
