"""What a run has seen of a target: for each case that a check examined, the trajectories and the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.case import Case, Trajectory
from conformance.checks.base import Check, Context, Examination
from conformance.compare import Violation


@dataclass(frozen=True)
class Together:
    """Cases that ran at once, a step of each in turn, and what became of them."""

    cases: tuple[Case, ...]
    trajectories: tuple[Trajectory, ...]

    @property
    def late(self) -> bool:
        """Whether something was seen to change between a step and the next; otherwise nobody need wait for it again."""
        return any(seen.late for seen in self.trajectories)


@dataclass(frozen=True)
class Exhibit:
    """One case that a check examined.

    Attributes:
        check: the check.
        context: what the check knew; its runner belongs to the target.
        case: the case.
        examination: what came of it.
        runs: the runs that the check made to decide, in order; the first of them, where they are many.

    """

    check: Check
    context: Context
    case: Case
    examination: Examination
    runs: tuple[Together, ...]

    @property
    def violation(self) -> Violation | None:
        """What was wrong, `None` where the case passed."""
        return self.examination.violation

    @property
    def alone(self) -> tuple[Case, Trajectory] | None:
        """The case and its trajectory, where the check made one run of one case to decide."""
        if len(self.runs) != 1 or len(self.runs[0].cases) != 1:
            return None
        return self.runs[0].cases[0], self.runs[0].trajectories[0]

    @property
    def manner(self) -> str:
        """The manner in which its cases were run, empty where plainly."""
        return next((c.manner for run in self.runs for c in run.cases if c.manner), "")

    @property
    def refused(self) -> bool:
        """Whether the target refused to run some of it, where that is no answer."""
        return self.case.invalid is None and any(t.refused for run in self.runs for t in run.trajectories)

    @property
    def slow(self) -> bool:
        """Whether only what its check is known to catch is held against it.

        Replaying it takes seconds, or waiting; or it takes another process to see anything.
        """
        long = self.check.profile != "quick" or self.elements > MOST_ELEMENTS or self.context.walked(self.case) > 0
        return long or "elsewhere" in self.check.needs or any(run.late for run in self.runs)

    @property
    def steps(self) -> int:
        """Steps of single tensors in all runs: what replaying them costs."""
        return sum(c.steps * len(c.parameters) for run in self.runs for c in run.cases)

    @property
    def numbers(self) -> int:
        """Numbers of parameters after the steps that were made in all runs."""
        made = (pair for run in self.runs for pair in zip(run.cases, run.trajectories, strict=True))
        return sum(len(seen.parameters) * case.elements for case, seen in made)

    @property
    def elements(self) -> int:
        """Elements of the largest case."""
        return max((c.elements for run in self.runs for c in run.cases), default=0)


MOST_ELEMENTS = 1 << 16
"""Elements of a case that is replayed for every candidate."""

MOST_RUNS = 4
"""Runs that are kept of a case: more are made of it only seed after seed, and candidates are seeded like the target."""


@dataclass
class Recorder:
    """Keeps of the cases that were examined, and of the runs made for them, what a diagnosis asks for.

    That is, of each check in each dtype, the case that is quickest to replay: of those that failed, of those that were
    refused, and of those that passed in each accuracy class.  All of them would be more than the memory holds.
    """

    _kept: dict[tuple[Any, ...], Exhibit] = field(default_factory=dict)
    _runs: list[Together] = field(default_factory=list)

    @property
    def exhibits(self) -> list[Exhibit]:
        """What is kept, in the order in which the first of each kind came."""
        return list(self._kept.values())

    def ran(self, cases: Sequence[Case], trajectories: Sequence[Trajectory]) -> None:
        """Cases were run together."""
        self._runs.append(Together(tuple(cases), tuple(trajectories)))

    def examined(self, check: Check, context: Context, case: Case, examination: Examination) -> None:
        """The runs since the last call decided about `case`."""
        found = Exhibit(check, context, case, examination, tuple(self._runs[:MOST_RUNS]))
        kind = found.violation is not None, found.refused, examination.accuracy
        key = check.id, context.dtype, *kind
        if key not in self._kept or found.steps < self._kept[key].steps:
            self._kept[key] = found
        self._runs.clear()

    @property
    def findings(self) -> int:
        """How many of them failed."""
        return sum(e.violation is not None for e in self._kept.values())

    def forget(self) -> None:
        """The runs since the last call decided about nothing: they made a case smaller."""
        self._runs.clear()
