"""Chapter "stochastic rounding": one of the two neighbours, right on average, and independent of all others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.case import Case
from conformance.cases.build import as_dtype
from conformance.cases.hyperparameters import settable
from conformance.checks.base import Check, Context, Examination, broken, refusal
from conformance.sampling import OutsideError, Question, Samples, answered, sample, seeded

SEEDS, STEPS, SHAPE = 64, 4, (16, 32)
"""Runs of a case, steps of each, and the shape of each of its two tensors.

That makes 16,384 numbers for each of the 16 kinds of elements below: what is off by a twentieth of a spacing in one of
them, or by a hundredth in all, is more than chance explains.
"""

BINADES = 4
"""The same step is 1/2 to 1, 1/4 to 1/2, 1/8 to 1/4 and 1/16 to 1/8 of the spacing in so many binades, one by one."""


def steady_steps(context: Context) -> Iterable[Case]:
    """Gradients that stay what they are, so that each step is lr, a fraction of the spacing of the parameters.

    An element is of one of 16 kinds: in one of four binades, above or below 0, stepped up or down; half way between the
    powers of two, so that it stays in its binade.  Neighbours are of any kinds.
    """
    hyper = settable(
        Hyperparameters(lr=0.75 * context.format.ulp(1.0), beta1=0.5, beta2=0.5, eps=2.0**-12), context.capabilities
    )
    tensors = 2 if context.capabilities.several else 1
    size = math.prod(SHAPE)
    kinds = np.random.default_rng(context.seed).permutation(np.arange(tensors * size) % (4 * BINADES))
    smallest = math.floor(math.log2(hyper.lr)) + context.format.precision if hyper.lr else 0
    start = np.where(kinds & 1, -1.5, 1.5) * 2.0 ** (smallest + (kinds >> 2))
    steps = np.where(kinds & 2, -1.0, 1.0)
    parameters, gradients = (
        tuple(as_dtype(part.reshape(SHAPE), context.dtype) for part in np.split(numbers, tensors))
        for numbers in (start, steps)
    )
    yield Case(
        dtype=context.dtype,
        parameters=parameters,
        hyperparameters=(hyper,) * tensors,
        gradients=(gradients,) * STEPS,
        device=context.device,
        seed=context.seed * SEEDS,
    )


Ask = Callable[[Case, Samples], Iterator[Question]]


def _asked(ask: Ask) -> Callable[[Case, Context], Examination]:
    """Runs the case with many seeds, and asks these questions of what was stored."""

    def examine(case: Case, context: Context) -> Examination:
        seen = [context.trajectory(one) for one in seeded(case, SEEDS)]
        if seen[0].refused:
            return refusal(seen[0])
        try:
            samples = sample(case, seen, context.dialect, context.capabilities)
        except OutsideError as error:
            return Examination.rule(broken(str(error)), 1)
        wrong, numbers = answered(list(ask(case, samples)))
        return Examination.rule(broken(wrong) if wrong else None, numbers)

    return examine


def _numbers(arrays: Iterable[Array | None]) -> Array:
    """The elements of all of them as one array of float64."""
    return np.concatenate([np.asarray(a).astype(np.float64).reshape(-1) for a in arrays if a is not None])


def means(case: Case, samples: Samples) -> Iterator[Question]:
    """Whether what is stored is right on average: in each kind of elements, and in all together in three directions."""
    start, steps = _numbers(case.parameters), -np.sign(_numbers(case.gradients[0]))
    for origin, way in sorted(set(zip(start, steps, strict=True))):
        members = (start == origin) & (steps == way)
        share = float(samples.share[..., members].mean())
        where = f"from {origin:g} {'up' if way > 0 else 'down'} to {share:.3f} of a spacing above a number"
        more, less = (
            f"parameters stepped {where} are stored {{}} spacings too {w} on average" for w in ("high", "low")
        )
        yield Question.mean(more, less, samples, members)
    for one, other, weights in (
        ("up", "down", np.ones(start.shape)),
        ("away from 0", "towards 0", np.sign(start)),
        ("along the step", "against the step", steps),
    ):
        more, less = (f"all that is stored is {{}} spacings too far {word} on average" for word in (one, other))
        yield Question.mean(more, less, samples, weights)


def independence(case: Case, samples: Samples) -> Iterator[Question]:
    """Whether what is drawn goes together with what is drawn elsewhere: as it is, or mirrored for negative numbers."""
    signs = np.sign(_numbers(case.parameters))
    words = "numbers {} are not rounded independently: the product of their errors is {{}} on average, not 0"
    ends = np.cumsum([0, *(p.size for p in case.parameters)])
    for weights in (1.0, signs):
        for size, first in zip(np.diff(ends), ends, strict=False):
            for lag in (2**k for k in range(int(size).bit_length() - 1)):
                one, other = slice(first, first + size - lag), slice(first + lag, first + size)
                which = words.format(f"{lag} elements apart" if lag > 1 else "side by side")
                yield Question.product(which, samples, (..., one), (..., other), weights)
        if len(case.parameters) > 1:
            one, other = slice(0, ends[1]), slice(ends[1], ends[2])
            which = words.format("at one place of two parameters")
            yield Question.product(which, samples, (..., one), (..., other), weights)
    for which, one_of, other_of in (
        ("at one step and the next", (slice(None), slice(0, -1)), (slice(None), slice(1, None))),
        ("after one seed and the next", slice(0, -1), slice(1, None)),
    ):
        yield Question.product(words.format(which), samples, one_of, other_of)


CHECKS = [
    Check(
        id="stochastic.mean",
        title="what is rounded at random is one of the two neighbours, and right on average",
        clauses=("STO-1", "STO-2"),
        examine=_asked(means),
        cases=steady_steps,
        needs=("at_random",),
    ),
    Check(
        id="stochastic.independence",
        title="what is drawn for a number is independent of what is drawn for others",
        clauses=("STO-3",),
        examine=_asked(independence),
        cases=steady_steps,
        needs=("at_random",),
    ),
]
