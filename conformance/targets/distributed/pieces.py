"""What each rank holds of a parameter, gradient or moment, and the whole that it makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from adam_ref.arrays import Array
from conformance.case import Moments

MOMENTS = ("m", "v", "v_max")


class Piece(NamedTuple):
    """All of an array, or this rank's part of it along the first axis."""

    whole: bool
    array: Array


class Gathered:
    """Arrays put together of the pieces of all ranks.

    Args:
        what: what they are called in the sentences, as in "parameter".
        answers: for each rank, a piece or `None` for each array.

    Attributes:
        arrays: the wholes; `None` where no rank has anything.
        differences: in sentences, where ranks that should hold the same hold different numbers.

    """

    def __init__(self, what: str, answers: Sequence[Sequence[Piece | None]]) -> None:
        self.arrays: list[Array | None] = []
        self.differences: list[str] = []
        for i, pieces in enumerate(zip(*answers, strict=True)):
            held = {rank: piece for rank, piece in enumerate(pieces) if piece is not None}
            if held and all(piece.whole for piece in held.values()):
                self.arrays.append(self._agreed(f"{what} {i}", held))
            else:
                self.arrays.append(_joined([piece.array for piece in held.values()]))

    def _agreed(self, name: str, held: dict[int, Piece]) -> Array:
        (first, piece), *others = held.items()
        for rank, other in others:
            if not _same(piece.array, other.array):
                self.differences.append(f"rank {rank} holds another {name} than rank {first}")
        return piece.array


def _same(one: Array, other: Array) -> bool:
    """Whether two arrays have the same numbers, NaN being as good as NaN."""
    return one.shape == other.shape and one.dtype == other.dtype and bool(np.array_equal(one, other, equal_nan=True))


def _joined(parts: list[Array]) -> Array | None:
    """The parts one behind the other along the first axis."""
    filled = [part for part in parts if part.size] or parts
    return np.concatenate(filled) if filled else None


def gathered_moments(answers: Sequence[Sequence[dict[str, Any]]]) -> tuple[list[Moments], list[str]]:
    """The state of every parameter, of what each rank shows of it, and where ranks disagree."""
    names = {name: Gathered(f"{name} of parameter", _of(answers, name)) for name in MOMENTS}
    steps, said = [], [words for found in names.values() for words in found.differences]
    for i, those in enumerate(zip(*answers, strict=True)):
        counted = {rank: state["step"] for rank, state in enumerate(those) if state.get("step") is not None}
        steps.append(next(iter(counted.values()), None))
        if len(set(counted.values())) > 1:
            told = ", ".join(f"rank {rank} counts {count:g}" for rank, count in counted.items())
            said.append(f"the steps of parameter {i} are not the same on every rank: {told}")
    wholes = zip(*(names[name].arrays for name in MOMENTS), steps, strict=True)
    return [Moments(m, v, v_max, step) for m, v, v_max, step in wholes], said


def _of(answers: Sequence[Sequence[dict[str, Any]]], name: str) -> list[list[Piece | None]]:
    return [[state.get(name) for state in answer] for answer in answers]
