"""Judge one listed target: a worker and a report for each dtype, in the first interpreter that has what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from conformance.field.record import Record, record
from conformance.hosts import Isolated
from conformance.interpreters import versions
from conformance.limits import Limits
from conformance.protocol import TargetError
from conformance.report import Report
from conformance.suite import Plan, not_run, run
from conformance.targets.registry import Registered

ALWAYS = ("numpy", "ml_dtypes")
"""Packages of every worker, whose versions are part of what ran."""


@dataclass(frozen=True)
class Interpreter:
    """A Python and the versions of what targets need of it; None is the one that runs us."""

    python: str | None
    has: dict[str, str] = field(default_factory=dict)


def interpreters(pythons: Sequence[str], targets: Sequence[Registered]) -> list[Interpreter]:
    """Ours and those named, each with what it has; raises `TargetError` where one is no Python."""
    packages = [*ALWAYS, *(name for found in targets for name in found.target.packages)]
    return [Interpreter(python, versions(python, packages)) for python in (None, *pythons)]


def interpreter_for(found: Registered, those: Sequence[Interpreter]) -> Interpreter | None:
    """The first that has what the target needs."""
    needed = {*ALWAYS, *found.target.packages}
    return next((each for each in those if needed <= set(each.has)), None)


@dataclass(frozen=True)
class Terms:
    """How targets are judged: profile, seed, and what a worker may use up."""

    profile: str = "standard"
    seed: int = 0
    limits: Limits = field(default_factory=Limits)


def judge(found: Registered, where: Interpreter, terms: Terms, told: Callable[[str], None] = lambda _: None) -> Record:
    """Run the suite against the target in each of its dtypes; a target that cannot be run is a record too."""
    ran_on = {name: where.has[name] for name in ("python", *found.target.packages, *ALWAYS)}
    reports = _reports(found, where, terms, told)
    return record(found.target, ran_on, terms.profile, terms.seed, reports)


def _reports(found: Registered, where: Interpreter, terms: Terms, told: Callable[[str], None]) -> Iterator[Report]:
    address = found.target.address
    for dtype in found.target.dtypes:
        told(f"{address} in {dtype}")
        plan = Plan(found.dialect, (dtype,), profile=terms.profile, seed=terms.seed, address=address)
        yield _report(plan, terms.limits, where.python)


def _report(plan: Plan, limits: Limits, python: str | None) -> Report:
    host = Isolated(plan.address, dialect=plan.dialect, device=plan.device, limits=limits, python=python)
    try:
        return run(host.wait_until_ready(), plan)
    except TargetError as error:
        return not_run(plan, str(error))
    finally:
        host.close()
