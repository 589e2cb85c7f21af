"""Chapter "graphs": a step that is captured once, by a compiler or in a graph, is the step at every later call too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from adam_ref import Hyperparameters
from conformance.case import Case
from conformance.cases.hyperparameters import settable
from conformance.checks.base import Check, Context
from conformance.checks.groups import several
from conformance.checks.manners import in_manners, steady

SHAPES: tuple[tuple[int, ...], ...] = ((3, 4), (12,), (), (2, 3, 2))
"""Few, since a tracer goes through the code for each; two of as many elements, one without axes."""

RATES = (None, None, 0.25, None, 0.125)
"""Learning rates from a step on: kept while the step is captured, changed twice; powers of two, which float32 holds."""

ABSENT = {0: (1,), 2: (0,), 3: (0,)}
"""For each parameter, steps (from 0) at which it has no gradient.

One is absent when the step is captured first; the others are captured as present, and the same two are absent twice.
"""

PLAIN = Hyperparameters(lr=0.0625, beta2=0.9)
RICH = Hyperparameters(lr=0.0625, beta1=0.5, beta2=0.9, eps=1e-3, weight_decay=0.1, amsgrad=True)


def recurring(context: Context) -> Iterable[Case]:
    """All gradients at each step, in one group, and where that is claimed in two, with AMSGrad and decay."""
    claims = context.capabilities
    rich = RICH if claims.weight_decay else RICH.with_(weight_decay=0.0)
    yield scheduled(several(context, [PLAIN], shapes=SHAPES), context)
    yield several(context, [PLAIN, rich] if claims.groups else [rich], shapes=SHAPES)


def changing(context: Context) -> Iterable[Case]:
    """The same, and in the first case gradients that are missing at some steps."""
    first, *others = recurring(context)
    yield _without_some(first) if context.capabilities.none_gradients else first
    yield from others


def scheduled(case: Case, context: Context) -> Case:
    """The case with a learning rate that changes, where it can."""
    return replace(case, lrs=RATES) if context.capabilities.schedules else case


def _with_axes(case: Case) -> Case:
    kept = [i for i, parameter in enumerate(case.parameters) if parameter.shape]
    return replace(
        case,
        parameters=tuple(case.parameters[i] for i in kept),
        hyperparameters=tuple(case.hyperparameters[i] for i in kept),
        gradients=tuple(tuple(step[i] for i in kept) for step in case.gradients),
    )


def _without_some(case: Case) -> Case:
    return replace(
        case,
        gradients=tuple(
            tuple(None if t in ABSENT.get(i, ()) else g for i, g in enumerate(step))
            for t, step in enumerate(case.gradients)
        ),
    )


def compiled(context: Context) -> Iterable[Case]:
    """Every way of compiling; the one that takes longest where there is the time.

    That one has no parameter without axes: torch's compiler itself forgets what is written into such a one in double
    precision, whatever optimizer it compiles (specs/results/compiled.md).
    """
    yield from in_manners("compiled", "compiled-tensor-lr", cases=changing)(context)
    if context.profile.name == "thorough":
        yield from in_manners("compiled-functional", cases=lambda context: map(_with_axes, changing(context)))(context)


def warmed_up(context: Context) -> Iterable[Case]:
    """A schedule that begins at 0, as a warm-up does; half of the gradients are zero until later."""
    hyper = settable(PLAIN, context.capabilities)
    case = several(context, [hyper], steps=4, shapes=((12,),))
    late = tuple((g * 0 if t < 2 else g,) for t, (g, *_) in enumerate(case.gradients) if g is not None)
    split = replace(
        case,
        parameters=(case.parameters[0], case.parameters[0].copy()),
        hyperparameters=(hyper, hyper),
        gradients=tuple((g, z) for (g, *_), (z,) in zip(case.gradients, late, strict=True)),
    )
    yield replace(split if context.capabilities.several else replace(case, gradients=late), lrs=(0.0, None, 0.125))


CHECKS = [
    Check(
        id="graphs.compiled",
        title="a compiled step reads learning rate, step number and gradients at each call",
        clauses=("CAP-1",),
        examine=steady,
        cases=compiled,
        needs=("manner:compiled",),
        profile="standard",
    ),
    Check(
        id="graphs.lr-zero",
        title="a compiled step with lr = 0 changes no parameter, whatever its moments are",
        clauses=("CAP-2",),
        examine=steady,
        cases=in_manners("compiled", cases=warmed_up),
        needs=("manner:compiled", "lr_schedule", "free:lr"),
        profile="standard",
    ),
    Check(
        id="graphs.replayed",
        title="a step that is recorded reads learning rate and gradients in memory, and counts, each time it is played",
        clauses=("CAP-3",),
        examine=steady,
        cases=in_manners("replayed", cases=recurring),
        needs=("manner:replayed",),
    ),
]
