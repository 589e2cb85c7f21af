"""The report: plain values, their JSON, and the verdict that follows from them."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from adam_ref import Dialect, __version__
from adam_ref.dialect import name_of
from adam_ref.formats import COMPONENTS
from conformance.capabilities import Capabilities
from conformance.case import Case, case_from_json, case_to_json
from conformance.compare import Violation, Worst
from conformance.diagnosis import Diagnosis
from conformance.specs import report_schema
from conformance.usage import UsageError

SCHEMA = "adam-conformance/report/1"

CONFORMS = "conforms"
DOES_NOT_CONFORM = "does-not-conform"
COULD_NOT_RUN = "could-not-run"
NOTHING_RAN = "nothing-ran"

PASS, FAIL, WARN, SKIP, WAIVED, ERROR = "pass", "fail", "warn", "skip", "waived", "error"
"""What became of a check.  WARN: it found something wrong of which its clauses say SHOULD, which changes no verdict."""


class ReportError(UsageError):
    """A file that is no report, or holds no such finding."""


@dataclass(frozen=True)
class Finding:
    """One violated clause with its smallest case.

    Attributes:
        check: id of the check that found it.
        clauses: the clauses it violates.
        violation: what is wrong.
        case: the smallest case that shows it.
        reproduce: one shell command that shows it again.

    """

    check: str
    clauses: tuple[str, ...]
    violation: Violation
    case: Case
    reproduce: str

    def to_json(self) -> dict[str, Any]:
        """As JSON values; every number in decimal and in hexadecimal."""
        v = self.violation
        return {
            "check": self.check,
            "clauses": list(self.clauses),
            "message": v.message,
            "quantity": v.quantity,
            "step": v.step,
            "parameter": v.parameter,
            "element": v.element,
            "expected": {"lo": _number(v.lo), "hi": _number(v.hi)},
            "got": _number(v.got),
            "ulp": _finite(v.ulp),
            "case": case_to_json(self.case),
            "reproduce": self.reproduce,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Finding:
        """The inverse of `to_json`."""
        expected = data["expected"]
        violation = Violation(
            data["quantity"],
            data["step"],
            data["parameter"],
            data["element"],
            float.fromhex(expected["lo"]["hex"]),
            float.fromhex(expected["hi"]["hex"]),
            float.fromhex(data["got"]["hex"]),
            math.inf if data["ulp"] is None else data["ulp"],
            data["message"],
        )
        return cls(data["check"], tuple(data["clauses"]), violation, case_from_json(data["case"]), data["reproduce"])


def _number(value: float) -> dict[str, str]:
    return {"decimal": repr(value), "hex": value.hex()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class CheckResult:
    """One check in one dtype on one device."""

    id: str
    clauses: tuple[str, ...]
    dtype: str
    device: str
    status: str
    reason: str = ""
    cases: int = 0
    elements: int = 0
    undecided: int = 0
    steps: int = 0
    accuracy: str | None = None
    worst: Worst = field(default_factory=Worst)
    worst_case: Case | None = None
    finding: Finding | None = None
    seconds: float = 0.0

    @property
    def chapter(self) -> str:
        """The chapter of the spec that the check belongs to."""
        return self.id.partition(".")[0]

    @property
    def names(self) -> tuple[str, str]:
        """What a waiver may call it: the check in this dtype, or the check."""
        return f"{self.id}-{self.dtype}", self.id

    def to_json(self) -> dict[str, Any]:
        """As in the published schema."""
        worst = {"ratio": self.worst.ratio, "ulp": _finite(self.worst.ulp), "input": self._worst_input()}
        return {
            "id": self.id,
            "clauses": list(self.clauses),
            "dtype": self.dtype,
            "device": self.device,
            "status": self.status,
            "reason": self.reason,
            "cases": self.cases,
            "elements": self.elements,
            "undecided": self.undecided,
            "steps": self.steps,
            "accuracy_class": self.accuracy,
            "worst": worst,
            "finding": None if self.finding is None else self.finding.to_json(),
            "seconds": round(self.seconds, 6),
        }

    def _worst_input(self) -> dict[str, Any] | None:
        """The closest call as a case of its one element and of the steps up to it: Adam acts element by element."""
        worst, case = self.worst, self.worst_case
        if case is None or not worst.step:
            return None
        parts = 2 if case.dtype in COMPONENTS else 1
        return case_to_json(case.up_to(worst.step).of_element(worst.parameter, worst.element // parts))


@dataclass(frozen=True)
class Report:
    """Everything about one run of the suite against one target; `capabilities` is None where it never said them."""

    target: str
    version: str
    capabilities: Capabilities | None
    dialect: Dialect
    profile: str
    seed: int
    environment: dict[str, str]
    checks: tuple[CheckResult, ...]
    diagnosis: tuple[Diagnosis, ...] = ()
    fatal: str = ""
    """Why the target could not be run (any further), empty where it could."""
    stale_waivers: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """What the run settles."""
        return _verdict(self.fatal, [(c.dtype, c.status) for c in self.checks])

    @property
    def untouched(self) -> tuple[str, ...]:
        """The dtypes in which nothing was judged; a run that was asked for them and did nothing there is not green."""
        return _untouched([(c.dtype, c.status) for c in self.checks])

    @property
    def exit_code(self) -> int:
        """The exit status of the command line: 0, 1, 3, 4 or 5 (2 is for usage)."""
        if self.verdict == CONFORMS and self.stale_waivers:
            return 4
        return {CONFORMS: 0, DOES_NOT_CONFORM: 1, COULD_NOT_RUN: 3, NOTHING_RAN: 5}[self.verdict]

    @property
    def findings(self) -> list[Finding]:
        """All findings, numbered from 1 in this order by `replay`."""
        return [c.finding for c in self.checks if c.finding is not None]

    @property
    def accuracy_class(self) -> dict[str, str | None]:
        """For each dtype the best class that holds everywhere; `None` where none does or none was needed."""
        classes: dict[str, str | None] = {}
        for dtype in dict.fromkeys(c.dtype for c in self.checks):
            of_dtype = [c for c in self.checks if c.dtype == dtype]
            seen = [c.accuracy for c in of_dtype if c.accuracy]
            failed = any(c.status in (FAIL, ERROR) for c in of_dtype)
            classes[dtype] = max(seen) if seen and not failed else None
        return classes

    def to_json(self) -> dict[str, Any]:
        """As in the published schema (specs/report.schema.json)."""
        return {
            "schema": SCHEMA,
            "suite": {"version": __version__, "hash": suite_hash()},
            "environment": self.environment,
            "target": {
                "name": self.target,
                "version": self.version,
                "capabilities": None if self.capabilities is None else self.capabilities.to_json(),
            },
            "dialect": {"name": name_of(self.dialect), **vars(self.dialect)},
            "profile": self.profile,
            "seed": self.seed,
            "verdict": self.verdict,
            "fatal": self.fatal,
            "accuracy_class": self.accuracy_class,
            "checks": [c.to_json() for c in self.checks],
            "diagnosis": [d.to_json() for d in self.diagnosis],
            "stale_waivers": list(self.stale_waivers),
            "counts": self.counts(),
        }

    def counts(self) -> dict[str, int]:
        """How many checks ended how, and how much they looked at."""
        return _counts((c.status, c.cases, c.elements) for c in self.checks)

    def waiving(self, waivers: Mapping[str, str]) -> Report:
        """The same report with failures that `waivers` expects set aside, and stale waivers named.

        `waivers` gives reasons by the id of a check, or by `id-dtype`.  A waiver is stale where what it names was
        judged, and nothing of it failed.
        """
        checks = tuple(_waived(c, waivers) if c.status in (FAIL, WARN) else c for c in self.checks)
        judged = {name for c in checks if c.status in (PASS, WAIVED) for name in c.names}
        used = {name for c in checks if c.status == WAIVED for name in c.names}
        return replace(self, checks=checks, stale_waivers=tuple(w for w in waivers if w in judged - used))


def _verdict(fatal: str, statuses: Sequence[tuple[str, str]]) -> str:
    """The verdict that follows from each check's dtype and status."""
    found = {status for _, status in statuses}
    if fatal:
        return COULD_NOT_RUN
    if FAIL in found:
        return DOES_NOT_CONFORM
    if ERROR in found:
        return COULD_NOT_RUN
    return NOTHING_RAN if _untouched(statuses) or not statuses else CONFORMS


def _untouched(statuses: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    judged = {dtype for dtype, status in statuses if status != SKIP}
    return tuple(dict.fromkeys(dtype for dtype, _ in statuses if dtype not in judged))


def _counts(results: Iterable[tuple[str, int, int]]) -> dict[str, int]:
    """From each check's status, cases and elements."""
    counts = dict.fromkeys((PASS, FAIL, WARN, SKIP, WAIVED, ERROR, "cases", "elements"), 0)
    for status, cases, elements in results:
        counts[status] += 1
        counts["cases"] += cases
        counts["elements"] += elements
    return counts


def _waived(result: CheckResult, waivers: Mapping[str, str]) -> CheckResult:
    reason = next((waivers[name] for name in result.names if name in waivers), None)
    return result if reason is None else replace(result, status=WAIVED, reason=reason)


def to_text(report: Report) -> str:
    """The report as a JSON document, held against its schema; raises `ReportError` where it does not follow it."""
    data = report.to_json()
    require_report(data, "the report")
    return json.dumps(data, indent=1, allow_nan=False) + "\n"


def require_report(data: Any, what: str) -> None:
    """Raise `ReportError` unless `data` follows specs/report.schema.json and does not contradict itself."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(report_schema()).iter_errors(data))
    if error is not None:
        raise ReportError(f"{what} does not follow specs/report.schema.json at {error.json_path}: {error.message:.300}")
    for contradiction in _contradictions(data):
        raise ReportError(f"{what} contradicts itself: {contradiction}")


def _contradictions(data: dict[str, Any]) -> Iterator[str]:
    """What no schema can say: sums, the verdict, and that a check is there once and its finding is its own."""
    checks = data["checks"]
    verdict = _verdict(data["fatal"], [(c["dtype"], c["status"]) for c in checks])
    if data["verdict"] != verdict:
        yield f"the verdict is {data['verdict']}, and {verdict} follows from its checks"
    counts = _counts((c["status"], c["cases"], c["elements"]) for c in checks)
    if data["counts"] != counts:
        yield f"the counts are {data['counts']}, and its checks add up to {counts}"
    for (name, dtype), number in Counter((c["id"], c["dtype"]) for c in checks).items():
        if number > 1:
            yield f"{name} in {dtype} is there {number} times"
    for check in checks:
        found = check["finding"]
        if found is not None and (found["check"], found["case"]["dtype"]) != (check["id"], check["dtype"]):
            yield f"{check['id']} in {check['dtype']} has a finding of {found['check']} in {found['case']['dtype']}"


@dataclass(frozen=True)
class Recorded:
    """One finding as a report file holds it, with all that running it again takes."""

    target: str
    dialect: Dialect
    profile: str
    seed: int
    dtype: str
    device: str
    finding: Finding


def read_finding(path: str | Path, number: int) -> Recorded:
    """Finding `number` (from 1) of a report file; raises `ReportError` where there is none."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReportError(f"{path} is no report: {error}") from error
    require_report(data, str(path))
    found = [c for c in data["checks"] if c["finding"] is not None]
    if not 1 <= number <= len(found):
        raise ReportError(f"{path} holds {len(found)} findings, and none of number {number}")
    result, axes = found[number - 1], {k: v for k, v in data["dialect"].items() if k != "name"}
    try:
        finding = Finding.from_json(result["finding"])
    except (ValueError, OverflowError) as error:
        raise ReportError(f"finding {number} of {path} has a case that cannot be run: {error}") from error
    return Recorded(
        data["target"]["name"],
        Dialect(**axes),
        data["profile"],
        data["seed"],
        result["dtype"],
        result["device"],
        finding,
    )


@lru_cache(maxsize=1)
def suite_hash() -> str:
    """A hash over the source of the reference and the suite, so that a report says exactly what judged."""
    digest = hashlib.sha256()
    for package in ("adam_ref", "conformance"):
        root = Path(__file__).resolve().parent.parent / package
        for path in sorted(root.rglob("*.py")):
            digest.update(str(path.relative_to(root.parent)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
