"""Manners: every one has a way, a refusal is no pass, and what an adapter notices is a finding."""

import copy

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from adam_ref import Hyperparameters
from adam_ref.torch import Adam
from conformance import check_adam
from conformance.case import Case
from conformance.checks import CHECKS
from conformance.manners import MANNERS
from conformance.protocol import TargetError, run_case
from conformance.targets import adapt
from conformance.targets.torch_manners import WAYS
from conformance.targets.torch_plain import Plainly
from tests.conformance import honest_torch

QUICK = {"profile": "quick", "dtypes": ["float32"], "on_fail": None}
FUSED = "torch.optim:Adam?fused=True"


def case_in(manner, shape=(3, 4), steps=2):
    ones = np.ones(shape, np.float32)
    return Case(
        dtype="float32",
        parameters=(ones,),
        hyperparameters=(Hyperparameters(lr=0.5),),
        gradients=((ones,),) * steps,
        manner=manner,
    )


class Refusing(Adam):
    """Takes no tensor that is not contiguous, and says so."""

    def __init__(self, params, lr=1e-3):
        params = list(params)
        super().__init__(params, lr=lr, eps=1e-8, optimized_update=False)
        if not all(p.is_contiguous() for p in params):
            raise ValueError("only contiguous parameters are taken")


def test_every_manner_has_a_way_in_torch():
    """A manner that no adapter knows would be skipped for every target, and nobody would notice."""
    assert set(WAYS) == {"", *MANNERS}


def test_every_manner_is_used_by_a_check():
    """A manner that no check asks for tests nothing."""
    context = context_of_everything()
    used = {case.manner for check in CHECKS.values() for case in check.cases(context)}
    assert set(MANNERS) <= used


def context_of_everything():
    from conformance.isolation.hosts import InProcess
    from conformance.suite import Plan

    host = InProcess(adapt(torch.optim.Adam, {"compiled": True}))
    return Plan(profile="thorough").context(host, "float32", lambda *_: None)


@pytest.mark.parametrize("manner", sorted(MANNERS))
def test_the_shipped_adam_moves_in_every_manner_or_refuses_it(manner):
    """Nothing judged would be nothing found."""
    seen = run_case(adapt(Adam), case_in(manner, steps=1))
    assert seen.refused or not np.array_equal(seen.parameters[0][0], np.ones((3, 4), np.float32))
    assert not seen.refused or MANNERS[manner].refusable
    assert seen.noticed == ()


def test_a_target_that_refuses_is_skipped_with_its_own_words():
    """Refusing strided parameters is honest; it must not be counted as having stepped them right."""
    report = check_adam(Refusing, only=["layouts.strided"], **QUICK)
    (result,) = report.checks
    assert result.status == "pass", "contiguous parameters with strided gradients are still judged"
    report = check_adam(Refusing, only=["layouts.transposed", "gradients.sparse"], **QUICK)
    (sparse,) = (c for c in report.checks if c.id == "gradients.sparse")
    assert sparse.status == "skip"
    assert "refuses this" in sparse.reason
    assert "dense" in sparse.reason


def test_what_may_not_be_refused_is_an_error():
    """A step that raises on a contiguous parameter because its gradient is strided cannot be called a refusal."""

    class Stubborn(Adam):
        def step(self, closure=None):
            if any(not p.grad.is_contiguous() for g in self.param_groups for p in g["params"]):
                raise RuntimeError("I do not like this gradient")
            return super().step(closure)

    with pytest.raises(TargetError, match="I do not like this gradient"):
        run_case(adapt(Stubborn), case_in("strided-gradients"))


class Stumbling(Adam):
    """Looks up what is not there, where a subclass says so."""

    def __init__(self, params, lr=1e-3, eps=1e-8):
        super().__init__(params, lr=lr, eps=eps, optimized_update=False)

    def step(self, closure=None):
        if any(p.grad is not None and p.grad.is_sparse for g in self.param_groups for p in g["params"]):
            self.stumble()
        return super().step(closure)


class MissingAKey(Stumbling):
    def stumble(self):
        return {}["exp_avg"]


class WithoutAName(Stumbling):
    def stumble(self):
        return undefined  # noqa: F821


class WithoutAnAttribute(Stumbling):
    def stumble(self):
        return None.add_


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        (MissingAKey, "step 1 raised KeyError: 'exp_avg'; KeyError is no refusal"),
        (WithoutAName, "NameError is no refusal"),
        (WithoutAnAttribute, "AttributeError is no refusal"),
    ],
)
def test_a_stumble_is_no_refusal(optimizer, words):
    """Skipping what raises in any way would hide a state that is not there."""
    report = check_adam(optimizer, only=["gradients.sparse"], **QUICK)
    assert (report.verdict, report.checks[0].status) == ("does-not-conform", "fail")
    assert words in report.checks[0].reason


class Losing(honest_torch.OwnTable):
    """Keeps its state in a table that torch's base class does not copy."""


def test_a_copy_that_lacks_an_attribute_is_refused():
    """torch's base class copies groups and states alone, and says nothing about what it leaves behind."""
    report = check_adam(Losing, only=["checkpoints.copies"], **QUICK)
    assert report.checks[0].status == "skip"
    assert "AttributeError" in report.checks[0].reason


def test_fused_torch_writes_beside_strided_and_expanded_parameters():
    """The public defect that the chapter was made for, with the words that a reader needs."""
    report = check_adam(FUSED, only=["layouts"], **QUICK)
    failed = {c.id: c.finding for c in report.checks if c.status == "fail"}
    assert set(failed) == {"layouts.transposed", "layouts.strided", "layouts.expanded"}
    assert "beside parameter 0 in memory were overwritten" in failed["layouts.strided"].violation.message
    assert len(failed["layouts.strided"].case.parameters) == 1


def test_a_guard_tells_how_much_was_overwritten():
    way = WAYS["strided"]("cpu")
    (held,) = way.hold([np.zeros(5, np.float32)])
    held.data.as_strided((4,), (1,), held.storage_offset()).fill_(9.0)
    way.notice()
    way.notice()
    assert way.broken == ["2 numbers beside parameter 0 in memory were overwritten"]


def test_an_expanded_parameter_is_one_number():
    way = WAYS["expanded-parameters"]("cpu")
    (held,) = way.hold([np.full((2, 3), 4.0, np.float32)])
    assert held.stride() == (0, 0)
    assert torch.equal(held.detach(), torch.full((2, 3), 4.0))


@pytest.mark.parametrize("manner", [m for m in MANNERS if m.startswith(("transposed", "strided", "channels", "views"))])
def test_a_layout_keeps_the_numbers(manner):
    """A layout that mixed up its elements would blame every target."""
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4, 1)
    (held,) = WAYS[manner]("cpu").hold([array])
    np.testing.assert_array_equal(held.detach().numpy(), array)
    gradient = WAYS[manner]("cpu").gradient(torch.from_numpy(copy.copy(array)))
    np.testing.assert_array_equal(gradient.numpy(), array)


def test_a_counter_that_cannot_be_written_is_not_claimed():
    """Hidden powers of beta do not follow the counter; judging such a target after a jump would be unjust."""

    class Hidden(torch.optim.Adam):
        def step(self, closure=None):
            self.made = getattr(self, "made", 0) + 1
            for group in self.param_groups:
                for p in group["params"]:
                    if p in self.state and p.grad is not None:
                        self.state[p]["step"].fill_(self.made - 1)
            return super().step(closure)

    assert adapt(torch.optim.Adam).capabilities.fast_forward
    assert not adapt(Hidden).capabilities.fast_forward


def test_a_way_is_made_for_each_session():
    """What one session noticed is not another's."""
    first, second = Plainly("cpu"), Plainly("cpu")
    first.broken.append("something")
    assert second.broken == []


class WantsPositive(Adam):
    """Validates as many do: nothing may be 0."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        if not (lr > 0 and eps > 0 and min(betas) > 0):
            raise ValueError("hyperparameters must be positive")
        super().__init__(params, lr=lr, betas=betas, eps=eps, optimized_update=False)


def test_hyperparameters_that_are_refused_at_the_start_are_skipped():
    """Refusing lr = 0 loudly moves nobody's parameters; it is not "could not be run", and no pass either."""
    only = ["special.lr-zero", "special.eps-zero", "update.ordinary"]
    report = check_adam(WantsPositive, only=only, **QUICK)
    status = {c.id: (c.status, c.reason) for c in report.checks}
    assert status["special.lr-zero"][0] == status["special.eps-zero"][0] == "skip"
    assert "hyperparameters must be positive" in status["special.lr-zero"][1]
    assert status["update.ordinary"][0] == "pass"
    assert report.verdict == "conforms"


def test_hyperparameters_of_everyday_use_may_not_be_refused():
    class Never(Adam):
        def __init__(self, params, lr=1e-3):
            raise ValueError("not today")

    report = check_adam(Never, only=["update.few-roundings"], **QUICK)
    assert report.verdict == "could-not-run"


@pytest.mark.parametrize("optimizer", honest_torch.ALL, ids=lambda cls: cls.__name__)
def test_correct_optimizers_in_foreign_styles_conform(optimizer):
    """Each had once been flagged or not run, for a name, a signature or a counter that is not torch's."""
    only = ["state", "hyperparameters", "gradients", "layouts", "checkpoints", "groups", "metamorphic.resume"]
    report = check_adam(optimizer, only=only, **QUICK)
    assert report.verdict == "conforms", [(c.id, c.status, c.reason) for c in report.checks if c.status != "pass"]
