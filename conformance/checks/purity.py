"""Chapter "purity": nothing is changed that is not the optimizer's, and nothing is shared that must not be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from conformance.case import Case
from conformance.checks.base import Check, Context, Examination, broken, from_regimes


def gradients_untouched(case: Case, context: Context) -> Examination:
    """Every gradient has the same bits after the step as before."""
    seen = context.trajectory(case)
    if seen.changed_gradients:
        step, i = seen.changed_gradients[0]
        return Examination.rule(broken(f"the gradient of parameter {i} was changed by step {step + 1}", step + 1, i), 1)
    return Examination.rule(None, case.steps * len(case.parameters))


def nothing_shared(case: Case, context: Context) -> Examination:
    """Parameters, gradients and moments have memory of their own, also those of equal shapes."""
    twins = replace(
        case,
        parameters=case.parameters * 2,
        hyperparameters=case.hyperparameters * 2,
        gradients=tuple(step * 2 for step in case.gradients),
    )
    seen = context.trajectory(twins if context.capabilities.several else case)
    return Examination.rule(broken(seen.shared[0]) if seen.shared else None, case.steps)


def sessions_apart(case: Case, context: Context) -> Examination:
    """Two runs at once, a step of each in turn, give what each gives alone, bit for bit."""
    flipped = replace(
        case, gradients=tuple(tuple(None if g is None else (-g[::-1]).copy() for g in s) for s in case.gradients)
    )
    alone = [context.trajectory(case), context.trajectory(flipped)]
    together = context.run((case, flipped))
    for one, other in zip(alone, together, strict=True):
        for step, (a, b) in enumerate(zip(one.parameters, other.parameters, strict=True), 1):
            for i, (x, y) in enumerate(zip(a, b, strict=True)):
                if not np.array_equal(x, y, equal_nan=True):
                    return Examination.rule(broken("two optimizers at work at once disturb each other", step, i), 1)
    return Examination.rule(None, 2 * case.steps * case.elements)


def repeatable(case: Case, context: Context) -> Examination:
    """The same run gives the same bits, and what later steps bring does not reach back into earlier ones."""
    long, again, short = (
        context.trajectory(case),
        context.trajectory(case),
        context.trajectory(case.up_to(case.steps // 2)),
    )
    for step, (x, y) in enumerate(zip(long.parameters, again.parameters, strict=True), 1):
        if any(a.tobytes() != b.tobytes() for a, b in zip(x, y, strict=True)):
            return Examination.rule(broken("the same run gave other bits the second time", step), 1)
    for step, (x, y) in enumerate(zip(long.parameters, short.parameters, strict=False), 1):
        if any(a.tobytes() != b.tobytes() for a, b in zip(x, y, strict=True)):
            return Examination.rule(broken("later gradients changed the result of earlier steps", step), 1)
    return Examination.rule(None, 2 * case.steps * case.elements)


CHECKS = [
    Check(
        id="purity.gradients",
        title="gradients are left as they are",
        clauses=("PUR-1",),
        examine=gradients_untouched,
        cases=from_regimes("ordinary", "maximize", "weight-decay", at_most=2),
    ),
    Check(
        id="purity.memory",
        title="parameters, gradients and moments share no memory",
        clauses=("PUR-2",),
        examine=nothing_shared,
        cases=from_regimes("ordinary", at_most=2),
    ),
    Check(
        id="purity.sessions",
        title="optimizers share nothing with one another",
        clauses=("PUR-3",),
        examine=sessions_apart,
        cases=from_regimes("ordinary", at_most=2),
    ),
    Check(
        id="purity.repeatable",
        title="the same inputs give the same bits",
        clauses=("PUR-4",),
        examine=repeatable,
        cases=from_regimes("ordinary", at_most=2),
    ),
]
