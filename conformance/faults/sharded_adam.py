"""One correct Adam on several ranks in pieces, for faults that only an optimizer in several processes can have.

The ranks are sessions of `conformance.faults.adam.Adam` in this process, each with its shard of every flattened
parameter; what would be a collective is a method.  Each rank contributes a part of every gradient, and has a copy of
all parameters, which it is sent after each step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adam_ref import Dialect, Hyperparameters
from adam_ref.arrays import Array
from conformance.case import Moments
from conformance.faults.adam import EVERYTHING, Adam

RANKS = 2


class Sharded:
    """A session; every habit of the group of ranks is a method."""

    def __init__(self, parameters: Sequence[Array], hypers: Sequence[Hyperparameters], dialect: Dialect) -> None:
        self.shapes = [p.shape for p in parameters]
        shards = [self.shards(p) for p in parameters]
        self.ranks = [Adam([of[rank] for of in shards], hypers, dialect) for rank in range(RANKS)]
        self.copies = [list(parameters) for _ in range(RANKS)]

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """One step on every rank; returns what the first one has afterwards."""
        shards = [None if g is None else self.scattered(self.contributions(g)) for g in gradients]
        stepped = [self.stepped(rank, [None if of is None else of[rank] for of in shards]) for rank in range(RANKS)]
        for i, shape in enumerate(self.shapes):
            whole = self.gathered([of[i] for of in stepped], int(np.prod(shape))).reshape(shape)
            for rank in range(RANKS):
                self.copies[rank][i] = self.received(rank, i, whole)
        return [copy.copy() for copy in self.copies[0]]

    def bounds(self, size: int) -> list[tuple[int, int]]:
        """Where each rank's shard of so many elements begins and ends."""
        most = -(-size // RANKS)
        return [(min(rank * most, size), min((rank + 1) * most, size)) for rank in range(RANKS)]

    def shards(self, array: Array) -> list[Array]:
        """Each rank's part of an array."""
        line = array.reshape(-1)
        return [line[begin:end].copy() for begin, end in self.bounds(line.size)]

    def contributions(self, gradient: Array) -> list[Array]:
        """What each rank's part of the batch gives: the mean of all is the gradient."""
        mine = np.arange(gradient.size).reshape(gradient.shape) % RANKS
        return [np.where(mine == rank, gradient, np.copysign(0, gradient.real)) for rank in range(RANKS)]

    def scattered(self, contributions: list[Array]) -> list[Array]:
        """The gradient reduced over the ranks, each one's part of it."""
        total = contributions[0]
        for other in contributions[1:]:
            total = (total + other).astype(total.dtype)
        return self.shards(total)

    def stepped(self, rank: int, gradients: list[Array | None]) -> list[Array]:
        """A rank steps its shards."""
        return self.ranks[rank].step(gradients)

    def gathered(self, shards: list[Array], size: int) -> Array:
        """So many elements, each from the rank that has it."""
        whole = np.zeros(size, shards[0].dtype)
        for (begin, end), shard in zip(self.bounds(size), shards, strict=True):
            whole[begin:end] = shard
        return whole

    def received(self, rank: int, i: int, whole: Array) -> Array:  # noqa: ARG002
        """What a rank has of parameter `i` when all has been gathered."""
        return whole

    def set_lr(self, lr: float) -> None:
        """A new learning rate, on every rank."""
        for adam in self.ranks:
            adam.set_lr(lr)

    def fast_forward(self, steps: int) -> None:
        """As if so many steps with zero gradients had been made."""
        for adam in self.ranks:
            adam.fast_forward(steps)

    def state(self) -> list[Moments]:
        """The moments, gathered; the counter is the first rank's."""
        states = [adam.state() for adam in self.ranks]
        return [self.moments([of[i] for of in states], shape) for i, shape in enumerate(self.shapes)]

    def moments(self, parts: list[Moments], shape: tuple[int, ...]) -> Moments:
        """The state of one parameter, of what each rank has of it."""
        held = {name: [getattr(part, name) for part in parts] for name in ("m", "v", "v_max")}
        size = int(np.prod(shape))
        wholes = {k: self.gathered(a, size).reshape(shape) for k, a in held.items() if a[0] is not None}
        return Moments(**wholes, step=parts[0].step)

    def save(self) -> list[Any]:
        """Each rank's checkpoint."""
        return [adam.save() for adam in self.ranks]

    def load(self, saved: list[Any]) -> None:
        """Each rank goes on from its own."""
        for adam, own in zip(self.ranks, saved, strict=True):
            adam.load(own)

    def noticed(self) -> list[str]:
        """Where ranks have other parameters than the first one."""
        return [
            f"rank {rank} holds another parameter {i} than rank 0"
            for rank, copies in enumerate(self.copies)
            for i, (copy, first) in enumerate(zip(copies, self.copies[0], strict=True))
            if not np.array_equal(copy, first, equal_nan=True)
        ]


def sharded(name: str, pieces: Mapping[str, Callable[..., Any]]) -> type[Sharded]:
    """The correct one with some pieces replaced."""
    return type(name, (Sharded,), dict(pieces))


@dataclass
class InShards:
    """An Adam on several ranks as a target."""

    name: str
    optimizer: type[Sharded]
    dialect: Dialect

    def __post_init__(self) -> None:
        self.capabilities = replace(EVERYTHING, processes=True, memory=False)

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Sharded:
        """A session of its own."""
        return self.optimizer(parameters, hyperparameters, self.dialect)
