"""Chapter "purity": nothing is changed that is not the optimizer's, and nothing is shared that must not be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from conformance.case import Case
from conformance.checks.base import (
    Check,
    Context,
    Examination,
    broken,
    first_difference,
    from_regimes,
    inside_enclosure,
)
from conformance.checks.groups import missing, of_several, tensors


def everything(context: Context) -> Iterable[Case]:
    """One tensor with every kind of update; several tensors, and some without gradients, where that is claimed."""
    claims = context.capabilities
    yield from from_regimes("ordinary", "maximize", "weight-decay", "amsgrad", at_most=2)(context)
    if claims.several:
        yield from tensors(context)
    if claims.several and claims.none_gradients:
        yield from missing(context)


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
    """Two runs at once, a step of each in turn, give what each gives alone, bit for bit.

    Where they round at random they draw in turn, and are not what they were alone; each lies in its own enclosure.
    """
    flipped = replace(
        case, gradients=tuple(tuple(None if g is None else (-g[::-1]).copy() for g in s) for s in case.gradients)
    )
    together = context.run((case, flipped))
    if context.at_random:
        one, other = (
            inside_enclosure(c, context, trajectory=t) for c, t in zip((case, flipped), together, strict=True)
        )
        return other if one.violation is None else one
    alone = [context.trajectory(case), context.trajectory(flipped)]
    differences = (
        first_difference(one, other, "with another optimizer at work at the same time")
        for one, other in zip(alone, together, strict=True)
    )
    return Examination.rule(next(filter(None, differences), None), 2 * case.steps * case.elements)


def repeatable(case: Case, context: Context) -> Examination:
    """The same run gives the same bits, and what later steps bring does not reach back into earlier ones."""
    whole, again = context.trajectory(case), context.trajectory(case)
    half = context.trajectory(case.up_to(max(1, case.steps // 2)))
    violation = first_difference(whole, again, "when the same run is made again") or first_difference(
        whole, half, "without the later steps"
    )
    return Examination.rule(violation, 2 * case.steps * case.elements)


def everything_moving(context: Context) -> Iterable[Case]:
    """One tensor, with AMSGrad too; several, in groups and with gradients that are missing, where these are claimed."""
    yield from from_regimes("ordinary", "amsgrad", at_most=2)(context)
    if context.capabilities.several:
        yield from tensors(context)
    yield from of_several(context)


def same_elsewhere(case: Case, context: Context) -> Examination:
    """The same run in a second process, which differs in all that is random about one, gives the same bits."""
    here, there = context.trajectory(case), context.elsewhere.trajectory(case)
    violation = first_difference(here, there, "when the same run is made in another process")
    return Examination.rule(violation, case.steps * case.elements)


PAUSE = 0.03
"""Seconds: long enough for a thread that was left behind to do what it was left for."""


def briefly(context: Context) -> list[Case]:
    """A few steps, since time passes after each."""
    return [case.up_to(3) for case in from_regimes("ordinary", at_most=1)(context)]


def settled(case: Case, context: Context) -> Examination:
    """Between a step and the next neither gradients nor parameters change."""
    late = context.trajectory(replace(case, pause=PAUSE)).late
    return Examination.rule(broken(late[0]) if late else None, 2 * case.steps * len(case.parameters))


def process_untouched(case: Case, context: Context) -> Examination:
    """What belongs to the process is afterwards what it was before the run, and before the target was imported."""
    disturbed = context.trajectory(replace(case, pause=PAUSE)).disturbed
    return Examination.rule(broken(disturbed[0]) if disturbed else None, case.steps)


CHECKS = [
    Check(
        id="purity.gradients",
        title="gradients are left as they are",
        clauses=("PUR-1",),
        examine=gradients_untouched,
        cases=everything,
        needs=("gradients",),
    ),
    Check(
        id="purity.memory",
        title="parameters, gradients and moments share no memory",
        clauses=("PUR-2",),
        examine=nothing_shared,
        cases=from_regimes("ordinary", at_most=3),
        needs=("memory",),
    ),
    Check(
        id="purity.sessions",
        title="optimizers share nothing with one another",
        clauses=("PUR-3",),
        examine=sessions_apart,
        cases=from_regimes("ordinary", "amsgrad", at_most=2),
    ),
    Check(
        id="purity.repeatable",
        title="the same inputs give the same bits",
        clauses=("PUR-4",),
        examine=repeatable,
        cases=from_regimes("ordinary", "amsgrad", at_most=2),
    ),
    Check(
        id="purity.another-process",
        title="the same inputs give the same bits in another process",
        clauses=("PUR-7",),
        examine=same_elsewhere,
        cases=everything_moving,
        needs=("elsewhere",),
    ),
    Check(
        id="purity.settled",
        title="a step is over when it returns",
        clauses=("PUR-5",),
        examine=settled,
        cases=briefly,
    ),
    Check(
        id="purity.process",
        title="what belongs to the process is left as it is",
        clauses=("PUR-6",),
        examine=process_untouched,
        cases=briefly,
    ),
]
