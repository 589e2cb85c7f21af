"""Large tensors that repeat a few histories, so that judging them costs no more than judging those few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from adam_ref.arrays import Array, as_reals, checked_parameter
from conformance.case import Case, Trajectory, joined_arrays
from conformance.cases.build import as_dtype
from conformance.checks.base import Context, Examination, inside_enclosure
from conformance.compare import Violation, Worst

Found = TypeVar("Found", Violation, Worst)

PERIOD = 113
"""Histories that a large tensor repeats: a number that no block or side of a tensor is next to a multiple of.

Then none of these brings the same history to the same place again, and no square is its own transpose.
"""

MANY = 1 << 14
"""Elements from which on they are judged by the histories that they repeat, and not each by itself."""

LARGE_STEPS = 2
"""Steps with large tensors."""

SHAPES: tuple[tuple[int, ...], ...] = (
    (129, 129),
    (64, 64),
    (3, 1025),
    (1025, 3),
    (17, 31, 9),
    (5, 32, 3, 7),
    (2, 3, 4, 5, 6),
)
"""Past the tiles that kernels cut tensors into, squares among them; from two axes to five, none of length 1."""

SQUARES: tuple[tuple[int, ...], ...] = ((128, 128), (1024, 1024), (1025, 1025))
"""More of them, for profiles that have the time."""


def tiled(case: Case, shapes: Sequence[tuple[int, ...]]) -> Case:
    """Tensors of these shapes, each of which repeats the first histories of the one tensor in `case`."""

    def spread(array: Array | None) -> tuple[Array, ...]:
        assert array is not None
        return tuple(array[np.arange(np.prod(shape)) % PERIOD].reshape(shape) for shape in shapes)

    return replace(
        case,
        parameters=spread(case.parameters[0]),
        hyperparameters=case.hyperparameters * len(shapes),
        gradients=tuple(spread(g) for (g,) in case.gradients),
    )


def of_many_shapes(case: Case, context: Context) -> Iterable[Case]:
    """Tensors of all `SHAPES` together, or one after the other for a target that takes one at a time."""
    if context.capabilities.several:
        yield tiled(case, SHAPES)
    else:
        yield from (tiled(case, [shape]) for shape in SHAPES)


def inside_together(case: Case, context: Context, trajectory: Trajectory) -> Examination:
    """`inside_enclosure`, computed for all tensors at once, and once for histories that repeat.

    That takes tensors that all have the same hyperparameters, and a gradient at each step.
    """
    rows = (case.parameters, *case.gradients)
    if len(set(case.hyperparameters)) != 1 or any(a is None for row in rows for a in row):
        return inside_enclosure(case, context, trajectory=trajectory)
    return (_repeated if _repeats(rows) else _joined)(case, context, trajectory)


def _joined(case: Case, context: Context, seen: Trajectory) -> Examination:
    """All tensors as one."""
    joined = replace(seen, parameters=tuple((joined_arrays(p),) for p in seen.parameters))
    examined = inside_enclosure(case.joined, context, trajectory=joined)
    ends = np.cumsum([_reals(p).size for p in case.parameters])

    def place(found: Found) -> Found:
        i = int(np.searchsorted(ends, found.element, side="right"))
        return replace(found, parameter=i, element=found.element - int(ends[i - 1] if i else 0))

    violation, worst = examined.violation, examined.worst
    if violation is not None and violation.step:
        return replace(examined, violation=place(violation))
    return replace(examined, worst=place(worst)) if worst.ratio else examined


def _repeats(rows: Sequence[Sequence[Array | None]]) -> bool:
    """Whether there are many elements, and each tensor repeats the same histories."""
    many = sum(a.size for a in rows[0] if a is not None) >= MANY
    return many and all(a is not None and a.size >= PERIOD and _repeats_as(row[0], a) for row in rows for a in row)


def _repeats_as(first: Array | None, array: Array) -> bool:
    assert first is not None
    flat = array.reshape(-1)
    heads_agree = np.array_equal(flat[:PERIOD], first.reshape(-1)[:PERIOD])
    return heads_agree and np.array_equal(flat[PERIOD:], flat[:-PERIOD])


def _repeated(case: Case, context: Context, seen: Trajectory) -> Examination:
    """Of each history the smallest and the largest number against its enclosure."""

    def twice(row: Sequence[Array | None]) -> tuple[Array, ...]:
        assert row[0] is not None
        return (row[0].reshape(-1)[:PERIOD],) * 2

    few = replace(
        case,
        parameters=twice(case.parameters),
        hyperparameters=case.hyperparameters[:1] * 2,
        gradients=tuple(map(twice, case.gradients)),
    )
    ends = replace(seen, parameters=tuple(map(_ends, seen.parameters)))
    examined = inside_enclosure(few, context, trajectory=ends)
    violation = examined.violation
    if violation is None or not violation.step:
        return replace(examined, worst=replace(examined.worst, parameter=0))
    for i, array in enumerate(seen.parameters[violation.step - 1]):
        numbers = _reals(array)
        outside = np.flatnonzero(~((numbers >= violation.lo) & (numbers <= violation.hi)))
        there = outside[outside % _period(numbers, array) == violation.element]
        if there.size:
            return replace(examined, violation=replace(violation, parameter=i, element=int(there[0])))
    raise AssertionError("what is smallest or largest of a history stands somewhere")


def _ends(arrays: Sequence[Array]) -> tuple[Array, ...]:
    """The smallest and the largest of each number that these arrays repeat; NaN where there is one."""
    return tuple(
        as_dtype(ufunc.reduce([_end(ufunc, a) for a in arrays]), str(arrays[0].dtype))
        for ufunc in (np.minimum, np.maximum)
    )


def _end(ufunc: np.ufunc, array: Array) -> Array:
    numbers = _reals(array)
    period = _period(numbers, array)
    whole = numbers.size // period * period
    end: Array = ufunc.reduce(numbers[:whole].reshape(-1, period))
    rest = numbers[whole:]
    end[: rest.size] = ufunc(end[: rest.size], rest)
    return end


def _reals(array: Array) -> Array:
    """Its numbers, real and imaginary parts in turn."""
    return as_reals(checked_parameter(array)).reshape(-1)


def _period(numbers: Array, array: Array) -> int:
    """After how many of its numbers the histories of an array repeat."""
    return PERIOD * (numbers.size // array.size)
