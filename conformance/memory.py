"""Where arrays lie in memory, and which of them overlap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from adam_ref.arrays import Array

Span = tuple[int, int]
"""The address at which the numbers of an array begin, and that behind the last of them."""


def span(array: Array) -> Span:
    """Where an array lies, whatever its strides."""
    begin: int = array.__array_interface__["data"][0]
    reach = [(length - 1) * stride for length, stride in zip(array.shape, array.strides, strict=True)]
    if not array.size:
        return begin, begin
    return begin + sum(r for r in reach if r < 0), begin + sum(r for r in reach if r > 0) + array.itemsize


def overlapping(held: Iterable[tuple[str, Span]]) -> list[str]:
    """A sentence for each two of what is held, by its name, of which the one begins before the other has ended."""
    listed = list(held)
    pairs = sorted(_overlaps([where for _, where in listed]))
    return [f"{listed[i][0]} and {listed[j][0]} share memory" for i, j in pairs]


def _overlaps(spans: list[Span]) -> Iterator[tuple[int, int]]:
    """Places of two spans, the smaller place first; of those that overlap, each with one that reaches furthest."""
    end, holder = 0, -1
    for (begins, ends), i in sorted((where, i) for i, where in enumerate(spans) if where[0] < where[1]):
        if begins < end:
            yield min(holder, i), max(holder, i)
        if ends > end:
            end, holder = ends, i
