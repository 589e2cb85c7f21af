"""The tables hold together: adding one half of something without the other half fails here."""

import pytest

from adam_ref.theorems import THEOREMS
from conformance.cases.regimes import REGIMES
from conformance.checks import CHECKS
from conformance.faults import CATALOGUE
from conformance.specs import clauses

FEW = 5
"""A fault is telling about a check where at most so many checks name it."""


def test_every_clause_has_a_check():
    """A normative sentence that nothing tests is a wish."""
    tested = {clause for check in CHECKS.values() for clause in check.clauses}
    assert set(clauses()) - tested == set()


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_tests_clauses_that_exist(name):
    check = CHECKS[name]
    assert check.clauses
    assert set(check.clauses) <= set(clauses())


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_is_registered_under_its_own_id(name):
    check = CHECKS[name]
    assert check.id == name == name.lower()
    assert check.title == check.title.strip().rstrip(".")


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_has_a_fault_that_it_must_catch(name):
    """A check that no fault is named for has never been seen to fail."""
    named = [f for f in CATALOGUE.values() if name in f.caught_by and len(f.caught_by) <= FEW]
    assert named, f"no fault of the catalogue names {name}"


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_fault_names_checks_and_a_regime_that_exist(name):
    fault = CATALOGUE[name]
    assert set(fault.caught_by) <= set(CHECKS)
    assert not fault.regime or fault.regime in REGIMES


@pytest.mark.parametrize("name", REGIMES)
def test_every_regime_is_used_by_a_check_and_shows_a_fault(name):
    """A regime is there for a reason; the reason is a fault."""
    used = [check for check in CHECKS.values() if check.regime == name]
    assert used, f"no check draws from {name}"
    assert any(f.regime == name for f in CATALOGUE.values()), f"no fault is shown by {name}"


@pytest.mark.parametrize("name", [name for name, check in CHECKS.items() if check.theorems])
def test_every_theorem_that_a_check_names_exists(name):
    assert set(CHECKS[name].theorems) <= set(THEOREMS)
