"""Faults of weight decay: which kind, when, by how much, and on what."""

from __future__ import annotations

import numpy as np

from adam_ref import ADAM
from adam_ref.arrays import Array
from conformance.faults.adam import Adam, Slot, Step, rounded_scalar
from conformance.faults.catalogue import Chapter

fault = Chapter("weight decay")
REGIME = "weight-decay"
DECOUPLED = ADAM.with_(weight_decay="decoupled")
ABSOLUTE = ADAM.with_(weight_decay="absolute")


def _coupled(_a: Adam, x: Step) -> Array:
    return x.g + x.decay * x.theta


def _none(_a: Adam, x: Step) -> Array:
    return x.g


def _unchanged(_a: Adam, x: Step) -> Array:
    return x.theta


def _scaled(_a: Adam, x: Step) -> Array:
    return x.theta * (1 - x.lr * x.decay)


fault(
    "small-decay-ignored",
    "decay by less than 1e-4 is taken for none",
    caught_by=("groups.weight-decay",),
    decay=lambda _, x: x.hyper.weight_decay if x.hyper.weight_decay >= 1e-4 else 0.0,
)
fault(
    "decay-coupled-where-decoupled-was-asked",
    "weight decay is added to the gradient where decoupled decay was declared",
    REGIME,
    stands_for=("FlagGems #4988", "keras #19051"),
    dialect=DECOUPLED,
    coupled_decay=_coupled,
    decoupled_decay=_unchanged,
)
fault(
    "decay-decoupled-where-coupled-was-asked",
    "weight decay multiplies the parameter where coupled decay was declared",
    REGIME,
    stands_for=("FlagGems #4988",),
    coupled_decay=_none,
    decoupled_decay=_scaled,
)
fault(
    "decay-not-scaled-by-lr",
    "decoupled decay is not multiplied by the learning rate",
    REGIME,
    stands_for=("tfa #2282",),
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta * (1 - x.decay),
)
fault(
    "decay-scaled-by-lr-twice",
    "decoupled decay is multiplied by the learning rate twice",
    REGIME,
    stands_for=("apex #1849",),
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta * (1 - x.lr * x.lr * x.decay),
)
fault(
    "absolute-decay-scaled-by-lr",
    "absolute decay is multiplied by the learning rate",
    REGIME,
    dialect=ABSOLUTE,
    decoupled_decay=_scaled,
)
fault(
    "decay-after-the-step",
    "decoupled decay is applied after the step, to the moved parameter",
    REGIME,
    stands_for=("bitsandbytes #2010", "transformers #14539"),
    dialect=DECOUPLED,
    decoupled_decay=_unchanged,
    moved=lambda a, x: Adam.moved(a, x) * (1 - x.lr * x.decay),
)
fault(
    "absolute-decay-after-the-step",
    "absolute decay is applied after the step, to the moved parameter",
    REGIME,
    dialect=ABSOLUTE,
    decoupled_decay=_unchanged,
    moved=lambda a, x: Adam.moved(a, x) * (1 - x.decay),
)
fault(
    "decay-added-to-m-hat",
    "coupled decay is added to m_hat, after the moments",
    REGIME,
    coupled_decay=_none,
    corrected_m=lambda a, x: Adam.corrected_m(a, x) + x.decay * x.theta,
)
fault(
    "decay-added-to-m",
    "coupled decay is added to m unweighted",
    REGIME,
    coupled_decay=_none,
    first_moment=lambda a, x: Adam.first_moment(a, x) + x.decay * x.theta,
)
fault(
    "decay-in-m-only",
    "coupled decay enters the first moment, and the second takes the bare gradient",
    REGIME,
    squared=lambda a, x: a.oriented(x) * 0 + (x.g - x.decay * x.theta) ** 2,
)
fault(
    "decay-in-v-only",
    "coupled decay enters the second moment, and the first takes the bare gradient",
    REGIME,
    first_moment=lambda _, x: x.beta1 * x.slot.m + x.w1 * (x.g - x.decay * x.theta),
)
fault(
    "decay-from-the-gradient",
    "weight decay multiplies the gradient instead of the parameter",
    REGIME,
    stands_for=("MXNet #8925",),
    coupled_decay=lambda _, x: x.g * (1 + x.decay),
)
fault(
    "decay-from-m",
    "weight decay takes the first moment for the parameter",
    REGIME,
    stands_for=("mlverse/torch #821",),
    coupled_decay=lambda _, x: x.g + x.decay * x.slot.m,
)
fault(
    "decoupled-decay-from-the-gradient",
    "decoupled decay subtracts lr*lambda*g",
    REGIME,
    stands_for=("mlverse/torch #821",),
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta - x.lr * x.decay * x.g,
)
fault(
    "decay-from-the-start",
    "weight decay takes the parameter as it was at the start of the session",
    REGIME,
    coupled_decay=lambda _, x: x.g + x.decay * x.slot.past.setdefault("start", x.theta),
)
fault(
    "decay-from-the-first-tensor",
    "weight decay takes the first tensor of the same size for the parameter",
    caught_by=("groups.weight-decay",),
    coupled_decay=lambda a, x: x.g + x.decay * _first_alike(a, x.slot),
)


def _first_alike(a: Adam, slot: Slot) -> Array:
    return next(s.theta for s in a.slots if s.theta.shape == slot.theta.shape)


fault("decay-ignored", "weight decay is ignored", REGIME, coupled_decay=_none)
fault(
    "decoupled-decay-ignored",
    "decoupled decay is ignored",
    REGIME,
    dialect=DECOUPLED,
    decoupled_decay=_unchanged,
)
fault(
    "decay-grows",
    "weight decay has the wrong sign, and the parameter grows",
    REGIME,
    coupled_decay=lambda _, x: x.g - x.decay * x.theta,
)
fault(
    "decoupled-decay-grows",
    "decoupled decay has the wrong sign, and the parameter grows",
    REGIME,
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta * (1 + x.lr * x.decay),
)
fault(
    "decay-of-the-sign",
    "weight decay adds lambda*sign(theta), the gradient of another norm",
    REGIME,
    coupled_decay=lambda _, x: x.g + x.decay * np.sign(x.theta),
)
fault(
    "decay-doubled",
    "weight decay adds 2*lambda*theta, the gradient of lambda*theta^2",
    REGIME,
    coupled_decay=lambda _, x: x.g + 2 * x.decay * x.theta,
)
fault(
    "decay-halved",
    "weight decay adds lambda*theta/2",
    REGIME,
    coupled_decay=lambda _, x: x.g + x.decay / 2 * x.theta,
)
fault(
    "decay-of-the-corrected-rate",
    "decoupled decay is scaled by the corrected step size lr*sqrt(c2)/c1",
    REGIME,
    dialect=DECOUPLED,
    decoupled_decay=lambda a, x: x.theta * (1 - x.lr * a.correction2(x) ** 0.5 / a.correction1(x) * x.decay),
)
fault(
    "decay-coupled-and-decoupled",
    "weight decay is applied both ways",
    REGIME,
    dialect=DECOUPLED,
    coupled_decay=_coupled,
)
fault(
    "decay-in-bfloat16",
    "1 - lr*lambda is rounded to bfloat16, where it is 1 or far off",
    REGIME,
    stands_for=("OneTrainer #996",),
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta * rounded_scalar(1 - x.lr * x.decay, "bfloat16"),
)
fault(
    "decay-in-float16",
    "1 - lr*lambda is rounded to float16",
    REGIME,
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta * rounded_scalar(1 - x.lr * x.decay, "float16"),
)
fault(
    "decay-off-by-1e-4",
    "the coefficient is one part in ten thousand too large",
    REGIME,
    decay=lambda _, x: x.hyper.weight_decay * (1 + 1e-4),
)
fault(
    "decay-compounded-exactly",
    "decoupled decay multiplies by exp(-lr*lambda)",
    REGIME,
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta * float(np.exp(-x.lr * x.decay)),
)
fault(
    "decay-divided",
    "decoupled decay divides by 1 + lr*lambda, the implicit form",
    REGIME,
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta / (1 + x.lr * x.decay),
)
fault(
    "decay-not-of-vectors",
    "1-d parameters are not decayed",
    REGIME,
    decay=lambda _, x: 0.0 if len(x.slot.shape) == 1 else x.hyper.weight_decay,
)
fault(
    "decay-not-of-scalars",
    "0-d parameters are not decayed",
    caught_by=("groups.weight-decay",),
    decay=lambda _, x: 0.0 if not x.slot.shape else x.hyper.weight_decay,
)
fault(
    "decay-not-of-matrices",
    "parameters of two dimensions or more are not decayed",
    caught_by=("groups.weight-decay",),
    decay=lambda _, x: 0.0 if len(x.slot.shape) > 1 else x.hyper.weight_decay,
)
fault(
    "decay-of-the-first-group",
    "all groups decay with the coefficient of the first",
    caught_by=("groups.weight-decay",),
    decay=lambda a, _x: a.slots[0].hyper.weight_decay,
)
fault(
    "decay-of-the-last-group",
    "all groups decay with the coefficient of the last",
    caught_by=("groups.weight-decay",),
    decay=lambda a, _x: a.slots[-1].hyper.weight_decay,
)
fault(
    "no-decay-no-step",
    "parameters without decay are not optimised where others have it",
    caught_by=("groups.weight-decay",),
    stands_for=("PaddleCustomDevice #1202",),
    difference=lambda a, x: (
        Adam.difference(a, x) * (1 if x.decay or not any(s.hyper.weight_decay for s in a.slots) else 0)
    ),
)


def _decays(_a: Adam, slot: Slot) -> None:
    slot.theta = (slot.theta * (1 - slot.lr * slot.hyper.weight_decay)).astype(slot.theta.dtype)


fault(
    "decay-without-a-gradient",
    "a parameter without a gradient is decayed all the same",
    caught_by=("groups.missing-gradients",),
    stands_for=("Muon #54",),
    dialect=DECOUPLED,
    without_gradient=_decays,
)
fault(
    "decay-with-the-initial-lr",
    "decoupled decay takes the learning rate of the constructor, whatever the scheduler says",
    "schedule",
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta * (1 - x.hyper.lr * x.decay),
)
fault(
    "decay-relative-to-the-initial-lr",
    "decoupled decay is scaled by lr over the initial lr",
    REGIME,
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta * (1 - x.lr / (x.hyper.lr or 1.0) * x.decay),
)
fault(
    "decay-at-the-first-step-only",
    "decoupled decay is applied once",
    REGIME,
    dialect=DECOUPLED,
    decay=lambda _, x: x.hyper.weight_decay if x.t == 1 else 0.0,
)

MAXIMIZE = "maximize"
fault("maximize-ignored", "maximize is ignored", MAXIMIZE, oriented=lambda _, x: x.g)
fault(
    "maximize-always",
    "the gradient changes its sign though maximize was not asked for",
    "ordinary",
    oriented=lambda _, x: -x.g,
)
fault(
    "maximize-turns-the-decay",
    "maximize changes the sign of the decay along with that of the gradient",
    MAXIMIZE,
    oriented=lambda _, x: x.g,
    coupled_decay=lambda a, x: (-1 if x.hyper.maximize else 1) * Adam.coupled_decay(a, x),
)
fault(
    "maximize-turns-lr",
    "maximize changes the sign of the learning rate, which makes coupled decay grow",
    MAXIMIZE,
    stands_for=("pytorch_optimizer #528",),
    oriented=lambda _, x: x.g,
    rate=lambda _, x: -x.slot.lr if x.hyper.maximize else x.slot.lr,
)
fault(
    "maximize-turns-lr-decoupled",
    "maximize changes the sign of the learning rate, which makes decoupled decay grow",
    MAXIMIZE,
    stands_for=("pytorch_optimizer #528",),
    dialect=DECOUPLED,
    oriented=lambda _, x: x.g,
    rate=lambda _, x: -x.slot.lr if x.hyper.maximize else x.slot.lr,
)
fault(
    "maximize-without-decay",
    "maximize leaves the decay out",
    MAXIMIZE,
    decay=lambda _, x: 0.0 if x.hyper.maximize else x.hyper.weight_decay,
)

fault(
    "decay-leaves-a-half",
    "decoupled decay leaves at least half of the parameter, however large its coefficient is",
    REGIME,
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta * max(1 - x.lr * x.decay, 0.5),
)
