"""Which vectors there are: cases of the suite's own checks, a few elements of each.

To add some: a line in `CHAPTERS`, or a regime or a case for one of its checks; then run
`adam-conformance vectors generate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adam_ref import DIALECTS, Format, named_dialect, named_format
from adam_ref.arrays import Array
from adam_ref.dialect import AXES
from adam_ref.formats import FORMATS
from conformance.capabilities import SETTABLE, Capabilities
from conformance.case import Case, Trajectory
from conformance.checks import CHECKS
from conformance.checks.base import LONG, Check, Context, Profile
from conformance.vectors.flags import flags_of
from conformance.vectors.model import Tensor, Vector, VectorFile

ALL = tuple(DIALECTS)
OFFERED = Capabilities(
    dtypes=tuple(FORMATS),
    settable=SETTABLE,
    weight_decay=AXES["weight_decay"],
    groups=True,
    none_gradients=True,
    lr_schedule=True,
    state=True,
)
"""What can be written down in a vector."""


@dataclass(frozen=True)
class Chapter:
    """What a chapter of specs/adam.md has vectors of.

    Attributes:
        dialects: names; in the others the chapter says nothing that it does not say in these.
        leave_out: checks of what is no matter of intervals, or shows in no tensor alone.
        elements: of each tensor, in the dialect `adam` and in the others.
        sets: of pinned hyperparameters, in the dialect `adam` and in the others.

    """

    dialects: tuple[str, ...]
    elements: tuple[int, int]
    sets: tuple[int, int]
    leave_out: tuple[str, ...] = ()


CHAPTERS = {
    "update": Chapter(ALL, elements=(4, 2), sets=(8, 2)),
    "state": Chapter(("adam", "adamw", "optax"), elements=(3, 2), sets=(3, 2)),
    "special": Chapter(ALL, elements=(6, 3), sets=(1, 1), leave_out=("special.not-a-number",)),
    "groups": Chapter(("adam", "adamw"), elements=(2, 1), sets=(1, 1), leave_out=("groups.apart-in-one",)),
}

INPUTS = Format("inputs", 30, -1045, 1023)
"""What histories are rounded to: more digits than float32 has, and fewer than those in which one computer's powers and
logarithms differ from another's, so that generating gives the same bytes on both."""

SEED = 20141222
"""The day on which arXiv 1412.6980 appeared."""

STRIDE = 11
"""Elements are taken from a case this far apart, cyclically: every residue of a small modulus, and all of the case."""

FIRST, EVERY = 5, 3
"""So many steps are compared one by one, and after them every so many-th."""

FEW = 1
"""Elements of the longest histories, whose lines are long."""


def planned() -> Iterator[tuple[str, str, str]]:
    """Chapter, dialect and format of every file."""
    for chapter, plan in CHAPTERS.items():
        for dialect in plan.dialects:
            for fmt in FORMATS:
                yield chapter, dialect, fmt


def checks_of(chapter: str, context: Context) -> list[Check]:
    """The checks whose cases the chapter has vectors of: those that need no more than vectors can offer."""
    left_out = CHAPTERS[chapter].leave_out
    return [c for c in CHECKS.values() if c.chapter == chapter and c.id not in left_out and not c.missing(context)]


def inputs(chapter: str, dialect: str, fmt: str) -> VectorFile:
    """The file with everything but its rows."""
    plan, usual = CHAPTERS[chapter], int(dialect != "adam")
    profile = Profile("vectors", plan.sets[usual], 0, 0)
    context = Context(_nothing, named_dialect(dialect), OFFERED, fmt, "cpu", profile, SEED)
    tensors: list[Tensor] = []
    first, optimizer = 1, 0
    for check in checks_of(chapter, context):
        for case in check.cases(context):
            optimizer += 1
            for parameter in range(len(case.parameters)):
                tensors.append(_tensor(check, case, parameter, plan.elements[usual], optimizer, first))
                first += len(tensors[-1].vectors)
    return VectorFile(chapter, dialect, fmt, tuple(tensors))


def _nothing(_: Sequence[Case]) -> list[Trajectory]:
    raise AssertionError("cases are made without running a target")


def _tensor(check: Check, case: Case, parameter: int, elements: int, optimizer: int, first: int) -> Tensor:
    """A few elements of one parameter of a case."""
    starts = _numbers(case.parameters[parameter], case.dtype)
    histories = [None if g[parameter] is None else _numbers(g[parameter], case.dtype) for g in case.gradients]
    hyper = case.hyperparameters[parameter]
    lr = tuple(case.lr_at(step, parameter) for step in range(case.steps)) if case.lrs else (hyper.lr,)
    vectors = tuple(
        Vector(0, start, tuple(None if g is None else g[i] for g in histories)) for i, start in enumerate(starts)
    )
    whole = Tensor(check.id, optimizer, hyper.with_(lr=lr[0]), lr, case.steps, (), vectors)
    flagged = flags_of(whole, named_format(case.dtype)).vectors
    chosen = _chosen(flagged, elements if case.steps < 10 * LONG else FEW)
    numbered = tuple(replace(v, id=first + i) for i, v in enumerate(chosen))
    return replace(whole, compared=_compared(chosen, case.steps), vectors=numbered)


def _numbers(array: Array | None, dtype: str) -> list[float]:
    numbers = np.asarray(array).reshape(-1).astype(np.float64)
    return [float(x) + 0.0 for x in (INPUTS.round(numbers) if dtype == "float64" else numbers)]


def _chosen(vectors: Sequence[Vector], count: int) -> list[Vector]:
    """That many, and one more for each flag that is left without."""
    size = len(vectors)
    in_turn = [vectors[i * (STRIDE if size % STRIDE else 1) % size] for i in range(size)]
    chosen = in_turn[:count]
    for vector in in_turn[count:]:
        if set(vector.flags) - {name for v in chosen for name in v.flags}:
            chosen.append(vector)
    return chosen


def _compared(vectors: Sequence[Vector], steps: int) -> tuple[int, ...]:
    """The first steps, then one in a few, and the last: what goes wrong at one step is seen for many after it.

    Of a long history those at which some element gets its first gradients, and the last.
    """
    if steps <= LONG:
        return tuple(sorted({*range(1, min(steps, FIRST) + 1), *range(FIRST, steps, EVERY), steps}))
    firsts = {next((t for t, g in enumerate(v.gradients, 1) if g), steps) for v in vectors}
    return tuple(sorted({*firsts, *(min(t + 1, steps) for t in firsts), steps}))
