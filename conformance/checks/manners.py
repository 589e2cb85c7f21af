"""What checks of manners share: cases that are run in one, and what must hold of such a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.capabilities import Capabilities
from conformance.case import Case, Trajectory
from conformance.cases.build import case_of
from conformance.cases.hyperparameters import settable
from conformance.cases.regimes import REGIMES
from conformance.checks.base import Context, Examination, broken, first_difference, refusal
from conformance.checks.groups import several
from conformance.checks.large import LARGE_STEPS, PERIOD, inside_together, of_many_shapes

Cases = Callable[[Context], Iterable[Case]]

SHAPES: tuple[tuple[int, ...], ...] = ((3, 4), (12,), (2, 3, 2), (2, 3, 2, 1), (), (4, 3))
"""Of as many elements as `several` gives, with one to four axes whose order in memory can be told apart."""


def in_manners(*names: str, cases: Cases) -> Cases:
    """The cases in each of these manners that the target claims."""

    def made(context: Context) -> Iterable[Case]:
        claimed = [name for name in names if name in context.capabilities.manners]
        for case in cases(context):
            yield from (replace(case, manner=name) for name in claimed)

    return made


def shapes(context: Context, eps: float = 1e-8) -> Iterable[Case]:
    """Tensors of several shapes, half of them away from zero; with AMSGrad and decay too, where these can be had."""
    for hyper in dict.fromkeys(_plain_and_rich(context.capabilities, eps)):
        yield several(context, [hyper], shapes=SHAPES)


def large(context: Context) -> Iterable[Case]:
    """Larger tensors of many shapes, away from zero; with AMSGrad and decay, where these can be had."""
    _, hyper = _plain_and_rich(context.capabilities)
    dtype, regime = context.dtype, REGIMES["weight-decay"]
    case = case_of(regime, hyper, dtype, context.seed, elements=PERIOD, steps=LARGE_STEPS, device=context.device)
    yield from of_many_shapes(case, context)


def _plain_and_rich(claims: Capabilities, eps: float = 1e-8) -> tuple[Hyperparameters, Hyperparameters]:
    plain = Hyperparameters(lr=0.05, beta2=0.9, eps=eps)
    rich = plain.with_(amsgrad=True, weight_decay=0.1 if claims.weight_decay else 0.0)
    return settable(plain, claims), settable(rich, claims)


def steady(case: Case, context: Context) -> Examination:
    """The numbers lie inside the enclosure, nothing else is noticed; or the target refuses, and nothing is noticed."""
    return judged(case, context, context.trajectory(case))


def judged(case: Case, context: Context, seen: Trajectory) -> Examination:
    """The same for a run that was made."""
    made = case.up_to(len(seen.parameters))
    return _unless_said(seen, lambda: inside_together(made, context, seen) if made.steps else Examination())


def as_without(
    case: Case, context: Context, words: str, run: Callable[[Case], Trajectory] | None = None
) -> Examination:
    """Bit for bit what the same run gives plainly and without its checkpoint; or a refusal.

    `run` makes the run that is held against the plain one; by default the first process does.
    """
    plain = context.trajectory(replace(case, manner="", checkpoint_after=None))
    seen = (run or context.trajectory)(case)
    facts = len(seen.parameters) * case.elements
    return _unless_said(seen, lambda: Examination.rule(first_difference(plain, seen, words), facts))


def _unless_said(seen: Trajectory, examine: Callable[[], Examination]) -> Examination:
    """What was noticed is broken, whatever the numbers are; where the target refused, that goes with what they say."""
    if seen.noticed:
        return Examination.rule(broken(seen.noticed[0], len(seen.parameters)), 1)
    examined = examine()
    return replace(examined, unjudged=refusal(seen).unjudged) if seen.refused else examined


def constant_within(case: Case) -> Case:
    """The same case, each array filled with its first number."""

    def filled(array: Array) -> Array:
        out = array.copy()
        if out.size:
            out[...] = out.reshape(-1)[0]
        return out

    return replace(
        case,
        parameters=tuple(map(filled, case.parameters)),
        gradients=tuple(tuple(None if g is None else filled(g) for g in step) for step in case.gradients),
    )
