"""Invalid hyperparameters: what counts as refusing them, and that accepting them is a warning and no more."""

import math

import numpy as np
import pytest

from adam_ref import Hyperparameters
from conformance import check_adam, parametrize_with_checks
from conformance.api import ConformanceWarning
from conformance.capabilities import Capabilities
from conformance.case import Case, Unvalidated, case_from_json, case_to_json
from conformance.checks import CHECKS
from conformance.faults import CATALOGUE, kill_matrix
from conformance.isolation import wire
from conformance.report import to_text

BRIEF = {"only": ["hyperparameters.invalid"], "dtypes": ["float32"], "profile": "quick"}


class Refusing:
    """Checks its hyperparameters as a subclass says; the update is plain descent, which nothing here looks at."""

    name = "refusing"
    capabilities = Capabilities(refuses_invalid=True)

    def start(self, parameters, hypers):
        self.checks_first(hypers[0])
        return Session(self, parameters, hypers[0])

    def checks_first(self, hyper):
        if not valid(hyper):
            raise ValueError("invalid")

    def checks_at_a_step(self, session):
        pass


class Session:
    def __init__(self, target, parameters, hyper):
        self.target, self.parameters, self.hyper = target, parameters, hyper

    def step(self, gradients):
        self.target.checks_at_a_step(self)
        for p, g in zip(self.parameters, gradients, strict=True):
            p -= np.float32(self.hyper.lr) * g
        return self.parameters


def valid(hyper):
    return all(0 <= b < 1 for b in (hyper.beta1, hyper.beta2)) and hyper.lr >= 0 and hyper.eps >= 0


class WhenStepped(Refusing):
    def checks_first(self, hyper):
        pass

    def checks_at_a_step(self, session):
        if not valid(session.hyper):
            raise UnicodeError("invalid")  # a subclass of ValueError


class AfterMoving(WhenStepped):
    def checks_at_a_step(self, session):
        session.parameters[-1][...] += 1
        super().checks_at_a_step(session)


class WithATypeError(Refusing):
    def checks_first(self, hyper):
        if not valid(hyper):
            raise TypeError("invalid")


class Accepting(Refusing):
    def checks_first(self, hyper):
        pass


class LettingNaNPass(Refusing):
    def checks_first(self, hyper):
        if hyper.lr < 0 or hyper.eps < 0 or not all(0 <= b < 1 for b in (hyper.beta1, hyper.beta2)):
            raise ValueError("invalid")


def result(target, **more):
    (found,) = check_adam(target, **{**BRIEF, **more}).checks
    return found


@pytest.mark.parametrize("target", [Refusing(), WhenStepped()])
def test_a_value_error_before_anything_moves_is_a_refusal(target):
    assert result(target).status == "pass"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (AfterMoving(), "lr = -0.5: parameter 1 was changed before this was refused: step 1 raised UnicodeError"),
        (WithATypeError(), "lr = -0.5: start raised TypeError: invalid; it is to be refused with a ValueError"),
        (Accepting(), "lr = -0.5 was accepted: a step with it takes the parameter from"),
        (LettingNaNPass(), "lr = nan was accepted"),
    ],
)
def test_anything_else_is_warned_of(target, words):
    """The finding has everything that one of a MUST has; the verdict is as without it."""
    report = check_adam(target, **BRIEF)
    (found,) = report.checks
    assert found.status == "warn"
    assert words in found.reason
    assert (report.verdict, report.exit_code) == ("conforms", 0)
    assert found.finding.case.invalid[0] == "lr"
    assert '"warn": 1' in to_text(report)


def test_where_it_is_no_custom_nothing_is_said():
    class Silent(Accepting):
        capabilities = Capabilities()

    assert result(Silent(), on_fail=None).reason == "the target does not claim refuses_invalid"


def test_what_cannot_be_set_is_not_set():
    class Pinned(Accepting):
        capabilities = Capabilities(refuses_invalid=True, settable=("lr", "eps"), pinned={"lr": 0.1})

    assert "eps = -1e-08 was accepted" in result(Pinned()).reason


def test_torch_refuses_and_so_does_what_we_ship():
    pytest.importorskip("torch")
    for target in ("torch.optim:Adam", "adam_ref.torch:Adam"):
        assert result(target).status == "pass"


def test_pytest_shows_a_warning():
    ((target, check),) = (p.values for p in parametrize_with_checks([Accepting()], **BRIEF).mark.args[1])
    with pytest.warns(ConformanceWarning, match="HYP-4"):
        check(target)


def test_invalid_values_reach_nobody_but_the_target():
    """The hyperparameters of the case stay valid, and so does the class that everybody else uses."""
    one = np.ones(1, np.float32)
    case = Case("float32", (one,), (Hyperparameters(lr=0.25),), ((one,),), invalid=("beta1", math.nan))
    (given,) = case.given
    assert isinstance(given, Unvalidated)
    assert math.isnan(given.beta1)
    assert (given.lr, case.hyperparameters[0].beta1) == (0.25, 0.9)
    with pytest.raises(ValueError, match="beta1"):
        Hyperparameters(beta1=math.nan)
    for again in (case_from_json(case_to_json(case)), wire.case_from_message(wire.case_message(case))):
        assert again.hyperparameters == case.hyperparameters
        assert again.invalid[0] == "beta1"
        assert math.isnan(again.invalid[1])


class TestFaults:
    """A warning kills what violates a SHOULD, and nothing else."""

    def test_a_fault_of_a_should_is_caught_by_a_warning(self):
        assert CATALOGUE["invalid-accepted"].level == "SHOULD"
        assert CATALOGUE["epsilon-hat"].level == "MUST"

    def test_a_fault_that_must_change_the_verdict_survives_a_warning(self):
        """Otherwise a check of a SHOULD could hide that nothing catches it."""
        both = CATALOGUE["invalid-accepted"].pieces | CATALOGUE["lr-squared"].pieces
        fault = type(CATALOGUE["lr-squared"])(
            "both", "two things are wrong", "nowhere", both, caught_by=("update.ordinary",)
        )
        matrix = kill_matrix([fault], [CHECKS["hyperparameters.invalid"]], dtypes=["float32"])
        assert [c.status for c in matrix.cells] == ["warned"]
        assert matrix.survivors() == [("both", "float32")]
