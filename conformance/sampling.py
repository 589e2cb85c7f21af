"""What a target that rounds at random makes of one case, seed after seed, and what chance explains of it.

For each number that was stored, the enclosure says in which interval the number lies that was rounded.  With both
neighbours one spacing apart, `z` is how many spacings above the computed number the stored one lies: of mean 0, and
between -1 and 1, whatever was stored before.  So for weights of at most 1 the sum of n of them, and the sum of n
products of two that are independent, is a martingale whose steps have a range of at most 1, and by Hoeffding's
inequality (W. Hoeffding, J. Amer. Stat. Assoc. 58, 1963; for martingales, section 2 and K. Azuma, 1967)

    P(abs(sum) >= s) <= 2*exp(-2*s^2/n).

`explained` solves that for s, with `FAILURE` shared by all the questions that are asked; no number here is chosen to
fit a target.  One that is off by twice the bound and twice what the enclosure leaves open is found with the same odds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adam_ref import CLASS_B, Dialect, Interval
from adam_ref.arrays import Array, as_reals, checked_parameter
from adam_ref.enclosure import stored
from conformance.capabilities import Capabilities
from conformance.case import Case, Trajectory
from conformance.compare import enclosures_of, numerics_of

FAILURE = 2.0**-40
"""The largest probability with which a check may flag, in one dtype, a target that rounds as it should."""


class OutsideError(Exception):
    """A number was stored that is neither of the two neighbours; the message says which."""


@dataclass(frozen=True)
class Samples:
    """How far what was stored lies above what was computed.

    Attributes:
        z: in spacings, the middle of what the enclosure says; shape (seeds, steps, elements of all parameters).
        off: how far from the middle it may be; same shape.
        share: how far the computed number lies above its lower neighbour, in spacings; same shape.

    """

    z: Array
    off: Array
    share: Array


def seeded(case: Case, runs: int) -> list[Case]:
    """The case with so many seeds, from its own on."""
    return [replace(case, seed=case.seed + n) for n in range(runs)]


def sample(case: Case, seen: Sequence[Trajectory], dialect: Dialect, claims: Capabilities) -> Samples:
    """The numbers of many runs of one case; raises `OutsideError` on one that is neither neighbour."""
    parts = [_of_run(case, trajectory, dialect, claims) for trajectory in seen]
    return Samples(*(np.stack(rows) for rows in zip(*parts, strict=True)))


def _of_run(case: Case, seen: Trajectory, dialect: Dialect, claims: Capabilities) -> tuple[Array, ...]:
    numerics = numerics_of(case, seen, CLASS_B, claims)
    parameters = []
    for i in range(len(case.parameters)):
        rows = []
        for step, enclosure, _ in enclosures_of(case, seen, i, dialect, numerics):
            got = as_reals(checked_parameter(seen.parameters[step - 1][i]))
            computed, where = enclosure.theta, f"step {step}, parameter {i}"
            rows.append(_compared(got, computed, stored(computed, numerics), where))
        parameters.append([np.stack(column) for column in zip(*rows, strict=True)])
    return tuple(np.concatenate(columns, axis=-1) for columns in zip(*parameters, strict=True))


def _compared(got: Array, computed: Interval, neighbours: Interval, where: str) -> tuple[Array, Array, Array]:
    """`z`, how far it may be off, and the share; where nothing is known all are 0."""
    outside = ~neighbours.contains(got)
    if outside.any():
        e = int(np.flatnonzero(outside)[0])
        lo, hi = (float(end[e]) for end in (neighbours.lo, neighbours.hi))
        raise OutsideError(f"{where}, element {e}: {float(got[e])!r} was stored, which lies outside [{lo!r}, {hi!r}]")
    with np.errstate(all="ignore"):
        spacing = neighbours.hi - neighbours.lo
        known = np.isfinite(spacing) & (spacing > 0)
        middle, half = (computed.lo + computed.hi) / 2, (computed.hi - computed.lo) / 2
        z, off, share = ((a / spacing) for a in (got - middle, half, middle - neighbours.lo))
    return tuple(np.where(known, a, 0.0).astype(np.float64) for a in (z, off, share))  # type: ignore[return-value]


def explained(numbers: int, questions: int) -> float:
    """How large a sum of so many of them chance explains, where so many questions are asked at once."""
    return math.sqrt(numbers / 2 * math.log(2 * questions / FAILURE))


@dataclass(frozen=True)
class Question:
    """One sum that is 0 but for chance.

    Attributes:
        words: what is wrong where it is more, with a place for by how much on average, "{}".
        otherwise: the same where it is less.
        terms: what is added up.
        off: how far each term may be from the truth.

    """

    words: str
    otherwise: str
    terms: Array
    off: Array

    @classmethod
    def mean(cls, words: str, otherwise: str, samples: Samples, weights: Any) -> Question:
        """Whether z is 0 on average, weighted; of elements with a weight of 0 nothing is asked."""
        weights = np.broadcast_to(weights, samples.z.shape[-1:]).astype(np.float64)
        kept = weights != 0
        terms = samples.z[..., kept] * weights[kept]
        return cls(words, otherwise, terms, samples.off[..., kept] * np.abs(weights[kept]))

    @classmethod
    def product(cls, words: str, samples: Samples, one: Any, other: Any, signs: Any = 1.0) -> Question:
        """Whether two z go together, those at the indices `one` with those at `other`; `signs` weigh the elements."""
        z, off = samples.z * signs, samples.off
        a, b, of_a, of_b = z[one], z[other], off[one], off[other]
        return cls(words, words, a * b, np.abs(a) * of_b + np.abs(b) * of_a + of_a * of_b)

    def broken(self, questions: int) -> str:
        """What is wrong, in a sentence with the numbers; empty where chance explains it."""
        numbers = self.terms.size
        total, open_, chance = float(self.terms.sum()), float(self.off.sum()), explained(numbers, questions)
        if numbers == 0 or abs(total) <= open_ + chance:
            return ""
        mean, by_chance, by_rounding = (f"{x / numbers:.4f}" for x in (abs(total), chance, open_))
        words = self.words if total > 0 else self.otherwise
        return (
            f"{words.format(mean)}; of {numbers:,} numbers, chance explains {by_chance} at odds of "
            f"2^{math.log2(FAILURE):.0f}, and rounding before it {by_rounding}"
        )


def answered(questions: Sequence[Question]) -> tuple[str, int]:
    """What is wrong with the first question that chance does not explain, and how many numbers all are about."""
    said = (question.broken(len(questions)) for question in questions)
    return next(filter(None, said), ""), sum(question.terms.size for question in questions)
