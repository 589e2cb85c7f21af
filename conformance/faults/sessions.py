"""Faults of sizes, layouts and sessions: elements left out, state that outlives its optimizer, results that vary."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from adam_ref.arrays import Array
from conformance.faults.adam import Adam, Step, common
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
fault(
    "elements-beyond-1024-dropped",
    "elements beyond number 1024 are not stepped, the size of a block",
    caught_by=SIZES,
    moved=_only(partial(_first, 1024)),
)


def _not_far_below(a: Adam, x: Step) -> Array:
    """v_hat, and in a large tensor no less of it than a ten-millionth of its mean."""
    v_hat = Adam.corrected_v(a, x)
    return np.maximum(v_hat, np.asarray(1e-7 * v_hat.mean()).astype(v_hat.dtype)) if v_hat.size >= 1000 else v_hat


fault(
    "mean-of-large-tensors-in-v",
    "in tensors of a thousand elements and more no v_hat is less than a ten-millionth of their mean",
    caught_by=SIZES,
    corrected_v=_not_far_below,
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


def _common_first_moment(a: Adam, x: Step) -> Array:
    held = common(a).get(str(x.slot.index), x.slot.m) if x.slot.t else x.slot.m
    if held.shape != x.g.shape or held.dtype != x.g.dtype:
        held = x.slot.m
    return x.beta1 * held + x.w1 * x.g


def _keep_in_common(a: Adam, x: Step) -> Array:
    common(a)[str(x.slot.index)] = x.m
    return x.m


fault(
    "moments-global",
    "the first moments live in a global table, by the parameter's place, where sessions overwrite one another's",
    caught_by=("purity.sessions",),
    first_moment=_common_first_moment,
    kept_m=_keep_in_common,
)


def _counted_in_common(a: Adam, x: Step) -> int:
    made = common(a).get("made", 0) + 1 if x.slot.t else 1
    common(a)["made"] = made
    return made


fault(
    "counter-global",
    "the counter is global, and sessions at work at once advance it together",
    caught_by=("purity.sessions",),
    counted=_counted_in_common,
)


def _ticks(a: Adam) -> int:
    """How often this was asked, whatever session asked: what varies from run to run, and is the same in every test."""
    common(a)["ticks"] = common(a).get("ticks", 0) + 1
    ticks: int = common(a)["ticks"]
    return ticks


fault(
    "noise",
    "results vary from run to run by up to a part in a thousand",
    caught_by=("purity.repeatable",),
    difference=lambda a, x: Adam.difference(a, x) * (1 + 1e-3 * (_ticks(a) % 7) / 7),
)
fault(
    "noise-in-the-last-bit",
    "the order of evaluation varies from run to run, and with it the last bit",
    caught_by=("purity.repeatable",),
    difference=lambda a, x: Adam.difference(a, x) if _ticks(a) % 7 else x.lr * x.m_hat / x.denominator,
)
fault(
    "rare-noise",
    "one step in forty-one is off by a tenth",
    "ordinary",
    difference=lambda a, x: Adam.difference(a, x) * (1.1 if _ticks(a) % 41 == 0 else 1),
)


def _either_order(x: Step, seed: int) -> Array:
    """The step, each element evaluated in one of two orders that are both right, as the seed has it."""
    first = np.random.default_rng(seed).random(x.m.shape) < 0.5
    return np.where(first, x.lr * (x.m_hat / x.denominator), x.lr * x.m_hat / x.denominator)


fault(
    "order-by-process",
    "the number of the process decides in which order each element is evaluated",
    caught_by=("purity.another-process",),
    difference=lambda _, x: _either_order(x, os.getpid()),
)
fault(
    "order-by-hash",
    "the hash of a name, which Python seeds anew for each process, decides in which order each element is evaluated",
    caught_by=("purity.another-process",),
    difference=lambda _, x: _either_order(x, hash("adam") % 2**32),
)
fault(
    "order-by-place-in-a-set",
    "the place of a parameter's name in a set decides in which order its elements are evaluated",
    caught_by=("purity.another-process",),
    difference=lambda a, x: _either_order(x, list({f"parameter {s.index}" for s in a.slots}).index(_name(x))),
)


def _name(x: Step) -> str:
    return f"parameter {x.slot.index}"


def _stale(a: Adam, gradients: Sequence[Array | None]) -> list[Array]:
    before = [a.shown(slot, slot.theta).astype(slot.dtype) for slot in a.slots]
    Adam.step(a, gradients)
    return before


fault("parameters-before-the-step", "what is returned are the parameters before the step", "ordinary", step=_stale)


def _still_writing(a: Adam, gradients: Sequence[Array | None]) -> list[Array]:
    after = Adam.step(a, gradients)

    def write() -> None:
        time.sleep(0.01)
        for array in after:
            array += 1

    threading.Thread(target=write, daemon=True).start()
    return after


fault(
    "still-writing",
    "a step returns before a thread of its own has written all parameters",
    caught_by=("purity.settled",),
    step=_still_writing,
)


def _quiet(a: Adam, gradients: Sequence[Array | None]) -> list[Array]:
    np.seterr(all="ignore")
    return Adam.step(a, gradients)


fault(
    "silences-numpy",
    "each step switches off NumPy's warnings for good",
    caught_by=("purity.process",),
    step=_quiet,
)


def _seeding(a: Adam, gradients: Sequence[Array | None]) -> list[Array]:
    np.random.seed(0)  # noqa: NPY002 (that is the fault)
    return Adam.step(a, gradients)


fault(
    "seeds-the-global-generator",
    "each step seeds NumPy's global random generator",
    caught_by=("purity.process",),
    step=_seeding,
)
