"""The evidence for an explanation, in sentences with numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from conformance.compare import PARAMETER, QUANTITIES, Violation
from conformance.diagnosis.combinations import Part, selected
from conformance.diagnosis.evidence import Exhibit
from conformance.diagnosis.replay import replayed
from conformance.diagnosis.result import NONE, Diagnosis
from conformance.diagnosis.search import Evidence, Survivor
from conformance.faults.adam import flat

SHARE = 1 / 3
"""The share of the failing cases that were tried of which a partial explanation must account at the least."""

AT_MOST = 3
"""How many explanations that no evidence tells apart are named."""


def of_a_fault(found: Sequence[Survivor], evidence: Evidence) -> Diagnosis:
    """The nearest of the candidates that explain everything; the others are named as the same."""
    best, *others = found
    candidate = best.candidate
    sentences = [_sentence(candidate.title), _sentence(_how_much(best)), *_where(best)]
    if others:
        names = ", ".join(s.candidate.name for s in others[:AT_MOST])
        more = f" and {len(others) - AT_MOST} more" if len(others) > AT_MOST else ""
        sentences.append(f"Nothing that was run tells it apart from {names}{more}.")
    return Diagnosis(
        candidate.name,
        candidate.kind,
        evidence.failed,
        " ".join(sentences),
        candidate.references,
        tuple(s.candidate.name for s in others),
    )


def of_parts(parts: Sequence[Part], evidence: Evidence) -> list[Diagnosis]:
    """Candidates that explain a part of the findings each; none where they leave most of them unexplained."""
    left = {id(e): e for e in selected(evidence)}
    everything, found = len(left), []
    for part in parts:
        new = [e for e in part.explained if id(e) in left]
        if not new or len(new) < min(len(part.explained), everything * SHARE):
            continue
        for exhibit in new:
            del left[id(exhibit)]
        found.append((part, len(new)))
    if not found or len(left) > everything * (1 - SHARE):
        return []
    return [_of_a_part(part, everything) for part, _ in found[:2]]


def _of_a_part(part: Part, everything: int) -> Diagnosis:
    candidate, count = part.candidate, len(part.explained)
    ids = tuple(dict.fromkeys(e.check.id for e in part.explained))
    text = (
        f"{_sentence(candidate.title)} It gives every number of {count} of {everything} failing cases that were tried, "
        f"{', '.join(ids)} among them, and contradicts nothing that passed; something else is wrong in the others."
    )
    return Diagnosis(candidate.name, candidate.kind, ids, text, candidate.references)


def nothing_fits(evidence: Evidence) -> Diagnosis:
    """None of the dialects and faults does what the target does."""
    text = (
        f"No dialect and none of the known faults gives the numbers of all {len(evidence.failing)} failing cases; "
        "the nearest do not reach the last digits that rounding explains."
    )
    return Diagnosis("nothing fits", NONE, (), text, ())


def _how_much(best: Survivor) -> str:
    """How many cases say so, and how many numbers."""
    failing = len(best.failing)
    text = f"it gives all {best.numbers:,} numbers of {failing} failing and {best.passing} passing cases"
    apart = "to the bit" if best.nearness == 0 else f"within {best.nearness:.2g} of what rounding can do on average"
    return f"{text}, {apart}"


def _where(best: Survivor) -> list[str]:
    """The first number that was found wrong, what the candidate gives there, and what would have been right."""
    for exhibit in best.failing:
        violation = exhibit.violation
        if violation is None or violation.quantity not in QUANTITIES or not exhibit.runs:
            continue
        ours = _number_at(best, exhibit, violation)
        if ours is not None:
            name = "the parameter" if violation.quantity == PARAMETER else violation.quantity
            return [
                f"At step {violation.step} of {exhibit.check.id} in {exhibit.context.dtype} {name} is "
                f"{violation.got:.9g}; this fault gives {ours:.9g}, and [{violation.lo:.9g}, {violation.hi:.9g}] "
                "is right."
            ]
    return [
        _sentence(f"with it, {e.check.id} fails in the same way: {e.violation.message}")
        for e in best.failing[:1]
        if e.violation is not None
    ]


def _number_at(best: Survivor, exhibit: Exhibit, violation: Violation) -> float | None:
    """What the candidate gives where the target was found wrong."""
    seen = replayed(best.candidate, exhibit)
    if seen is None:
        return None
    step, i = violation.step - 1, violation.parameter
    held = (
        seen.parameters[step][i]
        if violation.quantity == PARAMETER
        else getattr(seen.moments[step][i], violation.quantity)
    )
    return None if held is None else float(flat(np.asarray(held))[violation.element])


def _sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
