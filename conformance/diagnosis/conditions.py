"""Faults that are there in a part of all runs only: in one dtype, in one manner, for some parameters.

Where all failing cases have something in common that others have not, each fault of the catalogue is tried with the
condition that it is there only then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.case import Case
from conformance.compare import PARAMETER
from conformance.diagnosis.candidates import Candidate
from conformance.diagnosis.evidence import Exhibit, Together
from conformance.diagnosis.replay import match
from conformance.diagnosis.search import Evidence
from conformance.faults.adam import Adam, Slot
from conformance.manners import MANNERS


@dataclass(frozen=True)
class Condition:
    """Of which parameters a defect is there, and in which words."""

    words: str
    holds: Callable[[Slot], bool]
    occurs: Callable[[Case], bool]


CONDITIONS = (
    Condition("with AMSGrad", lambda s: s.hyper.amsgrad, lambda c: any(h.amsgrad for h in c.hyperparameters)),
    Condition("with maximize", lambda s: s.hyper.maximize, lambda c: any(h.maximize for h in c.hyperparameters)),
    Condition(
        "with weight decay",
        lambda s: bool(s.hyper.weight_decay),
        lambda c: any(h.weight_decay for h in c.hyperparameters),
    ),
    Condition("for 0-d parameters", lambda s: not s.shape, lambda c: any(not p.shape for p in c.parameters)),
    Condition(
        "for parameters of several axes", lambda s: len(s.shape) > 1, lambda c: any(p.ndim > 1 for p in c.parameters)
    ),
    Condition("for parameters after the first", lambda s: s.index > 0, lambda c: len(c.parameters) > 1),
)
"""Of parameters, in the order in which they are tried."""

_OF_A_STEP = (
    "group",
    "counted",
    "rate",
    "epsilon",
    "decay",
    "beta1",
    "beta2",
    "weight1",
    "weight2",
    "gradient",
    "oriented",
    "coupled_decay",
    "decoupled_decay",
    "squared",
    "first_moment",
    "second_moment",
    "correction1",
    "correction2",
    "maximum",
    "corrected_m",
    "corrected_v",
    "rooted",
    "divisor",
    "difference",
    "moved",
    "kept_theta",
    "kept_m",
    "kept_v",
    "kept_maximum",
)
"""The pieces that are called with a step in the making, which says whose it is."""


def conditional(evidence: Evidence, candidates: Sequence[Candidate]) -> Iterator[Candidate]:
    """The candidates under each condition that all failing cases meet and not all passing ones."""
    manners = {e.manner for e in evidence.failing}
    if "" not in manners:
        words = "; ".join(MANNERS[m].words for m in sorted(manners) if m in MANNERS)
        in_pieces = [replace(one, manners=tuple(manners)) for one in candidates if not one.other]
        for one in _of_one_tensor(evidence, in_pieces):
            yield replace(
                one, name=f"{one.name}, in a manner", title=f"{one.title}, but only where {words}", caught_by=()
            )
        return
    met = [
        condition
        for condition in CONDITIONS
        if all(_occurs(e, condition) for e in evidence.failing)
        and not all(_occurs(e, condition) for e in evidence.passing)
    ]
    likely = _of_one_tensor(evidence, [one for one in candidates if not one.other and _conditional(one)]) if met else []
    yield from (_under(one, condition) for condition in met for one in likely)


def _of_one_tensor(evidence: Evidence, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """The candidates that give the numbers of the tensor that was found wrong, for which every condition is met."""
    alone = [e for e in evidence.failing if e.alone and e.violation and e.violation.quantity == PARAMETER]
    if not alone:
        return candidates
    exhibit = min(alone, key=lambda e: e.case.steps)
    one = _of_parameter(exhibit, exhibit.violation.parameter if exhibit.violation else 0)
    return [c for c in candidates if match(c, one, evidence.accuracy(exhibit)).explains]


def _of_parameter(exhibit: Exhibit, i: int) -> Exhibit:
    """The exhibit as if its one run had been of one of its parameters."""
    (case,), (seen,) = exhibit.runs[0].cases, exhibit.runs[0].trajectories
    changed = [(p, a) for p, a in zip(seen.changed_gradients, seen.became, strict=True) if p[1] == i]
    own = replace(
        seen,
        parameters=tuple((row[i],) for row in seen.parameters),
        moments=tuple((row[i],) for row in seen.moments),
        changed_gradients=tuple((step, 0) for (step, _), _ in changed),
        became=tuple(a for _, a in changed),
        shared=(),
    )
    violation = None if exhibit.violation is None else replace(exhibit.violation, parameter=0)
    return replace(
        exhibit,
        case=case.of_parameter(i),
        examination=replace(exhibit.examination, violation=violation),
        runs=(Together((case.of_parameter(i),), (own,)),),
    )


def _occurs(exhibit: Exhibit, condition: Condition) -> bool:
    return any(condition.occurs(case) for run in exhibit.runs for case in run.cases)


def _conditional(candidate: Candidate) -> bool:
    return all(name in _OF_A_STEP for name in candidate.pieces)


def _under(candidate: Candidate, condition: Condition) -> Candidate:
    return replace(
        candidate,
        name=f"{candidate.name} {condition.words}",
        title=f"{candidate.title}, but only {condition.words}",
        pieces={name: _piece(name, piece, condition) for name, piece in candidate.pieces.items()},
        caught_by=(),
    )


def _piece(name: str, piece: Callable[..., Any], condition: Condition) -> Callable[..., Any]:
    def chosen(a: Adam, x: Any) -> Any:
        return (piece if condition.holds(x.slot) else getattr(Adam, name))(a, x)

    return chosen
