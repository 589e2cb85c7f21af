"""The kill matrix for people, in a terminal of 80 columns or more: a line a fault, a form, a check and a regime."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from conformance.diagnosis.measure import RIGHT, WRONG, Measure
from conformance.faults import CATALOGUE
from conformance.faults.evidence import Evidence, own_clauses
from conformance.faults.matrix import SKIPPED, Cell, Matrix
from conformance.faults.panel import HONEST
from conformance.rendering.terminal import two_columns

IN_FULL = 3
"""Subjects up to this many are shown check by check."""

_NAMES = 3
"""How many names of a list a reader gets to see."""


def blocks(evidence: Evidence) -> Iterator[RenderableType]:
    """The parts in reading order; what it comes to stands last."""
    matrix = evidence.matrix
    if len(matrix.subjects) <= IN_FULL:
        for subject in matrix.subjects:
            yield Group(cells(subject, matrix.of(subject)), "")
    faults = [s for s in matrix.subjects if s not in HONEST]
    for chapter, members in groupby(faults, _chapter):
        yield Group(subjects(chapter, list(members), matrix), "")
    if len(faults) < len(matrix.subjects):
        yield Group(forms([s for s in matrix.subjects if s in HONEST], matrix), "")
    if evidence.costs:
        yield Group(checks(matrix), "")
        yield Group(regimes(matrix), "")
    yield verdict(evidence)


def _chapter(subject: str) -> str:
    return CATALOGUE[subject].chapter if subject in CATALOGUE else "pairs"


def _table(title: str, left: Sequence[str], right: Sequence[str], last: str = "") -> Table:
    grid = Table(box=None, padding=(0, 1), pad_edge=False, title=title, title_justify="left", title_style="bold")
    for name in left:
        grid.add_column(name, overflow="fold")
    for name in right:
        grid.add_column(name, justify="right", no_wrap=True)
    if last:
        grid.add_column(last, overflow="fold")
    return grid


def cells(subject: str, found: Sequence[Cell]) -> RenderableType:
    """One subject, check by check."""
    grid = _table(subject, ("check", "dtype"), ("case", "step", "s"), "")
    for cell in found:
        if cell.status == SKIPPED:
            continue
        words = Text(f"{cell.status}: {cell.message}" if cell.kills else cell.status, "red" if cell.kills else "dim")
        grid.add_row(cell.check, cell.dtype, *_where(cell), f"{cell.seconds:.2f}", words)
    return grid


def _where(cell: Cell) -> tuple[str, str]:
    return (f"{cell.case}" if cell.case else "", f"{cell.step}" if cell.step else "")


def subjects(chapter: str, names: Iterable[str], matrix: Matrix) -> RenderableType:
    """The faults of a chapter: by how many checks each is caught, and where it is caught first."""
    grid = _table(chapter, ("fault",), ("killers", "s"), "first")
    surviving = dict(matrix.survivors())
    for name in names:
        first = matrix.first(name)
        words = Text("survives", "bold red") if first is None else Text(f"{first.check}, {_place(first)}")
        if first is not None and name in surviving:
            words.append(f"; survives in {surviving[name]}", "bold red")
        grid.add_row(name, f"{len(matrix.killers(name))}", f"{matrix.seconds(name):.1f}", words)
    return grid


def _place(cell: Cell) -> str:
    return f"case {cell.case}" + (f", step {cell.step}" if cell.step else "")


def forms(names: Iterable[str], matrix: Matrix) -> RenderableType:
    """The honest forms: their accuracy classes, and what flags them, where something does."""
    grid = _table("honest forms", ("form",), ("s",), "")
    for name in names:
        first = matrix.first(name)
        classes = "; ".join(f"{dtype}: class {accuracy}" for dtype, accuracy in matrix.accuracy(name).items())
        words = (
            Text(classes, "dim") if first is None else Text(f"flagged by {first.check}, {_place(first)}", "bold red")
        )
        grid.add_row(name, f"{matrix.seconds(name):.1f}", words)
    return grid


def checks(matrix: Matrix) -> RenderableType:
    """What each check catches, what nothing else does, and the clauses that are its own."""
    grid = _table("checks", ("check",), ("catches", "alone", "s"), "of its own")
    alone, caught = matrix.only_killed_by(), matrix.kills()
    for check in matrix.checks:
        seconds = sum(c.seconds for c in matrix.cells if c.check == check)
        own = [*own_clauses(check), *alone[check]]
        grid.add_row(check, f"{len(caught[check])}", f"{len(alone[check])}", f"{seconds:.0f}", _some(own))
    return grid


def regimes(matrix: Matrix) -> RenderableType:
    """The faults that the cases of one regime alone show."""
    grid = _table("regimes", ("regime",), ("alone",), "shows")
    for regime, shown in matrix.only_shown_by().items():
        grid.add_row(regime, f"{len(shown)}", _some(shown))
    return grid


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def verdict(evidence: Evidence) -> RenderableType:
    """How much was run, and what is wrong with the suite, if anything."""
    matrix, terms = evidence.matrix, evidence.terms
    honest = sum(s in HONEST for s in matrix.subjects)
    many = f"{len(matrix.subjects) - honest} faults, {honest} honest forms, {len(matrix.checks)} checks"
    rows = [("ran", f"{many} in {', '.join(terms.dtypes)}; profile {terms.profile}, seed {terms.seed}")]
    rows += [("survives", f"{subject} in {dtype}") for subject, dtype in evidence.survivors]
    rows += [("flagged", f"{cell.subject} in {cell.dtype} by {cell.check}") for cell in evidence.flagged]
    rows += [("for nothing", f"{check}: others catch all that it does") for check in evidence.redundant]
    rows.append(("verdict", "nothing gets past, and no honest form is flagged" if evidence.ok else "the suite fails"))
    return two_columns(rows)


def diagnoses(found: Measure) -> Iterator[RenderableType]:
    """What each fault is taken for where its name is withheld; how often that is right stands last."""
    for chapter, members in groupby(found.named, lambda n: _chapter(n.subject)):
        grid = _table(chapter, ("fault", "outcome"), ("s",), "taken for")
        for one in members:
            style = {RIGHT: "green", WRONG: "bold red"}.get(one.outcome, "yellow")
            names = ", ".join(d.name for d in one.found)
            grid.add_row(one.subject, Text(one.outcome, style), f"{one.seconds:.2f}", Text(names))
        yield Group(grid, "")
    terms, total = found.terms, max(len(found.named), 1)
    counts = ", ".join(f"{count} {outcome} ({count / total:.1%})" for outcome, count in found.counts.items())
    where = f"{', '.join(terms.dtypes)}; profile {terms.profile}, seed {terms.seed}"
    yield two_columns([("ran", f"{len(found.named)} with their names withheld, in {where}"), ("first name", counts)])
