"""One recorded finding, run again: the very case, held against the very dialect."""

from __future__ import annotations

from dataclasses import replace

from conformance.checks import CHECKS
from conformance.isolation.hosts import Host
from conformance.protocol import TargetError
from conformance.report import ERROR, FAIL, PASS, CheckResult, Recorded
from conformance.suite import Plan
from conformance.usage import UsageError


def run_again(host: Host, recorded: Recorded) -> CheckResult:
    """What the check says of the recorded case now; raises `UsageError` where this suite has no such check."""
    found = recorded.finding
    if found.check not in CHECKS:
        raise UsageError(f"the report was written by another suite: there is no check {found.check!r} in this one")
    check, dtype = CHECKS[found.check], recorded.dtype
    plan = Plan(
        recorded.dialect, (dtype,), recorded.device, recorded.profile, recorded.seed, (check.id,), recorded.target
    )
    context = plan.context(host, dtype, lambda *_: None)
    if (reason := check.missing(context)) is not None:
        return not_again(recorded, reason)
    try:
        examination = check.examine(found.case, context)
    except TargetError as error:
        return not_again(recorded, str(error))
    result = replace(
        not_again(recorded, ""),
        status=PASS,
        cases=1,
        steps=found.case.steps,
        elements=examination.decided,
        undecided=examination.undecided,
        accuracy=examination.accuracy,
        worst=examination.worst,
    )
    if examination.violation is None:
        return result
    again = replace(found, violation=examination.violation)
    return replace(result, status=FAIL, reason=examination.violation.message, finding=again)


def not_again(recorded: Recorded, reason: str) -> CheckResult:
    """The result where the case could not be run again, and why."""
    found = recorded.finding
    return CheckResult(found.check, found.clauses, recorded.dtype, recorded.device, ERROR, reason)
