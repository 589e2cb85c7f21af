"""What a file of vectors holds, as plain values: the file, its tensors, and the vectors, one for each element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from adam_ref import Dialect, Format, Hyperparameters, named_dialect, named_format
from adam_ref.arrays import Array
from conformance.case import Case, dtype_named

SCHEMA = "adam-conformance/vectors/1"

THETA, M, V, V_MAX = "theta", "m", "v", "v_max"

Row = tuple[float, float, float, float]
"""`(LO, lo, hi, HI)`: in accuracy class A a number lies in [lo, hi], in A or B in [LO, HI]."""


class VectorError(ValueError):
    """A file of vectors that is not what it has to be; the message says where and what."""


@dataclass(frozen=True)
class Vector:
    """The history of one element, and where it must be after the steps that its tensor compares.

    Attributes:
        id: counted from 1 through the file.
        theta0: the parameter before the first step.
        gradients: one for each step, None where the tensor has none.
        flags: names of what is special about the history.
        rows: by quantity, a row for each compared step; None where nothing can be said (undecided).

    """

    id: int
    theta0: float
    gradients: tuple[float | None, ...]
    flags: tuple[str, ...] = ()
    rows: Mapping[str, tuple[Row | None, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Tensor:
    """One parameter tensor of one axis: its elements are vectors, which share everything else.

    Attributes:
        check: id of the check of the suite that the history is from.
        optimizer: number within the file; tensors with the same one are parameters of one optimizer, in this order.
        hyper: the hyperparameters; those of the first step where the learning rate changes.
        lr: the learning rate at each step; the last one stays in force.
        steps: how many there are.
        compared: the steps, counted from 1, after which there are rows.
        vectors: one for each element; a tensor may be empty.

    """

    check: str
    optimizer: int
    hyper: Hyperparameters
    lr: tuple[float, ...]
    steps: int
    compared: tuple[int, ...]
    vectors: tuple[Vector, ...]

    def case(self, fmt: Format) -> Case:
        """The tensor as a run to make."""
        dtype = dtype_named(fmt.name)

        def array(numbers: list[float]) -> Array:
            return np.array(numbers, dtype=np.float64).astype(dtype)

        rows = zip(*(v.gradients for v in self.vectors), strict=True)
        gradients = [None if row[0] is None else array([g for g in row if g is not None]) for row in rows]
        return Case(
            dtype=fmt.name,
            parameters=(array([v.theta0 for v in self.vectors]),),
            hyperparameters=(self.hyper,),
            gradients=tuple((g,) for g in gradients),
            lrs=self.lr if len(self.lr) > 1 else (),
        )

    def quantities(self, chapter: str) -> tuple[str, ...]:
        """What there are rows of."""
        if chapter != "state":
            return (THETA,)
        return (THETA, M, V, V_MAX) if self.hyper.amsgrad else (THETA, M, V)


@dataclass(frozen=True)
class VectorFile:
    """The vectors of one chapter of specs/adam.md, one dialect and one format."""

    chapter: str
    dialect_name: str
    format_name: str
    tensors: tuple[Tensor, ...]

    @property
    def path(self) -> str:
        """Where the file lies, from specs/vectors on."""
        return f"{self.chapter}/{self.dialect_name}-{self.format_name}.json"

    @property
    def dialect(self) -> Dialect:
        """The declared one."""
        return named_dialect(self.dialect_name)

    @property
    def format(self) -> Format:
        """Of parameters, gradients and moments."""
        return named_format(self.format_name)

    @property
    def vectors(self) -> tuple[Vector, ...]:
        """Of all tensors, in turn."""
        return tuple(v for tensor in self.tensors for v in tensor.vectors)

    @property
    def counts(self) -> tuple[int, int]:
        """How many rows there are that say something, and how many values are undecided."""
        rows = [row for vector in self.vectors for rows in vector.rows.values() for row in rows]
        undecided = rows.count(None)
        return len(rows) - undecided, undecided

    def with_tensors(self, tensors: tuple[Tensor, ...]) -> VectorFile:
        """The same file with other tensors."""
        return replace(self, tensors=tensors)
