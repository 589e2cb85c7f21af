"""Faults that are there in a part of all runs only: in one dtype, in one manner, for some parameters.

Where all failing cases have something in common that others have not, each fault of the catalogue is tried with the
condition that it is there only then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adam_ref import Hyperparameters
from conformance.compare import PARAMETER
from conformance.diagnosis.candidates import Candidate
from conformance.diagnosis.evidence import Exhibit, Together
from conformance.diagnosis.replay import match
from conformance.diagnosis.search import Evidence
from conformance.faults.adam import Adam, Slot
from conformance.manners import MANNERS


@dataclass(frozen=True)
class Condition:
    """Of which parameters a defect is there: their hyperparameters, axes and place; and in which words."""

    words: str
    holds: Callable[[Hyperparameters, int, int], bool]

    def of(self, slot: Slot) -> bool:
        """Whether the defect is there for a parameter of a candidate."""
        return self.holds(slot.hyper, len(slot.shape), slot.index)

    def within(self, exhibit: Exhibit) -> set[bool]:
        """For which of the parameters of an exhibit it is there: for some (True), for others not (False), or both."""
        cases = [case for run in exhibit.runs for case in run.cases]
        return {
            self.holds(hyper, parameter.ndim, i)
            for case in cases
            for i, (hyper, parameter) in enumerate(zip(case.hyperparameters, case.parameters, strict=True))
        }


CONDITIONS = (
    Condition("with AMSGrad", lambda hyper, _axes, _i: hyper.amsgrad),
    Condition("with maximize", lambda hyper, _axes, _i: hyper.maximize),
    Condition("with weight decay", lambda hyper, _axes, _i: bool(hyper.weight_decay)),
    Condition("for 0-d parameters", lambda _hyper, axes, _i: not axes),
    Condition("for parameters of at most one axis", lambda _hyper, axes, _i: axes <= 1),
    Condition("for parameters of several axes", lambda _hyper, axes, _i: axes > 1),
    Condition("for parameters after the first", lambda _hyper, _axes, i: i > 0),
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
    """The candidates under each condition that all failing cases meet, and that some parameter of a case does not.

    What is known to do nothing in a failing case does nothing there under a condition.  Where all failing cases are
    long, none is tried.
    """
    if not evidence.brief:
        return
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
        if all(True in condition.within(e) for e in evidence.failing)
        and any(False in condition.within(e) for e in (*evidence.failing, *evidence.passing))
    ]
    possible = [one for one in candidates if not one.other and _conditional(one) and not evidence.idle(one)]
    likely = _of_one_tensor(evidence, possible) if met else []
    yield from (_under(one, condition) for condition in met for one in likely)


def _of_one_tensor(evidence: Evidence, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """The candidates that give the numbers of the tensor that was found wrong, for which every condition is met."""
    alone = [e for e in evidence.brief if e.alone and e.violation and e.violation.quantity == PARAMETER]
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
        return (piece if condition.of(x.slot) else getattr(Adam, name))(a, x)

    return chosen
