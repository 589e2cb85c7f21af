"""From what a run has seen to what the target does: a dialect, a fault of the catalogue, or nothing that is known."""

from __future__ import annotations

from collections.abc import Sequence

from adam_ref import Dialect
from conformance.compare import QUANTITIES, remembering
from conformance.diagnosis.candidates import catalogue
from conformance.diagnosis.combinations import pairs, parts
from conformance.diagnosis.dialects import Seen, other_dialects
from conformance.diagnosis.evidence import Exhibit
from conformance.diagnosis.marks import underflowing_epsilon
from conformance.diagnosis.result import NONE, Diagnosis
from conformance.diagnosis.search import Evidence
from conformance.diagnosis.values import values
from conformance.diagnosis.words import nothing_fits, of_a_fault, of_parts
from conformance.specs import MUST, SHOULD

MOST_PASSING, LONGEST_EVIDENCE = 6, 40
"""How many passing trajectories a dialect must not contradict, and how many steps its evidence may have."""


def diagnose(exhibits: Sequence[Exhibit], declared: Dialect) -> list[Diagnosis]:
    """Explanations of what a run has seen, the best one first; one that says so where nothing fits.

    What failures come from is not held against what is only warned of, and the other way round: an implementation that
    has a defect may well accept invalid hyperparameters too.

    Args:
        exhibits: every case that was examined, and the runs made for it.
        declared: the dialect that the target is meant to be.

    """
    found, warned = (
        _explained([e for e in exhibits if e.violation is None or e.check.level == level], declared)
        for level in (MUST, SHOULD)
    )
    return found + [d for d in warned if d.kind != NONE or not found]


def _explained(exhibits: Sequence[Exhibit], declared: Dialect) -> list[Diagnosis]:
    evidence = Evidence(exhibits)
    if not evidence.failing:
        return []
    with remembering():
        found = _dialects(evidence, declared) or _faults(evidence)
    return found or underflowing_epsilon(evidence.failing) or [nothing_fits(evidence)]


def _dialects(evidence: Evidence, declared: Dialect) -> list[Diagnosis]:
    failing = [
        (e.check.id, seen)
        for e in evidence.failing
        if e.violation is not None and e.violation.quantity in QUANTITIES and (seen := _short(e))
    ]
    passing = [seen for e in evidence.passing if e.examination.worst.step and (seen := _short(e))]
    return other_dialects(failing, passing[:MOST_PASSING], declared, evidence.failing[0].context.capabilities)


def _short(exhibit: Exhibit) -> Seen | None:
    """The one run of an exhibit that has no other, if it is not too long."""
    return None if exhibit.alone is None or exhibit.alone[0].steps > LONGEST_EVIDENCE else exhibit.alone


def _faults(evidence: Evidence) -> list[Diagnosis]:
    if found := evidence.survivors(catalogue()):
        return [of_a_fault(found, evidence)]
    if found := values(evidence):
        return [of_a_fault(found, evidence)]
    some = parts(evidence, catalogue())
    if found := pairs(evidence, some, catalogue()):
        return [of_a_fault(found, evidence)]
    return of_parts(some, evidence)
