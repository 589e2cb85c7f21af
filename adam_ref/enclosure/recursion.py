"""The enclosure: for every element and step an interval that contains each admissible floating-point evaluation.

`start` gives the boxes before the first step, `advance` those one step later.  What happens within a step is in
`adam_ref.enclosure.phases`.  Proof: theorem T15.  Words and reasons: specs/adam.md, chapter "enclosure".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from adam_ref.arrays import Array, as_reals, checked_gradient, checked_parameter
from adam_ref.dialect import ADAM, Dialect
from adam_ref.enclosure.interval import Interval
from adam_ref.enclosure.numerics import Numerics
from adam_ref.enclosure.phases import Boxes, step_of
from adam_ref.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class Enclosure:
    """Boxes for one parameter tensor after `t` steps, each of shape (n,), or (n, 2) if complex.

    `like` is the parameter that the enclosure was started from: it has the shape and the kind of all gradients.
    """

    t: int
    theta: Interval
    m: Interval
    v: Interval
    v_max: Interval
    like: Array


def start(parameter: Any, numerics: Numerics) -> Enclosure:
    """The enclosure before the first step: the parameter itself, moments exactly zero.

    Args:
        parameter: floating or complex array of any shape, holding numbers of the target's format.
        numerics: the formats and the accuracy class of the target.

    """
    theta = checked_parameter(parameter)
    reals = as_reals(theta)
    zeros = np.zeros(reals.shape)
    point, zero = (Interval.ball(values.astype(numerics.work), zeros) for values in (reals, zeros))
    return Enclosure(0, point, zero, zero, zero, theta)


def advance(
    enclosure: Enclosure, gradient: Any, hyper: Hyperparameters, numerics: Numerics, dialect: Dialect = ADAM
) -> Enclosure:
    """The enclosure one step later.

    Args:
        enclosure: what `start` or `advance` returned.
        gradient: array of the parameter's shape; NaN and infinity make their own element undecided.
        hyper: hyperparameters of this step.
        numerics: as given to `start`.
        dialect: the variant of Adam.

    """
    g = as_reals(checked_gradient(gradient, enclosure.like))
    t = enclosure.t + 1
    step = step_of(t, hyper, numerics, dialect)
    before = Boxes(enclosure.theta, enclosure.m, enclosure.v, enclosure.v_max)
    with np.errstate(all="ignore"):
        if len(g) <= BLOCK:
            after = step.boxes(before, g)
        else:
            parts = [slice(first, first + BLOCK) for first in range(0, len(g), BLOCK)]
            moving = 4 if hyper.amsgrad else 3
            pieces = (step.boxes(before.part(part), g[part])[:moving] for part in parts)
            after = Boxes(*_joined(len(g), parts, pieces), *before[moving:])
    return Enclosure(t, *after, enclosure.like)


BLOCK = 16384
"""Elements walked at a time: the temporaries of that many stay in a core's own cache."""


def _joined(n: int, parts: list[slice], pieces: Iterable[tuple[Interval, ...]]) -> list[Interval]:
    """The boxes of a whole tensor from those of its parts; an asymmetric part makes the whole box asymmetric."""
    whole: list[list[Array]] = []
    for part, piece in zip(parts, pieces, strict=True):
        if not whole:
            whole = [[np.empty((n, *a.shape[1:]), a.dtype) for a in (box.at, box.below)] for box in piece]
        for arrays, box in zip(whole, piece, strict=True):
            if len(arrays) == 2 and not box.symmetric:
                arrays.append(arrays[1].copy())
            for array, values in zip(arrays, (box.at, box.below, box.above), strict=False):
                array[part] = values
    return [Interval(arrays[0], arrays[1], arrays[-1]) for arrays in whole]
