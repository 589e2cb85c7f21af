"""Faults of AMSGrad: what the maximum is of, whether it is kept, and whether it is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adam_ref import ADAM
from conformance.case import Moments
from conformance.faults.adam import Adam, Slot, rounded
from conformance.faults.catalogue import Chapter

fault = Chapter("amsgrad")
REGIME = "amsgrad"
CORRECTED = ADAM.with_(amsgrad="corrected")

fault(
    "amsgrad-ignored",
    "AMSGrad is ignored",
    REGIME,
    stands_for=("bitsandbytes #1261",),
    corrected_v=lambda _, x: x.v / x.c2,
)
fault(
    "maximum-not-stored",
    "the maximum is used and not stored",
    REGIME,
    stands_for=("pytorch #78807",),
    kept_maximum=lambda _, x: x.slot.v_max,
)
fault(
    "maximum-forgotten-in-time",
    "the maximum begins anew after every five hundredth step",
    caught_by=("metamorphic.every-step",),
    kept_maximum=lambda _, x: x.v_max if x.t % 500 else np.zeros_like(x.v_max),
)
fault(
    "maximum-becomes-its-root",
    "the root is taken in place, so that the maximum holds its own root afterwards",
    REGIME,
    stands_for=("pytorch #4271",),
    kept_maximum=lambda _, x: np.sqrt(x.v_max),
)
fault(
    "maximum-of-the-corrected",
    "the maximum is taken of v_hat where that of v was declared",
    REGIME,
    stands_for=("pytorch #142323", "optax #1423"),
    maximum=lambda _, x: np.maximum(x.slot.v_max, x.v / x.c2),
    corrected_v=lambda _, x: x.v_max if x.hyper.amsgrad else x.v / x.c2,
)
fault(
    "maximum-of-the-raw",
    "the maximum is taken of v where that of v_hat was declared",
    REGIME,
    stands_for=("pytorch #142323", "optax #1423"),
    dialect=CORRECTED,
    maximum=lambda _, x: np.maximum(x.slot.v_max, x.v),
    corrected_v=lambda _, x: (x.v_max if x.hyper.amsgrad else x.v) / x.c2,
)
fault(
    "maximum-not-corrected",
    "the maximum of v is used without its correction",
    REGIME,
    corrected_v=lambda _, x: x.v_max if x.hyper.amsgrad else x.v / x.c2,
)
fault(
    "maximum-corrected-twice",
    "the maximum of v_hat is corrected once more",
    REGIME,
    dialect=CORRECTED,
    corrected_v=lambda _, x: (x.v_max if x.hyper.amsgrad else x.v) / x.c2,
)
fault(
    "maximum-of-the-square",
    "the maximum is taken of g^2",
    REGIME,
    maximum=lambda _, x: np.maximum(x.slot.v_max, x.square),
)
fault(
    "maximum-of-the-v-before",
    "the maximum is taken of the second moment of the step before",
    REGIME,
    maximum=lambda _, x: np.maximum(x.slot.v_max, x.slot.v),
)
fault(
    "maximum-as-minimum",
    "the minimum is kept from the second step on",
    REGIME,
    maximum=lambda _, x: np.minimum(x.slot.v_max, x.v) if x.slot.t else x.v,
)
fault(
    "maximum-kept-in-v",
    "the maximum replaces v itself",
    REGIME,
    kept_v=lambda _, x: np.maximum(x.v, x.slot.v) if x.hyper.amsgrad else x.v,
)
fault(
    "maximum-decays",
    "the maximum decays by beta2",
    REGIME,
    maximum=lambda _, x: np.maximum(x.beta2 * x.slot.v_max, x.v),
)
fault(
    "maximum-of-the-tensor",
    "all elements share one maximum",
    REGIME,
    maximum=lambda _, x: np.full_like(x.v, max(x.v.max(initial=0), x.slot.v_max.max(initial=0))),
)
fault(
    "maximum-from-the-second-step",
    "the first step does not enter the maximum",
    REGIME,
    kept_maximum=lambda _, x: x.v_max if x.t > 1 else x.slot.v_max,
)
fault(
    "maximum-in-bfloat16",
    "the maximum is stored in bfloat16",
    REGIME,
    kept_maximum=lambda _, x: rounded(x.v_max, "bfloat16"),
)
fault(
    "amsgrad-without-correction",
    "with AMSGrad neither moment is corrected, as in the paper that introduced it",
    REGIME,
    correction1=lambda a, x: 1.0 if x.hyper.amsgrad else Adam.correction1(a, x),
    correction2=lambda a, x: 1.0 if x.hyper.amsgrad else Adam.correction2(a, x),
)
fault(
    "amsgrad-without-epsilon",
    "with AMSGrad epsilon is left out",
    REGIME,
    divisor=lambda a, x: x.root if x.hyper.amsgrad else Adam.divisor(a, x),
)
fault(
    "amsgrad-always",
    "the maximum is used though AMSGrad was not asked for",
    "spike-then-decay",
    maximum=lambda _, x: np.maximum(x.slot.v_max, x.v),
    corrected_v=lambda _, x: x.v_max / x.c2,
)
fault(
    "maximum-epsilon-kept",
    "epsilon is added to the maximum itself, and stays there",
    REGIME,
    kept_maximum=lambda _, x: x.v_max + x.eps,
)
fault(
    "maximum-shown-as-its-root",
    "the state shows the root of the maximum; the update itself is right",
    caught_by=("state.maximum",),
    moments=lambda a, slot: _with_root(Adam.moments(a, slot)),
)


def _with_root(moments: Moments) -> Moments:
    return moments if moments.v_max is None else replace(moments, v_max=np.sqrt(moments.v_max))


def _restart_maximum(a: Adam, lr: float) -> None:
    Adam.set_lr(a, lr)
    for slot in a.slots:
        slot.v_max = 0 * slot.v_max


fault(
    "maximum-restarted-by-a-new-lr",
    "changing the learning rate starts the maximum again",
    "schedule",
    set_lr=_restart_maximum,
)


def _forget_maximum(_a: Adam, slot: Slot) -> None:
    slot.v_max = 0 * slot.v_max


fault(
    "maximum-lost-without-a-gradient",
    "a step without a gradient starts the maximum again",
    caught_by=("groups.missing-gradients",),
    without_gradient=_forget_maximum,
)
