"""Which of the candidates does everything that was seen, and nothing that was not.

A candidate is kept as long as each number of each trajectory lies within the width of its own, on failing cases and on
passing ones, and as long as it does there what no correct Adam does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product

from adam_ref import Dialect
from adam_ref.enclosure import ACCURACY_CLASSES, AccuracyClass
from conformance.checks.base import LONG
from conformance.diagnosis.candidates import HONEST, NEEDS, Candidate
from conformance.diagnosis.evidence import Exhibit
from conformance.diagnosis.replay import Match, Record, match, outcome, recorded, same_as

ENOUGH = 800
"""Steps of single tensors on which a candidate that is alone is confirmed, once for failing cases, once for others."""

MOST = 30_000
"""Steps of single tensors that are worth replaying for all candidates that are left, of one case that passed."""


PROBES = 3
"""Cases that passed which are replayed first where all failing ones are long: what does something everywhere goes."""


@dataclass
class Survivor:
    """A candidate that explains everything so far, and how near it is."""

    candidate: Candidate
    distance: float = 0.0
    numbers: int = 0
    failing: list[Exhibit] = field(default_factory=list)
    passing: int = 0

    def add(self, exhibit: Exhibit, found: Match) -> None:
        """Another exhibit is explained."""
        if exhibit.violation is None:
            self.passing += 1
        else:
            self.failing.append(exhibit)
        self.distance += found.nearness * found.numbers
        self.numbers += found.numbers

    @property
    def nearness(self) -> float:
        """The mean distance in widths."""
        return self.distance / max(self.numbers, 1)


@dataclass(frozen=True)
class Answer:
    """What came of holding a candidate, which is kept so that no other takes its place in memory, against an exhibit.

    Attributes:
        candidate: the candidate.
        match: how it explains the exhibit, `None` where it does not.
        idle: it does there, to the bit, what a correct Adam does.

    """

    candidate: Candidate
    match: Match | None
    idle: bool = False


class Evidence:
    """What a run has seen, in the order in which it is quickest to exclude candidates with."""

    def __init__(self, exhibits: Sequence[Exhibit]) -> None:
        self.failed = tuple(dict.fromkeys(e.check.id for e in exhibits if e.violation is not None))
        self.claims = [e.context.capabilities for e in exhibits]
        self.failing = _one_of_each(e for e in exhibits if e.violation is not None)
        self.passing = _one_of_each(e for e in exhibits if e.violation is None and not e.refused)
        self.brief = [e for e in self.failing if e.steps <= LONG and not e.slow]
        self._classes = _classes(exhibits)
        self._honest: dict[int, Record] = {}
        self._explained: dict[tuple[int, int], Answer] = {}

    def only(self, kept: Callable[[Exhibit], bool]) -> Evidence:
        """The part of it for which `kept` is true."""
        part = Evidence([e for e in (*self.failing, *self.passing) if kept(e)])
        part._classes, part._honest, part._explained = self._classes, self._honest, self._explained
        return part

    def accuracy(self, exhibit: Exhibit) -> AccuracyClass:
        """The class that the target reaches in this dtype, where anything passed; else the wider one."""
        return ACCURACY_CLASSES[self._classes.get(exhibit.context.dtype, "B")]

    def honest(self, exhibit: Exhibit) -> Match:
        """How near a correct Adam is to what was seen."""
        return self._recorded(exhibit)[1]

    def _recorded(self, exhibit: Exhibit) -> Record:
        if id(exhibit) not in self._honest:
            self._honest[id(exhibit)] = recorded(HONEST, exhibit, self.accuracy(exhibit))
        return self._honest[id(exhibit)]

    def explained(self, candidate: Candidate, exhibit: Exhibit) -> Match | None:
        """How the candidate explains the exhibit, `None` where it does not.

        A failing exhibit is not explained by what a correct Adam does too.  Where the widths are too wide to tell, the
        candidate must be nearer than that, and the check itself must fail with it in the target's place.
        """
        key = id(candidate), id(exhibit)
        if key not in self._explained:
            self._explained[key] = self._answer(candidate, exhibit)
        return self._explained[key].match

    def idle(self, candidate: Candidate) -> bool:
        """Whether the candidate is known to do nothing in a failing case."""
        answers = (self._explained.get((id(candidate), id(e))) for e in self.failing)
        return any(answer is not None and answer.idle for answer in answers)

    def _answer(self, candidate: Candidate, exhibit: Exhibit) -> Answer:
        honest = self.honest(exhibit)
        if honest.explains and same_as(self._recorded(exhibit), candidate, exhibit):
            return Answer(candidate, honest if exhibit.violation is None else None, idle=True)
        found = match(candidate, exhibit, self.accuracy(exhibit))
        if exhibit.violation is None or not honest.explains or not found.explains:
            return Answer(candidate, found if found.explains else None)
        nearer = found.made != honest.made and found.nearness < honest.nearness
        return Answer(candidate, found if nearer and outcome(candidate, exhibit) else None)

    def survivors(self, candidates: Iterable[Candidate], declared: Dialect) -> list[Survivor]:
        """The candidates that explain everything, the nearest first.

        Those first that the failing checks are known to catch; the others where none is left.
        """
        likely: list[Candidate] = []
        others: list[Candidate] = []
        for candidate in self.suitable(candidates, declared):
            (likely if set(candidate.caught_by) & set(self.failed) else others).append(candidate)
        return self.confirmed(likely) or self.confirmed(others)

    def suitable(self, candidates: Iterable[Candidate], declared: Dialect) -> list[Candidate]:
        """Without those that the target cannot have.

        These are candidates that have to do with ways of working with it, or with processes, that it has not; and those
        that are declared to be the same dialect and known to be caught by a check that passed: they were not there.
        """
        claimed = {need for need in filter(None, NEEDS.values()) if any(getattr(c, need) for c in self.claims)}
        passed = {(e.check.id, e.context.dtype) for e in self.passing if e.check.id not in self.failed}
        return [
            c
            for c in candidates
            if (not c.needs or c.needs in claimed)
            and not (c.dialect == declared and passed & set(product(c.caught_by, c.dtypes)))
        ]

    def says_something(self, exhibit: Exhibit, candidate: Candidate) -> bool:
        """Whether the exhibit can speak for or against the candidate.

        What is run in a manner is what an adapter makes of it, which candidates that are no framework's have none of.
        """
        if exhibit.slow and exhibit.check.id not in candidate.caught_by:
            return False
        return candidate.needs == NEEDS["torch"] or not exhibit.manner or bool(candidate.manners)

    def contradicts_nothing(self, candidate: Candidate) -> bool:
        """Whether what passed may have come from the candidate; some of it is tried, the quickest to replay."""
        spent = 0
        for exhibit in self.passing:
            if self.says_something(exhibit, candidate) and self.explained(candidate, exhibit) is None:
                return False
            if (spent := spent + exhibit.steps) > ENOUGH:
                return True
        return True

    def confirmed(self, candidates: Iterable[Candidate], telling: Sequence[Exhibit] = ()) -> list[Survivor]:
        """The candidates that explain everything, first those of which most cases speak, the nearest of them first.

        `telling` exhibits are replayed before others.
        """
        left = [Survivor(c) for c in candidates if any(self.says_something(e, c) for e in self.failing)]
        probes = [] if self.brief else self.passing[:PROBES]
        failing = {id(e): e for e in (*telling, *self.failing)}
        for exhibits in (probes, failing.values(), self.passing[len(probes) :]):
            left = self._left_by(exhibits, left)
            if exhibits is not probes:
                left = [survivor for survivor in left if survivor.failing]
        return sorted(left, key=lambda s: (-len(s.failing), s.nearness))

    def _left_by(self, exhibits: Iterable[Exhibit], left: list[Survivor]) -> list[Survivor]:
        """Those that explain these exhibits too, of which one that is alone need not explain all."""
        spent = 0
        for exhibit in exhibits:
            if not left:
                return []
            alone = len(left) == 1 and spent > ENOUGH
            if not alone and (exhibit.violation is not None or exhibit.steps * len(left) <= MOST):
                left = self._left(left, exhibit)
                spent += exhibit.steps
        return left

    def _left(self, survivors: list[Survivor], exhibit: Exhibit) -> list[Survivor]:
        left = []
        for survivor in survivors:
            if not self.says_something(exhibit, survivor.candidate):
                left.append(survivor)
                continue
            found = self.explained(survivor.candidate, exhibit)
            if found is not None:
                survivor.add(exhibit, found)
                left.append(survivor)
        return left


def _one_of_each(exhibits: Iterable[Exhibit]) -> list[Exhibit]:
    """One exhibit of each check and dtype, the one that is quickest to replay, in that order."""
    best: dict[tuple[str, str], Exhibit] = {}
    for exhibit in exhibits:
        key = exhibit.check.id, exhibit.context.dtype
        if key not in best or exhibit.steps < best[key].steps:
            best[key] = exhibit
    return sorted(best.values(), key=lambda e: e.steps)


def _classes(exhibits: Iterable[Exhibit]) -> dict[str, str]:
    """For each dtype the class in which everything that passed lies."""
    classes: dict[str, str] = {}
    for exhibit in exhibits:
        if exhibit.violation is None and exhibit.examination.accuracy:
            dtype = exhibit.context.dtype
            classes[dtype] = max(classes.get(dtype, "A"), exhibit.examination.accuracy)
    return classes
