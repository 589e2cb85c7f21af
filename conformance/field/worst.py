"""The largest deviation of a target from the middle of its enclosures, searched for; exhaustively where that can be.

Adam acts element by element, so that one run of a tensor tries as many histories as it has elements.  The search begins
with random histories and then climbs: the worst are kept, and the others are made of these by small and by large
changes of their gradients.  In 16-bit formats the first step on every finite gradient is tried as well.  Where
the parameter is below sixteen times the smallest normal number, or its interval wider than a sixteenth of it, a value
on the edge says little, and is left out: there v, its root or the step is made of a few subnormal numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adam_ref import Dialect, Format, Hyperparameters, named_format
from adam_ref.arrays import Array
from adam_ref.enclosure import AccuracyClass, stored
from conformance.capabilities import Capabilities
from conformance.case import Case, Trajectory, case_to_json
from conformance.cases.hyperparameters import settable
from conformance.compare import enclosures_of, numerics_of

Runner = Callable[[Sequence[Case]], list[Trajectory]]

ELEMENTS, STEPS, ROUNDS, KEPT = 1024, 3, 24, 32
"""Histories at a time, gradients in each, how often the worst are bred, and how many of them are."""

_TELLING = 16.0


@dataclass(frozen=True)
class Deviation:
    """The worst that was seen.

    Attributes:
        tried: histories that were run.
        ratio: distance from the middle of the enclosure as a share of its half width; 1 is the edge.
        ulp: the same distance in units in the last place of the value.
        case: one element and the steps up to it.

    """

    tried: int
    ratio: float
    ulp: float
    case: Case

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"tried": self.tried, "ratio": self.ratio, "ulp": self.ulp, "input": case_to_json(self.case)}


@dataclass(frozen=True)
class Search:
    """What is searched.

    Attributes:
        run: runs cases.
        claims: of the target.
        dialect: the declared one.
        dtype: of the parameters, a real one.
        accuracy: class in which the enclosures are made.
        seed: from which every choice follows.

    """

    run: Runner
    claims: Capabilities
    dialect: Dialect
    dtype: str
    accuracy: AccuracyClass
    seed: int = 0

    @property
    def format(self) -> Format:
        """The format of the parameters."""
        return named_format(self.dtype)

    def climbed(self, rounds: int = ROUNDS) -> Deviation | None:
        """The worst of random histories and of what they were bred to; None where no number could be compared."""
        generator = np.random.default_rng(self.seed)
        histories = self._random(generator)
        worst: Deviation | None = None
        for turn in range(rounds):
            shares, seen = self._tried(histories, (turn + 1) * ELEMENTS)
            worst = max(filter(None, (worst, seen)), key=lambda found: found.ratio, default=None)
            best = histories[:, np.argsort(-shares)[:KEPT]]
            histories = np.concatenate([best, self._bred(best, generator)], axis=1)
        return worst

    def exhausted(self) -> Deviation | None:
        """The worst of the first step on every finite gradient of a 16-bit format."""
        every = np.arange(1 << 16, dtype=np.uint16).view(self.format.dtype)
        with np.errstate(all="ignore"):
            finite = every[np.isfinite(every.astype(np.float64))]
        return self._tried(finite.astype(np.float64)[None, :], finite.size)[1]

    def _random(self, generator: np.random.Generator) -> Array:
        """Gradients of every magnitude whose square and whose moments are normal numbers."""
        low = 0.5 * np.log2(self.format.smallest_normal) + 6
        high = min(0.5 * np.log2(self.format.largest) - 3, 40.0)
        shape = (STEPS, ELEMENTS)
        return generator.choice([-1.0, 1.0], shape) * 2.0 ** generator.uniform(max(low, -40.0), high, shape)

    def _bred(self, best: Array, generator: np.random.Generator) -> Array:
        """Each of the best several times over, a part of its gradients changed by a relative amount of any size."""
        parents = best[:, generator.integers(0, best.shape[1], ELEMENTS - best.shape[1])]
        by = generator.normal(size=parents.shape) * 2.0 ** generator.uniform(-24, 0, parents.shape)
        return parents * np.where(generator.random(parents.shape) < 0.6, 1 + by, 1.0)

    def _tried(self, histories: Array, tried: int) -> tuple[Array, Deviation | None]:
        """For each history the largest share at any of its steps; and the worst of all."""
        hyper = settable(Hyperparameters(lr=0.1), self.claims)
        gradients = tuple((self.format.round(g).astype(self.format.dtype),) for g in histories)
        start = np.zeros(histories.shape[1], self.format.dtype)
        case = Case(self.dtype, (start,), (hyper,), gradients, regime="search")
        (trajectory,) = self.run((case,))
        shares, ulps = deviations(case, trajectory, self.dialect, self.accuracy, self.claims)
        step, element = np.unravel_index(int(shares.argmax()), shares.shape)
        if not shares[step, element]:
            return shares.max(axis=0), None
        alone = case.up_to(int(step) + 1).of_element(0, int(element))
        worst = Deviation(tried, float(shares[step, element]), float(ulps[step, element]), alone)
        return shares.max(axis=0), worst


def deviations(
    case: Case, trajectory: Trajectory, dialect: Dialect, accuracy: AccuracyClass, claims: Capabilities
) -> tuple[Array, Array]:
    """By step and element, how far each parameter lies from the middle of its enclosure: as a share, and in ulps."""
    numerics = numerics_of(case, trajectory, accuracy, claims)
    fmt = numerics.parameter
    shares, ulps = [], []
    for step, enclosure, _ in enclosures_of(case, trajectory, 0, dialect, numerics):
        got = trajectory.parameters[step - 1][0].astype(np.float64)
        box = stored(enclosure.theta, numerics)
        with np.errstate(all="ignore"):
            middle, half = (box.lo + box.hi) / 2, (box.hi - box.lo) / 2
            away = np.abs(got - middle)
            least = _TELLING * np.maximum(fmt.smallest_normal, half)
            counts = np.isfinite(away) & (half > 0) & (np.abs(middle) >= least)
            shares.append(np.where(counts, away / half, 0.0))
            ulps.append(np.where(counts, away / _spacing(got, fmt), 0.0))
    return np.array(shares), np.array(ulps)


def _spacing(values: Array, fmt: Format) -> Array:
    """The unit in the last place of each value."""
    exponents = np.frexp(np.maximum(np.abs(values), fmt.smallest_normal))[1]
    return np.asarray(np.ldexp(2.0 * fmt.roundoff, exponents - 1))
