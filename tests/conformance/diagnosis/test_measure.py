"""What counts as right, where names are withheld."""

from __future__ import annotations

import pytest

from conformance.diagnosis.measure import NOTHING, RIGHT, TIED, WRONG, Measure, Named, outcome
from conformance.diagnosis.result import COMBINATION, DIALECT, FACT, FAULT, NONE, Diagnosis
from conformance.faults import subject_named
from conformance.faults.matrix import Terms

PAIR = "m-unweighted+m-lost-on-load"


def _said(name: str, kind: str = FAULT, *same: str) -> Diagnosis:
    return Diagnosis(name, kind, (), "as seen", (), same)


@pytest.mark.parametrize(
    ("subject", "found", "expected"),
    [
        ("lr-squared", [_said("lr-squared")], RIGHT),
        ("lr-squared", [_said("lr-missing", FAULT, "lr-squared")], TIED),
        ("lr-squared", [_said("lr-missing"), _said("lr-squared")], WRONG),
        ("lr-squared", [_said("nothing fits", NONE)], NOTHING),
        ("lr-squared", [_said("results vary from run to run", FACT)], NOTHING),
        ("lr-squared", [], NOTHING),
        ("epsilon-hat", [_said("epsilon-hat", DIALECT)], RIGHT),
        ("no-bias-correction", [_said("no-bias-correction", DIALECT)], RIGHT),
        (PAIR, [_said("m-lost-on-load + lr-squared", COMBINATION)], RIGHT),
        (PAIR, [_said("lr-squared"), _said("m-unweighted")], RIGHT),
        (PAIR, [_said("lr-squared")], WRONG),
    ],
)
def test_outcome(subject: str, found: list[Diagnosis], expected: str) -> None:
    assert outcome(subject_named(subject), found) == expected


def test_a_wrong_name_is_not_ok() -> None:
    right, wrong = (Named("lr-squared", (_said(name),), what, 0.1) for name, what in (("a", RIGHT), ("b", WRONG)))
    assert Measure(Terms(), (right,)).ok
    assert not Measure(Terms(), (right, wrong)).ok
    assert Measure(Terms(), (right, wrong)).to_json()["counts"] == {
        "right": 1,
        "tied": 0,
        "nothing fits": 0,
        "wrong": 1,
    }
