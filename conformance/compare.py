"""Hold a trajectory against the enclosure: what lies outside, how close the rest came, and in which accuracy class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adam_ref import CLASS_A, CLASS_B, Dialect, Enclosure, Format, Hyperparameters, Interval, Numerics, advance, start
from adam_ref.arrays import Array, as_reals, checked_parameter
from adam_ref.enclosure import AccuracyClass, anchored, stored
from adam_ref.formats import named_format
from conformance.capabilities import Capabilities
from conformance.case import Case, Moments, Trajectory

PARAMETER = "parameter"
QUANTITIES = (PARAMETER, "m", "v", "v_max")
NO_CLAIMS = Capabilities()


@dataclass(frozen=True)
class Violation:
    """One number that no admissible evaluation gives, or a rule that was broken.

    Attributes:
        quantity: "parameter", "m", "v", "v_max", or what a rule is about.
        step: counted from 1; 0 where the violation is not of a step.
        parameter: index of the parameter array.
        element: index into the flattened array (real and imaginary parts count separately).
        lo: lower end of what is admissible, NaN where the rule is not an interval.
        hi: upper end.
        got: the number found.
        ulp: distance of `got` from the interval in units in the last place of the format, infinite for NaN.
        message: what is wrong, in a sentence.

    """

    quantity: str
    step: int
    parameter: int
    element: int
    lo: float
    hi: float
    got: float
    ulp: float
    message: str


@dataclass(frozen=True)
class Worst:
    """The number that came closest to the edge of its interval: a ratio of 1 is the edge itself."""

    ratio: float = 0.0
    ulp: float = 0.0
    quantity: str = ""
    step: int = 0
    parameter: int = 0
    element: int = 0


@dataclass(frozen=True)
class Comparison:
    """What holding one trajectory against one enclosure gave.

    Attributes:
        violation: the first number outside, `None` where there is none.
        worst: the closest call among the numbers inside.
        decided: numbers whose interval said something.
        undecided: numbers whose interval was the whole line; they never count towards a pass.

    """

    violation: Violation | None
    worst: Worst
    decided: int
    undecided: int


def compare(
    case: Case,
    trajectory: Trajectory,
    dialect: Dialect,
    accuracy: AccuracyClass = CLASS_A,
    quantities: Iterable[str] = (PARAMETER,),
    claims: Capabilities = NO_CLAIMS,
) -> Comparison:
    """Every number of `trajectory` against its interval, parameter by parameter and step by step.

    `claims` are the target's: whether it flushes subnormal numbers, and whether it rounds at random.
    """
    parts = [
        _compare_parameter(case, trajectory, i, dialect, accuracy, tuple(quantities), claims)
        for i in range(len(case.parameters))
    ]
    violations = [p.violation for p in parts if p.violation is not None]
    return Comparison(
        min(violations, key=lambda v: (v.step, v.parameter)) if violations else None,
        max((p.worst for p in parts), key=lambda w: w.ratio, default=Worst()),
        sum(p.decided for p in parts),
        sum(p.undecided for p in parts),
    )


def best_class(
    case: Case, trajectory: Trajectory, dialect: Dialect, quantities: Iterable[str], claims: Capabilities = NO_CLAIMS
) -> tuple[str | None, Comparison]:
    """The best accuracy class in which everything lies inside, and that comparison; `None` and class B's otherwise."""
    comparison = None
    for accuracy in (CLASS_A, CLASS_B):
        comparison = compare(case, trajectory, dialect, accuracy, quantities, claims)
        if comparison.violation is None:
            return accuracy.name, comparison
    assert comparison is not None
    return None, comparison


def numerics_of(case: Case, trajectory: Trajectory, accuracy: AccuracyClass, claims: Capabilities) -> Numerics:
    """The parameter's format, for the moments the formats they were seen to be kept in, and what is claimed."""
    formats = {PARAMETER: named_format(case.dtype)}
    seen: Moments | None = next((m for step in trajectory.moments[-1:] for m in step if m.m is not None), None)
    for quantity in ("m", "v"):
        array = getattr(seen, quantity, None)
        formats[quantity] = formats[PARAMETER] if array is None else named_format(str(array.dtype))
    first, second, parameter = (
        f.flushing() if claims.flush_to_zero else f for f in (formats["m"], formats["v"], formats[PARAMETER])
    )
    return Numerics(parameter, first, second, accuracy, stochastic=claims.rounds_at_random(case.dtype))


Boxes = tuple[int, Enclosure, bool]
"""`(step, enclosure, moved)`: `moved` is False where the parameter had no gradient at that step."""


def enclosures(case: Case, parameter: int, dialect: Dialect, numerics: Numerics) -> Iterable[Boxes]:
    """The enclosure of one parameter after each step."""
    memory = _MEMORY.get()
    if memory is None or case.elements > _MOST_REMEMBERED:
        return _computed(case, parameter, dialect, numerics)
    key = (id(case), parameter, dialect, numerics)
    if key not in memory:
        memory[key] = _Remembered(case, _computed(case, parameter, dialect, numerics))
    return memory[key]


_MEMORY: ContextVar[dict[Any, _Remembered] | None] = ContextVar("memory", default=None)
_MOST_REMEMBERED = 4096
"""Elements of a case whose enclosures are worth their memory."""


@contextmanager
def remembering() -> Iterator[None]:
    """Within it the enclosures of one and the same case are computed once, however many targets run it."""
    memory = _MEMORY.get()
    token = _MEMORY.set({} if memory is None else memory)
    try:
        yield
    finally:
        _MEMORY.reset(token)


class _Remembered:
    """Boxes that are computed when they are first asked for; holds the case, whose identity is the key."""

    def __init__(self, case: Case, source: Iterator[Boxes]) -> None:
        self.case, self.source = case, source
        self.known: list[Boxes] = []

    def __iter__(self) -> Iterator[Boxes]:
        yield from self.known
        for boxes in self.source:
            self.known.append(boxes)
            yield boxes


def enclosures_of(
    case: Case, trajectory: Trajectory, parameter: int, dialect: Dialect, numerics: Numerics
) -> Iterable[Boxes]:
    """The same for what was made of the case: where rounding is random, each step starts from what was stored."""
    if not numerics.stochastic:
        return enclosures(case, parameter, dialect, numerics)
    return _computed(case, parameter, dialect, numerics, [after[parameter] for after in trajectory.parameters])


def _computed(
    case: Case, parameter: int, dialect: Dialect, numerics: Numerics, seen: Sequence[Array] = ()
) -> Iterator[Boxes]:
    """The boxes after each step of the case; those of each but the first start from the parameters `seen` before it."""
    enclosure = replace(start(case.parameters[parameter], numerics), t=case.skipped)
    for step, gradients in enumerate(case.gradients):
        if 0 < step <= len(seen):
            enclosure = anchored(enclosure, seen[step - 1], numerics)
        gradient = gradients[parameter]
        if gradient is not None:
            hyper = case.hyperparameters[parameter]
            if case.lrs:
                hyper = hyper.with_(lr=case.lr_at(step, parameter))
            enclosure = _advanced(enclosure, gradient, hyper, numerics, dialect)
        yield step + 1, enclosure, gradient is not None


def _advanced(
    enclosure: Enclosure, gradient: Array, hyper: Hyperparameters, numerics: Numerics, dialect: Dialect
) -> Enclosure:
    """`advance`, skipping what changes only `t`: a zero gradient on zero moments, without decay, and with eps > 0."""
    still = not np.any(gradient) and not np.any(enclosure.m.hi) and not np.any(enclosure.v.hi)
    if still and not hyper.weight_decay and hyper.eps:
        return replace(enclosure, t=enclosure.t + 1)
    return advance(enclosure, gradient, hyper, numerics, dialect)


def _compare_parameter(
    case: Case,
    trajectory: Trajectory,
    i: int,
    dialect: Dialect,
    accuracy: AccuracyClass,
    quantities: tuple[str, ...],
    claims: Capabilities,
) -> Comparison:
    numerics = numerics_of(case, trajectory, accuracy, claims)
    target = {PARAMETER: numerics.parameter, "m": numerics.first_moment}
    worst, decided, undecided = Worst(), 0, 0
    for step, enclosure, _ in enclosures_of(case, trajectory, i, dialect, numerics):
        theta = stored(enclosure.theta, numerics)
        boxes = {PARAMETER: theta, "m": enclosure.m, "v": enclosure.v, "v_max": enclosure.v_max}
        for quantity in quantities:
            seen = _seen(trajectory, quantity, step, i)
            if seen is None:
                continue
            box, fmt = boxes[quantity], target.get(quantity, numerics.second_moment)
            values = as_reals(checked_parameter(seen))
            inside = box.contains(values)
            if not inside.all():
                return Comparison(_violation(box, values, inside, fmt, quantity, step, i), worst, decided, undecided)
            unknown = int(box.undecided.sum())
            undecided += unknown
            decided += values.size - unknown
            worst = _closer(worst, box, values, fmt, quantity, step, i)
    return Comparison(None, worst, decided, undecided)


def _seen(trajectory: Trajectory, quantity: str, step: int, i: int) -> Array | None:
    if quantity == PARAMETER:
        return trajectory.parameters[step - 1][i]
    if not trajectory.moments:
        return None
    found: Array | None = getattr(trajectory.moments[step - 1][i], quantity)
    return found


def _violation(box: Interval, values: Array, inside: Array, fmt: Format, quantity: str, step: int, i: int) -> Violation:
    e = int(np.flatnonzero(~inside.reshape(-1))[0])
    lo, hi, got = (float(np.broadcast_to(a, values.shape).reshape(-1)[e]) for a in (box.lo, box.hi, values))
    name = "the parameter" if quantity == PARAMETER else quantity
    words = f"{name} is outside its enclosure"
    if quantity == "m" and lo <= -got <= hi:
        words += "; with the opposite sign it would be inside"
    return Violation(quantity, step, i, e, lo, hi, got, _outside_by(lo, hi, got, fmt), words)


def _outside_by(lo: float, hi: float, got: float, fmt: Format) -> float:
    if not math.isfinite(got):
        return math.inf
    distance = lo - got if got < lo else got - hi
    return distance / fmt.ulp(max(abs(lo), abs(hi), abs(got)) if math.isfinite(lo + hi) else got)


def _closer(worst: Worst, box: Interval, values: Array, fmt: Format, quantity: str, step: int, i: int) -> Worst:
    """`worst`, or the number among `values` that came closer to the edge of its box."""
    with np.errstate(all="ignore"):
        middle, half = (box.lo + box.hi) / 2, (box.hi - box.lo) / 2
        ratios = np.abs(values - middle) / half
    ratios = np.where(np.isfinite(ratios), ratios, 0.0).reshape(-1)
    if not ratios.size or ratios[e := int(ratios.argmax())] <= worst.ratio:
        return worst
    got, centre = float(values.reshape(-1)[e]), float(middle.reshape(-1)[e])
    return Worst(float(ratios[e]), abs(got - centre) / fmt.ulp(got or centre), quantity, step, i, e)


def relevant_dialect_axes(case: Case) -> dict[str, Any]:
    """The axes on which dialects can differ in this case at all."""
    hyper = case.hyperparameters
    return {
        "epsilon": any(h.eps for h in hyper),
        "correct_m": True,
        "correct_v": True,
        "weight_decay": any(h.weight_decay for h in hyper),
        "amsgrad": any(h.amsgrad for h in hyper),
        "complex_square": case.dtype.startswith("complex"),
    }
