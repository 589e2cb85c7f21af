"""Faults of the moments: what they are fed with, what they are kept in, and with whom they are shared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.case import Moments
from conformance.faults.adam import Adam, Slot, keep_in_place, rounded
from conformance.faults.catalogue import Chapter, Piece

fault = Chapter("moments")
ARRANGEMENT = ("metamorphic.arrangement",)

fault(
    "m-never-stored",
    "the first moment is computed and thrown away",
    "ordinary",
    stands_for=("rust-autograd #16",),
    kept_m=lambda _, x: x.slot.m,
)
fault(
    "v-never-stored",
    "the second moment is computed and thrown away",
    "ordinary",
    stands_for=("rust-autograd #16",),
    kept_v=lambda _, x: x.slot.v,
)
fault(
    "v-reset-in-time",
    "the second moment is set to zero at step 300",
    caught_by=("metamorphic.every-step",),
    kept_v=lambda _, x: np.zeros_like(x.v) if x.t == 300 else x.v,
)
fault(
    "m-of-what-is-maximized",
    "with maximize the first moment that the state shows is that of the gradient, and not of its negative",
    caught_by=("state.moments",),
    moments=lambda a, slot: _of_the_gradient(Adam.moments(a, slot), slot),
)


def _of_the_gradient(shown: Moments, slot: Slot) -> Moments:
    """What an ascent keeps, which adds its step."""
    assert shown.m is not None
    return replace(shown, m=-shown.m) if slot.hyper.maximize else shown


fault(
    "m-in-bfloat16",
    "the first moment is stored in bfloat16",
    "ordinary",
    kept_m=lambda _, x: rounded(x.m, "bfloat16"),
)
fault(
    "v-in-bfloat16",
    "the second moment is stored in bfloat16",
    "ordinary",
    kept_v=lambda _, x: rounded(x.v, "bfloat16"),
)
fault(
    "m-in-float16",
    "the first moment is stored in float16",
    "ordinary",
    kept_m=lambda _, x: rounded(x.m, "float16"),
)
fault(
    "v-in-float16",
    "the second moment is stored in float16, where small squares vanish",
    "mixed-scales",
    kept_v=lambda _, x: rounded(x.v, "float16"),
)
fault(
    "m-in-float32",
    "the first moment of a float64 parameter is stored in float32",
    "few-roundings",
    caught_by=("state.moments",),
    dtypes=("float64",),
    kept_m=lambda _, x: rounded(x.m, "float32"),
)
fault(
    "v-in-float32",
    "the second moment of a float64 parameter is stored in float32",
    "few-roundings",
    caught_by=("state.moments",),
    dtypes=("float64",),
    kept_v=lambda _, x: rounded(x.v, "float32"),
)
fault(
    "v-becomes-its-root",
    "the root is taken in place, so that v holds its own root afterwards",
    "ordinary",
    stands_for=("LaProp review",),
    kept_v=lambda _, x: x.root,
)


def _twin(a: Adam, parameter: Array, hyper: Hyperparameters) -> Slot:
    slot = Adam.new_slot(a, parameter, hyper)
    twin = next((s for s in a.slots if s.shape == slot.shape), None)
    return slot if twin is None else replace(slot, m=twin.m, v=twin.v)


fault(
    "moments-shared-by-equal-shapes",
    "parameters of one shape share their moments",
    caught_by=("groups.tensors", "purity.memory"),
    new_slot=_twin,
    keep=keep_in_place,
)


def _one_buffer(a: Adam, parameter: Array, hyper: Hyperparameters) -> Slot:
    slot = Adam.new_slot(a, parameter, hyper)
    return replace(slot, v=slot.m)


fault(
    "m-and-v-in-one-buffer",
    "both moments live in one buffer",
    "ordinary",
    caught_by=("update.ordinary", "purity.memory"),
    new_slot=_one_buffer,
    keep=keep_in_place,
)


def _starting(name: str, value: float) -> Piece:
    def new_slot(a: Adam, parameter: Array, hyper: Hyperparameters) -> Slot:
        slot = Adam.new_slot(a, parameter, hyper)
        getattr(slot, name)[...] = value
        return slot

    return new_slot


fault("m-starts-at-1", "the first moment starts at 1", "zeros-then-spike", new_slot=_starting("m", 1.0))
fault("v-starts-at-1", "the second moment starts at 1", "ordinary", new_slot=_starting("v", 1.0))
fault(
    "v-starts-at-1e-8",
    "the second moment starts at 1e-8, so that it is never zero",
    "near-epsilon",
    new_slot=_starting("v", 1e-8),
)
fault(
    "m-starts-as-the-gradient",
    "the first moment starts as the first gradient",
    "ordinary",
    first_moment=lambda a, x: x.g if x.slot.t == 0 else Adam.first_moment(a, x),
)
fault(
    "v-starts-as-the-square",
    "the second moment starts as the first square",
    "ordinary",
    second_moment=lambda a, x: x.square if x.slot.t == 0 else Adam.second_moment(a, x),
)
fault(
    "v-fed-with-the-parameter",
    "v takes the square of the parameter",
    "weight-decay",
    stands_for=("mlx-optimizers #43",),
    squared=lambda _, x: x.theta * x.theta,
)
fault("v-fed-with-abs", "v takes abs(g) instead of the square", "ordinary", squared=lambda _, x: np.abs(x.g))
fault("v-fed-unsquared", "v takes g instead of its square", "ordinary", squared=lambda _, x: x.g)
fault(
    "v-fed-with-m",
    "v takes the square of the first moment",
    "ordinary",
    second_moment=lambda _, x: x.beta2 * x.slot.v + x.w2 * x.m * x.m,
)
fault(
    "v-fed-with-g-times-m",
    "v takes g*m instead of the square",
    "ordinary",
    second_moment=lambda _, x: x.beta2 * x.slot.v + x.w2 * x.g * x.m,
)
fault(
    "v-fed-with-the-surprise",
    "v takes (g - m)^2, as AdaBelief does",
    "ordinary",
    second_moment=lambda _, x: x.beta2 * x.slot.v + x.w2 * (x.g - x.m) ** 2,
)
fault(
    "v-fed-with-the-last-gradient",
    "v takes the square of the gradient of the step before, from the second step on",
    "ordinary",
    squared=lambda _, x: x.slot.past.setdefault("g", [x.g]).append(x.g) or x.slot.past["g"][-2] ** 2,
)
fault(
    "v-fed-with-the-cube",
    "v takes abs(g)^3",
    "ordinary",
    squared=lambda _, x: np.abs(x.g) ** 3,
)
fault(
    "v-sums",
    "v is the sum of all squares, as in Adagrad",
    "ordinary",
    second_moment=lambda _, x: x.slot.v + x.w2 * x.square,
)
fault(
    "v-as-a-maximum",
    "v is the larger of beta2*v and g^2, as in AdaMax",
    "ordinary",
    second_moment=lambda _, x: np.maximum(x.beta2 * x.slot.v, x.square),
)
fault(
    "v-decays-towards-the-square",
    "v falls by (1-beta2)*sign(v - g^2)*g^2, as in Yogi",
    "ordinary",
    second_moment=lambda _, x: x.slot.v - x.w2 * np.sign(x.slot.v - x.square) * x.square,
)
fault(
    "v-of-the-whole-tensor",
    "all elements share the mean of v",
    "mixed-scales",
    squared=lambda _, x: np.full_like(x.g, np.mean(x.g * x.g)) if x.g.size else x.g,
)
fault(
    "v-of-its-row",
    "elements of one row share the mean of v",
    caught_by=("groups.tensors",),
    squared=lambda _, x: _row_mean(x.g * x.g, x.slot.shape),
)


def _row_mean(square: Array, shape: tuple[int, ...]) -> Array:
    if len(shape) < 2 or not square.size:
        return square
    rows = square.reshape(shape[0], -1)
    return np.repeat(rows.mean(axis=1).astype(square.dtype), rows.shape[1])


fault(
    "v-at-least-1e-12",
    "v is not let below 1e-12",
    "near-epsilon",
    second_moment=lambda a, x: np.maximum(Adam.second_moment(a, x), np.asarray(1e-12, x.g.dtype)),
)
fault(
    "v-at-most-1e4",
    "v is not let above 1e4",
    "mixed-scales",
    second_moment=lambda a, x: np.minimum(Adam.second_moment(a, x), np.asarray(1e4, x.g.dtype)),
)
fault("m-takes-abs", "the first moment takes abs(g)", "ordinary", gradient=lambda _, x: np.abs(x.given))
fault(
    "m-takes-sign",
    "the first moment takes sign(g)",
    "ordinary",
    first_moment=lambda _, x: x.beta1 * x.slot.m + x.w1 * np.sign(x.g),
)
fault(
    "m-sign-changed",
    "the first moment subtracts the gradient",
    "ordinary",
    first_moment=lambda _, x: x.beta1 * x.slot.m - x.w1 * x.g,
)
fault(
    "m-looks-ahead",
    "m_hat is beta1*m + (1-beta1)*g, as in NAdam",
    "ordinary",
    corrected_m=lambda _, x: (x.beta1 * x.m + x.w1 * x.g) / x.c1,
)
fault(
    "m-of-the-step-before",
    "the step uses the first moment of the step before",
    "ordinary",
    corrected_m=lambda _, x: x.slot.m / x.c1,
)
fault(
    "v-of-the-step-before",
    "the step uses the second moment of the step before",
    "ordinary",
    corrected_v=lambda _, x: x.slot.v / x.c2,
)
fault(
    "m-of-gradients-already-scaled",
    "the first moment takes g/sqrt(v), as in LaProp",
    "ordinary",
    first_moment=lambda _, x: x.beta1 * x.slot.m + x.w1 * x.g / (np.sqrt(x.beta2 * x.slot.v + x.w2 * x.square) + x.eps),
    difference=lambda _, x: x.lr * x.m_hat * x.c2**0.5,
)
fault(
    "moments-rest-on-zeros",
    "elements whose gradient is zero keep their moments, as in lazy Adam",
    "exact-zeros",
    first_moment=lambda a, x: np.where(x.g == 0, x.slot.m, Adam.first_moment(a, x)),
    second_moment=lambda a, x: np.where(x.g == 0, x.slot.v, Adam.second_moment(a, x)),
)
fault(
    "v-rests-on-zeros",
    "elements whose gradient is zero keep their second moment",
    "exact-zeros",
    second_moment=lambda a, x: np.where(x.g == 0, x.slot.v, Adam.second_moment(a, x)),
)
fault(
    "v-never-falls",
    "v keeps its maximum though AMSGrad was not asked for",
    "spike-then-decay",
    second_moment=lambda a, x: np.maximum(x.slot.v, Adam.second_moment(a, x)),
)
fault(
    "v-at-least-half-its-maximum",
    "v is not let below half of its largest value so far",
    "spike-then-decay",
    maximum=lambda _, x: np.maximum(x.slot.v_max, x.v),
    corrected_v=lambda a, x: Adam.corrected_v(a, x) if x.hyper.amsgrad else np.maximum(x.v, x.v_max / 2) / x.c2,
)
fault(
    "m-restarted-by-a-sign-change",
    "the first moment starts again where the gradient changes its sign",
    "alternating-signs",
    first_moment=lambda _, x: x.beta1 * np.where(x.slot.m * x.g < 0, 0, x.slot.m).astype(x.g.dtype) + x.w1 * x.g,
)

STATE = ("state.moments",)
fault(
    "state-shows-m-hat",
    "the state shows the corrected moments; the update itself is right",
    caught_by=STATE,
    moments=lambda a, s: Moments(*_corrected(a, s), None, s.t),
)
fault(
    "state-shows-the-root",
    "the state shows the root of v; the update itself is right",
    caught_by=STATE,
    moments=lambda a, s: Moments(a.shown(s, s.m), a.shown(s, np.sqrt(s.v)), None, s.t),
)
fault(
    "state-shows-m-and-v-swapped",
    "the state shows each moment under the other's name; the update itself is right",
    caught_by=STATE,
    moments=lambda a, s: Moments(a.shown(s, s.v), a.shown(s, s.m), None, s.t),
)
fault(
    "state-unweighted",
    "the state holds m without the factor 1 - beta1, which the step makes up for; the parameters are right",
    caught_by=STATE,
    weight1=lambda _, _x: 1.0,
    corrected_m=lambda _, x: x.m * (1 - x.beta1) / x.c1,
)
fault(
    "state-of-the-first-parameter",
    "the state shows the first parameter's moments for every parameter of its size; the update itself is right",
    caught_by=STATE,
    moments=lambda a, s: Adam.moments(
        a, s if a.slots[0].theta.size != s.theta.size else replace(a.slots[0], shape=s.shape)
    ),
)


def _corrected(a: Adam, s: Slot) -> tuple[Array, Array]:
    c1, c2 = (1 - b ** max(s.t, 1) for b in (s.hyper.beta1, s.hyper.beta2))
    return a.shown(s, s.m / c1), a.shown(s, s.v / c2)


def _factored(v: Array, shape: tuple[int, ...]) -> Array:
    """As Adafactor keeps it: the sums of rows and columns."""
    if len(shape) != 2 or min(shape) < 128:
        return v
    matrix = v.reshape(shape)
    outer: Array = matrix.mean(1, keepdims=True) * matrix.mean(0, keepdims=True) / np.maximum(matrix.mean(), 1e-37)
    return outer.astype(v.dtype).reshape(-1)


fault(
    "v-of-large-matrices-factored",
    "the second moment of matrices with sides from 128 on is kept as the sums of rows and columns",
    caught_by=ARRANGEMENT,
    corrected_v=lambda a, x: _factored(Adam.corrected_v(a, x), x.slot.shape),
)
fault(
    "v-shared-along-the-first-of-five-axes",
    "where there are five axes, the second moment is averaged along the first one",
    caught_by=ARRANGEMENT,
    corrected_v=lambda a, x: _averaged(Adam.corrected_v(a, x), x.slot.shape),
)


def _averaged(v: Array, shape: tuple[int, ...]) -> Array:
    if len(shape) != 5:
        return v
    tensor = v.reshape(shape)
    averaged: Array = np.broadcast_to(tensor.mean(0, keepdims=True), shape).reshape(-1)
    return averaged
