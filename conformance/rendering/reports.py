"""The report for people, in a terminal of 80 columns or more.

Every function makes something that rich prints; `print_report` puts them in order.  `as_text` gives the same without
colours, for JUnit, for exceptions and for tests.
"""

from __future__ import annotations

import contextlib
import math
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from adam_ref import DIALECTS, Hyperparameters, __version__
from adam_ref.arrays import Array
from adam_ref.dialect import name_of
from conformance.case import Case
from conformance.commands import importable, to_check
from conformance.compare import Violation
from conformance.diagnosis import FAMILIES, Diagnosis
from conformance.manners import MANNERS
from conformance.protocol import NOT_RUN
from conformance.rendering.terminal import two_columns
from conformance.report import (
    CONFORMS,
    COULD_NOT_RUN,
    DOES_NOT_CONFORM,
    ERROR,
    FAIL,
    PASS,
    SKIP,
    WAIVED,
    WARN,
    CheckResult,
    Finding,
    Recorded,
    Report,
    suite_hash,
)
from conformance.specs import MUST, SpecError, clauses, level_of
from conformance.targets.registry import listing

if TYPE_CHECKING:
    from conformance.explain import Explanation
    from conformance.identify import Identification

IN_FULL = 3
"""Findings that are shown with their case; the others get a line each."""

_NUMBERS, _STEPS = 6, 12
"""How many numbers of an array, and how many steps of a history, a reader gets to see."""

_STYLES = {PASS: "green", FAIL: "bold red", WARN: "yellow", SKIP: "dim", WAIVED: "yellow", ERROR: "bold red"}


def print_report(report: Report, to: Console, file: str | None = None) -> None:
    """The whole report; `file` is where it was written, for the lines that replay a finding."""
    for thing in blocks(report, file):
        to.print(thing, crop=False)  # a command that is longer than the line stays one line to copy


def blocks(report: Report, file: str | None = None) -> Iterator[RenderableType]:
    """The parts of the report in reading order; the verdict stands last, where the eye is when the run ends."""
    yield heading(report)
    for dtype, results in _by(report.checks, "dtype"):
        yield Group("", table(dtype, report.accuracy_class[dtype], results))
    yield from _lists(report)
    numbered = list(enumerate(report.findings, 1))
    for number, found in numbered[:IN_FULL]:
        yield Group("", finding(found, number, file))
    if len(numbered) > IN_FULL:
        yield Group("", brief(numbered[IN_FULL:]))
    for explanation in report.diagnosis:
        yield Group("", diagnosis(explanation, report))
    yield Group("", verdict(report))


def _as_listed(report: Report) -> str:
    """Where the target has a name, whether it was held to what that name is declared to be."""
    if not importable(report.target) or (listed := listing(report.target)) is None:
        return ""
    same = listed.dialect == report.dialect
    return f" (as {listed.target.address} is listed)" if same else f" (listed as {listed.target.dialect})"


def heading(report: Report) -> RenderableType:
    """What was judged, as what, and by what."""
    rows = (
        ("target", f"{report.target} (version {report.version})"),
        ("dialect", name_of(report.dialect) + _as_listed(report)),
        ("profile", f"{report.profile}, seed {report.seed}"),
        ("suite", f"adam-conformance {__version__}, hash {suite_hash()}"),
    )
    return two_columns(rows)


def _by(results: Iterable[CheckResult], attribute: str) -> list[tuple[str, list[CheckResult]]]:
    """Results with the same value together, in the order in which they came."""

    def key(result: CheckResult) -> str:
        return str(getattr(result, attribute))

    order = list(dict.fromkeys(map(key, results)))
    return [(k, list(group)) for k, group in groupby(sorted(results, key=lambda r: order.index(key(r))), key)]


def table(dtype: str, accuracy: str | None, results: Sequence[CheckResult]) -> RenderableType:
    """The checks of one dtype: a line for a chapter where all is well, and a line for each check where it is not."""
    grid = Table(box=None, padding=(0, 1), pad_edge=False, title_justify="left", title_style="bold")
    grid.title = f"{dtype}, accuracy class {accuracy}" if accuracy else dtype
    grid.add_column("", no_wrap=True)
    for name in ("status", "cases", "elements", "undecided", "closest", "class", "s"):
        grid.add_column(name, justify="left" if name == "status" else "right", no_wrap=True)
    for chapter, members in _by(results, "chapter"):
        ran = [r for r in members if r.status != SKIP]
        if not ran:
            continue
        if all(r.status == PASS for r in ran):
            grid.add_row(Text(f"{chapter}, {_many(len(ran), 'check')}"), *_cells(PASS, ran))
            continue
        grid.add_row(Text(chapter))
        for result in ran:
            grid.add_row(Text("  " + result.id.partition(".")[2]), *_cells(result.status, [result]))
    return grid


def _cells(status: str, results: Sequence[CheckResult]) -> Iterator[Text | str]:
    closest = max(r.worst.ratio for r in results)
    seen = [r.accuracy for r in results if r.accuracy]
    yield Text(status, _STYLES[status])
    yield f"{sum(r.cases for r in results):,}"
    yield f"{sum(r.elements for r in results):,}"
    yield f"{sum(r.undecided for r in results):,}"
    yield f"{closest:.1%}" if closest and status == PASS else ""
    yield max(seen) if seen and status == PASS else ""
    yield f"{sum(r.seconds for r in results):.1f}"


def _lists(report: Report) -> Iterator[RenderableType]:
    """What was skipped, waived or broken, each with its reason."""
    titles = {SKIP: "Skipped", WAIVED: "Waived", ERROR: "Could not be judged"}
    for status, title in titles.items():
        found = [c for c in report.checks if c.status == status]
        if found:
            yield Group("", Text(title, _STYLES[status]))
            for reason, members in _by(found, "reason"):
                names = ", ".join(f"{name} ({', '.join(r.dtype for r in of)})" for name, of in _by(members, "id"))
                yield Padding(Text(f"{names}: {reason}"), (0, 0, 0, 2))
    if report.stale_waivers:
        yield Group("", Text("Stale waivers", "bold red"))
        for name in report.stale_waivers:
            yield Padding(Text(f"{name} passes: take its waiver out"), (0, 0, 0, 2))


def finding(found: Finding, number: int | None = None, file: str | None = None) -> RenderableType:
    """One finding in full: clauses, what was expected and what came, the smallest case, and how to see it again."""
    label = "Finding" if number is None else f"Finding {number}"
    title = Text(f"{label}: {found.check} in {found.case.dtype}", _style(found))
    rows = [*((name, _clause(name)) for name in found.clauses), *_facts(found.violation), *case_lines(found.case)]
    return Group(title, Padding(two_columns(rows), (0, 0, 0, 2)), *_commands(found, number, file))


def _style(found: Finding) -> str:
    """That of a failure, or of a warning where no clause of it is a MUST."""
    with contextlib.suppress(SpecError, KeyError):
        return _STYLES[FAIL if level_of(found.clauses) == MUST else WARN]
    return _STYLES[FAIL]


def _commands(found: Finding, number: int | None, file: str | None) -> Iterator[RenderableType]:
    yield Text("  to see it again:")
    yield Text(f"    {found.reproduce}", overflow="ignore", no_wrap=True)
    if file is not None and number is not None:
        command = shlex.join(["adam-conformance", "replay", f"{file}#{number}"])
        yield Text(f"    {command}", overflow="ignore", no_wrap=True)


def _clause(name: str) -> str:
    try:
        clause = clauses()[name]
    except (SpecError, KeyError):
        return "(no such clause in specs/adam.md)"
    return f"({clause.level}) {clause.text}"


def brief(numbered: Sequence[tuple[int, Finding]]) -> RenderableType:
    """Findings in a line each."""
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    grid.add_column("Finding", justify="right", style="bold red")
    for name in ("check", "dtype", "step", "off by"):
        grid.add_column(name, no_wrap=name != "off by")
    for number, found in numbered:
        v = found.violation
        off = ulps(v.ulp) if _is_interval(v) else v.message
        grid.add_row(str(number), Text(found.check), found.case.dtype, str(v.step or ""), Text(off))
    return grid


def _is_interval(v: Violation) -> bool:
    return not (math.isnan(v.lo) or math.isnan(v.hi))


def _facts(v: Violation) -> Iterator[tuple[str, str]]:
    yield "what", v.message
    if v.step:
        yield "where", f"step {v.step}, parameter {v.parameter}, element {v.element}"
    if _is_interval(v):
        yield "expected", f"[{v.lo!r}, {v.hi!r}]"
        yield "", f"[{v.lo.hex()}, {v.hi.hex()}]"
        yield "got", f"{v.got!r}"
        yield "", v.got.hex()
        yield "off by", ulps(v.ulp)
    elif not math.isnan(v.got):
        yield "got", f"{v.got!r} = {v.got.hex()}"


def ulps(distance: float) -> str:
    """A distance in units in the last place, readable from a hundredth of one to billions of them."""
    if math.isinf(distance):
        return "an infinite distance"
    return f"{distance:,.2f} ulp" if distance < 1e6 else f"{distance:.3g} ulp"


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def case_lines(case: Case) -> Iterator[tuple[str, str]]:
    """The case, label by label: its size, what is not as in the paper, and its numbers, as far as they fit."""
    size = f"{_many(case.steps, 'step')}, {_many(case.elements, 'element')}"
    yield "case", size + (f", from the regime {case.regime}" if case.regime else "")
    for i, hyper in enumerate(case.hyperparameters):
        if i == 0 or hyper != case.hyperparameters[0]:
            yield ("with" if i == 0 else f"with ({i})"), _unusual(hyper)
    yield "start", _arrays(case.parameters)
    if case.skipped:
        yield "before", f"{_many(case.skipped, 'step')} with zero gradients"
    for step, gradients in enumerate(case.gradients[:_STEPS], 1):
        lr = case.lrs[step - 1] if step <= len(case.lrs) else None
        yield f"grad {step}", _arrays(gradients) + ("" if lr is None else f", lr = {lr!r} from here on")
    if case.steps > _STEPS:
        yield "", f"... and {case.steps - _STEPS} more steps"
    if case.checkpoint_after is not None:
        yield "saved", f"and loaded after step {case.checkpoint_after}"
    if case.manner:
        yield "manner", MANNERS[case.manner].words
    if case.invalid is not None:
        yield "given", f"{case.invalid[0]} = {case.invalid[1]!r} instead, which is outside its range"


def _unusual(hyper: Hyperparameters) -> str:
    usual = Hyperparameters()
    changed = [f.name for f in fields(hyper) if getattr(hyper, f.name) != getattr(usual, f.name)]
    return ", ".join(f"{name} = {getattr(hyper, name)!r}" for name in changed) or "the paper's hyperparameters"


def _arrays(arrays: Sequence[Array | None]) -> str:
    return "; ".join("none" if a is None else _array(a) for a in arrays[:_NUMBERS]) + (
        f"; ... {len(arrays)} arrays" if len(arrays) > _NUMBERS else ""
    )


def _array(array: Array) -> str:
    flat = np.asarray(array).reshape(-1)
    shown = ", ".join(_scalar(x) for x in flat[:_NUMBERS])
    return f"[{shown}]" if flat.size <= _NUMBERS else f"[{shown}, ...] of shape {array.shape}"


def _scalar(x: complex) -> str:
    return repr(complex(x)) if np.iscomplexobj(x) else repr(float(x))  # type: ignore[arg-type]


_KINDS = {"dialect": "the dialect ", "fault": "the fault ", "combination": "the faults "}
"""What comes before the name of an explanation, where it is of such a kind."""


def diagnosis(found: Diagnosis, report: Report) -> RenderableType:
    """What explains the findings, on what evidence, and what to try."""
    rows = [("explains", ", ".join(found.explains))] if found.explains else []
    rows.append(("evidence", found.evidence))
    if found.references:
        rows.append(("read", ", ".join(found.references)))
    parts: list[RenderableType] = [Text(f"Diagnosis: {_KINDS.get(found.kind, '')}{found.name}", "bold yellow")]
    parts.append(Padding(two_columns(rows), (0, 0, 0, 2)))
    if found.kind == "dialect" and found.name in DIALECTS:
        command = to_check(report.target, DIALECTS[found.name])
        parts += ["  if that is what it means to be:", Text(f"    {command}", overflow="ignore", no_wrap=True)]
    return Group(*parts)


def verdict(report: Report) -> Text:
    """The verdict in one sentence."""
    counts, dialect = report.counts(), name_of(report.dialect)
    judged = counts[PASS] + counts[FAIL] + counts[WARN] + counts[WAIVED] + counts[ERROR]
    if report.verdict == COULD_NOT_RUN:
        return Text(f"{report.target} could not be run{_trouble(report)}", "bold red")
    if report.verdict == DOES_NOT_CONFORM:
        words = f"does not conform to {dialect}: {counts[FAIL]} of {_many(judged, 'check')} failed"
        return Text(f"{report.target} {words}{_aside(counts)}.", "bold red")
    if report.verdict != CONFORMS:
        return Text(nothing_ran(report), "bold red")
    done = ((counts[PASS], "check"), (counts["cases"], "case"), (counts["elements"], "element"))
    words = f"conforms to {dialect}: {', '.join(_many(*each) for each in done)}"
    if report.stale_waivers:
        return Text(f"{report.target} {words}{_aside(counts)}; but a waiver is stale.", "bold red")
    return Text(f"{report.target} {words}{_aside(counts)}.", "bold green")


def _trouble(report: Report) -> str:
    """Where and why the target could not be run: throughout, or in some checks."""
    stuck = [c for c in report.checks if c.status == ERROR]
    if not stuck:
        return f": {report.fatal}"
    first = next((c for c in stuck if not c.reason.startswith(NOT_RUN)), stuck[0])
    if len(stuck) == sum(c.status != SKIP for c in report.checks):
        return f": {first.reason}"
    where = f"{first.id} in {first.dtype}" + (f" and {len(stuck) - 1} more" if stuck[1:] else "")
    return f" in {where}: {first.reason}"


def nothing_ran(report: Report) -> str:
    """That nothing ran, or nothing in some of the dtypes asked for, and what to do."""
    where = "" if set(report.untouched) == {c.dtype for c in report.checks} else f" in {', '.join(report.untouched)}"
    none = [c for c in report.checks if c.dtype in report.untouched]
    words = f"Nothing ran{where}: none of {_many(len(none), 'check')} applies to {report.target}"
    return f"{words}; --dtype names the dtypes to try." if where else f"{words}."


def _aside(counts: dict[str, int]) -> str:
    named = ((WARN, "warned of"), (WAIVED, "waived"), (SKIP, "skipped"))
    words = [f"{counts[s]} {name}" for s, name in named if counts[s]]
    return f" ({', '.join(words)})" if words else ""


def replayed(recorded: Recorded, result: CheckResult) -> RenderableType:
    """What became of a recorded finding."""
    if result.status == FAIL and result.finding is not None:
        now, then = result.finding.to_json(), recorded.finding.to_json()
        same = now == then  # as written, where NaN is NaN
        words = "it is still there, to the last bit" if same else "it is still there, with other numbers"
        return Group(finding(result.finding), "", Text(f"{recorded.target}: {words}.", "bold red"))
    if result.status == PASS:
        return Text(f"{recorded.target}: {result.id} in {result.dtype} finds nothing wrong with it now.", "bold green")
    return Text(f"{recorded.target} could not be run: {result.reason}", "bold red")


def explanation(found: Explanation) -> RenderableType:
    """Anything that has an id, in words."""
    title = Text.assemble((f"{found.kind} {found.id}", "bold"), f": {found.line}")
    return Group(title, Padding(two_columns(found.facts), (0, 0, 0, 2)))


def identification(found: Identification) -> RenderableType:
    """Which dialects fit, or which is there with a fault, and what could not be told."""
    from conformance.identify import listed_as

    title = Text(f"{found.target} (version {found.version})", "bold")
    rows: list[tuple[str, str]] = []
    for fit in found.fits:
        accuracy = ", ".join(f"{value} in {dtype}" for dtype, value in fit.accuracy.items())
        rows += [("dialect", name_of(fit.dialect)), ("class", accuracy)]
        rows += [(axis, str(value)) for axis, value in vars(fit.dialect).items() if axis not in dict(found.untold)]
        rows.append(("epsilon as in", FAMILIES[fit.dialect.epsilon]))
        rows += [("listed so", ", ".join(listed_as(fit.dialect, found.told)) or "no target"), ("", "")]
    for flaw in found.flawed:
        rows += [("if it means", f"{name_of(flaw.dialect)}, as {FAMILIES[flaw.dialect.epsilon]} do")]
        rows += [("it has", f"{_KINDS.get(flaw.diagnosis.kind, '')}{flaw.diagnosis.name}")]
        rows += [("evidence", flaw.diagnosis.evidence), ("", "")]
    rows += [(axis, f"not told: {reason}") for axis, reason in found.untold]
    return Group(title, Padding(two_columns(rows), (0, 0, 0, 2)), "", _identity(found))


def _identity(found: Identification) -> Text:
    if found.fatal:
        return Text(f"{found.target} could not be run: {found.fatal}", "bold red")
    if not found.cases:
        return Text(f"Nothing ran: {found.target} claims none of the dtypes and devices asked for.", "bold red")
    if not found.fits:
        axes = ", ".join(found.refuted)
        words = f"is no dialect: no value of {axes} fits what {found.cases} probes showed"
        if found.flawed:
            flaw = found.flawed[0]
            words += f"; it is {name_of(flaw.dialect)} with {_KINDS.get(flaw.diagnosis.kind, '')}{flaw.diagnosis.name}"
            return Text(f"{found.target} {words}.", "bold red")
        return Text(f"{found.target} {words}; adam-conformance check says what is wrong.", "bold red")
    names = " or ".join(name_of(fit.dialect) for fit in found.fits)
    same = f"; nothing that it lets us vary tells {', '.join(found.undistinguished)} apart" if found.fits[1:] else ""
    return Text(f"{found.target} is {names}, as far as {found.cases} probes show{same}.", "bold green")
