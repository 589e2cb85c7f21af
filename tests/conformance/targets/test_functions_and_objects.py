"""Functions and objects over NumPy arrays as targets."""

import sys
from functools import partial
from types import MappingProxyType

import numpy as np
import pytest

from adam_ref import Hyperparameters
from conformance import ConformanceError, check_adam
from conformance.capabilities import Capabilities
from conformance.protocol import TargetError
from conformance.targets import adapt, load_target, parse_address
from tests import miniatures

BRIEF = {"profile": "quick", "dtypes": ["float32"], "only": ["update.ordinary", "update.near-epsilon"]}


def with_betas(parameters, gradients, state, *, lr, betas, eps):
    return miniatures.adam(parameters, gradients, state, lr, *betas, eps)


def with_any(parameters, gradients, state, **hyperparameters):
    return miniatures.adam(parameters, gradients, state, **hyperparameters)


class Instance:
    """Something that can be called."""

    def __call__(self, parameters, gradients, state, lr, beta1, beta2, eps):
        return miniatures.adam(parameters, gradients, state, lr, beta1, beta2, eps)


def as_a_generator(parameters, gradients, state, **hyperparameters):
    after, state = miniatures.adam(parameters, gradients, state, **hyperparameters)
    return (p for p in after), state


class Object:
    """The plug-in protocol in full, with claims as a dict."""

    name = "mine"
    capabilities = MappingProxyType(
        {"dtypes": ["float32"], "state": True, "counter": True, "checkpoint": True, "lr_schedule": True}
    )

    def start(self, parameters, hyperparameters):
        return ObjectSession(parameters, hyperparameters[0])


class ObjectSession:
    """One run."""

    def __init__(self, parameters, hyper):
        self.parameters, self.hyper, self.made = parameters, hyper, None

    def step(self, gradients):
        h = self.hyper
        self.parameters, self.made = miniatures.adam(
            self.parameters, gradients, self.made, h.lr, h.beta1, h.beta2, h.eps
        )
        return self.parameters

    def state(self):
        t, ms, vs = self.made
        return [{"m": m, "v": v, "step": t} for m, v in zip(ms, vs, strict=True)]

    def set_lr(self, lr):
        self.hyper = self.hyper.with_(lr=lr)

    def save(self):
        return self.made, self.hyper

    def load(self, saved):
        self.made, self.hyper = saved


class Half(ObjectSession):
    """Shows half of its state."""

    def state(self):
        return [{"m": entry["m"]} for entry in super().state()]


@pytest.mark.parametrize(
    "target",
    [with_betas, with_any, Instance(), as_a_generator, lambda p, g, s, **h: with_any(p, g, s, **h), partial(with_any)],
    ids=["betas", "any", "instance", "generator", "lambda", "partial"],
)
def test_whatever_can_be_called_is_a_target(target):
    report = check_adam(target, **BRIEF)
    assert report.verdict == "conforms"
    assert {"lr", "beta1", "beta2", "eps"} == set(report.capabilities.settable)


def test_a_function_may_claim_what_its_signature_cannot_say():
    def step(parameters, gradients, state, **hyperparameters):
        return with_any(parameters, gradients, state, **hyperparameters)

    step.capabilities = {"dtypes": ["float64"], "settable": ["lr"], "pinned": {"eps": 1e-6}}
    claims = adapt(step).capabilities
    assert (claims.dtypes, claims.settable, claims.pinned) == (("float64",), ("lr",), {"eps": 1e-6})
    assert claims.lr_schedule, "what was read stays"


def test_an_object_with_everything_that_it_can_offer():
    report = check_adam(Object(), profile="quick", dtypes=["float32"])
    assert report.verdict == "conforms"
    ran = {c.id for c in report.checks if c.status == "pass"}
    assert {"state.moments", "state.counter", "metamorphic.resume", "update.schedule"} <= ran
    assert report.target == "mine"


def test_a_class_of_objects_is_made_into_one_and_an_object_is_left_as_it_is():
    assert adapt(Object).name == "mine"
    target = load_target("tests.miniatures:instance")
    assert target.name == "tests.miniatures:instance"
    assert miniatures.instance.name == "tests.miniatures:GradientDescent"


def test_half_of_a_state_is_no_state():
    """A moment that is never shown would never be judged, and the check of the moments would pass."""

    class Target(Object):
        def start(self, parameters, hyperparameters):
            return Half(parameters, hyperparameters[0])

    with pytest.raises(ConformanceError, match="the state holds no v of parameter 0"):
        check_adam(Target(), profile="quick", dtypes=["float32"], only=["state.moments"])


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, r"NoneType; \(parameters, state\) is expected"),
        (([np.zeros(64, np.float32)], None, 1), r"tuple; \(parameters, state\) is expected"),
        ((np.zeros(64, np.float32), None), r"list\s+of length 64; a list of as many parameters as were given,\s1"),
    ],
)
def test_a_function_that_returns_something_else_is_told_what_is_expected(returned, words):
    with pytest.raises(ConformanceError, match=words):
        check_adam(lambda p, g, s: returned, **BRIEF)


def test_claims_that_make_no_sense_cannot_be_run():
    """They end as a sentence about the target, and not as a defect of ours."""
    target = Object()
    target.capabilities = {"dtypes": ["int8"]}
    with pytest.raises(ConformanceError, match=r"dtypes\scannot be 'int8'"):
        check_adam(target, **BRIEF)
    with pytest.raises(TargetError, match=r"beta1 = 1\.5"):
        load_target("tests.miniatures:adam?beta1=1.5")


@pytest.mark.parametrize("query", ["lr=1&lr=2", "=3", "lr"])
def test_an_argument_has_a_name_of_its_own(query):
    """Of two values for one name, one would be dropped in silence."""
    with pytest.raises(TargetError, match="are no arguments"):
        parse_address(f"a:b?{query}")


def test_what_needs_torch_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "adam_ref.torch", raising=False)
    with pytest.raises(TargetError, match=r"pip install 'adam-conformance\[torch\]'"):
        load_target("torch:Adam")


def test_claims_of_an_object_reach_the_report():
    assert adapt(Object()).capabilities == Capabilities(
        dtypes=("float32",), state=True, counter=True, checkpoint=True, lr_schedule=True
    )


def gradients_kept(parameters, gradients, state, *, lr, beta1, beta2, eps):
    after, (t, ms, vs) = miniatures.adam(parameters, gradients, state, lr, beta1, beta2, eps)
    return after, (t, ms if beta1 else list(gradients), vs)


class Held:
    """A state that is an object which knows itself."""

    def __init__(self, **held):
        self.held, self.itself, self.module, self.kind = held, self, np, Held


def in_an_object(parameters, gradients, state, *, lr, beta1, beta2, eps):
    adam = state and state.held["adam"]
    after, held = miniatures.adam(parameters, gradients, adam, lr, beta1, beta2, eps)
    return after, Held(adam=held, parameters=after, gradients=gradients)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (gradients_kept, "gradient 0 and state[1][0] share memory"),
        (in_an_object, None),
    ],
)
def test_a_function_that_keeps_the_memory_of_a_gradient_is_found(function, words):
    """Its caller fills that memory anew, and the state has changed; parameters may be kept, and what is no moment."""
    report = check_adam(function, profile="quick", dtypes=["float32"], only=["purity.memory"], on_fail=None)
    assert next((finding.violation.message for finding in report.findings), None) == words
    assert [d.kind for d in report.diagnosis] == (["fact"] if words else [])


def test_gradients_come_in_the_same_memory_each_time():
    """What was kept of the step before is then that of this step, as it is in a training loop."""
    held = []

    def step(parameters, gradients, state, **_):
        held.append(gradients[0])
        return parameters, state

    session = adapt(step).start([np.zeros(1)], [Hyperparameters()])
    for gradients in ([np.ones(1)], [None], [np.full(1, 2.0)]):
        session.step(gradients)
    assert held[1] is None
    assert held[2] is held[0]
    assert held[0] == 2


class WithManners(Object):
    """Works in one manner as in any other, has a version, and can be closed."""

    capabilities = MappingProxyType({**Object.capabilities, "manners": ["rewritten"]})
    version = "7.1"
    closed = 0

    def start_in(self, manner, parameters, hyperparameters):
        assert manner == "rewritten"
        return self.start(parameters, hyperparameters)

    def close(self):
        self.closed += 1


def test_what_an_object_offers_beside_start_goes_along():
    thing = WithManners()
    report = check_adam(thing, profile="quick", dtypes=["float32"], only=["hyperparameters"])
    assert "hyperparameters.rewritten" in {c.id for c in report.checks if c.status == "pass"}
    assert (report.verdict, report.version) == ("conforms", "7.1")
    target = adapt(thing)
    target.close()
    assert thing.closed


def test_manners_without_the_means_are_no_crash():
    class Claiming(Object):
        capabilities = MappingProxyType({"manners": ["rewritten"]})

    with pytest.raises(TargetError, match=r"claims the manners rewritten and has no start_in"):
        adapt(Claiming())
