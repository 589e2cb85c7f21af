"""The kill matrix: which check catches which fault, and that no honest form is caught by any.

`Trial` puts one subject through the checks, `kill_matrix` many in this process, `conformance.faults.parallel` many in
several processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from adam_ref import Dialect
from conformance.case import Case
from conformance.checks import CHECKS, PROFILES, Check, Context, Examination
from conformance.compare import remembering
from conformance.isolation.hosts import InProcess, another
from conformance.protocol import Target, TargetError
from conformance.specs import MUST, SHOULD
from conformance.strength import strongest_first
from conformance.suite import Plan, Tally

CAUGHT, WARNED, PASSED, SKIPPED, ERROR = "caught", "warned", "passed", "skipped", "error"
"""What a check makes of a subject.

CAUGHT is a finding that settles what the subject is: of a MUST, which changes the verdict, or of a SHOULD where the
subject violates no MUST.  WARNED is a finding of a SHOULD about a fault on which the verdict must turn: that kills
nothing.
"""


class Subject(Protocol):
    """A fault or an honest form."""

    @property
    def id(self) -> str:
        """Its name."""
        ...

    @property
    def address(self) -> str:
        """The address of its target, for a second process."""
        ...

    @property
    def dialect(self) -> Dialect:
        """The dialect that it is declared to be."""
        ...

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes that it concerns."""
        ...

    @property
    def level(self) -> str:
        """MUST where the verdict must turn on it, SHOULD where a warning is enough."""
        ...

    @property
    def caught_by(self) -> tuple[str, ...]:
        """Ids of the checks that must catch it."""
        ...

    def target(self) -> Target:
        """The implementation to put under test."""
        ...


@dataclass(frozen=True)
class Cell:
    """One check against one subject in one dtype.

    Attributes:
        subject: id of the fault or honest form.
        check: id of the check.
        dtype: of the parameters.
        status: "caught", "warned", "passed", "skipped" or "error" (the target could not be run).
        message: what is wrong, or why the check was skipped.
        case: number of the first failing case, from 1; 0 where none failed.
        step: the step at which it failed.
        regime: of that case.
        accuracy: the best accuracy class that held, where it passed.
        seconds: that the check took.

    """

    subject: str
    check: str
    dtype: str
    status: str
    message: str = ""
    case: int = 0
    step: int = 0
    regime: str = ""
    accuracy: str | None = None
    seconds: float = 0.0

    @property
    def kills(self) -> bool:
        """Whether the subject did not get past this check."""
        return self.status in (CAUGHT, ERROR)


@dataclass(frozen=True)
class Matrix:
    """All cells of a run; the questions that one asks of them are its methods."""

    profile: str
    cells: tuple[Cell, ...]

    @property
    def subjects(self) -> list[str]:
        """Ids of the subjects, in the order in which they ran."""
        return list(dict.fromkeys(c.subject for c in self.cells))

    @property
    def checks(self) -> list[str]:
        """Ids of the checks, in the order in which they ran."""
        return list(dict.fromkeys(c.check for c in self.cells))

    def of(self, subject: str) -> list[Cell]:
        """The cells of one subject."""
        return [c for c in self.cells if c.subject == subject]

    def killers(self, subject: str) -> list[str]:
        """The checks that catch a subject in some dtype."""
        return list(dict.fromkeys(c.check for c in self.of(subject) if c.kills))

    def survivors(self) -> list[tuple[str, str]]:
        """(fault, dtype) for each dtype of a fault in which no check catches it."""
        seen = dict.fromkeys((c.subject, c.dtype) for c in self.cells)
        caught = {(c.subject, c.dtype) for c in self.cells if c.kills}
        return [pair for pair in seen if pair not in caught]

    def kills(self) -> dict[str, list[str]]:
        """For each check the subjects that it catches."""
        return {
            check: list(dict.fromkeys(c.subject for c in self.cells if c.check == check and c.kills))
            for check in self.checks
        }

    def only_killed_by(self) -> dict[str, list[str]]:
        """For each check the subjects that it alone catches."""
        alone = {subject: killers[0] for subject in self.subjects if len(killers := self.killers(subject)) == 1}
        return {check: [s for s, killer in alone.items() if killer == check] for check in self.checks}

    def only_shown_by(self) -> dict[str, list[str]]:
        """For each regime the subjects that nothing but its cases shows; the first failing case of a check counts."""
        shown = {s: {c.regime for c in self.of(s) if c.kills} for s in self.subjects}
        regimes = sorted(set().union(*shown.values()) - {""})
        return {regime: [s for s, by in shown.items() if by == {regime}] for regime in regimes}

    def idle(self, few: int = 5) -> list[str]:
        """The checks that tell nothing: each subject that they catch is caught by more than `few` others too."""
        telling = {k for s in self.subjects if len(killers := self.killers(s)) <= few + 1 for k in killers}
        return [check for check in self.checks if check not in telling]

    def accuracy(self, subject: str) -> dict[str, str | None]:
        """The best accuracy class that holds everywhere for a subject, by dtype."""
        classes: dict[str, str | None] = {}
        for cell in self.of(subject):
            classes[cell.dtype] = max(filter(None, (classes.get(cell.dtype), cell.accuracy)), default=None)
        return classes

    def first(self, subject: str) -> Cell | None:
        """The first cell in which a subject is caught."""
        return next((c for c in self.of(subject) if c.kills), None)

    def seconds(self, subject: str) -> float:
        """What running everything against a subject took."""
        return sum(c.seconds for c in self.of(subject))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "profile": self.profile,
            "cells": [asdict(c) for c in self.cells],
            "survivors": [list(pair) for pair in self.survivors()],
            "only_killed_by": self.only_killed_by(),
            "only_shown_by": self.only_shown_by(),
            "idle": self.idle(),
        }


@dataclass(frozen=True)
class Terms:
    """What every subject is put through.

    Attributes:
        checks: ids, in the order in which they run.
        profile: name of the profile; a check that takes longer than it allows runs against the faults that name it.
        dtypes: names; a subject runs in those that it concerns, and in its own where it concerns none of them.
        seed: from which every random choice follows.
        first_kill: no more checks in a dtype once one has caught the subject there; those that it names come first.

    """

    checks: tuple[str, ...] = tuple(CHECKS)
    profile: str = "quick"
    dtypes: tuple[str, ...] = ("float32", "float64")
    seed: int = 0
    first_kill: bool = False

    def until_first_kill(self) -> Terms:
        """The same with the strongest checks first, and no more of them than it takes."""
        return replace(self, checks=tuple(strongest_first(self.checks)), first_kill=True)

    def in_turn(self, subject: Subject) -> Sequence[str]:
        """The checks in the order in which they run against a subject."""
        return sorted(self.checks, key=lambda check: check not in subject.caught_by) if self.first_kill else self.checks


def kill_matrix(
    subjects: Iterable[Subject],
    checks: Iterable[Check] | None = None,
    profile: str = "quick",
    dtypes: Sequence[str] = ("float32", "float64"),
    *,
    seed: int = 0,
    on_cell: Callable[[Cell], None] | None = None,
) -> Matrix:
    """Run checks against faults or honest forms, in this process and without shrinking.

    Args:
        subjects: faults of the catalogue, or honest forms.
        checks: by default all.
        profile: name of the profile.
        dtypes: names of dtypes, as in `Terms`.
        seed: from which every random choice follows.
        on_cell: called with each cell as it is done.

    """
    listed = list(CHECKS.values() if checks is None else checks)
    trial = Trial(Terms(tuple(c.id for c in listed), profile, tuple(dtypes), seed))
    cells = []
    with remembering():
        for cell in (cell for subject in subjects for cell in trial.cells(subject)):
            cells.append(cell)
            if on_cell is not None:
                on_cell(cell)
    return Matrix(profile, tuple(cells))


class Trial:
    """Puts one subject after the other through the checks; what one has cost the next need not pay again."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.drawn = Drawn()

    def cells(self, subject: Subject) -> Iterator[Cell]:
        """The cells of one subject; within `remembering()` they share their enclosures."""
        terms = self.terms
        host = InProcess.made(subject.target, another=another(subject.address, subject.dialect))
        for dtype in [d for d in terms.dtypes if d in subject.dtypes] or subject.dtypes:
            plan = Plan(dialect=subject.dialect, dtypes=(dtype,), profile=terms.profile, seed=terms.seed)
            context = plan.context(host, dtype, lambda _cases, _trajectories: None)
            context = replace(context, elsewhere=replace(context.elsewhere, missing=host.another.missing))
            for check in (CHECKS[name] for name in terms.in_turn(subject)):
                cell = _cell(subject, self.drawn, check, with_time_for(check, subject, context))
                yield cell
                if terms.first_kill and cell.kills:
                    break


def with_time_for(check: Check, subject: Subject, context: Context) -> Context:
    """The context; for a subject that names the check, in a profile that has the time for it.

    What takes seconds a case is so run where something is to be seen by it, and nowhere else.
    """
    if check.runs_in(context.profile) or check.id not in subject.caught_by:
        return context
    return replace(context, profile=PROFILES[check.profile])


class Drawn:
    """The cases of each check, drawn once: subjects with the same claims get the very same ones."""

    def __init__(self) -> None:
        self.cases: dict[tuple[object, ...], list[Case]] = {}

    def once(self, check: Check, context: Context) -> Check:
        """The same check on cases that are already drawn."""
        key = (check.id, context.dtype, context.dialect, repr(context.capabilities))
        if key not in self.cases:
            self.cases[key] = self._draw(check, context)
        return replace(check, cases=lambda _: self.cases[key], strategy=None)

    def _draw(self, check: Check, context: Context) -> list[Case]:
        cases: list[Case] = []

        def record(case: Case, _context: Context) -> Examination:
            cases.append(case)
            return Examination()

        Tally(replace(check, examine=record), context).examine_all()
        return cases


def _cell(subject: Subject, drawn: Drawn, check: Check, context: Context) -> Cell:
    name, dtype = subject.id, context.dtype
    if (reason := check.missing(context)) is not None:
        return Cell(name, check.id, dtype, SKIPPED, reason)
    tally = Tally(drawn.once(check, context), context)
    began = time.perf_counter()
    try:
        tally.examine_all()
    except TargetError as error:
        return Cell(name, check.id, dtype, ERROR, str(error), tally.cases + 1, seconds=time.perf_counter() - began)
    seconds, violation = time.perf_counter() - began, tally.violation
    if violation is not None:
        assert tally.failing_case is not None
        regime, step = tally.failing_case.regime, violation.step
        status = WARNED if check.level == SHOULD and subject.level == MUST else CAUGHT
        return Cell(name, check.id, dtype, status, violation.message, tally.cases, step, regime, None, seconds)
    accuracy = max(tally.classes) if tally.classes else None
    return Cell(name, check.id, dtype, PASSED, accuracy=accuracy, seconds=seconds)
