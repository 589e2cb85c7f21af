"""Chapter "hyperparameters": those that the target shows are those in force, however they came there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from adam_ref import Hyperparameters
from conformance.case import Case
from conformance.cases.hyperparameters import settable
from conformance.checks.base import Check, Context
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


def rates(context: Context) -> Iterable[Case]:
    """A learning rate that changes."""
    hyper = settable(Hyperparameters(lr=0.0625), context.capabilities)
    yield replace(several(context, [hyper], shapes=((12,), (3, 4))), lrs=RATES)


CHECKS = [
    Check(
        id="hyperparameters.rewritten",
        title="what is written into a group before the first step is in force, not what the optimizer was made with",
        clauses=("HYP-1",),
        examine=steady,
        cases=in_manners("rewritten", cases=unusual),
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
]
