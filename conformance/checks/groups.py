"""Chapter "groups": several tensors, several groups, gradients that are missing or come late."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.case import Case
from conformance.cases.build import as_dtype, case_of
from conformance.cases.hyperparameters import settable
from conformance.cases.regimes import REGIMES
from conformance.checks.base import Check, Context, Examination, broken, inside_enclosure, refusal

SHAPES: tuple[tuple[int, ...], ...] = (
    (3, 3),
    (12,),
    (),
    (0,),
    (2, 3, 2),
    (12,),
    (1, 1),
    (3, 3),
    (2, 1, 3, 2),
    (1, 2, 1, 3, 2),
    (0,),
)
"""From no axis to five, empty ones in the middle and at the end, and twice two of one shape, one of them first.

Their number and the places of the empty ones are such that up to four groups taken in turn all have some elements.
"""


TURNS = 5
"""How often groups that differ in one hyperparameter each go through all of them."""


def several(
    context: Context, hypers: Sequence[Hyperparameters], steps: int = 6, shapes: Sequence[tuple[int, ...]] = SHAPES
) -> Case:
    """One case with a parameter of each shape, each with ordinary gradients of its own.

    A target that takes one parameter at a time gets one of the first shape; one that does not take any shape gets those
    that have axes and elements.
    """
    if not context.capabilities.any_shape:
        shapes = [shape for shape in shapes if shape and all(shape)]
    shapes = shapes if context.capabilities.several else shapes[:1]
    fitted = [settable(h, context.capabilities) for h in hypers]
    parts = [
        _shaped(
            case_of(REGIMES["ordinary"], hyper, context.dtype, context.seed + i, elements=12, steps=steps), shape, i
        )
        for i, (shape, hyper) in enumerate(zip(shapes, fitted * len(shapes), strict=False))
    ]
    return Case(
        dtype=context.dtype,
        parameters=tuple(p.parameters[0] for p in parts),
        hyperparameters=tuple(p.hyperparameters[0] for p in parts),
        gradients=tuple(tuple(p.gradients[t][0] for p in parts) for t in range(steps)),
        regime="ordinary",
        device=context.device,
    )


def _shaped(case: Case, shape: tuple[int, ...], i: int) -> Case:
    n = int(np.prod(shape))

    def cut(array: Array | None) -> Array:
        assert array is not None
        return array[:n].reshape(shape)

    start = as_dtype(np.linspace(-1.0, 1.0, 12 * (2 if case.dtype.startswith("complex") else 1)) * (i % 2), case.dtype)
    return replace(case, parameters=(cut(start),), gradients=tuple((cut(g[0]),) for g in case.gradients))


def tensors(context: Context) -> Iterable[Case]:
    """Several tensors with the same hyperparameters; in the second case only the first one is empty.

    An eps that is no small part of the denominator shows gradients that are scaled for some of the tensors.  The third
    has decay, AMSGrad and maximize, where these can be had: each is there for every tensor.
    """
    hyper = Hyperparameters(lr=0.01, eps=0.1)
    yield several(context, [hyper])
    yield several(context, [hyper], shapes=((0,), (5,), (2, 2)))
    decay = 0.1 if context.capabilities.weight_decay else 0.0
    rich = settable(hyper.with_(beta2=0.6, weight_decay=decay, amsgrad=True, maximize=True), context.capabilities)
    if rich != settable(hyper.with_(beta2=0.6), context.capabilities):
        yield several(context, [rich])


def degenerate(context: Context) -> Iterable[Case]:
    """Tensors without axes and without elements, first and last and among others, and nothing but such tensors."""
    hyper = Hyperparameters(lr=0.01, eps=0.1)
    yield several(context, [hyper], steps=3, shapes=((), (0,), (3,), (2, 0, 3), (), (0,)))
    yield several(context, [hyper], steps=3, shapes=((0,), ()))


def groups(context: Context) -> Iterable[Case]:
    """Groups that differ in every hyperparameter, and groups with a schedule for all of them."""
    case = several(
        context,
        [
            Hyperparameters(lr=0.01),
            Hyperparameters(lr=0.1, beta1=0.5, beta2=0.9, eps=1e-3),
            Hyperparameters(lr=1e-4, beta1=0.0, beta2=0.99, eps=1e-6),
        ],
    )
    yield case
    if context.capabilities.schedules:
        yield replace(case, lrs=(None, None, 0.5, None, 0.02))


def groups_apart_in_one(context: Context) -> Iterable[Case]:
    """Three dozen groups of one shape, each like the one before it but for one hyperparameter."""
    claims = context.capabilities
    hypers = [settable(Hyperparameters(lr=0.1, beta1=0.8, beta2=0.7, eps=0.1), claims)]
    for turn in range(TURNS):
        more = 1 + 0.5 ** (turn + 1)
        values: dict[str, Any] = {"lr": 0.1 * more, "beta1": 0.4 * more, "beta2": 0.5 * more, "eps": 0.1 * more}
        values |= {"weight_decay": 0.1 * more} if claims.weight_decay else {}
        values |= {"amsgrad": turn % 2 == 0, "maximize": turn % 2 == 0}
        for name, value in values.items():
            hypers.append(settable(replace(hypers[-1], **{name: value}), claims))
    hypers = list(dict.fromkeys(hypers))
    yield several(context, hypers, steps=3, shapes=((3,),) * len(hypers))


def flagged_groups(context: Context) -> Iterable[Case]:
    """Groups with AMSGrad, with maximize, with neither and with both; v falls often enough for it to matter."""
    flags = ((False, False), (True, False), (False, True), (True, True))
    yield several(context, [Hyperparameters(lr=0.1, beta2=0.6, amsgrad=a, maximize=m) for a, m in flags])


def decaying_groups(context: Context) -> Iterable[Case]:
    """Groups with and without weight decay, and with different ones; then one so small that only zeros show it."""
    yield several(context, [Hyperparameters(lr=0.1, weight_decay=w) for w in (0.0, 0.1, 0.02)])
    case = several(context, [Hyperparameters(lr=0.1, weight_decay=1e-5)])
    zeros = (tuple(np.zeros_like(p) for p in case.parameters) for _ in case.gradients)
    yield replace(case, gradients=tuple(zeros))


def mixed_groups(context: Context) -> Iterable[Case]:
    """Groups that differ in decay, AMSGrad and maximize, as far as these can be had; none where that is nothing."""
    claims = context.capabilities
    if not (claims.several and claims.groups):
        return
    kinds = ((0.0, True, False), (0.1, False, True), (0.02, True, True))
    hypers = [
        Hyperparameters(lr=0.1, beta2=0.6, weight_decay=w if claims.weight_decay else 0.0, amsgrad=a, maximize=m)
        for w, a, m in kinds
    ]
    if len({settable(h, claims) for h in hypers}) > 1:
        yield several(context, hypers)


PRESENT: tuple[Sequence[int], ...] = (
    range(10),
    range(0, 10, 2),
    range(6, 10),
    range(10),
    (),
    range(1, 10, 3),
    range(4),
    range(3, 10),
    range(2, 8, 2),
    range(10),
    range(10),
)
"""The steps, of ten, at which each of the tensors has a gradient: always, at times, until late, from late on, never."""


def missing(context: Context) -> Iterable[Case]:
    """Gradients that are missing for good, every other time, and until late; then with AMSGrad and a schedule too.

    The learning rate changes at a step at which some gradients are missing.  In the last case all shapes are equal, so
    that the state of a neighbour would fit, and the first parameter is not the first to have a gradient.
    """
    claims = context.capabilities
    decay = 0.1 if claims.weight_decay else 0.0
    plain, combined = (
        settable(hyper, claims)
        for hyper in (
            Hyperparameters(lr=0.1, weight_decay=decay),
            Hyperparameters(lr=0.1, beta2=0.6, weight_decay=decay, amsgrad=True, maximize=True),
        )
    )
    yield _without_some(several(context, [plain], steps=10))
    if claims.schedules or combined != plain:
        rates = (None, None, None, 0.05, None, None, 0.2) if claims.schedules else ()
        yield replace(_without_some(several(context, [combined], steps=10)), lrs=rates)
    yield _without_some(several(context, [plain], steps=10, shapes=((3,),) * len(PRESENT)), first=2)


def _without_some(case: Case, first: int = 0) -> Case:
    """The case with gradients where they are present, of which number `first` is that of the first parameter."""
    present = PRESENT[first:] + PRESENT[:first]
    return replace(
        case,
        gradients=tuple(
            tuple(g if t in present[i] else None for i, g in enumerate(step)) for t, step in enumerate(case.gradients)
        ),
    )


def of_several(context: Context) -> Iterable[Case]:
    """Several tensors in groups, and with gradients that are missing, as far as these are claimed."""
    claims = context.capabilities
    if claims.several and claims.groups:
        yield from groups(context)
    if claims.several and claims.none_gradients:
        yield from missing(context)


def late(context: Context) -> Iterable[Case]:
    """The first gradient of each parameter comes a step or two after that of the one before."""
    case = several(context, [Hyperparameters(lr=0.1)], steps=8, shapes=((12,), (3, 4), (12,), (2, 3, 2)))
    yield replace(
        case,
        gradients=tuple(
            tuple(g if t >= 2 * i else None for i, g in enumerate(step)) for t, step in enumerate(case.gradients)
        ),
    )


def untouched_or_inside(case: Case, context: Context) -> Examination:
    """Parameters without a gradient keep their bits, and count no step: later steps lie inside the enclosure."""
    seen = context.trajectory(case)
    if seen.refused:
        return refusal(seen)
    before = case.parameters
    for step, (parameters, gradients) in enumerate(zip(seen.parameters, case.gradients, strict=True), 1):
        for i, gradient in enumerate(gradients):
            if gradient is None and before[i].tobytes() != parameters[i].tobytes():
                return Examination.rule(
                    broken(f"parameter {i} has no gradient, and step {step} changed it", step, i), 1
                )
        before = parameters
    return inside_enclosure(case, context, trajectory=seen)


CHECKS = [
    Check(
        id="groups.tensors",
        title="each of several tensors is stepped by its own gradient",
        clauses=("GRP-1",),
        examine=inside_enclosure,
        cases=tensors,
        needs=("several",),
        theorems=("T11",),
    ),
    Check(
        id="groups.any-shape",
        title="parameters may have no axes, or no elements",
        clauses=("GRP-7",),
        examine=inside_enclosure,
        cases=degenerate,
        needs=("several", "any_shape"),
    ),
    Check(
        id="groups.hyperparameters",
        title="each group is stepped with its own lr, betas and eps",
        clauses=("GRP-2",),
        examine=inside_enclosure,
        cases=groups,
        needs=("several", "groups"),
    ),
    Check(
        id="groups.apart-in-one",
        title="groups that have all hyperparameters but one in common share nothing",
        clauses=("GRP-2", "GRP-3"),
        examine=inside_enclosure,
        cases=groups_apart_in_one,
        needs=("several", "groups"),
    ),
    Check(
        id="groups.flags",
        title="each group is stepped with its own amsgrad and maximize",
        clauses=("GRP-8",),
        examine=inside_enclosure,
        cases=flagged_groups,
        needs=("several", "groups", "free:amsgrad", "free:maximize"),
    ),
    Check(
        id="groups.weight-decay",
        title="each group decays by its own coefficient",
        clauses=("GRP-3",),
        examine=inside_enclosure,
        cases=decaying_groups,
        needs=("several", "groups", "weight_decay"),
    ),
    Check(
        id="groups.missing-gradients",
        title="a parameter without a gradient is left alone and counts no step",
        clauses=("GRP-4", "GRP-5"),
        examine=untouched_or_inside,
        cases=missing,
        needs=("several", "none_gradients"),
    ),
    Check(
        id="groups.added-later",
        title="a parameter that is added to the optimizer later is stepped from its first step on",
        clauses=("GRP-6",),
        examine=untouched_or_inside,
        cases=lambda context: (replace(case, manner="late-group") for case in late(context)),
        needs=("several", "none_gradients", "manner:late-group"),
    ),
]
