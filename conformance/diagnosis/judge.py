"""From what a run has seen to what the target does: a dialect, a fault of the catalogue, or nothing that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adam_ref import Dialect
from conformance.compare import QUANTITIES, remembering
from conformance.diagnosis.candidates import catalogue
from conformance.diagnosis.combinations import pairs, parts
from conformance.diagnosis.dialects import Seen, other_dialects
from conformance.diagnosis.evidence import Exhibit
from conformance.diagnosis.facts import VARIES, stated
from conformance.diagnosis.families import FAMILIES
from conformance.diagnosis.marks import underflowing_epsilon
from conformance.diagnosis.result import FACT, NONE, Diagnosis
from conformance.diagnosis.search import Evidence
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
    return found + [d for d in warned if d.kind not in (NONE, FACT) or not found]


def _explained(exhibits: Sequence[Exhibit], declared: Dialect) -> list[Diagnosis]:
    evidence = Evidence(exhibits)
    if not evidence.failing:
        return []
    with remembering():
        found = _whole(evidence, declared) or _in_one_dtype(evidence, declared) or _piece_by_piece(evidence, declared)
    return found or underflowing_epsilon(evidence.failing) or [nothing_fits(evidence)]


def _whole(evidence: Evidence, declared: Dialect) -> list[Diagnosis]:
    """What explains everything."""
    if found := _dialects(evidence, declared):
        return found
    survivors = evidence.survivors(catalogue(), declared)
    if not survivors and not _vary(stated(evidence.failing)[0]):
        for family in FAMILIES:
            survivors = survivors or evidence.confirmed(family(evidence))
    return [of_a_fault(survivors, evidence)] if survivors else []


def _vary(said: Sequence[Diagnosis]) -> bool:
    """Whether findings say that results vary from run to run, so that nothing that is fitted would explain them."""
    return any(d.name == VARIES for d in said)


def _in_one_dtype(evidence: Evidence, declared: Dialect) -> list[Diagnosis]:
    """What explains everything in the dtypes in which something failed, where others are right throughout."""
    failed = {e.context.dtype for e in evidence.failing}
    if not {e.context.dtype for e in evidence.passing} - failed:
        return []
    return [
        replace(d, evidence=f"In {', '.join(sorted(failed))} only: {d.evidence}")
        for d in _whole(evidence.only(lambda e: e.context.dtype in failed), declared)
    ]


def _piece_by_piece(evidence: Evidence, declared: Dialect) -> list[Diagnosis]:
    """What findings say by themselves, and what explains the others, all or in part."""
    said, rest = stated(evidence.failing)
    if not said:
        return _two_or_parts(evidence, declared)
    if not rest or _vary(said):
        return said
    told = {id(e) for e in evidence.failing} - {id(e) for e in rest}
    left = evidence.only(lambda e: id(e) not in told)
    return [*said, *(_whole(left, declared) or _two_or_parts(left, declared))]


def _two_or_parts(evidence: Evidence, declared: Dialect) -> list[Diagnosis]:
    """Two faults that explain everything together, or faults that explain a part."""
    some = parts(evidence, catalogue(), declared)
    if found := pairs(evidence, some, catalogue()):
        return [of_a_fault(found, evidence)]
    return of_parts(some, evidence)


def _dialects(evidence: Evidence, declared: Dialect) -> list[Diagnosis]:
    failing = [
        (e.check.id, seen)
        for e in evidence.failing
        if e.violation is not None and e.violation.quantity in QUANTITIES and (seen := _short(e))
    ]
    passing = [seen for e in evidence.passing if e.examination.worst.step and (seen := _short(e))]
    return other_dialects(failing, passing[:MOST_PASSING], declared, evidence.failing[0].context.capabilities)


def _short(exhibit: Exhibit) -> Seen | None:
    """The one run of an exhibit that has no other, if it is quick to judge."""
    return None if exhibit.slow or exhibit.alone is None or exhibit.steps > LONGEST_EVIDENCE else exhibit.alone
