"""Chapter "checkpoints": going on from one is never having stopped, bit for bit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from conformance.case import Case
from conformance.checks.base import Check, Context, Examination, from_regimes
from conformance.checks.groups import mixed_groups, of_several
from conformance.checks.hyperparameters import unusual
from conformance.checks.manners import as_without, in_manners, shapes

STEPS = 5
"""Steps of these runs: a checkpoint after each but the last."""


def every_step(context: Context) -> Iterable[Case]:
    """A checkpoint after the first step, after the second, and so on."""
    for case in shapes(context):
        yield from (replace(case.up_to(STEPS), checkpoint_after=k) for k in range(1, STEPS))


def halfway(context: Context) -> Iterable[Case]:
    """A checkpoint in the middle."""
    return (replace(case.up_to(STEPS), checkpoint_after=STEPS // 2) for case in shapes(context))


def anywhere(context: Context) -> Iterable[Case]:
    """A checkpoint after every step, and in the middle of a schedule, of groups, and of gradients that are missing."""
    yield from every_step(context)
    scheduled = from_regimes("schedule", at_most=1)(context) if context.capabilities.schedules else ()
    yield from (replace(case, checkpoint_after=case.steps // 2) for case in (*scheduled, *of_several(context)))


def unusual_halfway(context: Context) -> Iterable[Case]:
    """Groups that differ in every hyperparameter, and a checkpoint in the middle."""
    cases = (*unusual(context), *mixed_groups(context))
    return (replace(case.up_to(STEPS), checkpoint_after=STEPS // 2, lrs=()) for case in cases)


def resumes(case: Case, context: Context) -> Examination:
    """The run with the checkpoint against the run without."""
    return as_without(case, context, f"going on from a checkpoint after step {case.checkpoint_after}")


def resumes_elsewhere(case: Case, context: Context) -> Examination:
    """The run that changes process at its checkpoint against the run without; or what is saved cannot be pickled."""
    words = f"going on in another process from a checkpoint after step {case.checkpoint_after}"
    return as_without(case, context, words, context.elsewhere.resumed)


CHECKS = [
    Check(
        id="checkpoints.any-step",
        title="a checkpoint may be taken after any step",
        clauses=("CHK-1",),
        examine=resumes,
        cases=every_step,
        needs=("checkpoint",),
    ),
    Check(
        id="checkpoints.copies",
        title="a deep copy, and what comes out of a pickle, go on as the original would have",
        clauses=("CHK-2",),
        examine=resumes,
        cases=in_manners("deepcopy", "pickle", cases=halfway),
        needs=("manner:deepcopy",),
    ),
    Check(
        id="checkpoints.hyperparameters",
        title="a checkpoint restores the hyperparameters, whatever the new optimizer was made with",
        clauses=("CHK-3",),
        examine=resumes,
        cases=in_manners("other-hyperparameters", cases=unusual_halfway),
        needs=("manner:other-hyperparameters",),
    ),
    Check(
        id="checkpoints.taken-back",
        title="a checkpoint takes an optimizer back that has made more steps",
        clauses=("CHK-5",),
        examine=resumes,
        cases=in_manners("taken-back", cases=halfway),
        needs=("manner:taken-back",),
    ),
    Check(
        id="checkpoints.another-process",
        title="a checkpoint holds all that another process needs to go on",
        clauses=("CHK-4",),
        examine=resumes_elsewhere,
        cases=anywhere,
        needs=("checkpoint", "elsewhere", "to_nearest"),
    ),
]
