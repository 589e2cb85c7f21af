"""Reports made by hand, so that tests of what is done with a report need not run anything."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from adam_ref import ADAM, Hyperparameters
from conformance.capabilities import Capabilities
from conformance.case import Case
from conformance.compare import Violation, Worst
from conformance.diagnosis import Diagnosis
from conformance.report import ERROR, FAIL, PASS, SKIP, WARN, CheckResult, Finding, Report

CASE = Case(
    dtype="float32",
    parameters=(np.zeros(1, np.float32),),
    hyperparameters=(Hyperparameters(eps=1e-6),),
    gradients=((np.array([0.1], np.float32),), (None,)),
    lrs=(None, 0.5),
    regime="near-epsilon",
)
OUTSIDE = Violation("parameter", 2, 0, 0, -0.25, 0.5, 0.75, 12.5, "the parameter is outside its enclosure")
RULE = Violation("rule", 0, 0, 0, math.nan, math.nan, math.nan, math.inf, "the gradient was changed")


def found(check: str = "update.near-epsilon", violation: Violation = OUTSIDE, case: Case = CASE) -> Finding:
    """A finding of that check."""
    return Finding(
        check, ("UPD-1",), violation, case, f"adam-conformance check a:b --only {check} --dtype {case.dtype}"
    )


def passing(check: str = "update.ordinary", dtype: str = "float32") -> CheckResult:
    """A check that passed in class A, with a closest call of 41.2 %."""
    worst = Worst(0.412, 3.0, "parameter", 1, 0, 0)
    return CheckResult(
        check, ("UPD-1",), dtype, "cpu", PASS, "", 3, 1200, 4, 36, "A", worst, replace(CASE, dtype=dtype), None, 0.25
    )


def failing(check: str = "update.near-epsilon", dtype: str = "float32", violation: Violation = OUTSIDE) -> CheckResult:
    """A check that failed."""
    case = replace(CASE, dtype=dtype)
    return CheckResult(
        check, ("UPD-1",), dtype, "cpu", FAIL, violation.message, 1, finding=found(check, violation, case), seconds=0.5
    )


def warned(check: str = "hyperparameters.invalid", dtype: str = "float32") -> CheckResult:
    """A check that found what only SHOULD not be."""
    case = replace(CASE, dtype=dtype, invalid=("lr", -0.5))
    finding = Finding(check, ("HYP-4",), RULE, case, f"adam-conformance check a:b --only {check} --dtype {dtype}")
    return CheckResult(check, ("HYP-4",), dtype, "cpu", WARN, RULE.message, 1, finding=finding)


def skipped(check: str = "update.amsgrad", dtype: str = "float32") -> CheckResult:
    """A check that does not apply."""
    return CheckResult(check, ("UPD-10",), dtype, "cpu", SKIP, "the target does not let amsgrad be set")


def broken(check: str = "purity.gradients", dtype: str = "float32") -> CheckResult:
    """A check during which the target raised."""
    return CheckResult(check, ("PUR-1",), dtype, "cpu", ERROR, "step 1 raised RuntimeError: no kernel")


def report(*checks: CheckResult, fatal: str = "", diagnosis: tuple[Diagnosis, ...] = ()) -> Report:
    """The report on a target `mine:Adam` in which these checks came out so."""
    environment = {"python": "3", "numpy": "2", "machine": "m", "system": "s"}
    claims = None if fatal and not checks else Capabilities(pinned={"eps": 1e-6})
    return Report("mine:Adam", "1.2", claims, ADAM, "quick", 0, environment, checks, diagnosis, fatal)


EPSILON_HAT = Diagnosis(
    "epsilon-hat", "dialect", ("update.near-epsilon",), "all 3 trajectories lie inside", ("theorem T1",)
)
