"""Two defects at once, and defects that explain a part of what was seen.

Where no candidate explains everything, each is held against a selection of the failing cases one by one.  A defect that
shows in some of them only is the whole explanation of those in which it is alone.  Pairs are proposed in two ways: a
candidate that explains a part, with every other one; and, where both show everywhere, two whose effects on the steps
add up to what was seen, on a logarithmic scale on which factors of the step add.  A proposal counts for nothing until
the two in one Adam give everything that was seen, to the width of rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from adam_ref import Dialect
from adam_ref.arrays import Array
from conformance.case import Trajectory
from conformance.diagnosis.candidates import HONEST, Candidate
from conformance.diagnosis.evidence import Exhibit, Together
from conformance.diagnosis.replay import moves, replayed
from conformance.diagnosis.result import COMBINATION
from conformance.diagnosis.search import Evidence, Survivor

SELECTED = 8
"""Failing cases that candidates are held against one by one."""

PARTNERS = 3
"""Partial explanations that are tried with every other candidate."""

PROPOSED = 80
"""Pairs that are tried because their effects add up."""

STEPS = 6
"""Steps on which the effects of two candidates are added up."""


def joint(first: Candidate, second: Candidate) -> Candidate | None:
    """Both in one Adam; `None` where they replace the same piece or are no NumPy Adams."""
    if first.other or second.other or first.pieces.keys() & second.pieces.keys():
        return None
    return Candidate(
        f"{first.name} + {second.name}",
        f"{first.title}; and {second.title}",
        COMBINATION,
        {**first.pieces, **second.pieces},
        tuple(dict.fromkeys((*first.references, *second.references))),
    )


@dataclass(frozen=True)
class Part:
    """A candidate, and those of the selected failing cases that it explains alone."""

    candidate: Candidate
    explained: tuple[Exhibit, ...]


def selected(evidence: Evidence) -> list[Exhibit]:
    """Failing cases in which widths tell, of as many chapters as there are, the quickest to replay first."""
    short = [e for e in evidence.brief if not evidence.honest(e).explains]
    chapters: dict[str, list[Exhibit]] = {}
    for exhibit in short:
        chapters.setdefault(exhibit.check.chapter, []).append(exhibit)
    turns = [pile[i] for i in range(len(short)) for pile in chapters.values() if i < len(pile)]
    return turns[:SELECTED]


def parts(evidence: Evidence, candidates: Iterable[Candidate], declared: Dialect) -> list[Part]:
    """The candidates that explain some failing case and contradict no passing one, those that explain most first."""
    exhibits = selected(evidence)
    found = []
    for candidate in evidence.suitable(candidates, declared):
        explained = tuple(
            e
            for e in exhibits
            if evidence.says_something(e, candidate) and evidence.explained(candidate, e) is not None
        )
        if explained:
            found.append(Part(candidate, explained))
    found.sort(key=lambda part: -len(part.explained))
    return list(islice((part for part in found if evidence.contradicts_nothing(part.candidate)), PARTNERS))


def pairs(evidence: Evidence, some: Sequence[Part], candidates: Sequence[Candidate]) -> list[Survivor]:
    """The pairs that explain everything, the nearest first."""
    usable = [c for c in candidates if not c.other]
    for part in some:
        alone = set(map(id, part.explained))
        rest = [e for e in selected(evidence) if id(e) not in alone]
        proposed = filter(None, (joint(part.candidate, other) for other in usable))
        if rest and (found := evidence.confirmed(proposed, rest)):
            return found
    return evidence.confirmed(adding_up(evidence, usable)) if not some else []


def adding_up(evidence: Evidence, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The pairs whose effects on the steps add up best to what was seen."""
    alone = [e for e in evidence.failing if e.alone is not None and e.steps >= STEPS and not (e.refused or e.slow)]
    probes = [_Probe(e) for e in alone if len(e.runs[0].cases[0].parameters) == 1][:2]
    if not probes:
        return []
    seen = np.concatenate([probe.effect(probe.exhibit.runs[0].trajectories[0]) for probe in probes])
    effects = np.stack([np.concatenate([probe.effect_of(c) for probe in probes]) for c in candidates])
    squares, along = (effects**2).sum(axis=1), effects @ seen
    misfit = squares[:, None] + squares[None, :] + 2 * effects @ effects.T - 2 * along[:, None] - 2 * along[None, :]
    misfit[np.tril_indices(len(candidates))] = np.inf
    best = np.argsort(misfit, axis=None, kind="stable")[:PROPOSED]
    places = zip(*np.unravel_index(best, misfit.shape), strict=True)
    return [pair for i, j in places if (pair := joint(candidates[i], candidates[j])) is not None]


class _Probe:
    """The first steps of an exhibit, in which effects are measured."""

    def __init__(self, exhibit: Exhibit) -> None:
        self.case = exhibit.runs[0].cases[0].up_to(STEPS)
        self.exhibit = exhibit
        self.short = replace(exhibit, runs=(Together((self.case,), ()),))
        right = replayed(HONEST, self.short)
        assert right is not None
        self.right = self._steps(right)

    def effect_of(self, candidate: Candidate) -> Array:
        """The effect of a candidate; none where it cannot be run."""
        made = replayed(candidate, self.short)
        return np.zeros(self.right.size) if made is None or made.refused else self.effect(made)

    def effect(self, made: Trajectory) -> Array:
        """For each step and element the logarithm of the step over that of a correct Adam; what has none is 0."""
        with np.errstate(all="ignore"):
            ratio = np.log(np.abs(self._steps(made) / self.right))
        finite = np.nan_to_num(ratio, nan=0.0, posinf=0.0, neginf=0.0)
        effect: Array = np.clip(finite, -_CLIPPED, _CLIPPED).reshape(-1)
        return effect

    def _steps(self, made: Trajectory) -> Array:
        return moves(self.case, made)[:STEPS]


_CLIPPED = 3.0
"""Logarithms beyond this say no more than that the steps have nothing in common."""
