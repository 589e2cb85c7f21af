"""Chapter "hyperparameters": those that the target shows are in force, however they came there; invalid ones not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from adam_ref import Hyperparameters
from conformance.case import Case
from conformance.cases.hyperparameters import settable
from conformance.checks.base import Check, Context, Examination, broken
from conformance.checks.groups import groups, several
from conformance.checks.manners import in_manners, steady

RATES = (None, 0.25, 0.125, None, 0.5)
"""Learning rates from a step on; powers of two, like the first one, so that a scheduler's products are exact."""


def unusual(context: Context) -> Iterable[Case]:
    """Several groups where that is claimed, one otherwise."""
    if context.capabilities.groups and context.capabilities.several:
        yield from groups(context)
    else:
        yield several(context, [Hyperparameters(lr=0.1, beta1=0.5, beta2=0.9, eps=1e-3)], shapes=((12,),))


BEFORE = 60
"""Steps after which no format tells the corrections from 1, where no beta was ever more than 1/2."""


def written(context: Context) -> Iterable[Case]:
    """What is unusual is written before the first step; then decay and `maximize` too, between two steps.

    The steps before have no gradients but zeros, so that parameters of zero stay whatever stands in the groups.  They
    are so many that it makes no difference whether `beta^t` is a power of the last beta or a product of all.
    """
    yield from unusual(context)
    claims = context.capabilities
    decay = 0.5 if claims.weight_decay else 0.0
    wanted = Hyperparameters(lr=0.25, beta1=0.5, beta2=0.5, eps=0.1, weight_decay=decay, maximize=True)
    hyper = settable(wanted, claims)
    if hyper.eps and max(hyper.beta1, hyper.beta2) <= wanted.beta2:
        case = several(context, [hyper], steps=3, shapes=((12,), (3, 4)))
        zeros = tuple(np.zeros_like(p) for p in case.parameters)
        yield replace(case, parameters=zeros, gradients=(zeros,) * BEFORE + case.gradients)


def rates(context: Context) -> Iterable[Case]:
    """A learning rate that changes."""
    hyper = settable(Hyperparameters(lr=0.0625), context.capabilities)
    yield replace(several(context, [hyper], shapes=((12,), (3, 4))), lrs=RATES)


INVALID: dict[str, tuple[float, ...]] = {
    "lr": (-0.5, math.nan),
    "beta1": (1.0, 1.5, -0.25, math.nan),
    "beta2": (1.0, 1.5, -0.25, math.nan),
    "eps": (-1e-8, math.nan),
    "weight_decay": (-0.25, math.nan),
}
"""Values outside the ranges of Algorithm 1: negative ones, betas with which 1 - beta^t is not positive, and NaN."""


def invalid(context: Context) -> Iterable[Case]:
    """One step of two tensors with each invalid value that the target lets its user give."""
    claims = context.capabilities
    case = several(context, [Hyperparameters(lr=0.25)], steps=1, shapes=((12,), (3, 4)))
    for name, values in INVALID.items():
        if claims.varies(name):
            yield from (replace(case, invalid=(name, value)) for value in values)


def refuses(case: Case, context: Context) -> Examination:
    """A ValueError, from the constructor or from the first step, before anything is changed."""
    assert case.invalid is not None
    seen = context.trajectory(case)
    given = "{} = {}".format(*case.invalid)
    if seen.parameters:
        was, now = (float(a.reshape(-1)[0].real) for a in (case.parameters[0], seen.parameters[0][0]))
        words = f"{given} was accepted: a step with it takes the parameter from {was:g} to {now:g}"
        return Examination.rule(broken(words, 1, 0, 0, now), 1)
    if seen.noticed:
        return Examination.rule(broken(f"{given}: {seen.noticed[0]}"), 1)
    return Examination.rule(None, 1)


CHECKS = [
    Check(
        id="hyperparameters.rewritten",
        title="what is written into a group is in force, not what stood there before",
        clauses=("HYP-1",),
        examine=steady,
        cases=in_manners("rewritten", cases=written),
        needs=("manner:rewritten",),
    ),
    Check(
        id="hyperparameters.scheduler",
        title="a scheduler of the framework changes the learning rate",
        clauses=("HYP-2",),
        examine=steady,
        cases=in_manners("scheduler", cases=rates),
        needs=("manner:scheduler", "lr_schedule", "free:lr"),
    ),
    Check(
        id="hyperparameters.tensor-lr",
        title="a learning rate given as a tensor is read at each step, or refused",
        clauses=("HYP-3",),
        examine=steady,
        cases=in_manners("tensor-lr", cases=rates),
        needs=("manner:tensor-lr", "lr_schedule", "free:lr"),
    ),
    Check(
        id="hyperparameters.invalid",
        title="hyperparameters outside their ranges are refused with a ValueError",
        clauses=("HYP-4",),
        examine=refuses,
        cases=invalid,
        needs=("refuses_invalid",),
    ),
]
