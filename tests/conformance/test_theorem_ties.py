"""Theorems and checks name each other: a tie that only one side knows of would mislead whoever follows it."""

import pytest

from adam_ref.theorems import THEOREMS
from conformance.checks import CHECKS

pytest.importorskip("sympy")


@pytest.mark.parametrize("name", list(THEOREMS))
def test_the_checks_that_a_theorem_lists_exist_and_name_it(name):
    for check in THEOREMS[name].checks:
        assert check in CHECKS, f"{name} lists {check}, which does not exist"
        assert name in CHECKS[check].theorems, f"{name} lists {check}, which does not name it: add it to its theorems="


@pytest.mark.parametrize("check", list(CHECKS))
def test_the_theorems_that_a_check_names_exist_and_list_it(check):
    for name in CHECKS[check].theorems:
        assert name in THEOREMS, f"{check} rests on {name}, which does not exist"
        assert check in THEOREMS[name].checks, f"{check} rests on {name}, which does not list it: add it to checks="


@pytest.mark.parametrize("name", list(THEOREMS))
def test_every_theorem_is_of_use(name):
    """A theorem on which neither a check nor another theorem rests belongs to no one."""
    used = any(name in THEOREMS[other].uses for other in THEOREMS)
    assert used or THEOREMS[name].checks, f"nothing rests on {name}"


@pytest.mark.parametrize("name", list(THEOREMS))
def test_a_theorem_lists_each_check_once(name):
    assert len(set(THEOREMS[name].checks)) == len(THEOREMS[name].checks)
