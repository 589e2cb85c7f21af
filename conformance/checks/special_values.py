"""Chapter "special values": zeros, infinities, NaN, lr = 0 and eps = 0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.case import Case
from conformance.cases.build import as_dtype, case_of, pinned_cases
from conformance.cases.hyperparameters import settable
from conformance.cases.regimes import REGIMES
from conformance.checks.base import Check, Context, Examination, broken, inside_enclosure, refusal

AMONG_ROUNDINGS = 40
"""Steps as large as what the parameter is rounded by: as many as it takes for what is lost to add up."""

SPOILT = 5
"""The element whose gradient is spoilt."""


def zero_gradient_cases(context: Context) -> Iterable[Case]:
    """Parameters of any size, gradients that are all zero from the first step on, eps as users have it."""
    defaults = settable(Hyperparameters(), context.capabilities)
    others = [settable(Hyperparameters(eps=eps), context.capabilities) for eps in (1e-16, 1e-4)]
    for hyper in dict.fromkeys([defaults, *others]):
        case = case_of(
            REGIMES["ordinary"], hyper.with_(weight_decay=0.0), context.dtype, context.seed, elements=8, steps=3
        )
        zeros = tuple(tuple(np.zeros_like(g) for g in step if g is not None) for step in case.gradients)
        yield replace(case, parameters=(_of_any_size(case, context),), gradients=zeros, device=context.device)


def _of_any_size(case: Case, context: Context) -> Array:
    """Zeros of both signs, and numbers of both signs up to the root of the format's largest."""
    sizes = np.geomspace(0.5, context.format.largest**0.5, 8 * _parts(case) - 2)
    signed = sizes * (-1.0) ** np.arange(sizes.size)
    return as_dtype(context.format.round(np.concatenate([signed, [0.0, -0.0]])), context.dtype)


def unmoved(case: Case, context: Context) -> Examination:
    """Nothing moves: the parameters are the same numbers after every step."""
    seen = context.trajectory(case)
    if seen.refused:
        return refusal(seen)
    for step, parameters in enumerate(seen.parameters, 1):
        for i, (before, after) in enumerate(zip(case.parameters, parameters, strict=True)):
            moved = np.flatnonzero(before.reshape(-1) != after.reshape(-1))
            if moved.size:
                e = int(moved[0])
                was, got = float(before.reshape(-1)[e]), float(after.reshape(-1)[e])
                return Examination.rule(broken(_why_it_moved(case, context, was, got), step, i, e, got), step)
    return Examination.rule(None, case.steps * case.elements)


def _why_it_moved(case: Case, context: Context, was: float, got: float) -> str:
    eps, lr = case.hyperparameters[0].eps, case.hyperparameters[0].lr
    if lr == 0:
        return f"with lr = 0 the parameter went from {was:g} to {got:g}"
    underflows = float(context.format.round(eps)) == 0.0
    if np.isnan(got) and underflows:
        return f"a zero gradient gives NaN: eps = {eps:g} underflows to 0 in {context.dtype}, and the step is 0/0"
    return f"zero gradients from the first step on, and the parameter went from {was:g} to {got:g}"


def lr_zero_cases(context: Context) -> Iterable[Case]:
    """Ordinary gradients, and zero ones, with lr = 0."""
    hyper = settable(Hyperparameters(lr=0.0), context.capabilities)
    for name in ("ordinary", "exact-zeros"):
        case = case_of(REGIMES[name], hyper, context.dtype, context.seed, elements=8, steps=4, device=context.device)
        yield replace(case, parameters=(_of_any_size(case, context),))


def _parts(case: Case) -> int:
    return 2 if case.dtype.startswith("complex") else 1


def first_step_cases(context: Context) -> Iterable[Case]:
    """One step from zero on gradients of every magnitude that the format has."""
    largest, smallest = context.format.largest, context.format.smallest_normal
    sizes = np.geomspace(smallest, np.sqrt(largest) / 4, 64)
    for hyper in dict.fromkeys(settable(Hyperparameters(eps=eps), context.capabilities) for eps in (1e-8, 1e-16, 1e-4)):
        case = case_of(
            REGIMES["ordinary"], hyper, context.dtype, context.seed, elements=64, steps=1, device=context.device
        )
        yield replace(
            case, gradients=((as_dtype(np.repeat(context.format.round(sizes), _parts(case)), context.dtype),),)
        )


def finite(case: Case, context: Context) -> Examination:
    """The parameters are finite numbers."""
    seen = context.trajectory(case)
    for step, parameters in enumerate(seen.parameters, 1):
        for i, after in enumerate(parameters):
            spoilt = np.flatnonzero(~np.isfinite(after.reshape(-1)))
            if spoilt.size:
                e = int(spoilt[0])
                return Examination.rule(broken(_why_not_finite(case, context, step, i, e, after), step, i, e), step)
    return Examination.rule(None, case.steps * case.elements)


def _why_not_finite(case: Case, context: Context, step: int, i: int, e: int, after) -> str:  # type: ignore[no-untyped-def]
    gradient, eps = case.gradients[step - 1][i], case.hyperparameters[i].eps
    assert gradient is not None
    text = f"a gradient of {gradient.reshape(-1)[e]!r} gives the parameter {after.reshape(-1)[e]!r}"
    if float(context.format.round(eps)) == 0.0:
        return f"{text}: eps = {eps:g} underflows to 0 in {context.dtype}, and so does v"
    return text


def spoilt_cases(context: Context) -> Iterable[Case]:
    """Ordinary gradients; at the second step one element's gradient is NaN, or an infinity."""
    hyper = settable(Hyperparameters(lr=0.01), context.capabilities)
    case = case_of(REGIMES["ordinary"], hyper, context.dtype, context.seed, elements=33, steps=4, device=context.device)
    for bad in (np.nan, np.inf, -np.inf):
        gradients = [list(step) for step in case.gradients]
        spoilt = np.array(gradients[1][0])
        spoilt[SPOILT] = bad
        gradients[1][0] = spoilt
        yield replace(case, gradients=tuple(map(tuple, gradients)))


def stays_in_its_element(case: Case, context: Context) -> Examination:
    """The other elements lie inside their enclosures; the spoilt one is no longer a finite number like any other."""
    seen = context.trajectory(case)
    examined = inside_enclosure(case, context, trajectory=seen)
    if examined.violation is not None:
        return examined
    for step, gradients in enumerate(case.gradients, 1):
        for i, gradient in enumerate(gradients):
            given = np.zeros(0) if gradient is None else gradient.reshape(-1)
            for e in map(int, np.flatnonzero(~np.isfinite(given))):
                for after, parameters in enumerate(seen.parameters[step - 1 :], step):
                    value = parameters[i].reshape(-1)[e]
                    if np.isfinite(value):
                        message = f"a gradient of {given[e]!r} was swallowed: the parameter is {value!r}"
                        return Examination.rule(broken(message, after, i, e), 1)
    return examined


def eps_zero_cases(context: Context) -> Iterable[Case]:
    """eps = 0 on gradients that are never zero, and so small that any epsilon in use would show."""
    hyper = settable(Hyperparameters(lr=0.01, eps=0.0), context.capabilities)
    for name in ("near-epsilon", "extreme-squares"):
        yield case_of(REGIMES[name], hyper, context.dtype, context.seed, device=context.device)


def tiny_lr_cases(context: Context) -> Iterable[Case]:
    """A learning rate so small, and one so large, that what is added to or multiplied with it wrongly stands out.

    In the last case steps are as large as what a parameter is rounded by, away from zero: they are rounded to nearest,
    one by one, and what is lost is not made up for wrongly.
    """
    for lr in (2.0**-40, 2.0**12):
        hyper = settable(Hyperparameters(lr=lr), context.capabilities)
        if context.format.smallest_normal < lr < context.format.largest:
            yield from pinned_cases(
                REGIMES["ordinary"],
                replace(context.capabilities, pinned={**context.capabilities.pinned, "lr": hyper.lr}),
                context.dtype,
                context.seed,
                context.device,
                1,
            )
    hyper = settable(Hyperparameters(lr=2.0 ** (1 - context.format.precision)), context.capabilities)
    regime = REGIMES["ordinary"]
    case = case_of(regime, hyper, context.dtype, context.seed, steps=AMONG_ROUNDINGS, device=context.device)
    start = as_dtype(np.linspace(0.5, 2.0, regime.elements * _parts(case)), context.dtype)
    yield replace(case, parameters=(start,))


CHECKS = [
    Check(
        id="special.zero-gradient",
        title="parameters whose gradients have all been zero do not move",
        clauses=("SPE-1",),
        examine=unmoved,
        cases=zero_gradient_cases,
    ),
    Check(
        id="special.lr-zero",
        title="with lr = 0 nothing moves",
        clauses=("SPE-2",),
        examine=unmoved,
        cases=lr_zero_cases,
        needs=("free:lr",),
        theorems=("T11",),
    ),
    Check(
        id="special.eps-zero",
        title="eps = 0 is admissible where v is not zero",
        clauses=("SPE-3",),
        examine=inside_enclosure,
        cases=eps_zero_cases,
        needs=("free:eps",),
    ),
    Check(
        id="special.first-step",
        title="the first step on a finite gradient is finite",
        clauses=("SPE-4",),
        examine=finite,
        cases=first_step_cases,
        theorems=("T9",),
    ),
    Check(
        id="special.not-a-number",
        title="NaN and infinity in a gradient stay in their element, and are not swallowed",
        clauses=("SPE-5", "SPE-6"),
        examine=stays_in_its_element,
        cases=spoilt_cases,
    ),
    Check(
        id="special.extreme-lr",
        title="very small and very large learning rates scale the step and nothing else",
        clauses=("SPE-7",),
        examine=inside_enclosure,
        cases=tiny_lr_cases,
        needs=("free:lr",),
        theorems=("T11",),
    ),
]
