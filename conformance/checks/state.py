"""Chapter "state": where the moments can be read, they lie inside their own enclosures."""

from __future__ import annotations

from conformance.case import Case
from conformance.checks.base import Check, Context, Examination, broken, from_regimes, inside_enclosure
from conformance.checks.groups import tensors


def moments(case: Case, context: Context) -> Examination:
    """The first and the second moment against their enclosures."""
    return inside_enclosure(case, context, ("m", "v"))


def moment_cases(context: Context) -> list[Case]:
    """Histories that tell the moments apart; the last case has several tensors, each with moments of its own."""
    from_one = from_regimes(
        "ordinary", "mixed-scales", "zeros-then-spike", "constant", "few-roundings", "extreme-squares"
    )(context)
    return [*from_one, *(tensors(context) if context.capabilities.several else ())]


def maximum(case: Case, context: Context) -> Examination:
    """AMSGrad's maximum against its enclosure."""
    seen = context.trajectory(case)
    if all(m.v_max is None for step in seen.moments for m in step):
        return Examination.rule(broken("AMSGrad is on, and the state holds no maximum"), 1)
    return inside_enclosure(case, context, ("v_max",), seen)


def counter(case: Case, context: Context) -> Examination:
    """The counter says how many steps were made."""
    seen = context.trajectory(case)
    facts = 0
    for made, step in enumerate(seen.moments, 1):
        for i, moment in enumerate(step):
            if moment.step is None:
                continue
            facts += 1
            if moment.step != made:
                message = f"after {made} steps the counter says {moment.step:g}"
                return Examination.rule(broken(message, made, i, got=moment.step), facts)
    return Examination.rule(None, facts)


CHECKS = [
    Check(
        id="state.moments",
        title="the moments stay inside their enclosures",
        clauses=("STA-1", "STA-2"),
        examine=moments,
        cases=moment_cases,
        needs=("state",),
        theorems=("T6", "T7", "T15"),
    ),
    Check(
        id="state.maximum",
        title="AMSGrad's maximum is stored, and stays inside its enclosure",
        clauses=("STA-3",),
        examine=maximum,
        cases=from_regimes("amsgrad"),
        needs=("state", "settable:amsgrad"),
        theorems=("T13",),
    ),
    Check(
        id="state.counter",
        title="the step counter counts steps",
        clauses=("STA-4",),
        examine=counter,
        cases=from_regimes("ordinary", "beyond-256"),
        needs=("counter",),
    ),
]
