"""Hyperparameters that act as other numbers than were given, found by fitting.

Each `Knob` turns one scalar of the update.  It is fitted to the steps of one failing case by Gauss-Newton.  Where that
has come to rest, every number of the case says, to first order, between which values the scalar must lie for the number
to be within the width of rounding; no value in all of these intervals, and it is not this scalar.  Whether it is a
factor of what was given, or a number that stands there whatever is given, other cases decide, which make the interval
narrower; of what is left the shortest decimal is taken.  A fit counts for nothing until it gives everything that was
seen.

To add a knob: a line in `KNOBS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from adam_ref import Hyperparameters
from conformance.diagnosis.candidates import Candidate
from conformance.diagnosis.evidence import Exhibit
from conformance.diagnosis.replay import moved, moves, rows
from conformance.diagnosis.result import VALUE
from conformance.diagnosis.search import Evidence
from conformance.faults.adam import Adam, Step
from conformance.faults.catalogue import Piece

T = TypeVar("T")

Given = Callable[[Adam, Step], float]


@dataclass(frozen=True)
class Knob:
    """A scalar of the update.

    Attributes:
        name: in the formula.
        pieces: from a function of the right value to the one it acts as, the methods of `Adam` that give it.
        of: its value among hyperparameters, `None` where it changes with the step.
        turned: from the right value and a setting, the value it acts as; setting 0 leaves it.
        setting: the reverse: the setting at which `given` acts as `value`.
        read: what the setting is to a reader: a factor of what was given, unless it says otherwise.
        unread: the reverse.
        words: around it.

    """

    name: str
    pieces: Callable[[Callable[[float], float]], Mapping[str, Piece]]
    of: Callable[[Hyperparameters], float] | None = None
    turned: Callable[[float, float], float] = lambda value, setting: value * math.exp(setting)
    setting: Callable[[float, float], float] = lambda given, value: math.log(value / given)
    read: Callable[[float], float] = math.exp
    unread: Callable[[float], float] = math.log
    words: str = "{} times what was given"


def _piece(name: str, given: Given) -> Callable[[Callable[[float], float]], Mapping[str, Piece]]:
    return lambda act: {name: lambda a, x: act(given(a, x))}


def _complement(value: float, setting: float) -> float:
    """Of a decay rate it is 1 - beta that has a scale."""
    return 1 - math.exp(setting) * (1 - value)


def _to_complement(given: float, value: float) -> float:
    return math.log((1 - value) / (1 - given))


def _counted(act: Callable[[float], float]) -> Mapping[str, Piece]:
    return {
        "correction1": lambda a, x: 1 - x.beta1 ** act(x.t) if a.dialect.correct_m else 1.0,
        "correction2": lambda a, x: 1 - x.beta2 ** act(x.t) if a.dialect.correct_v else 1.0,
    }


KNOBS = (
    Knob("lr", _piece("rate", lambda _, x: x.slot.lr), lambda h: h.lr),
    Knob("eps", _piece("epsilon", lambda _, x: x.hyper.eps), lambda h: h.eps),
    Knob("beta1", _piece("beta1", lambda _, x: x.hyper.beta1), lambda h: h.beta1, _complement, _to_complement),
    Knob("beta2", _piece("beta2", lambda _, x: x.hyper.beta2), lambda h: h.beta2, _complement, _to_complement),
    Knob("weight_decay", _piece("decay", lambda _, x: x.hyper.weight_decay), lambda h: h.weight_decay),
    Knob("1 - beta1", _piece("weight1", Adam.weight1)),
    Knob("1 - beta2", _piece("weight2", Adam.weight2)),
    Knob("1 - beta1^t", _piece("correction1", Adam.correction1)),
    Knob("1 - beta2^t", _piece("correction2", Adam.correction2)),
    Knob("the gradient", _piece("gradient", Adam.gradient)),  # type: ignore[arg-type]
    Knob(
        "t in the corrections",
        _counted,
        turned=lambda t, setting: t + setting,
        read=lambda setting: setting,
        unread=lambda setting: setting,
        words="t + {}",
    ),
)
"""What is fitted."""

ITERATIONS, DIFFERENCE, LARGEST = 10, 2.0**-10, 2.0
"""Of the fit: how many at the most, by how much a knob is turned to see what it does, and how far in one go."""

REFINED, TRIED, TELLING = 3, 3, 8
"""How often the most telling number leads on; failing cases of which the first that tells anything is fitted to; and
those that narrow down what it leaves."""

_LONGEST = 20
"""Steps of a case that a fit is made to at the most."""

Interval = tuple[float, float]


def values(evidence: Evidence) -> list[Candidate]:
    """The scalars that act as other numbers in a failing case."""
    exhibits = [e for e in evidence.failing if plain(e) and not evidence.honest(e).explains]
    exhibits.sort(key=lambda e: e.context.format.roundoff)
    found: list[Candidate] = []
    for knob in KNOBS:
        with suppress(ArithmeticError, ValueError):  # a setting that is no number, or turns the scalar into none
            found += _fitted(knob, exhibits[:TELLING])
    return found


def plain(exhibit: Exhibit) -> bool:
    """Whether an exhibit is one run of one tensor, in a few steps."""
    if exhibit.alone is None or exhibit.refused or exhibit.slow:
        return False
    case, _ = exhibit.alone
    return len(case.parameters) == 1 and case.steps <= _LONGEST and not case.manner


def _fitted(knob: Knob, exhibits: Sequence[Exhibit]) -> Iterator[Candidate]:
    """The knob turned by the setting that fits; and held where that puts it in this case."""
    for exhibit in exhibits[:TRIED]:
        found = _fit(knob, exhibit)
        if found is None:
            continue
        if found[0] > found[1]:
            return
        yield from _turned(knob, found, exhibits)
        if knob.of is not None:
            yield from _held(knob, found, exhibit, exhibits)
        return


def _turned(knob: Knob, found: Interval, exhibits: Sequence[Exhibit]) -> Iterator[Candidate]:
    left = _narrowed(knob, found, exhibits, lambda setting, _: setting, lambda setting, _: setting)
    if left is not None:
        number = shortest(*sorted(map(knob.read, left)))
        error = abs(knob.read(left[1]) - knob.read(left[0])) / 2
        acts = f"{knob.name} acts as {knob.words.format(f'{number:.9g}')} (+/- {error:.1g})"
        if knob.turned is _complement:
            acts = f"1 - {acts}, in its own decay and in its correction"
        yield Candidate(f"{knob.name} turned", acts, VALUE, _pieces(knob, knob.unread(number)))


def _held(knob: Knob, found: Interval, first: Exhibit, exhibits: Sequence[Exhibit]) -> Iterator[Candidate]:
    assert knob.of is not None
    of = knob.of

    def given(exhibit: Exhibit) -> float:
        return of(exhibit.runs[0].cases[0].hyperparameters[0])

    ends = sorted(knob.turned(given(first), end) for end in found)
    left = _narrowed(
        knob,
        (ends[0], ends[1]),
        [e for e in exhibits if given(e)],
        lambda value, exhibit: knob.setting(given(exhibit), value),
        lambda setting, exhibit: knob.turned(given(exhibit), setting),
    )
    if left is not None:
        number = shortest(*left)
        words = f"{knob.name} is {number:.9g}, whatever was given"
        yield Candidate(f"{knob.name} fixed", words, VALUE, knob.pieces(lambda _: number))


def _narrowed(
    knob: Knob,
    found: Interval,
    exhibits: Sequence[Exhibit],
    setting: Callable[[float, Exhibit], float],
    value: Callable[[float, Exhibit], float],
) -> Interval | None:
    """What other cases leave of an interval of values, whose setting in a case is `setting`; `None` for nothing."""
    for exhibit in exhibits:
        told = _told(knob, exhibit, setting((found[0] + found[1]) / 2, exhibit))
        if told is not None:
            lo, hi = sorted(value(end, exhibit) for end in told[0])
            if told[0][0] > told[0][1]:
                return None
            found = max(found[0], lo), min(found[1], hi)
        if found[0] > found[1]:
            return None
    return found


def _pieces(knob: Knob, setting: float) -> Mapping[str, Piece]:
    return knob.pieces(lambda value: knob.turned(value, setting))


def _fit(knob: Knob, exhibit: Exhibit) -> Interval | None:
    """Between which settings every number is explained, the lower one above where none is; `None` where nothing tells.

    Gauss-Newton comes near; from there the number that says most leads on.
    """
    setting = _rest(knob, exhibit)
    if setting is None:
        return None
    told = None
    for _ in range(REFINED):
        told = _told(knob, exhibit, setting)
        if told is None or told[0][0] <= told[0][1]:
            break
        setting = told[1]
    return None if told is None else told[0]


def _rest(knob: Knob, exhibit: Exhibit) -> float | None:
    """Where Gauss-Newton comes to rest; `None` where it does not, or the steps do not depend on the knob."""
    seen = moves(exhibit.runs[0].cases[0], exhibit.runs[0].trajectories[0])
    at = partial(_at, moved, knob, exhibit)
    setting, change = 0.0, math.inf
    for _ in range(ITERATIONS):
        here, there = at(setting), at(setting + DIFFERENCE)
        if here is None or there is None:
            return None
        with np.errstate(all="ignore"):
            scale = np.maximum(np.abs(seen), np.abs(here))
            slope, rest = (there - here) / DIFFERENCE / scale, (seen - here) / scale
        known = np.isfinite(slope) & np.isfinite(rest)
        total = float(np.sum(slope[known] ** 2))
        if not total:
            return None
        if abs(change) < DIFFERENCE**2:
            return setting
        change = float(np.sum(slope[known] * rest[known])) / total
        setting += max(-LARGEST, min(LARGEST, change))
    return None


def _told(knob: Knob, exhibit: Exhibit, setting: float) -> tuple[Interval, float] | None:
    """Between which settings each number of a case lies within its width, and the one that the most telling says.

    To first order around `setting`; `None` where no number depends on it.
    """
    here, there = (_at(rows, knob, exhibit, s) for s in (setting, setting + DIFFERENCE))
    if here is None or there is None:
        return None
    with np.errstate(all="ignore"):
        slope = (there.parameters - here.parameters) / DIFFERENCE
        middle, half = (here.seen - here.parameters) / slope, 2 * here.widths / np.abs(slope)
    known = np.isfinite(middle) & np.isfinite(half)
    if not known.any():
        return None
    middle, half = setting + middle[known], half[known]
    return (float(np.max(middle - half)), float(np.min(middle + half))), float(middle[np.argmin(half)])


def _at(what: Callable[[Candidate, Exhibit], T | None], knob: Knob, exhibit: Exhibit, setting: float) -> T | None:
    """`rows` or `moved` of the candidate that has the knob turned so."""
    try:
        return what(Candidate("", "", VALUE, _pieces(knob, setting)), exhibit)
    except (OverflowError, ZeroDivisionError):
        return None


def shortest(lo: float, hi: float) -> float:
    """The decimal of fewest digits between the two; their middle where they are no further apart than rounding."""
    middle = (lo + hi) / 2
    for digits in range(1, 17):
        number = float(f"{middle:.{digits}g}")
        if lo <= number <= hi:
            return number
    return middle
