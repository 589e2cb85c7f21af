"""The panel: correct Adams in pieces that order, fold, widen and keep things differently.  None may be caught."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from adam_ref import ADAM, Hyperparameters
from adam_ref.arrays import Array
from adam_ref.dialect import DIALECTS
from conformance.faults.adam import Adam, Slot, Step, common, rounded_scalar
from conformance.faults.panel import honest

DECOUPLED = ADAM.with_(weight_decay="decoupled")

honest(
    "in-pieces",
    "the correct Adam itself, in every dtype that it offers",
    dtypes=("float32", "float64", "bfloat16", "float16", "complex64", "complex128"),
)

# The moments.


def _lerp(start: Array, end: Array, weight: float) -> Array:
    """From the end with the larger weight, as torch.lerp has it."""
    return start + weight * (end - start) if weight < 0.5 else end - (1 - weight) * (end - start)


honest(
    "m-by-lerp",
    "the first moment moves towards the gradient",
    first_moment=lambda _, x: x.slot.m + x.w1 * (x.g - x.slot.m),
)
honest(
    "moments-by-lerp",
    "both moments move towards what they are fed with; a second moment that is infinite stays so",
    first_moment=lambda _, x: _lerp(x.slot.m, x.g, x.w1),
    second_moment=lambda _, x: np.where(
        np.isinf(x.square) | np.isinf(x.slot.v), x.square + x.slot.v, _lerp(x.slot.v, x.square, x.w2)
    ).astype(x.g.dtype),
)
honest(
    "weight-before-square",
    "the gradient is weighted before it is multiplied with itself",
    second_moment=lambda _, x: x.beta2 * x.slot.v + (x.w2 * x.g) * x.g,
)


def _in_place(_a: Adam, x: Step) -> Array:
    m = x.slot.m
    m *= x.beta1
    m += x.w1 * x.g
    return m


honest("in-place", "the moments are changed in place", first_moment=_in_place)
honest(
    "m-weighted-in-the-step",
    "the first moment is kept without 1 - beta1, which the step makes up for; nobody sees it",
    claims={"state": False, "counter": False},
    weight1=lambda _, _x: 1.0,
    corrected_m=lambda a, x: Adam.corrected_m(a, x) * (1 - x.beta1),
)
honest(
    "without-state",
    "the state is kept under names of its own, so that nobody sees it",
    claims={"state": False, "counter": False},
)
honest(
    "maximum-of-roots",
    "AMSGrad keeps the maximum of the roots; nobody sees it",
    claims={"state": False, "counter": False},
    maximum=lambda _, x: np.maximum(x.slot.v_max, np.sqrt(x.v)),
    corrected_v=lambda _, x: (np.square(x.v_max) if x.hyper.amsgrad else x.v) / x.c2,
    rooted=lambda a, x: x.v_max / x.c2**0.5 if x.hyper.amsgrad else Adam.rooted(a, x),
)

# The step.


def _bare_root(x: Step) -> Array:
    """The root of v, or of its maximum, before any correction."""
    root: Array = np.sqrt(x.v_max if x.hyper.amsgrad else x.v)
    return root


honest(
    "corrections-folded-into-the-step",
    "lr/c1 times m over sqrt(v)/sqrt(c2) + eps, as torch has it",
    difference=lambda _, x: (x.lr / x.c1) * (x.m / (_bare_root(x) / x.c2**0.5 + x.eps)),
)
honest(
    "epsilon-rescaled",
    "lr*sqrt(c2)/c1 times m over sqrt(v) + eps*sqrt(c2), which theorem T1 shows to be the same",
    difference=lambda _, x: (x.lr * x.c2**0.5 / x.c1) * (x.m / (_bare_root(x) + x.eps * x.c2**0.5)),
)
honest(
    "reciprocal",
    "lr*m_hat times the reciprocal of the denominator",
    difference=lambda _, x: (x.lr * x.m_hat) * (1 / x.denominator),
)
honest("lr-first", "lr times m_hat, divided", difference=lambda _, x: (x.lr * x.m_hat) / x.denominator)
honest(
    "one-denominator",
    "lr*m over c1 times the denominator",
    difference=lambda _, x: (x.lr * x.m) / (x.c1 * x.denominator),
)
honest(
    "negative-lr-added",
    "-lr times the quotient is added",
    moved=lambda _, x: x.theta + -x.change,
)
honest(
    "zero-over-zero-guarded",
    "the step is 0 where m is 0, whatever it is divided by",
    difference=lambda a, x: np.where(x.m == 0, 0, Adam.difference(a, x)).astype(x.g.dtype),
)
honest(
    "maximize-by-ascent",
    "maximize adds the step and subtracts coupled decay from the gradient; nobody sees the moments",
    claims={"state": False, "counter": False},
    oriented=lambda _, x: x.g,
    coupled_decay=lambda a, x: _ascending(a, x),
    moved=lambda _, x: x.theta + x.change if x.hyper.maximize else x.theta - x.change,
)


def _ascending(a: Adam, x: Step) -> Array:
    decayed = Adam.coupled_decay(a, x)
    return x.g - (decayed - x.g) if x.hyper.maximize and decayed is not x.g else decayed


# The scalars.

honest(
    "running-powers",
    "beta^t is kept as a running product",
    claims={"checkpoint": False, "fast_forward": False},
    correction1=lambda _, x: 1 - _running(x, "power1", x.beta1),
    correction2=lambda _, x: 1 - _running(x, "power2", x.beta2),
)


def _running(x: Step, name: str, beta: float) -> float:
    x.slot.past[name] = x.slot.past.get(name, 1.0) * beta
    power: float = x.slot.past[name]
    return power


honest(
    "corrections-by-expm1",
    "1 - beta^t as -expm1(t*log(beta))",
    correction1=lambda _, x: -math.expm1(x.t * math.log(x.beta1)) if x.beta1 else 1.0,
    correction2=lambda _, x: -math.expm1(x.t * math.log(x.beta2)) if x.beta2 else 1.0,
)
honest("float-counter", "the counter is a float", counted=lambda _, x: float(x.slot.t + 1))
honest(
    "counter-as-array",
    "the counter is a float32 array of no dimensions",
    counted=lambda _, x: np.float32(x.slot.t) + np.float32(1),
    correction1=lambda _, x: 1 - x.beta1 ** float(x.t),
    correction2=lambda _, x: 1 - x.beta2 ** float(x.t),
)


def _single(value: float) -> float:
    return rounded_scalar(value, "float32")


honest(
    "scalars-in-float32",
    "every scalar is held and computed in float32: accuracy class B",
    accuracy="B",
    rate=lambda _, x: _single(x.slot.lr),
    epsilon=lambda _, x: _single(x.hyper.eps),
    decay=lambda _, x: _single(x.hyper.weight_decay),
    beta1=lambda _, x: _single(x.hyper.beta1),
    beta2=lambda _, x: _single(x.hyper.beta2),
    weight1=lambda _, x: _single(1 - x.beta1),
    weight2=lambda _, x: _single(1 - x.beta2),
    correction1=lambda _, x: _single(1 - _single(x.beta1**x.t)),
    correction2=lambda _, x: _single(1 - _single(x.beta2**x.t)),
)

# Weight decay.

honest(
    "decoupled-by-subtraction",
    "decoupled decay subtracts lr*lambda*theta",
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta - (x.lr * x.decay) * x.theta if x.decay else x.theta,
)
honest(
    "decoupled-in-the-step",
    "decoupled decay is added to the quotient before lr multiplies both",
    dialect=DECOUPLED,
    decoupled_decay=lambda _, x: x.theta,
    difference=lambda _, x: (
        x.lr * (x.m_hat / x.denominator + x.decay * x.theta if x.decay else x.m_hat / x.denominator)
    ),
)
honest(
    "epsilon-hat-folded",
    "the optimized form of the paper's section 2, declared as what it is",
    dialect=DIALECTS["epsilon-hat"],
    difference=lambda _, x: (x.lr * x.c2**0.5 / x.c1) * (x.m / (_bare_root(x) + x.eps)),
)

# Precision and memory.


def _within(dtype: Any) -> Callable[[Adam, Slot, Array], None]:
    """The whole update in a wider dtype, moments stored in the parameter's."""

    def update(a: Adam, slot: Slot, gradient: Array) -> None:
        kept = slot.m.dtype
        slot.m, slot.v, slot.v_max = (array.astype(dtype) for array in (slot.m, slot.v, slot.v_max))
        Adam.update(a, slot, gradient)
        slot.m, slot.v, slot.v_max = (array.astype(kept) for array in (slot.m, slot.v, slot.v_max))

    return update


honest("double-inside", "everything is computed in float64 and stored in float32", update=_within(np.float64))
honest(
    "extended-inside",
    "everything is computed in x87's 80 bits where the machine has them",
    update=_within(np.longdouble),
)


def _fused(x: float, y: Array, z: Array) -> Array:
    """x*y + z, rounded once."""
    return (np.longdouble(x) * y.astype(np.longdouble) + z.astype(np.longdouble)).astype(y.dtype)


honest(
    "fused-multiply-add",
    "every product that is added is rounded once with its sum",
    first_moment=lambda _, x: _fused(x.beta1, x.slot.m, x.w1 * x.g),
    second_moment=lambda _, x: _fused(x.beta2, x.slot.v, x.w2 * x.square),
    moved=lambda _, x: _fused(-x.lr, x.m_hat / x.denominator, x.theta),
)


def _wide_state(a: Adam, parameter: Array, hyper: Hyperparameters) -> Slot:
    slot = Adam.new_slot(a, parameter, hyper)
    return replace(slot, m=slot.m.astype(np.float64), v=slot.v.astype(np.float64), v_max=slot.v_max.astype(np.float64))


honest("moments-in-float64", "the moments of every parameter are kept in float64", new_slot=_wide_state)


def _master(a: Adam, parameter: Array, hyper: Hyperparameters) -> Slot:
    slot = Adam.new_slot(a, parameter, hyper)
    return replace(slot, theta=slot.theta.astype(slot.m.dtype))


def _restore_master(a: Adam, slot: Slot, entry: dict[str, Any]) -> None:
    Adam.restore(a, slot, entry)
    slot.theta = entry["theta"].copy()


honest(
    "master-weights",
    "a float32 copy of the parameter is hidden behind the bfloat16 or float16 that its user sees",
    dtypes=("bfloat16", "float16"),
    new_slot=_master,
    saved=lambda a, slot: Adam.saved(a, slot) | {"theta": slot.theta.copy()},
    restore=_restore_master,
)


AT_RANDOM: dict[str, Any] = {"dtypes": ("bfloat16", "float16"), "claims": {"stochastic_rounding": True}}

honest("stochastic-rounding", "bfloat16 and float16 parameters are rounded at random", **AT_RANDOM)
honest(
    "stochastic-rounding-by-magnitude",
    "the neighbour away from 0 is taken with the probability of the bits that are dropped, as bit tricks have it",
    **AT_RANDOM,
    chosen=lambda a, x, theta, below, above: np.where(
        theta < 0, -Adam.chosen(a, x, -theta, -above, -below), Adam.chosen(a, x, theta, below, above)
    ),
)
honest(
    "stochastic-rounding-by-dither",
    "up to half a spacing either way is added, and the sum rounded to nearest",
    **AT_RANDOM,
    chance=lambda a, x, theta: 1 - Adam.chance(a, x, theta),
)
honest(
    "stochastic-rounding-with-sixteen-bits",
    "random numbers have 16 bits, as many as bfloat16 drops of a float32",
    **AT_RANDOM,
    chance=lambda a, x, theta: np.floor(Adam.chance(a, x, theta) * 2.0**16) / 2.0**16,
)


def _by_chunks(a: Adam, slot: Slot, gradient: Array) -> None:
    whole, t = slot.__dict__.copy(), slot.t
    line = gradient.reshape(-1)
    line = line.view(line.real.dtype) if line.dtype.kind == "c" else line
    names = ("theta", "m", "v", "v_max")
    results: dict[str, list[Array]] = {name: [whole[name][:0]] for name in names}
    for start in range(0, line.size, 6):
        for name in names:
            setattr(slot, name, whole[name][start : start + 6])
        slot.t = t
        Adam.update(a, slot, line[start : start + 6])
        for name in names:
            results[name].append(getattr(slot, name))
    for name in names:
        setattr(slot, name, np.concatenate(results[name]))
    slot.t, slot.given = t + 1, gradient


honest("by-chunks", "six elements at a time", update=_by_chunks)


def _with_a_number(a: Adam, parameter: Array, hyper: Hyperparameters) -> Slot:
    slot = Adam.new_slot(a, parameter, hyper)
    slot.past["number"] = len(common(a))
    _put_into_the_table(a, slot)
    return slot


def _put_into_the_table(a: Adam, slot: Slot) -> None:
    common(a)[slot.past["number"]] = slot.m


def _keep_in_the_table(a: Adam, x: Step) -> None:
    Adam.keep(a, x)
    _put_into_the_table(a, x.slot)


def _restore_into_the_table(a: Adam, slot: Slot, entry: dict[str, Any]) -> None:
    Adam.restore(a, slot, entry)
    _put_into_the_table(a, slot)


honest(
    "moments-in-a-table",
    "first moments live in a table of the class, under numbers never used again, and checkpoints hold their values",
    new_slot=_with_a_number,
    first_moment=lambda a, x: x.beta1 * common(a)[x.slot.past["number"]] + x.w1 * x.g,
    keep=_keep_in_the_table,
    restore=_restore_into_the_table,
)

# Dialects, each declared as what it is.

for name, dialect in DIALECTS.items():
    if name != "adam":
        honest(f"dialect-{name}", f"the dialect {name}, declared", dialect=dialect)
honest(
    "dialect-amsgrad-corrected",
    "the maximum of v_hat, declared",
    dialect=ADAM.with_(amsgrad="corrected"),
)
honest(
    "dialect-v-alone-corrected",
    "the second moment alone corrected, declared",
    dialect=ADAM.with_(correct_m=False),
)
