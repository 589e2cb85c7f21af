"""Faults of stochastic rounding: wrong on average, drawn more than once, or not drawn from the seed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from adam_ref.arrays import Array
from conformance.faults.adam import Adam, Step
from conformance.faults.catalogue import Chapter

fault = partial(Chapter("stochastic rounding"), dtypes=("bfloat16", "float16"), claims={"stochastic_rounding": True})


def _drawn(a: Adam, size: Any) -> Array:
    assert a.random is not None
    return np.asarray(a.random.random(size))


# On average.

MEAN = ("stochastic.mean",)
fault(
    "either-neighbour-alike",
    "both neighbours are taken equally often, whichever is nearer",
    caught_by=MEAN,
    chosen=lambda a, _x, theta, below, above: np.where(_drawn(a, theta.shape) < 0.5, above, below),
)
fault(
    "to-nearest-where-at-random-is-claimed",
    "the nearer neighbour is taken, and steps of less than half a spacing are lost",
    caught_by=MEAN,
    chance=lambda _a, _x, theta: np.full(theta.shape, 0.5),
)
fault(
    "dither-of-half-the-width",
    "what is added before rounding to nearest is drawn from half a spacing",
    caught_by=MEAN,
    chance=lambda a, x, theta: 0.25 + Adam.chance(a, x, theta) / 2,
)
fault(
    "half-a-dither-before-truncation",
    "what is added before truncation is drawn from half a spacing",
    caught_by=MEAN,
    chance=lambda a, x, theta: 0.5 + Adam.chance(a, x, theta) / 2,
)
fault(
    "dither-of-twice-the-width",
    "what is added before rounding to nearest is drawn from two spacings, and leads beyond the neighbours",
    caught_by=MEAN,
    chosen=lambda a, x, theta, below, above: np.where(
        above > below,
        below + (above - below) * np.rint((theta - below) / (above - below) + 2 * Adam.chance(a, x, theta) - 1),
        below,
    ),
)
fault(
    "negatives-the-wrong-way",
    "of negative numbers the farther neighbour is the likelier one",
    caught_by=MEAN,
    chosen=lambda a, x, theta, below, above: Adam.chosen(
        a, x, np.where(theta < 0, above - (theta - below), theta), below, above
    ),
)


def _coarse_draws(a: Adam, x: Step, theta: Array) -> Array:
    return np.asarray(np.floor(4 * Adam.chance(a, x, theta)) / 4)


fault(
    "two-random-bits",
    "what is compared with the bits that are dropped has two random bits, and leans upwards by an eighth of a spacing",
    caught_by=MEAN,
    chance=_coarse_draws,
)

# Independence.

INDEPENDENCE = ("stochastic.independence",)
fault(
    "one-draw-for-all-elements",
    "one random number serves all elements of a tensor",
    caught_by=INDEPENDENCE,
    chance=lambda a, _x, theta: np.full(theta.shape, _drawn(a, None)),
)
fault(
    "one-draw-for-two-elements",
    "each random number serves two elements, side by side",
    caught_by=INDEPENDENCE,
    chance=lambda a, _x, theta: np.repeat(_drawn(a, (theta.size + 1) // 2), 2)[: theta.size],
)


def _one_row(a: Adam, x: Step, theta: Array) -> Array:
    row = x.slot.shape[-1] if x.slot.shape else 1
    return np.resize(_drawn(a, row), theta.shape)


fault(
    "one-draw-for-all-rows",
    "one row of random numbers is broadcast over the rows of a matrix",
    caught_by=INDEPENDENCE,
    chance=_one_row,
)


def _as_at_the_first_step(a: Adam, x: Step, theta: Array) -> Array:
    return np.asarray(x.slot.past.setdefault("drawn", _drawn(a, theta.shape)))


fault(
    "one-draw-for-all-steps",
    "a key that is not split: the random numbers of the first step serve every step",
    caught_by=INDEPENDENCE,
    chance=_as_at_the_first_step,
)


def _as_for_the_first_tensor(a: Adam, _x: Step, theta: Array) -> Array:
    past = a.slots[0].past
    if past.get("call") != a.calls:
        past.update(call=a.calls, drawn=_drawn(a, 1 << 12))
    return np.resize(past["drawn"], theta.shape)


fault(
    "one-draw-for-all-tensors",
    "a generator that is made anew for each tensor of a step gives all of them the same random numbers",
    caught_by=INDEPENDENCE,
    chance=_as_for_the_first_tensor,
)
fault(
    "drawn-from-a-seed-of-its-own",
    "the generator is made with the number of the step as its seed, and repeats itself in every run",
    caught_by=INDEPENDENCE,
    chance=lambda _a, x, theta: np.random.default_rng([x.t, x.slot.index]).random(theta.shape),
)
fault(
    "drawn-from-the-machine",
    "random numbers come from the machine, and no seed brings a run back",
    caught_by=("purity.repeatable",),
    chance=lambda _a, _x, theta: np.random.default_rng().random(theta.shape),
)
