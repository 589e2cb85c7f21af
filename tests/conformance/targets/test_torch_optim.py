"""Optimizer classes need no adapter of their own, however their constructors are written."""

from types import MappingProxyType

import numpy as np
import pytest
import torch

from adam_ref import Hyperparameters
from conformance import check_adam
from conformance.case import Case
from conformance.isolation.hosts import InProcess
from conformance.protocol import TargetError
from conformance.targets import adapt
from conformance.targets.torch_optim import TorchOptimizer

BRIEF = {"profile": "quick", "dtypes": ["float32"]}


class OnlyLr(torch.optim.Adam):
    """Fixes everything but `lr`, and not at the paper's values."""

    def __init__(self, params, lr=1e-3):
        super().__init__(params, lr=lr, betas=(0.8, 0.99), eps=1e-6)


class TwoBetas(torch.optim.Adam):
    """Has a name for each beta."""

    def __init__(self, params, lr, *, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(params, lr=lr, betas=(beta1, beta2), eps=eps)
        self.defaults |= {"beta1": beta1, "beta2": beta2}
        for group in self.param_groups:
            del group["betas"]
            group.setdefault("beta1", beta1)
            group.setdefault("beta2", beta2)

    def step(self, closure=None):
        for group in self.param_groups:
            group["betas"] = (group["beta1"], group["beta2"])
        super().step(closure)


class Anything(torch.optim.Adam):
    """Hands on whatever it is given."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class Places(torch.optim.Adam):
    """Takes no names at all."""

    def __init__(self, params, lr, betas, eps, /):
        super().__init__(params, lr, betas, eps)


class WantsAClosure(torch.optim.Adam):
    """Cannot step without one, and returns something else than a loss."""

    def step(self, closure):
        with torch.enable_grad():
            closure()
        super().step()
        return "done"


class OtherNames(torch.optim.Adam):
    """Hides its state under other names between steps."""

    def step(self, closure=None):
        for state in self.state.values():
            state.update(exp_avg=state.pop("first"), exp_avg_sq=state.pop("second"), step=state.pop("made"))
        super().step(closure)
        for state in self.state.values():
            state.update(first=state.pop("exp_avg"), second=state.pop("exp_avg_sq"), made=state.pop("step"))


class OneGroup(torch.optim.Adam):
    """Refuses groups, and says so."""

    capabilities = MappingProxyType({"groups": False})

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        params = list(params)
        assert all(map(torch.is_tensor, params))
        super().__init__(params, lr, betas, eps)


@pytest.mark.parametrize(
    ("cls", "settable"),
    [
        (OnlyLr, {"lr"}),
        (TwoBetas, {"lr", "beta1", "beta2", "eps"}),
        (Anything, {"lr", "beta1", "beta2", "eps", "weight_decay", "amsgrad", "maximize"}),
        (Places, {"lr", "beta1", "beta2", "eps"}),
        (WantsAClosure, {"lr", "beta1", "beta2", "eps", "weight_decay", "amsgrad", "maximize"}),
        (OneGroup, {"lr", "beta1", "beta2", "eps"}),
    ],
)
def test_what_the_constructor_takes_is_claimed(cls, settable):
    """What is not claimed is not checked: a claim that is missed is a defect that is missed."""
    assert set(TorchOptimizer(cls).capabilities.settable) == settable


@pytest.mark.parametrize("cls", [OnlyLr, TwoBetas, Anything, Places, WantsAClosure, OtherNames, OneGroup])
def test_a_correct_one_conforms_whatever_its_constructor_looks_like(cls):
    only = ["update.ordinary", "update.near-epsilon", "update.schedule", "groups"]
    assert check_adam(cls, only=only, **BRIEF).verdict == "conforms"


def test_what_is_fixed_is_taken_as_the_group_shows_it():
    """Held against the paper's betas, a correct optimizer with other ones would be called wrong."""
    pinned = TorchOptimizer(OnlyLr).capabilities.pinned
    assert (pinned["beta1"], pinned["beta2"], pinned["eps"]) == (0.8, 0.99, 1e-6)
    assert "lr" not in pinned


def test_an_argument_in_the_address_is_pinned():
    target = TorchOptimizer(torch.optim.Adam, {"betas": (0.5, 0.75), "eps": 1e-4, "foreach": False})
    assert target.capabilities.pinned == {"beta1": 0.5, "beta2": 0.75, "eps": 1e-4}
    assert target.arguments == {"foreach": False}


def test_state_under_other_names_is_not_claimed():
    claims = TorchOptimizer(OtherNames).capabilities
    assert (claims.state, claims.counter) == (False, False)
    assert TorchOptimizer(torch.optim.Adam).capabilities.state


def test_a_constructor_that_wants_more_says_so():
    class Wants(torch.optim.Adam):
        def __init__(self, params, model):
            super().__init__(params)

    case = Case("float32", (np.zeros(1, np.float32),), (Hyperparameters(),), ((np.ones(1, np.float32),),))
    with pytest.raises(TargetError, match="missing 1 required positional argument: 'model'"):
        InProcess(adapt(Wants)).run([case])
