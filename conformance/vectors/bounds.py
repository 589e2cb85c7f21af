"""The rows of a vector: the enclosure in both accuracy classes, its ends moved inward to numbers of the format.

What a target returns is a number of the format, so nothing is lost by it: such a number lies in the enclosure exactly
where it lies between the smallest and the largest number of the format that do.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from adam_ref import CLASS_A, CLASS_B, Dialect, Enclosure, Format, Interval, Numerics
from adam_ref.arrays import Array
from conformance.compare import enclosures
from conformance.vectors.model import Row, Tensor, VectorError

Rows = tuple[Row | None, ...]


def rows(tensor: Tensor, quantities: tuple[str, ...], dialect: Dialect, fmt: Format) -> list[dict[str, Rows]]:
    """For each vector the rows of each quantity, after each step that the tensor compares.

    Raises:
        VectorError: an enclosure without any number of the format, which would be a defect of ours.

    """
    found: list[dict[str, list[Row | None]]] = [{q: [] for q in quantities} for _ in tensor.vectors]
    if not tensor.vectors:
        return []
    for boxes in _compared(tensor, dialect, fmt):
        for quantity in quantities:
            both = [getattr(box, quantity) for box in boxes]
            for vector, row in zip(found, _rows(both, fmt), strict=True):
                vector[quantity].append(row)
    return [{q: tuple(kept) for q, kept in vector.items()} for vector in found]


def _compared(tensor: Tensor, dialect: Dialect, fmt: Format) -> Iterator[tuple[Enclosure, ...]]:
    """The boxes in class A and in class B after each step that is compared."""
    case = tensor.case(fmt)
    walks = [enclosures(case, 0, dialect, Numerics.uniform(fmt, accuracy)) for accuracy in (CLASS_A, CLASS_B)]
    for both in zip(*walks, strict=True):
        step = both[0][0]
        if step in tensor.compared:
            yield tuple(enclosure for _, enclosure, _ in both)


def _rows(boxes: list[Interval], fmt: Format) -> Iterator[Row | None]:
    """A row for each element.  What class A admits is admitted in B too, where the two differ by less than a cast."""
    (lo, hi), (lo_b, hi_b) = (_ends(box, fmt) for box in boxes)
    undecided = boxes[0].undecided | boxes[1].undecided
    least, most = np.minimum(lo, lo_b), np.maximum(hi, hi_b)
    for row, unknown in zip(zip(least, lo, hi, most, strict=True), undecided, strict=True):
        if unknown:
            yield None
            continue
        if not row[1] <= row[2]:
            raise VectorError(f"no number of {fmt.name} lies in the enclosure [{row[1]}, {row[2]}]")
        a, b, c, d = map(float, row)
        yield a, b, c, d


def _ends(box: Interval, fmt: Format) -> tuple[Array, Array]:
    """The smallest and the largest number of the format in each box, as float64."""
    with np.errstate(all="ignore"):
        return at_least(box.lo, fmt), -at_least(-box.hi, fmt)


def at_least(values: Array, fmt: Format) -> Array:
    """The smallest number of the format that is not below, as float64; `-inf` stays what it is."""
    exact = np.asarray(values, dtype=np.longdouble)
    exponent = np.maximum(np.frexp(exact)[1] - 1, fmt.min_exponent) - (fmt.precision - 1)
    up = np.ldexp(np.ceil(np.ldexp(exact, -exponent)), exponent).astype(np.float64)
    up = np.where(up > fmt.largest, np.inf, np.where(up < -fmt.largest, -fmt.largest, up))
    return np.where(np.isinf(exact), exact.astype(np.float64), up)
