"""Faults of sizes, layouts and sessions: elements left out, state that outlives its optimizer, results that vary."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from adam_ref.arrays import Array
from conformance.faults.adam import Adam, Step
from conformance.faults.catalogue import Chapter, Piece

fault = Chapter("sizes and sessions")
SIZES = ("metamorphic.arrangement",)


def _only(keep: Callable[[int], Array]) -> Piece:
    """The parameter moved only where `keep(size)` is true."""

    def moved(a: Adam, x: Step) -> Array:
        return np.where(keep(x.theta.size), Adam.moved(a, x), x.theta)

    return moved


def _whole_blocks(width: int, size: int) -> Array:
    return np.arange(size) < size // width * width


def _first(most: int, size: int) -> Array:
    return np.arange(size) < most


for width in (2, 4, 8, 16):
    fault(
        f"tail-of-{width}-dropped",
        f"the elements beyond the last multiple of {width} are not stepped",
        caught_by=SIZES,
        stands_for=("ColossalAI #633", "lightseq #98") if width == 8 else (),
        moved=_only(partial(_whole_blocks, width)),
    )
fault(
    "last-element-dropped",
    "the last element of a tensor of more than one is not stepped",
    caught_by=SIZES,
    moved=_only(lambda n: np.arange(n) < max(n - 1, 1)),
)
fault(
    "first-element-dropped",
    "the first element of a tensor of more than one is not stepped",
    caught_by=SIZES,
    moved=_only(lambda n: np.arange(n) >= min(n - 1, 1)),
)
fault(
    "elements-beyond-64-dropped",
    "elements beyond the sixty-fourth are not stepped",
    caught_by=SIZES,
    moved=_only(partial(_first, 64)),
)
for limit in (1024, 65536):
    fault(
        f"elements-beyond-{limit}-dropped",
        f"elements beyond number {limit} are not stepped, the size of a block",
        caught_by=("sizes.large",),
        moved=_only(partial(_first, limit)),
    )
fault(
    "tail-stepped-twice",
    "the elements beyond the last multiple of 8 are stepped once with the others and once more by themselves",
    caught_by=SIZES,
    moved=lambda a, x: Adam.moved(a, x) - np.where(np.arange(x.theta.size) >= x.theta.size // 8 * 8, x.change, 0),
)
fault(
    "columns-for-rows",
    "the gradient of a matrix is read in column order",
    caught_by=("groups.tensors",),
    stands_for=("pytorch #118115",),
    gradient=lambda a, x: _by_columns(Adam.gradient(a, x), x.slot.shape),
)


def _by_columns(g: Array, shape: tuple[int, ...]) -> Array:
    return np.ravel(g.reshape(shape), order="F") if len(shape) > 1 and g.size == np.prod(shape) else g


_KEPT: dict[int, tuple[Array, Array]] = {}


fault(
    "moments-global",
    "the moments live in a table of the module, by the parameter's place, and sessions overwrite one another's",
    caught_by=("purity.sessions",),
    first_moment=lambda a, x: _table_first_moment(a, x),
    kept_m=lambda _, x: _put(x),
)


def _put(x: Step) -> Array:
    _KEPT[x.slot.index] = (x.m, x.v)
    return x.m


def _table_first_moment(_a: Adam, x: Step) -> Array:
    held = _KEPT.get(x.slot.index, (x.slot.m, x.slot.v))[0] if x.slot.t else x.slot.m
    if held.shape != x.g.shape or held.dtype != x.g.dtype:
        held = x.slot.m
    return x.beta1 * held + x.w1 * x.g


_STEPS = {"made": 0}


def _count_globally(_a: Adam, x: Step) -> int:
    _STEPS["made"] = _STEPS["made"] + 1 if x.slot.t else 1
    return _STEPS["made"]


fault(
    "counter-global",
    "the counter belongs to the module, and sessions at work at once advance it together",
    caught_by=("purity.sessions",),
    counted=_count_globally,
)

_NOISE = itertools.count(1)
fault(
    "noise",
    "results vary from run to run by a part in a thousand",
    caught_by=("purity.repeatable",),
    difference=lambda a, x: Adam.difference(a, x) * (1 + 1e-3 * (next(_NOISE) % 7) / 7),
)
fault(
    "noise-in-the-last-bit",
    "the order of evaluation varies from run to run, and with it the last bit",
    caught_by=("purity.repeatable",),
    difference=lambda a, x: Adam.difference(a, x) if next(_NOISE) % 3 else x.lr * x.m_hat / x.denominator,
)
fault(
    "rare-noise",
    "one step in a hundred and one is off by a tenth",
    caught_by=("purity.repeatable",),
    difference=lambda a, x: Adam.difference(a, x) * (1.1 if next(_NOISE) % 101 == 0 else 1),
)


def _stale(a: Adam, gradients: Sequence[Array | None]) -> list[Array]:
    before = [a.shown(slot, slot.theta).astype(slot.dtype) for slot in a.slots]
    Adam.step(a, gradients)
    return before


fault("parameters-before-the-step", "what is returned are the parameters before the step", "ordinary", step=_stale)
