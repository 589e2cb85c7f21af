"""Chapter "gradients": where they come from, and of what kind they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.case import Case
from conformance.checks.base import Check, Context, Examination, broken
from conformance.checks.groups import several
from conformance.checks.manners import in_manners, judged, shapes, steady

OVERFLOWS = 2
"""The step, from 0, at which a gradient is infinite."""


def nowhere_zero(context: Context) -> Iterable[Case]:
    """Tensors with axes; no gradient is zero, for a sparse one would leave that out.

    With a large eps, for the step is that of half the gradients wherever eps is next to nothing.
    """
    for case in shapes(context, eps=0.1):
        filled = (tuple(_filled(g) for g in step if g is not None) for step in case.gradients)
        yield replace(case, gradients=tuple(filled))


def _filled(gradient: Array) -> Array:
    return np.where(gradient == 0, np.ones_like(gradient), gradient)


def in_two_dtypes(context: Context) -> Iterable[Case]:
    """Tensors of several shapes; then without memory, where class B is as narrow as A, and numbers in float32 show."""
    yield from shapes(context)
    hyper = Hyperparameters(lr=2.0**-3, beta1=0.0, beta2=0.0, eps=2.0**-4)
    yield several(context, [hyper], steps=2, shapes=((12,), (3, 4)))


def overflowing(context: Context) -> Iterable[Case]:
    """One gradient of one parameter is infinite at one step; eps is no small part of the denominator.

    With a small one an Adam steps nearly the same whatever the gradients are scaled by.
    """
    case = several(context, [Hyperparameters(lr=0.01, eps=0.1)], shapes=((12,), (3, 4)))
    steps = [list(step) for step in case.gradients]
    spoilt = np.array(steps[OVERFLOWS][0])
    spoilt[1] = np.inf
    steps[OVERFLOWS][0] = spoilt
    yield replace(case, gradients=tuple(map(tuple, steps)))


def skips_overflow(case: Case, context: Context) -> Examination:
    """At the step with an infinite gradient nothing moves and nothing is counted; the others are as without it."""
    seen = context.trajectory(case)
    for step, gradients in enumerate(case.gradients[: len(seen.parameters)]):
        if not _overflows(gradients):
            continue
        before = seen.parameters[step - 1] if step else case.parameters
        for i, (was, now) in enumerate(zip(before, seen.parameters[step], strict=True)):
            if was.tobytes() != now.tobytes():
                words = f"the scaler found an infinity, and step {step + 1} changed parameter {i} all the same"
                return Examination.rule(broken(words, step + 1, i), 1)
    skipping = tuple((None,) * len(step) if _overflows(step) else step for step in case.gradients)
    return judged(replace(case, gradients=skipping), context, seen)


def _overflows(gradients: Sequence[Array | None]) -> bool:
    return not all(np.isfinite(g).all() for g in gradients if g is not None)


CHECKS = [
    Check(
        id="gradients.sparse",
        title="sparse gradients are refused, or entries for one element are summed",
        clauses=("GRA-1",),
        examine=steady,
        cases=in_manners("sparse-gradients", cases=nowhere_zero),
        needs=("manner:sparse-gradients",),
    ),
    Check(
        id="gradients.two-dtypes",
        title="parameters of two dtypes in one group are each stepped in their own",
        clauses=("GRA-2",),
        examine=steady,
        cases=in_manners("two-dtypes", cases=in_two_dtypes),
        needs=("manner:two-dtypes",),
    ),
    Check(
        id="gradients.closure",
        title="a closure is called once, with gradients enabled, and what it returns is returned",
        clauses=("GRA-3",),
        examine=steady,
        cases=in_manners("closure", cases=shapes),
        needs=("manner:closure",),
    ),
    Check(
        id="gradients.scaler",
        title="a step whose scaled gradients overflow is skipped, and is not counted",
        clauses=("GRA-4",),
        examine=skips_overflow,
        cases=in_manners("gradient-scaler", cases=overflowing),
        needs=("manner:gradient-scaler",),
    ),
]
