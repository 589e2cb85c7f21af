"""Hyperparameters that act as other numbers than were given, found by fitting.

Each `Knob` turns one scalar of the update by a factor.  The factor is fitted to the steps of one failing case by
Gauss-Newton; whether it is a factor of what was given, or a number that stands there whatever is given, the other
cases decide: a fit counts for nothing until it gives everything that was seen, to the width of rounding.

To add a knob: a line in `KNOBS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from adam_ref.formats import FORMATS, named_format
from conformance.diagnosis.candidates import Candidate
from conformance.diagnosis.evidence import Exhibit
from conformance.diagnosis.replay import moves, replayed
from conformance.diagnosis.result import VALUE
from conformance.diagnosis.search import Evidence, Survivor
from conformance.diagnosis.widths import DENOMINATOR, STEP
from conformance.faults.adam import Adam, Step, rounded_scalar
from conformance.faults.catalogue import Piece

Given = Callable[[Adam, Step], float]


@dataclass(frozen=True)
class Knob:
    """A scalar of the update.

    Attributes:
        name: in the formula.
        piece: the method of `Adam` that gives it.
        given: what it should be.
        of: its value among hyperparameters, `None` where it changes with the step.
        turned: from the right value and a factor, the value it acts as.

    """

    name: str
    piece: str
    given: Given
    of: Callable[[Hyperparameters], float] | None = None
    turned: Callable[[float, float], float] = lambda value, factor: value * factor


def _complement(value: float, factor: float) -> float:
    """Of a decay rate it is 1 - beta that has a scale."""
    return 1 - factor * (1 - value)


KNOBS = (
    Knob("lr", "rate", lambda _, x: x.slot.lr, lambda h: h.lr),
    Knob("eps", "epsilon", lambda _, x: x.hyper.eps, lambda h: h.eps),
    Knob("beta1", "beta1", lambda _, x: x.hyper.beta1, lambda h: h.beta1, _complement),
    Knob("beta2", "beta2", lambda _, x: x.hyper.beta2, lambda h: h.beta2, _complement),
    Knob("weight_decay", "decay", lambda _, x: x.hyper.weight_decay, lambda h: h.weight_decay),
    Knob("1 - beta1", "weight1", Adam.weight1),
    Knob("1 - beta2", "weight2", Adam.weight2),
    Knob("1 - beta1^t", "correction1", Adam.correction1),
    Knob("1 - beta2^t", "correction2", Adam.correction2),
)
"""What is fitted."""

ITERATIONS, DIFFERENCE, LARGEST = 8, 2.0**-10, 2.0
"""Of the fit: how many at the most, by how much a factor is turned to see what it does, and logarithms in one go."""


TELLING = 8
"""Failing cases among which each scalar is fitted to the one that leaves it least open."""


def values(evidence: Evidence) -> list[Survivor]:
    """The scalars that act as other numbers and explain everything, the nearest first."""
    exhibits = [e for e in evidence.failing if _plain(e) and not evidence.honest(e).explains][:TELLING]
    return evidence.confirmed([*rounded_scalars(), *(c for knob in KNOBS for c in _fitted(knob, exhibits))])


def rounded_scalars() -> list[Candidate]:
    """Every hyperparameter rounded to every format, alone."""
    return [
        Candidate(
            f"{knob.name} in {fmt}",
            f"{knob.name} is rounded to {fmt}",
            VALUE,
            {knob.piece: lambda a, x, knob=knob, fmt=fmt: rounded_scalar(knob.given(a, x), fmt)},
        )
        for knob in KNOBS
        for fmt in FORMATS
        if fmt != "float64"
    ]


def _plain(exhibit: Exhibit) -> bool:
    """Whether an exhibit is one run of one tensor, in a few steps."""
    if exhibit.alone is None or exhibit.refused:
        return False
    case, _ = exhibit.alone
    return len(case.parameters) == 1 and case.steps <= _LONGEST and not case.manner


_LONGEST = 20
"""Steps of a case that a fit is made to at the most."""


def _fitted(knob: Knob, exhibits: Sequence[Exhibit]) -> list[Candidate]:
    """The knob turned by the factor that fits best; and held where that puts it in this case."""
    fits = [(fit, e) for e in exhibits if (fit := _fit(knob, e)) is not None]
    if not fits:
        return []
    fit, exhibit = min(fits, key=lambda found: found[0][1])
    factor, error = fit
    words = f"{knob.name} acts as {factor:.9g} (+/- {error:.1g}) times what was given"
    if knob.turned is _complement:
        words = f"1 - {words}, in its own decay and in its correction"
    relative = Candidate(f"{knob.name} turned", words, VALUE, _pieces(knob, factor))
    if knob.of is None:
        return [relative]
    number = knob.turned(knob.of(exhibit.runs[0].cases[0].hyperparameters[0]), factor)
    held: Mapping[str, Piece] = {knob.piece: lambda _a, _x: number}
    return [relative, Candidate(f"{knob.name} fixed", f"{knob.name} is {number:.9g}, whatever was given", VALUE, held)]


def _pieces(knob: Knob, factor: float) -> Mapping[str, Piece]:
    return {knob.piece: lambda a, x: knob.turned(knob.given(a, x), factor)}


def _fit(knob: Knob, exhibit: Exhibit) -> tuple[float, float] | None:
    """The factor, and how far rounding leaves it open; `None` where the steps do not depend on it."""
    seen = moves(exhibit.runs[0].cases[0], exhibit.runs[0].trajectories[0])
    at = partial(_steps_at, knob, exhibit)
    log, moved, largest = 0.0, math.inf, 0.0
    for _ in range(ITERATIONS):
        here, there = at(math.exp(log)), at(math.exp(log + DIFFERENCE))
        if here is None or there is None:
            return None
        with np.errstate(all="ignore"):
            scale = np.maximum(np.abs(seen), np.abs(here))
            slope, rest = (there - here) / DIFFERENCE / scale, (seen - here) / scale
        known = np.isfinite(slope) & np.isfinite(rest)
        total = float(np.sum(slope[known] ** 2))
        if not total:
            return None
        if abs(moved) < DIFFERENCE**2:
            break
        moved = float(np.sum(slope[known] * rest[known])) / total
        log += max(-LARGEST, min(LARGEST, moved))
        largest = float(np.max(np.abs(slope[known])))
    error = 2 * (DENOMINATOR + STEP) * named_format(exhibit.context.dtype).roundoff / largest
    return (math.exp(log), error) if abs(moved) < DIFFERENCE else None


def _steps_at(knob: Knob, exhibit: Exhibit, factor: float) -> Array | None:
    made = replayed(Candidate("", "", VALUE, _pieces(knob, factor)), exhibit)
    return None if made is None else moves(exhibit.runs[0].cases[0], made)
