"""Faults of an optimizer that several processes run together: shards, reductions, and what one rank alone does."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from adam_ref import ADAM
from adam_ref.arrays import Array
from conformance.faults.catalogue import Chapter
from conformance.faults.panel import Honest, enlist
from conformance.faults.sharded_adam import RANKS, InShards, Sharded

fault = partial(Chapter("sharding"), framework="ranks")
SIZES = ("metamorphic.arrangement",)

fault(
    "gradients-unreduced",
    "each rank steps its shard with its own contribution to the gradient",
    caught_by=("update.ordinary", "update.maximize"),
    scattered=lambda o, parts: [o.shards(part)[rank] for rank, part in enumerate(parts)],
)
fault(
    "gradients-summed",
    "gradients are summed over the ranks where they should be averaged",
    caught_by=("state.moments", "update.near-epsilon"),
    scattered=lambda o, parts: [shard * shard.dtype.type(RANKS) for shard in Sharded.scattered(o, parts)],
)
fault(
    "remainder-in-no-shard",
    "what is left over when the elements are divided among the ranks belongs to none of them",
    caught_by=SIZES,
    bounds=lambda _, size: [(rank * (size // RANKS), (rank + 1) * (size // RANKS)) for rank in range(RANKS)],
)


def _from_a_padded_buffer(o: Sharded, parts: list[Array]) -> list[Array]:
    """Rank's shards begin where they would if the size were a multiple of 4, and end in the padding."""
    total = np.concatenate(Sharded.scattered(o, parts))
    padded = np.concatenate([total, np.zeros(-total.size % 4, total.dtype)])
    most = padded.size // RANKS
    return [padded[rank * most :][: end - begin] for rank, (begin, end) in enumerate(o.bounds(total.size))]


fault(
    "padding-in-the-shards",
    "gradients are scattered from a buffer that is padded, and parameters are not: shards are shifted by the padding",
    caught_by=SIZES,
    scattered=_from_a_padded_buffer,
)


def _without_idle_ranks(o: Sharded, rank: int, gradients: list[Array | None]) -> list[Array]:
    """A rank whose shards have nothing but zeros for gradients leaves the step out."""
    if any(g is not None and g.any() for g in gradients):
        return Sharded.stepped(o, rank, gradients)
    return [slot.theta.astype(slot.dtype) for slot in o.ranks[rank].slots]


fault(
    "idle-ranks-do-not-count",
    "a rank whose shards have only zeros for gradients makes no step, and counts none",
    caught_by=("update.exact-zeros", "state.counter"),
    stepped=_without_idle_ranks,
)


def _unless_one_is_missing(o: Sharded, rank: int, gradients: list[Array | None]) -> list[Array]:
    """The last rank leaves the step out where one of its shards has no gradient."""
    if rank == RANKS - 1 and any(g is None for g in gradients):
        gradients = [None for _ in gradients]
    return Sharded.stepped(o, rank, gradients)


fault(
    "one-rank-skips",
    "one rank leaves the whole step out where one of its shards has no gradient",
    caught_by=("groups.missing-gradients", "processes.agree"),
    stepped=_unless_one_is_missing,
)


def _its_own_steps(o: Sharded, rank: int, gradients: list[Array | None]) -> list[Array]:
    """The counters of a rank are all set to the number of steps that it was asked for."""
    adam = o.ranks[rank]
    for slot in adam.slots:
        slot.t = adam.calls
    return Sharded.stepped(o, rank, gradients)


fault(
    "rank-counts-for-all",
    "each rank counts its own steps, and corrects all its shards by that number",
    caught_by=("groups.missing-gradients", "metamorphic.resume"),
    stepped=_its_own_steps,
)


def _of_the_next_rank(o: Sharded, saved: list[Any]) -> None:
    """Ranks load what the next one saved, where it has as many elements."""
    for adam, own, other in zip(o.ranks, saved, saved[1:] + saved[:1], strict=True):
        fits = all(one["m"].size == another["m"].size for one, another in zip(own, other, strict=True))
        adam.load(other if fits else own)


fault(
    "state-of-another-rank",
    "a checkpoint is loaded by the rank beside the one that saved it",
    caught_by=("metamorphic.resume",),
    load=_of_the_next_rank,
)
fault(
    "schedule-on-the-first-rank",
    "a new learning rate reaches the first rank only",
    caught_by=("update.schedule",),
    set_lr=lambda o, lr: o.ranks[0].set_lr(lr),
)
fault(
    "moments-of-the-first-rank",
    "what is shown of the moments is the first rank's, in the place of every other's too",
    caught_by=("state.moments",),
    moments=lambda o, parts, shape: Sharded.moments(o, parts[:1] * RANKS if _even(parts) else parts, shape),
)


def _even(parts: list[Any]) -> bool:
    return all(part.m.size == parts[0].m.size for part in parts)


fault(
    "ranks-drift-apart",
    "the last rank keeps parameters of its own, and is not sent what the others have made of theirs",
    caught_by=("processes.agree",),
    received=lambda o, rank, i, whole: o.copies[rank][i] if rank == RANKS - 1 else whole,
)

enlist(
    Honest(
        "in-shards",
        "the correct Adam on two ranks, each with its shard of every parameter",
        lambda: InShards("conformance.faults:HonestForm?form=in-shards", Sharded, ADAM),
        dtypes=("float32", "float64", "bfloat16", "float16", "complex64", "complex128"),
    )
)
