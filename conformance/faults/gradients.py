"""Faults of gradients: clipped, averaged, repaired, mixed between elements, or changed behind the caller's back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adam_ref.arrays import Array
from conformance.faults.adam import Adam, Slot, Step, rounded
from conformance.faults.catalogue import Chapter, Piece

fault = Chapter("gradients")
PURE = ("purity.gradients",)
SPOILT = ("special.not-a-number",)

fault(
    "gradient-clipped-by-value",
    "gradients are clipped to [-1, 1]",
    "ordinary",
    gradient=lambda a, x: np.clip(Adam.gradient(a, x), -1, 1),
)
fault(
    "gradient-clipped-at-100",
    "gradients are clipped to [-100, 100]",
    "mixed-scales",
    gradient=lambda a, x: np.clip(Adam.gradient(a, x), -100, 100),
)
fault(
    "gradient-clipped-by-norm",
    "gradients are scaled down to a norm of 1",
    "ordinary",
    gradient=lambda a, x: _of_norm_at_most(Adam.gradient(a, x), 1.0),
)


def _of_norm_at_most(g: Array, most: float) -> Array:
    return g / max(1.0, float(np.linalg.norm(g.astype(np.float64))) / most)


fault(
    "gradient-normalised",
    "gradients are divided by their norm",
    "ordinary",
    gradient=lambda a, x: Adam.gradient(a, x) / (float(np.linalg.norm(x.given.astype(np.float64))) or 1.0),
)
fault(
    "gradient-centred",
    "the mean over the tensor is subtracted from gradients",
    "ordinary",
    gradient=lambda a, x: Adam.gradient(a, x) - (x.given.mean() if x.given.size else 0),
)
fault(
    "gradient-averaged",
    "every element takes the mean of the gradient",
    "ordinary",
    gradient=lambda a, x: np.full_like(Adam.gradient(a, x), x.given.mean() if x.given.size else 0),
)
fault(
    "gradient-divided-by-the-tensors",
    "gradients are divided by the number of tensors, which only eps and decay can tell",
    caught_by=("groups.hyperparameters",),
    gradient=lambda a, x: Adam.gradient(a, x) / len(a.slots),
)
fault(
    "gradient-doubled",
    "gradients are taken twice, which only eps and decay can tell",
    "near-epsilon",
    gradient=lambda a, x: 2 * Adam.gradient(a, x),
)
fault(
    "gradient-accumulates",
    "gradients are added up over the steps, never set to zero",
    "ordinary",
    gradient=lambda a, x: x.slot.past.update(sum=x.slot.past.get("sum", 0) + Adam.gradient(a, x)) or x.slot.past["sum"],
)
fault(
    "gradient-of-the-step-before",
    "from the second step on the gradient of the step before is used",
    "ordinary",
    gradient=lambda _, x: x.slot.past.setdefault("g", [x.given]).append(x.given) or x.slot.past["g"][-2],
)
fault(
    "gradient-seen-before",
    "a gradient equal to the one before is taken for a stale one, and not stepped",
    "constant",
    paired=lambda a, gradients: [(s, g) for s, g in Adam.paired(a, gradients) if not _seen_before(s, g)],
)


def _seen_before(slot: Slot, gradient: Array | None) -> bool:
    return gradient is not None and slot.given is not None and np.array_equal(slot.given, gradient.reshape(-1))


fault(
    "gradient-in-bfloat16",
    "gradients are rounded to bfloat16",
    "ordinary",
    gradient=lambda a, x: rounded(Adam.gradient(a, x), "bfloat16"),
)
fault(
    "gradient-in-float16",
    "gradients are rounded to float16",
    "mixed-scales",
    gradient=lambda a, x: rounded(Adam.gradient(a, x), "float16"),
)
fault(
    "gradient-in-float32",
    "gradients of a float64 parameter are rounded to float32",
    "few-roundings",
    dtypes=("float64",),
    gradient=lambda a, x: rounded(Adam.gradient(a, x), "float32"),
)

fault(
    "gradient-as-text",
    "gradients go through a text of seven digits, which float32 hardly notices",
    caught_by=("metamorphic.gradient-scale",),
    dtypes=("float32",),
    gradient=lambda _, x: np.array([float(f"{g:.7g}") for g in x.given.tolist()], x.slot.m.dtype),
)
fault(
    "gradient-scale-kept",
    "gradients stay multiplied by 1024, a loss scale that was never taken out",
    "near-epsilon",
    gradient=lambda a, x: 1024 * Adam.gradient(a, x),
)
fault(
    "gradient-shifted",
    "every element takes its neighbour's gradient",
    "ordinary",
    gradient=lambda a, x: np.roll(Adam.gradient(a, x), 1),
)
fault(
    "gradient-neighbours-leak",
    "a millionth of the neighbour's gradient leaks into each element",
    "mixed-scales",
    gradient=lambda a, x: Adam.gradient(a, x) + 1e-6 * np.roll(Adam.gradient(a, x), 1),
)
fault(
    "gradient-noise",
    "gradients carry a relative noise of 1e-3",
    "ordinary",
    gradient=lambda a, x: (Adam.gradient(a, x) * (1 + 1e-3 * np.sin(np.arange(x.given.size) + x.t))).astype(
        x.slot.m.dtype
    ),
)

fault("nan-swallowed", "NaN in a gradient is replaced by zero", caught_by=SPOILT, gradient=lambda a, x: _cleaned(a, x))


def _cleaned(a: Adam, x: Step) -> Array:
    g = Adam.gradient(a, x)
    return np.where(np.isnan(g), 0, g).astype(g.dtype)


fault(
    "nan-and-infinity-swallowed",
    "NaN becomes zero, and infinity the largest number",
    caught_by=SPOILT,
    gradient=lambda a, x: np.nan_to_num(Adam.gradient(a, x)),
)
fault(
    "nan-step-swallowed",
    "a step that is not a number is taken for none",
    caught_by=SPOILT,
    difference=lambda a, x: np.nan_to_num(Adam.difference(a, x), posinf=0.0, neginf=0.0),
)
fault(
    "infinity-clipped",
    "an infinite gradient is cut to the largest number",
    caught_by=SPOILT,
    gradient=lambda a, x: _finite(Adam.gradient(a, x)),
)


def _finite(g: Array) -> Array:
    return np.clip(g, np.finfo(g.dtype).min, np.finfo(g.dtype).max)


fault(
    "nan-spreads",
    "one NaN makes the whole tensor NaN",
    caught_by=SPOILT,
    gradient=lambda a, x: Adam.gradient(a, x) + 0 * x.given.sum(),
)
fault(
    "nan-stops-the-step",
    "nothing is stepped where any gradient is not finite",
    caught_by=SPOILT,
    paired=lambda a, gradients: (
        [] if any(g is not None and not np.isfinite(g).all() for g in gradients) else Adam.paired(a, gradients)
    ),
)
fault(
    "zero-gradient-stops-the-step",
    "a gradient that is zero throughout is taken for a missing one",
    "beyond-2048",
    paired=lambda a, gradients: [(s, g) for s, g in Adam.paired(a, gradients) if g is not None and g.any()],
)


def _in_place(change: Callable[[Step], object]) -> Piece:
    """A piece that changes the caller's gradient and takes what it has become."""

    def piece(_a: Adam, x: Step) -> Array:
        change(x)
        return Adam.gradient(_a, x)

    return piece


fault(
    "gradient-negated-in-place",
    "maximize changes the sign of the caller's gradient",
    caught_by=PURE,
    stands_for=("MXNet #15759",),
    oriented=_in_place(lambda x: x.hyper.maximize and np.negative(x.given, out=x.given)),
)
fault(
    "gradient-decayed-in-place",
    "weight decay is added to the caller's gradient",
    caught_by=PURE,
    stands_for=("MXNet #15759", "pytorch #12107"),
    coupled_decay=_in_place(lambda x: np.copyto(x.given, (x.g + x.decay * x.theta).astype(x.given.dtype))),
)
fault(
    "gradient-zeroed-after-use",
    "the caller's gradient is set to zero after the step",
    caught_by=PURE,
    kept_m=lambda _, x: (x.m, x.given.fill(0))[0],
)
fault(
    "gradient-squared-in-place",
    "the caller's gradient is overwritten by its square",
    caught_by=PURE,
    second_moment=lambda a, x: (Adam.second_moment(a, x), np.square(x.given, out=x.given))[0],
)
fault(
    "gradient-becomes-m",
    "the first gradient's buffer becomes the first moment",
    caught_by=("purity.memory",),
    kept_m=lambda _, x: _overwritten(x.given, x.m) if x.t == 1 else x.m,
)


def _overwritten(buffer: Array, values: Array) -> Array:
    if buffer.dtype != values.dtype:
        return values
    buffer[...] = values
    return buffer


fault(
    "complex-square-unconjugated",
    "the square of a complex gradient is g*g instead of that of its parts",
    "ordinary",
    stands_for=("pytorch #59998",),
    dtypes=("complex64",),
    squared=lambda _, x: _complex_square(x),
)


def _complex_square(x: Step) -> Array:
    """The sizes of the parts of g*g, so that the root exists."""
    if x.slot.dtype.kind != "c":
        return x.g * x.g
    pairs = x.g.reshape(-1, 2)
    product = np.stack([pairs[:, 0] ** 2 - pairs[:, 1] ** 2, 2 * pairs[:, 0] * pairs[:, 1]], axis=1)
    parts: Array = np.abs(product).reshape(-1)
    return parts


fault(
    "complex-square-of-the-modulus",
    "both parts of a complex gradient use abs(g)^2 where each its own square was declared",
    "ordinary",
    dtypes=("complex64",),
    squared=lambda _, x: (
        np.repeat(np.sum(x.g.reshape(-1, 2) ** 2, axis=1), 2) if x.slot.dtype.kind == "c" else x.g * x.g
    ),
)
fault(
    "imaginary-part-lost",
    "the imaginary part of a complex gradient is dropped",
    "ordinary",
    dtypes=("complex64",),
    gradient=lambda a, x: _real_only(Adam.gradient(a, x)) if x.slot.dtype.kind == "c" else Adam.gradient(a, x),
)


def _real_only(g: Array) -> Array:
    return np.where(np.arange(g.size) % 2, 0, g).astype(g.dtype)


def _transposed(gradient: Array, shape: tuple[int, ...]) -> Array:
    square = len(shape) == 2 and shape[0] == shape[1] >= 32
    return gradient.reshape(shape).T.reshape(-1) if square else gradient


fault(
    "gradient-of-large-squares-transposed",
    "square matrices with sides from 32 on take their gradient transposed, as a kernel does that confuses its tiles",
    caught_by=("metamorphic.arrangement",),
    gradient=lambda a, x: _transposed(Adam.gradient(a, x), x.slot.shape),
)
fault(
    "rows-end-at-1024",
    "of each row that is no multiple of 1,024 the remainder is not stepped",
    caught_by=("metamorphic.arrangement",),
    moved=lambda a, x: np.where(_in_whole_blocks(x.slot.shape, 1024), Adam.moved(a, x), x.theta),
)


def _in_whole_blocks(shape: tuple[int, ...], block: int) -> Array:
    """The columns of a matrix whose rows are longer than a block, up to the last whole one; of others all."""
    columns = shape[1] if len(shape) == 2 else 0
    row = np.arange(columns) < columns // block * block
    return np.tile(row, shape[0]) if columns > block else np.array(True)
