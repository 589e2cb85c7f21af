"""Numbers that pass through a narrower format than they should: hyperparameters, what is made of them, and states.

A state that the target shows has the format it is kept in written in its bits; where it shows none, or where what it
shows is not what it keeps, the parameters decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from adam_ref.arrays import Array
from adam_ref.formats import FORMATS, named_format
from conformance.case import dtype_named
from conformance.diagnosis.candidates import Candidate
from conformance.diagnosis.result import VALUE
from conformance.diagnosis.search import Evidence
from conformance.faults.adam import Adam, Step, flat, rounded
from conformance.faults.catalogue import Piece

Rounding = Callable[[Array, str], Array]


def truncated(array: Array, fmt: str) -> Array:
    """An array cut to another format, towards zero, in the dtype that it has."""
    near = array.astype(dtype_named(fmt))
    bits = near.view(f"u{near.dtype.itemsize}")
    larger = np.abs(near.astype(array.dtype)) > np.abs(array)
    return np.where(larger, bits - larger, bits).view(near.dtype).astype(array.dtype)


ROUNDINGS: dict[str, Rounding] = {"rounded": rounded, "cut": truncated}
"""By the word for it."""


def _scalar(how: Rounding, fmt: str, value: float) -> float:
    return float(how(np.array([value], np.float64), fmt)[0])


Through = Callable[[float], float]
Made = Callable[[Through], Mapping[str, Piece]]


def _of(piece: str, given: Callable[[Adam, Step], float]) -> Made:
    return lambda through: {piece: lambda a, x: through(given(a, x))}


def _both(first: Made, second: Made) -> Made:
    return lambda through: {**first(through), **second(through)}


BETA1, BETA2 = _of("beta1", lambda _, x: x.hyper.beta1), _of("beta2", lambda _, x: x.hyper.beta2)
WEIGHT1, WEIGHT2 = _of("weight1", Adam.weight1), _of("weight2", Adam.weight2)
CORRECTION1, CORRECTION2 = _of("correction1", Adam.correction1), _of("correction2", Adam.correction2)


def _power1(through: Through) -> Mapping[str, Piece]:
    return {"correction1": lambda a, x: 1 - through(x.beta1**x.t) if a.dialect.correct_m else 1.0}


def _power2(through: Through) -> Mapping[str, Piece]:
    return {"correction2": lambda a, x: 1 - through(x.beta2**x.t) if a.dialect.correct_v else 1.0}


SCALARS: dict[str, Made] = {
    "lr": _of("rate", lambda _, x: x.slot.lr),
    "eps": _of("epsilon", lambda _, x: x.hyper.eps),
    "beta1": BETA1,
    "beta2": BETA2,
    "beta1 and beta2": _both(BETA1, BETA2),
    "weight_decay": _of("decay", lambda _, x: x.hyper.weight_decay),
    "1 - beta1": WEIGHT1,
    "1 - beta2": WEIGHT2,
    "1 - beta1 and 1 - beta2": _both(WEIGHT1, WEIGHT2),
    "beta1^t": _power1,
    "beta2^t": _power2,
    "beta1^t and beta2^t": _both(_power1, _power2),
    "1 - beta1^t": CORRECTION1,
    "1 - beta2^t": CORRECTION2,
    "1 - beta1^t and 1 - beta2^t": _both(CORRECTION1, CORRECTION2),
}
"""Numbers that may be rounded on their way into the update, from how, the pieces that do it."""

NARROW = tuple(name for name in FORMATS if name != "float64")


def rounded_scalars() -> Iterator[Candidate]:
    """Every scalar through every format, to nearest and cut."""
    for (name, made), fmt, (word, how) in product(SCALARS.items(), NARROW, ROUNDINGS.items()):
        are = "are" if " and " in name else "is"
        yield Candidate(
            f"{name} in {fmt}",
            f"{name} {are} {word} to {fmt}",
            VALUE,
            made(partial(_scalar, how, fmt)),
        )


KEPT = {"m": "kept_m", "v": "kept_v", "v_max": "kept_maximum", "the parameter": "kept_theta"}
MADE = {**KEPT, "m": "first_moment", "v": "second_moment", "v_max": "maximum"}
"""The pieces of `Adam` that store each state, and that make it."""

TOGETHER = (
    ("m",),
    ("v",),
    ("m", "v"),
    ("m", "v", "v_max"),
    ("v_max",),
    ("the parameter",),
    ("m", "v", "the parameter"),
    ("m", "v", "v_max", "the parameter"),
)
"""States that are kept in one format."""


def kept_states(evidence: Evidence) -> Iterator[Candidate]:
    """States that are kept in narrower formats than the parameter's, used before they are stored or afterwards."""
    widest = max((e.context.format for e in evidence.failing), key=lambda f: f.precision)
    narrower = [name for name in NARROW if named_format(name).precision < widest.precision]
    shown = _narrow_states(evidence, narrower)
    for states, fmt, (word, how), pieces in product(TOGETHER, narrower, ROUNDINGS.items(), (KEPT, MADE)):
        if pieces is MADE and states == ("the parameter",):
            continue
        if any(fmt not in shown.get(state, narrower) for state in states):
            continue
        names = ", ".join(states[:-1]) + " and " + states[-1] if states[1:] else states[0]
        are = "are" if states[1:] else "is"
        when = "" if pieces is KEPT else " before they are used" if states[1:] else " before it is used"
        bits = [f"every number of {s} that is shown is one of {fmt}" for s in states if s in shown]
        title = f"{names} {are} {word} to {fmt}{when}" + (f"; {', '.join(bits)}" if bits else "")
        made = {pieces[state]: _through(pieces[state], how, fmt) for state in states}
        yield Candidate(f"{names} kept in {fmt}", title, VALUE, made)


def _through(piece: str, how: Rounding, fmt: str) -> Piece:
    def stored(a: Adam, x: Step) -> Array:
        array: Array = getattr(Adam, piece)(a, x)
        return how(array, fmt)

    return stored


def _narrow_states(evidence: Evidence, formats: list[str]) -> dict[str, list[str]]:
    """For each moment that the target shows, the formats that all of its numbers belong to."""
    left: dict[str, list[str]] = {}
    for moments, state in product(_shown(evidence), ("m", "v", "v_max")):
        array = getattr(moments, state)
        if array is not None and array.size and left.get(state, formats):
            numbers = flat(np.ascontiguousarray(array)).astype(np.float64)
            left[state] = [f for f in left.get(state, formats) if _holds(f, numbers)]
    return left


def _holds(fmt: str, numbers: Array) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.array_equal(rounded(numbers, fmt), numbers, equal_nan=True))


def _shown(evidence: Evidence) -> Iterator[Any]:
    """The state after each step of everything that is quick to look at."""
    for exhibit in (*evidence.failing, *evidence.passing):
        for run in exhibit.runs:
            for seen in run.trajectories:
                yield from (moment for step in seen.moments for moment in step)
