"""Faults of groups and of several tensors: whose hyperparameters, whose gradient, who is left out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.faults.adam import Adam, Slot, Step
from conformance.faults.catalogue import Chapter

fault = Chapter("groups")
GROUPS, APART, TENSORS = ("groups.hyperparameters",), ("groups.apart-in-one",), ("groups.tensors",)
MISSING = ("groups.missing-gradients",)
Pairs = Iterable[tuple[Slot, Array | None]]

fault("lr-of-the-first-group", "all groups use the first one's lr", caught_by=GROUPS, rate=lambda a, _x: a.slots[0].lr)
fault(
    "betas-of-the-first-group",
    "all groups use the first one's betas",
    caught_by=GROUPS,
    beta1=lambda a, _x: a.slots[0].hyper.beta1,
    beta2=lambda a, _x: a.slots[0].hyper.beta2,
)
fault(
    "eps-of-the-first-group",
    "all groups use the first one's eps",
    caught_by=GROUPS,
    epsilon=lambda a, _x: a.slots[0].hyper.eps,
)
fault(
    "hyperparameters-of-the-last-group",
    "all groups use the last one's betas and eps",
    caught_by=GROUPS,
    group=lambda a, _x: a.slots[-1].hyper,
)
fault(
    "group-betas-default",
    "groups after the first use the default betas",
    caught_by=GROUPS,
    beta1=lambda a, x: x.hyper.beta1 if x.hyper == a.slots[0].hyper else 0.9,
    beta2=lambda a, x: x.hyper.beta2 if x.hyper == a.slots[0].hyper else 0.999,
)
fault(
    "corrections-of-the-first-group",
    "all groups are corrected with the first one's betas",
    caught_by=GROUPS,
    correction1=lambda a, x: 1 - a.slots[0].hyper.beta1 ** x.t,
    correction2=lambda a, x: 1 - a.slots[0].hyper.beta2 ** x.t,
)
fault(
    "step-size-under-the-betas",
    "the step size is remembered under the betas, and groups with equal ones share the first one's",
    caught_by=APART,
    rate=lambda a, x: next(s.lr for s in a.slots if _betas(s.hyper) == _betas(x.hyper)),
)


def _betas(hyper: Hyperparameters) -> tuple[float, float]:
    return hyper.beta1, hyper.beta2


fault(
    "groups-beyond-eight",
    "groups beyond the eighth are stepped with its hyperparameters",
    caught_by=APART,
    group=lambda a, x: _or_the_last_known(list(dict.fromkeys(s.hyper for s in a.slots))[:8], x.slot.hyper),
)


def _or_the_last_known(known: list[Hyperparameters], hyper: Hyperparameters) -> Hyperparameters:
    return hyper if hyper in known else known[-1]


fault(
    "flags-of-the-first-group",
    "all groups use the first one's maximize and amsgrad",
    caught_by=("groups.flags",),
    group=lambda a, x: x.slot.hyper.with_(maximize=a.slots[0].hyper.maximize, amsgrad=a.slots[0].hyper.amsgrad),
)


def _set_first(a: Adam, lr: float) -> None:
    for slot in a.slots:
        if slot.hyper == a.slots[0].hyper:
            slot.lr = lr


fault(
    "schedule-of-the-first-group",
    "a new learning rate reaches the first group only",
    caught_by=GROUPS,
    set_lr=_set_first,
)


def _set_first_tensor(a: Adam, lr: float) -> None:
    a.slots[0].lr = lr


fault(
    "schedule-of-the-first-tensor",
    "a new learning rate reaches the first tensor only",
    caught_by=GROUPS,
    set_lr=_set_first_tensor,
)
fault(
    "only-the-first-tensor",
    "only the first tensor is stepped",
    caught_by=TENSORS,
    paired=lambda a, gradients: list(Adam.paired(a, gradients))[:1],
)
fault(
    "not-the-last-tensor",
    "the last of several tensors is not stepped",
    caught_by=TENSORS,
    paired=lambda a, gradients: list(Adam.paired(a, gradients))[: max(len(gradients) - 1, 1)],
)
fault(
    "at-most-five-tensors",
    "tensors beyond the fifth are not stepped",
    caught_by=TENSORS,
    paired=lambda a, gradients: list(Adam.paired(a, gradients))[:5],
)
fault(
    "tensors-beyond-320-not-stepped",
    "tensors beyond number 320 are not stepped, as many as one launch of a kernel takes blocks",
    caught_by=("metamorphic.arrangement",),
    paired=lambda a, gradients: list(Adam.paired(a, gradients))[:320],
)
fault(
    "five-axes-not-stepped",
    "parameters of five axes are not stepped",
    caught_by=TENSORS,
    paired=lambda a, gradients: [p for p in Adam.paired(a, gradients) if len(p[0].shape) != 5],
)
fault(
    "only-the-first-ascends",
    "maximize changes the sign of the first tensor's gradient and of no other",
    caught_by=TENSORS,
    oriented=lambda _, x: -x.g if x.hyper.maximize and not x.slot.index else x.g,
)
fault(
    "scalars-not-stepped",
    "0-d parameters are not stepped",
    caught_by=(*TENSORS, "groups.any-shape"),
    paired=lambda a, gradients: [p for p in Adam.paired(a, gradients) if p[0].shape],
)
fault(
    "single-elements-not-stepped",
    "parameters of one element are not stepped",
    caught_by=TENSORS,
    paired=lambda a, gradients: [p for p in Adam.paired(a, gradients) if p[0].theta.size != 1],
)
fault(
    "empty-tensor-ends-the-loop",
    "tensors behind an empty one are not stepped",
    caught_by=(*TENSORS, "groups.any-shape"),
    stands_for=("TransformerEngine #3207",),
    paired=lambda a, gradients: takewhile(lambda p: p[0].theta.size, Adam.paired(a, gradients)),
)


def _not_if_last_is_empty(a: Adam, gradients: list[Array | None]) -> Pairs:
    pairs = list(Adam.paired(a, gradients))
    return pairs if pairs[-1][0].theta.size else pairs[: max(len(pairs) - 2, 0)]


fault(
    "empty-tensor-last-drops-work",
    "an empty tensor at the end of the list takes the one before it along",
    caught_by=TENSORS,
    stands_for=("pytorch #100701",),
    paired=_not_if_last_is_empty,
)


def _of_equal_shapes(a: Adam, gradients: list[Array | None]) -> Pairs:
    by_shape = {slot.shape: gradient for slot, gradient in Adam.paired(a, gradients)}
    return [(slot, by_shape[slot.shape]) for slot in a.slots]


fault(
    "gradient-of-the-last-of-its-shape",
    "tensors of one shape are all stepped by the gradient of the last of them",
    caught_by=TENSORS,
    paired=_of_equal_shapes,
)


def _closed_up(a: Adam, gradients: list[Array | None]) -> Pairs:
    left = [g for g in gradients if g is not None]
    fitting = []
    for slot in a.slots:
        at = next((i for i, g in enumerate(left) if g.shape == slot.shape), None)
        fitting.append((slot, None if at is None else left.pop(at)))
    return fitting


fault(
    "gradients-close-up",
    "missing gradients are dropped from the list, and a parameter takes the next one that fits",
    caught_by=MISSING,
    paired=_closed_up,
)


def _with_moments_closed_up(a: Adam, gradients: list[Array | None]) -> Pairs:
    """Each gradient that there is with the moments of that place in the list of all, where they fit."""
    present = [(slot, g) for slot, g in Adam.paired(a, gradients) if g is not None]
    for (slot, _), other in zip(present, list(a.slots), strict=False):
        if other.shape == slot.shape:
            slot.m, slot.v = other.m, other.v
    return present


fault(
    "moments-close-up",
    "where gradients are missing, those that are there meet the moments of other tensors of their shape",
    caught_by=MISSING,
    paired=_with_moments_closed_up,
)
fault(
    "missing-gradient-ends-the-loop",
    "tensors behind one without a gradient are not stepped",
    caught_by=MISSING,
    paired=lambda a, gradients: takewhile(lambda p: p[1] is not None, Adam.paired(a, gradients)),
)
fault(
    "missing-gradient-stops-everything",
    "nothing is stepped where one gradient is missing",
    caught_by=MISSING,
    paired=lambda a, gradients: [] if any(g is None for g in gradients) else Adam.paired(a, gradients),
)
fault(
    "missing-gradient-as-zero",
    "a missing gradient is taken for zero: the moments decay, and the parameter moves",
    caught_by=MISSING,
    without_gradient=lambda a, slot: a.update(slot, np.zeros(slot.shape, slot.dtype)),
)
fault(
    "missing-gradient-as-the-last",
    "a missing gradient is replaced by the one before",
    caught_by=MISSING,
    without_gradient=lambda a, slot: slot.given is not None and a.update(slot, slot.given),
)


def _decay_moments(_a: Adam, slot: Slot) -> None:
    slot.m, slot.v = slot.hyper.beta1 * slot.m, slot.hyper.beta2 * slot.v


fault(
    "moments-decay-without-a-gradient",
    "the moments decay where the gradient is missing, though the parameter rests",
    caught_by=MISSING,
    without_gradient=_decay_moments,
)


def _reset_moments(_a: Adam, slot: Slot) -> None:
    slot.m, slot.v = np.zeros_like(slot.m), np.zeros_like(slot.v)


fault(
    "moments-reset-without-a-gradient",
    "the moments are set to zero where the gradient is missing",
    caught_by=MISSING,
    without_gradient=_reset_moments,
)


def _coast(_a: Adam, slot: Slot) -> None:
    if slot.t:
        slot.theta = slot.theta - slot.past.get("change", np.zeros_like(slot.theta))


fault(
    "coasting-without-a-gradient",
    "a parameter without a gradient makes its last step once more",
    caught_by=MISSING,
    without_gradient=_coast,
    difference=lambda a, x: x.slot.past.update(change=Adam.difference(a, x)) or x.slot.past["change"],
)


def _from_the_start(a: Adam, gradients: list[Array | None]) -> Pairs:
    active = a.__dict__.setdefault("active", {i for i, g in enumerate(gradients) if g is not None})
    return [(slot, g) for slot, g in Adam.paired(a, gradients) if slot.index in active]


fault(
    "late-parameters-never-join",
    "a parameter without a gradient at the first step is never stepped",
    caught_by=MISSING,
    paired=_from_the_start,
)


def _set_awake(a: Adam, lr: float) -> None:
    for slot in a.slots:
        if not slot.past.get("rests"):
            slot.lr = lr


def _awake(a: Adam, x: Step) -> int:
    x.slot.past["rests"] = False
    return Adam.counted(a, x)


fault(
    "schedule-missed-without-a-gradient",
    "a new learning rate reaches no parameter whose gradient was missing at the last step",
    caught_by=MISSING,
    set_lr=_set_awake,
    counted=_awake,
    without_gradient=lambda _, slot: slot.past.update(rests=True),
)
fault(
    "gradient-of-scalars-doubled",
    "the gradient of a 0-d parameter is taken twice, which only eps can tell",
    caught_by=TENSORS,
    gradient=lambda a, x: Adam.gradient(a, x) * (1 if x.slot.shape else 2),
)
