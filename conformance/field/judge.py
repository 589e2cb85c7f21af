"""Judge one listed target: a worker and a report for each dtype, in the first interpreter that has what it needs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adam_ref import CLASS_B, named_format
from adam_ref.enclosure import ACCURACY_CLASSES
from adam_ref.formats import FLOAT32
from conformance.field.record import Record, outcome, record
from conformance.field.worst import Deviation, Search
from conformance.isolation.hosts import Host, Isolated
from conformance.isolation.interpreters import versions
from conformance.isolation.limits import Limits
from conformance.protocol import TargetError
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
    """The first that has what the target needs; none where a file is missing."""
    if found.target.missing_files():
        return None
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
    outcomes = {}
    for dtype in found.target.dtypes:
        told(f"{found.target.address} in {dtype}")
        plan = Plan(found.dialect, (dtype,), profile=terms.profile, seed=terms.seed, address=found.target.address)
        outcomes[dtype] = _judged(plan, terms.limits, where.python)
    said = {outcome.pop("version") for outcome in outcomes.values()}
    ran_on = {name: where.has[name] for name in ("python", *found.target.packages, *ALWAYS)}
    if not found.target.packages:
        ran_on[found.project.name] = ", ".join(sorted(said))  # what a program says of itself
    return record(found.target, ran_on, terms.profile, terms.seed, outcomes)


def _judged(plan: Plan, limits: Limits, python: str | None) -> dict[str, Any]:
    host = _host(plan, limits, python)
    try:
        report = run(host.wait_until_ready(), plan)
        found = outcome(report)
        return {**found, "worst": worst(host, plan, found), "version": report.version}
    except TargetError as error:
        return {**outcome(not_run(plan, str(error))), "worst": {}, "version": "unknown"}
    finally:
        host.close()


def search_again(found: Registered, where: Interpreter, terms: Terms, old: Record) -> Record:
    """The record with its worst deviations searched for anew, and the rest as it was."""
    outcomes = {}
    for dtype, before in old.dtypes.items():
        plan = Plan(found.dialect, (dtype,), seed=terms.seed, address=found.target.address)
        host = _host(plan, terms.limits, where.python)
        try:
            outcomes[dtype] = {**before, "worst": worst(host.wait_until_ready(), plan, before)}
        finally:
            host.close()
    return replace(old, dtypes=outcomes)


def _host(plan: Plan, limits: Limits, python: str | None) -> Isolated:
    return Isolated(plan.address, dialect=plan.dialect, device=plan.device, limits=limits, python=python)


def worst(host: Host, plan: Plan, found: dict[str, Any]) -> dict[str, Any]:
    """The worst deviations in the class that held, or the wider one; nothing where the target cannot even be run."""
    (dtype,) = plan.dtypes
    accuracy = ACCURACY_CLASSES[found["accuracy_class"] or CLASS_B.name]
    search = Search(host.run, host.capabilities, plan.dialect, dtype, accuracy, plan.seed)
    kinds: dict[str, Callable[[], Deviation | None]] = {"climbed": search.climbed}
    if named_format(dtype).precision < FLOAT32.precision:
        kinds["exhausted"] = search.exhausted
    seen = {}
    for name, look in kinds.items():
        with contextlib.suppress(TargetError):  # the checks have said so already
            deviation = look()
            seen[name] = None if deviation is None else deviation.to_json()
    return seen
