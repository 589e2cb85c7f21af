"""Faults of the step counter: whose it is, when it advances, and how far it reaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adam_ref.arrays import Array
from conformance.case import Moments
from conformance.faults.adam import Adam, Slot, Step
from conformance.faults.catalogue import Chapter

fault = Chapter("step counter")
MISSING = "groups.missing-gradients"

fault(
    "counter-in-bfloat16",
    "the counter is kept in bfloat16 and stops at 256",
    "beyond-256",
    stands_for=("torchao #4915",),
    counted=lambda _, x: min(x.slot.t + 1, 256),
)
fault(
    "counter-in-float16",
    "the counter is kept in float16 and stops at 2048",
    "beyond-2048",
    stands_for=("DeepSpeed #8496",),
    counted=lambda _, x: min(x.slot.t + 1, 2048),
)
fault(
    "counter-in-8-bits",
    "the counter is an unsigned byte and wraps to 0 after 255 (where it begins again with 1)",
    "beyond-256",
    counted=lambda _, x: x.slot.t % 255 + 1,
)
fault(
    "counter-in-signed-8-bits",
    "the counter is a signed byte and goes from 127 to -128",
    "beyond-256",
    counted=lambda _, x: (x.slot.t + 1 + 128) % 256 - 128 or 1,
)
fault(
    "counter-stops-at-1000",
    "the counter stops at a thousand",
    "beyond-2048",
    counted=lambda _, x: min(x.slot.t + 1, 1000),
)
fault(
    "counter-of-the-calls",
    "one counter of the calls serves all parameters, so that a late first gradient is corrected too little",
    caught_by=(MISSING,),
    stands_for=("InfiniTrain #235",),
    counted=lambda a, _x: a.calls,
)
fault(
    "counter-advanced-per-parameter",
    "one counter serves all parameters, and every parameter advances it",
    caught_by=("groups.tensors",),
    stands_for=("flashlight #143", "DiffSharp #292", "dynet #77"),
    counted=lambda a, _x: a.updates,
)
fault(
    "counter-of-the-first-parameter",
    "all parameters are corrected with the count of the first",
    caught_by=(MISSING,),
    counted=lambda a, x: x.slot.t + 1 if x.slot.index == 0 else a.slots[0].t,
)
fault(
    "counter-of-the-most-advanced",
    "all parameters are corrected with the largest count among them",
    caught_by=(MISSING,),
    stands_for=("DeepSpeed #8471",),
    counted=lambda a, x: max([x.slot.t + 1, *(s.t for s in a.slots[: x.slot.index])]),
)
fault(
    "counter-frozen",
    "the counter stays at 1, as in a captured graph",
    "constant",
    stands_for=("pytorch #76368", "OLMo-core #309"),
    counted=lambda _, _x: 1,
)
fault(
    "counter-by-two",
    "the counter advances by two",
    "constant",
    counted=lambda _, x: x.slot.t + 2 if x.slot.t else 1,
)
fault(
    "counter-every-other-step",
    "the counter advances with every second step only",
    "constant",
    counted=lambda a, _x: (a.calls + 1) // 2,
)
fault(
    "counter-read-as-float-bits",
    "the bits of the integer counter are read as a float, which is as good as 0",
    "constant",
    stands_for=("AiDotNet.Tensors #719",),
    correction1=lambda _, x: -np.expm1(float(np.int32(x.t).view(np.float32)) * np.log(x.beta1 or 1e-9)) or 1e-300,
)
fault(
    "counter-not-advanced-by-zeros",
    "a gradient that is zero throughout does not count as a step",
    "beyond-2048",
    counted=lambda _, x: x.slot.t + 1 if x.given.any() or not x.slot.t else x.slot.t,
)


def _elements_counted(x: Step) -> Array:
    """For each element its gradients other than zero, this one included."""
    counts: Array = x.slot.past.get("counts", np.zeros(x.g.shape)) + (x.g != 0)
    x.slot.past["counts"] = counts
    return np.maximum(counts, 1)


fault(
    "counter-of-elements",
    "every element counts its own gradients that are not zero, as lazy optimizers do",
    "zeros-then-spike",
    claims={"checkpoint": False},
    correction1=lambda _, x: (1 - x.beta1 ** _elements_counted(x)).astype(x.g.dtype),
    correction2=lambda _, x: (1 - x.beta2 ** np.maximum(x.slot.past["counts"], 1)).astype(x.g.dtype),
)


def _restart(a: Adam, lr: float) -> None:
    Adam.set_lr(a, lr)
    for slot in a.slots:
        slot.t = 0


fault(
    "counter-restarted-by-a-new-lr",
    "changing the learning rate starts the counter again",
    "schedule",
    set_lr=_restart,
)


def _forget(_a: Adam, slot: Slot) -> None:
    slot.t = 0


fault(
    "counter-restarted-by-a-missing-gradient",
    "a step without a gradient starts the counter again",
    caught_by=(MISSING,),
    without_gradient=_forget,
)


def _advance(_a: Adam, slot: Slot) -> None:
    slot.t += 1


fault(
    "counter-advanced-without-a-gradient",
    "a step without a gradient is counted",
    caught_by=(MISSING,),
    stands_for=("InfiniTrain #235",),
    without_gradient=_advance,
)
fault(
    "counter-shown-one-ahead",
    "the counter in the state is one ahead of the steps made; the update itself is right",
    caught_by=("state.counter",),
    moments=lambda a, slot: _with_step(Adam.moments(a, slot), slot.t + 1),
)
fault(
    "counter-shown-in-bfloat16",
    "the counter in the state stops at 256; the update itself is right",
    caught_by=("state.counter",),
    moments=lambda a, slot: _with_step(Adam.moments(a, slot), min(slot.t, 256)),
)


def _with_step(moments: Moments, step: float) -> Moments:
    return replace(moments, step=step)


fault(
    "counter-of-16-bits",
    "the counter is an integer of 16 bits, and goes from 32767 to -32768",
    caught_by=("state.far",),
    stands_for=("AiDotNet.Tensors #719",),
    counted=lambda _, x: (x.slot.t + 1 + 32768) % 65536 - 32768 or 1,
)
fault(
    "counter-capped",
    "the bias corrections are left out after 10,000 steps, however slow the betas are",
    caught_by=("state.far",),
    correction1=lambda a, x: 1.0 if x.t > 10_000 else Adam.correction1(a, x),
    correction2=lambda a, x: 1.0 if x.t > 10_000 else Adam.correction2(a, x),
)


def _of_16_bits(_a: Adam, x: Step) -> int:
    if x.slot.t + 1 > 32767:
        raise OverflowError("the counter is too large for 16 bits")
    return x.slot.t + 1


fault(
    "counter-of-16-bits-that-raises",
    "the counter is an integer of 16 bits, and the step after 32,767 others raises an exception",
    caught_by=("state.far",),
    counted=_of_16_bits,
)
fault(
    "counter-capped-with-amsgrad",
    "with AMSGrad the bias corrections are those of step 4,096 from there on",
    caught_by=("state.far",),
    counted=lambda _, x: min(x.slot.t + 1, 4096) if x.hyper.amsgrad else x.slot.t + 1,
)
fault(
    "counter-capped-out-of-sight",
    "the bias corrections are left out after 4,000 steps, and nothing shows or writes the counter",
    caught_by=("state.walked",),
    claims={"state": False, "counter": False, "fast_forward": False, "checkpoint": False, "walks": True},
    correction1=lambda a, x: 1.0 if x.t > 4_000 else Adam.correction1(a, x),
    correction2=lambda a, x: 1.0 if x.t > 4_000 else Adam.correction2(a, x),
)
