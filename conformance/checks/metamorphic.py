"""Chapter "metamorphic": how the result must change when the input does (theorem T11), where possible to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.case import Case
from conformance.cases.build import as_dtype, beside, case_of, pinned_cases
from conformance.cases.hyperparameters import settable, with_all_features
from conformance.cases.regimes import REGIMES
from conformance.checks.base import (
    Check,
    Context,
    Examination,
    first_difference,
    from_regimes,
    inside_enclosure,
    refusal,
)
from conformance.checks.groups import mixed_groups, of_several
from conformance.checks.large import LARGE_STEPS, SQUARES, inside_together, of_many_shapes, tiled
from conformance.checks.manners import in_manners

SHIFT = 5
"""Scaling is by 2**SHIFT: enough to be seen, and far from overflow on the gradients used here in every format."""

SIZES = (*range(1, 34), 63, 64, 65, 127, 128, 129, 1023, 1024, 1025)
"""Up to twice a vector register, and around larger blocks: every tail and remainder is taken."""

SIZED_STEPS = 4
"""Steps with all these sizes."""

LARGE, LARGEST = 65_537, (1 << 20) + 1
"""One tensor beyond the blocks and grids that kernels are launched in.

The largest is for targets that compute with threads, and so in no time, and for profiles that have the time.
"""

LARGER = (65_535, 65_536, LARGE, LARGEST)
"""More of them, for profiles that have the time."""

MANY = (2,) * 330
"""More tensors than one launch of a kernel over a list of them takes, as many steps as with the large one."""


LONG_RUN, LONG_MEMORY = 1_030, Hyperparameters(lr=2.0**-10, beta1=1 - 2.0**-4, beta2=1 - 2.0**-10, eps=2.0**-27)
"""Steps past every thousandth, and betas that every format but the narrowest holds."""

LONG_MAXIMUM = 520
"""Steps in which a maximum is to be kept in the quick profile; in the others as many as without one."""

_ordinary = from_regimes("ordinary", "exact-zeros")


def _scalable(context: Context) -> Iterable[Case]:
    """Cases in which every intermediate result stays a normal number, so that scaling by powers of two is exact (T11).

    Gradients between 1 and 2 of one sign an element, so that nothing cancels; lr and eps raised where the format is
    so narrow that products with them would be subnormal.
    """
    floor = context.format.smallest_normal * 2.0**11
    generator = np.random.default_rng(context.seed)
    for case in _ordinary(context):
        (hyper,) = case.hyperparameters
        sign = generator.choice([-1.0, 1.0], size=(2 if case.dtype.startswith("complex") else 1) * case.elements)
        drawn = (
            as_dtype(context.format.round(sign * generator.uniform(1, 2, sign.shape)), case.dtype)
            for _ in case.gradients
        )
        raised = settable(hyper.with_(lr=max(hyper.lr, floor), eps=max(hyper.eps, floor / 8)), context.capabilities)
        yield replace(case, hyperparameters=(raised,), gradients=tuple((g,) for g in drawn))


def negated(case: Case, context: Context) -> Examination:
    """Negated parameters and gradients give negated parameters, bit for bit."""
    other = _mapped(case, lambda p: -p, lambda g: -g)
    return _same_after(case, other, context, lambda p: -p, "negating parameters and gradients")


def scaled_gradient(case: Case, context: Context) -> Examination:
    """Gradients and eps scaled by a power of two give the same parameters, bit for bit."""
    factor = 2.0**SHIFT
    by = factor * factor if context.dialect.epsilon.startswith("inside") else factor
    scaled = tuple(h.with_(eps=h.eps * by, eps_root=h.eps_root * factor**2) for h in case.hyperparameters)
    other = replace(_mapped(case, lambda p: p, lambda g: _times(g, factor)), hyperparameters=scaled)
    return _same_after(case, other, context, lambda p: p, f"scaling gradients and eps by 2^{SHIFT}")


def scaled_lr(case: Case, context: Context) -> Examination:
    """From zero and without decay, lr scaled by a power of two scales the parameters, bit for bit."""
    factor = 2.0**SHIFT
    scaled = tuple(h.with_(lr=h.lr * factor) for h in case.hyperparameters)
    return _same_after(
        case, replace(case, hyperparameters=scaled), context, lambda p: _times(p, factor), f"scaling lr by 2^{SHIFT}"
    )


def resumable(context: Context) -> Iterable[Case]:
    """Ordinary runs; and, where claimed, AMSGrad, a schedule, several groups, and gradients that are missing."""
    claims = context.capabilities
    yield from _ordinary(context)
    if claims.offers("amsgrad"):
        yield from from_regimes("amsgrad", at_most=1)(context)
    if claims.schedules:
        yield from from_regimes("schedule", at_most=1)(context)
    yield from mixed_groups(context)
    yield from of_several(context)


def resumed(case: Case, context: Context) -> Examination:
    """k + l steps are k steps, a checkpoint, and l steps, bit for bit."""
    halfway = replace(case, checkpoint_after=case.steps // 2)
    return _same_after(case, halfway, context, lambda p: p, f"saving and loading after step {case.steps // 2}")


def arranged(case: Case, context: Context) -> Examination:
    """Elements give what their own histories give, wherever they lie: split into tensors, permuted, alone."""
    return inside_together(case, context, context.trajectory(case))


def split_cases(context: Context) -> Iterable[Case]:
    """One bulk of histories split into tensors of many sizes, in an order that is not that of the bulk.

    The last hyperparameters have a large eps, which shows a scale of the gradients that depends on the size.  Scales
    are mixed, so that what the large elements of a tensor do to the small ones shows whatever its size is.  Then large
    tensors, of one axis and of more.
    """
    bulk = [
        beside(*cases)
        for cases in zip(
            *(
                pinned_cases(REGIMES[name], context.capabilities, context.dtype, context.seed, context.device)
                for name in ("ordinary", "mixed-scales")
            ),
            strict=True,
        )
    ]
    for case in (bulk[min(1, len(bulk) - 1)], bulk[-1]):
        yield _split(case.up_to(SIZED_STEPS), SIZES if context.capabilities.several else SIZES[-1:], context.seed)
    if context.capabilities.several:
        yield _split(case.up_to(LARGE_STEPS), MANY, context.seed)
    one = (LARGEST if "one-thread" in context.capabilities.manners else LARGE,)
    quick, case = context.profile.name == "quick", case.up_to(LARGE_STEPS)
    yield from (tiled(case, [(size,)]) for size in (one if quick else LARGER))
    yield from of_many_shapes(case, context)
    yield from (tiled(case, [shape]) for shape in (() if quick else SQUARES))


def long_runs(context: Context) -> Iterable[Case]:
    """Ordinary gradients at each of many steps; and, where claimed, AMSGrad, weight decay and `maximize` for long.

    Gradients and lr are larger where the format is so narrow that products with 1 - beta2 may be flushed to zero.
    """
    claims = context.capabilities
    larger = max(1.0, 2.0**18 * context.format.smallest_normal)

    def run(name: str, hyper: Hyperparameters, steps: int) -> Case:
        return case_of(
            REGIMES[name], hyper, context.dtype, context.seed, elements=8, steps=steps, device=context.device
        )

    plain = settable(LONG_MEMORY.with_(lr=larger * LONG_MEMORY.lr), claims)
    yield _mapped(run("ordinary", plain, LONG_RUN), lambda p: p, lambda g: _times(g, larger))
    hyper = with_all_features(LONG_MEMORY.with_(beta2=0.9), context.dialect.weight_decay, claims)
    if hyper != settable(LONG_MEMORY.with_(beta2=0.9), claims):
        yield run("amsgrad", hyper, LONG_MAXIMUM if context.profile.name == "quick" else LONG_RUN)


def large_cases(context: Context) -> Iterable[Case]:
    """One step of a tensor so large that threads share it, and of a size that they cannot share equally."""
    (case,) = pinned_cases(REGIMES["ordinary"], context.capabilities, context.dtype, context.seed, context.device, 1)
    yield tiled(beside(case, case).up_to(1), [(LARGE,)])


def _split(case: Case, sizes: Sequence[int], seed: int) -> Case:
    order = np.random.default_rng(seed).integers(0, case.elements, sum(sizes))
    parts = np.split(order, np.cumsum(sizes)[:-1])
    return replace(
        case,
        parameters=tuple(case.parameters[0][part] for part in parts),
        hyperparameters=case.hyperparameters * len(sizes),
        gradients=tuple(tuple(_taken(g[0], part) for part in parts) for g in case.gradients),
    )


def _taken(gradient: Array | None, part: Array) -> Array | None:
    return None if gradient is None else gradient[part]


def _times(array: Array, factor: float) -> Array:
    return np.asarray(array * np.asarray(factor).astype(array.dtype)).astype(array.dtype)


def _mapped(case: Case, on_parameter: Callable[[Array], Array], on_gradient: Callable[[Array], Array]) -> Case:
    return replace(
        case,
        parameters=tuple(on_parameter(p) for p in case.parameters),
        gradients=tuple(tuple(None if g is None else on_gradient(g) for g in step) for step in case.gradients),
    )


def _same_after(
    case: Case, other: Case, context: Context, expect: Callable[[Array], Array], change: str
) -> Examination:
    """Run both; the second must give `expect` of what the first gave, and the first must be a number."""
    first, second = context.trajectory(case), context.trajectory(other)
    if first.refused or second.refused:
        return refusal(first if first.refused else second)
    return Examination.rule(first_difference(first, second, f"after {change}", expect), case.steps * case.elements)


CHECKS = [
    Check(
        id="metamorphic.sign",
        title="the step is odd in the gradient",
        clauses=("MET-1",),
        examine=negated,
        cases=_ordinary,
        needs=("to_nearest",),
        theorems=("T11",),
    ),
    Check(
        id="metamorphic.gradient-scale",
        title="scaling gradients and eps by a power of two changes nothing",
        clauses=("MET-2",),
        examine=scaled_gradient,
        cases=_scalable,
        needs=("free:eps",),
        theorems=("T11",),
    ),
    Check(
        id="metamorphic.lr-scale",
        title="the step is linear in lr",
        clauses=("MET-3",),
        examine=scaled_lr,
        cases=_scalable,
        needs=("free:lr",),
        theorems=("T11",),
    ),
    Check(
        id="metamorphic.arrangement",
        title="an element's result depends on its own history alone, not on where the element lies",
        clauses=("MET-4",),
        examine=arranged,
        cases=split_cases,
        theorems=("T11",),
    ),
    Check(
        id="metamorphic.resume",
        title="k + l steps are k steps, a checkpoint, and l steps",
        clauses=("MET-5",),
        examine=resumed,
        cases=resumable,
        needs=("checkpoint",),
    ),
    Check(
        id="metamorphic.every-step",
        title="each step is made as every other, a thousandth as the first",
        clauses=("MET-7",),
        examine=inside_enclosure,
        cases=long_runs,
    ),
    Check(
        id="metamorphic.threads",
        title="the number of threads changes nothing beyond the enclosure",
        clauses=("MET-6",),
        examine=arranged,
        cases=in_manners("one-thread", "two-threads", cases=large_cases),
        needs=("manner:one-thread",),
    ),
]
