"""One correct Adam over NumPy, in pieces: every line of the update and every habit of an optimizer is a method.

A fault replaces a piece or two of it; an honest form replaces pieces by others that are equally right.  A piece of the
update is called with the `Step` in the making and returns the next quantity of it.  Arrays are flat and real inside; a
complex parameter is twice as many reals.  float32 and float64 are computed as they are, bfloat16 and float16 in
float32 with moments kept in float32.  Scalars are Python floats (accuracy class A).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adam_ref import ADAM, Dialect, Hyperparameters
from adam_ref.arrays import Array
from adam_ref.formats import named_format
from conformance.capabilities import SETTABLE, Capabilities
from conformance.case import Moments, dtype_named
from conformance.memory import overlapping, span

RANGED = ("lr", "beta1", "beta2", "eps", "weight_decay")
"""The hyperparameters that have a range."""


@dataclass
class Slot:
    """One parameter and what the optimizer keeps for it.

    Attributes:
        index: place among the parameters.
        shape: of the parameter; the arrays here are flat.
        dtype: of the parameter as its user sees it.
        hyper: the hyperparameters of its group.
        lr: the learning rate in force.
        theta: the parameter, in the real dtype that belongs to `dtype`.
        m: first moment.
        v: second moment.
        v_max: AMSGrad's maximum.
        t: steps made.
        given: the gradient of the last step, as the caller handed it over.
        past: anything a fault wants to remember of earlier steps.

    """

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    hyper: Hyperparameters
    lr: float
    theta: Array
    m: Array
    v: Array
    v_max: Array
    t: int = 0
    given: Array | None = None
    past: dict[str, Any] = field(default_factory=dict)


class Step:
    """One step of one parameter in the making; pieces read it and give the next quantity of it."""

    slot: Slot
    hyper: Hyperparameters
    given: Array
    t: int
    lr: float
    beta1: float
    beta2: float
    w1: float
    w2: float
    eps: float
    decay: float
    c1: float
    c2: float
    theta: Array
    g: Array
    square: Array
    m: Array
    v: Array
    v_max: Array
    m_hat: Array
    v_hat: Array
    root: Array
    denominator: Array
    change: Array


class Adam:
    """A session: the optimizer at work on its parameters."""

    def __init__(
        self,
        parameters: Sequence[Array],
        hypers: Sequence[Hyperparameters],
        dialect: Dialect = ADAM,
        random: np.random.Generator | None = None,
    ) -> None:
        self.dialect, self.random = dialect, random
        self.calls = 0
        self.updates = 0
        self.slots: list[Slot] = []
        for hyper in hypers:
            self.require_valid(hyper)
        for parameter, hyper in zip(parameters, hypers, strict=True):
            self.slots.append(self.new_slot(parameter, hyper))

    # What its user calls.

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """Step every parameter that has a gradient."""
        self.calls += 1
        with np.errstate(all="ignore"):
            for slot, gradient in self.paired(list(gradients)):
                if gradient is None:
                    self.without_gradient(slot)
                else:
                    self.update(slot, gradient)
        return [self.shown(slot, slot.theta).astype(slot.dtype) for slot in self.slots]

    def set_lr(self, lr: float) -> None:
        """As a scheduler does it: one learning rate for all groups."""
        for slot in self.slots:
            slot.lr = lr

    def fast_forward(self, steps: int) -> None:
        """As if so many steps with zero gradients had been made."""
        for slot in self.slots:
            slot.t = steps

    def state(self) -> list[Moments]:
        """The moments, in the parameter's shape."""
        return [self.moments(slot) for slot in self.slots]

    def save(self) -> list[dict[str, Any]]:
        """Everything that a fresh session needs to go on."""
        return [self.saved(slot) for slot in self.slots]

    def load(self, saved: list[dict[str, Any]]) -> None:
        """Go on where the saved session was."""
        for slot, entry in zip(self.slots, saved, strict=True):
            self.restore(slot, entry)

    def shared_memory(self) -> list[str]:
        """Arrays that overlap and must not."""
        held = [(f"{n} of parameter {s.index}", getattr(s, n)) for s in self.slots for n in ("theta", "m", "v")]
        held += [(f"the maximum of parameter {s.index}", s.v_max) for s in self.slots if s.hyper.amsgrad]
        held += [(f"gradient {s.index}", s.given) for s in self.slots if s.given is not None]
        return overlapping((name, span(array)) for name, array in held)

    # Habits: what is refused, what is kept, and who is stepped with what.

    def require_valid(self, hyper: Hyperparameters) -> None:
        """Raise ValueError where a hyperparameter lies outside its range."""
        for name in RANGED:
            if not self.allows(name, getattr(hyper, name)):
                raise ValueError(f"{name} = {getattr(hyper, name)} is outside its range")

    def allows(self, name: str, value: float) -> bool:
        """Whether a hyperparameter lies in its range, in which NaN does not."""
        return 0 <= value < 1 if name.startswith("beta") else value >= 0

    def new_slot(self, parameter: Array, hyper: Hyperparameters) -> Slot:
        """A parameter before its first step."""
        theta = flat(parameter).copy()
        m, v, v_max = (np.zeros(theta.shape, working_dtype(theta.dtype)) for _ in range(3))
        return Slot(len(self.slots), parameter.shape, parameter.dtype, hyper, hyper.lr, theta, m, v, v_max)

    def paired(self, gradients: list[Array | None]) -> Iterable[tuple[Slot, Array | None]]:
        """Each parameter with its gradient."""
        return zip(self.slots, gradients, strict=True)

    def without_gradient(self, slot: Slot) -> None:
        """Nothing happens, and no step is counted."""

    def shown(self, slot: Slot, array: Array) -> Array:
        """A flat array in the shape and kind of the parameter, as a copy."""
        if slot.dtype.kind == "c":
            array = np.ascontiguousarray(array).view(np.result_type(array.dtype, np.complex64))
        return array.reshape(slot.shape).copy()

    def moments(self, slot: Slot) -> Moments:
        """What a reader of the state sees."""
        v_max = self.shown(slot, slot.v_max) if slot.hyper.amsgrad else None
        return Moments(self.shown(slot, slot.m), self.shown(slot, slot.v), v_max, slot.t)

    def saved(self, slot: Slot) -> dict[str, Any]:
        """The part of a checkpoint that belongs to one parameter."""
        arrays = {"m": slot.m.copy(), "v": slot.v.copy(), "v_max": slot.v_max.copy()}
        return {**arrays, "t": slot.t, "lr": slot.lr}

    def restore(self, slot: Slot, entry: dict[str, Any]) -> None:
        """The reverse of `saved`."""
        slot.m, slot.v, slot.v_max = entry["m"].copy(), entry["v"].copy(), entry["v_max"].copy()
        slot.t, slot.lr = entry["t"], entry["lr"]

    # The update of one parameter.

    def update(self, slot: Slot, gradient: Array) -> None:
        """One step of one parameter, quantity by quantity."""
        self.updates += 1
        x = Step()
        x.slot, x.given = slot, flat(gradient)
        x.hyper = self.group(x)
        x.t = self.counted(x)
        x.theta = slot.theta.astype(slot.m.dtype)
        x.lr, x.eps, x.decay = self.rate(x), self.epsilon(x), self.decay(x)
        x.beta1, x.beta2 = self.beta1(x), self.beta2(x)
        x.w1, x.w2 = self.weight1(x), self.weight2(x)
        x.g = self.gradient(x)
        x.g = self.oriented(x)
        x.g = self.coupled_decay(x)
        x.theta = self.decoupled_decay(x)
        x.square = self.squared(x)
        x.m = self.first_moment(x)
        x.v = self.second_moment(x)
        x.c1, x.c2 = self.correction1(x), self.correction2(x)
        x.v_max = self.maximum(x)
        x.m_hat, x.v_hat = self.corrected_m(x), self.corrected_v(x)
        x.root = self.rooted(x)
        x.denominator = self.divisor(x)
        x.change = self.difference(x)
        x.theta = self.moved(x)
        self.witnessed(x)
        self.keep(x)

    def witnessed(self, x: Step) -> None:
        """Called with everything computed and nothing stored yet; for whoever watches the update."""

    def group(self, x: Step) -> Hyperparameters:
        """The hyperparameters of the parameter's group."""
        return x.slot.hyper

    def counted(self, x: Step) -> int:
        """The number of this step, from 1, for this parameter."""
        return x.slot.t + 1

    def rate(self, x: Step) -> float:
        """The learning rate in force."""
        return x.slot.lr

    def epsilon(self, x: Step) -> float:
        """The group's eps."""
        return x.hyper.eps

    def decay(self, x: Step) -> float:
        """The group's weight decay."""
        return x.hyper.weight_decay

    def beta1(self, x: Step) -> float:
        """The group's beta1."""
        return x.hyper.beta1

    def beta2(self, x: Step) -> float:
        """The group's beta2."""
        return x.hyper.beta2

    def weight1(self, x: Step) -> float:
        """What the gradient is weighted with."""
        return 1 - x.beta1

    def weight2(self, x: Step) -> float:
        """What the square is weighted with."""
        return 1 - x.beta2

    def gradient(self, x: Step) -> Array:
        """The gradient, in the dtype of the moments."""
        return x.given.astype(x.slot.m.dtype)

    def oriented(self, x: Step) -> Array:
        """Its sign changed where the objective is to be maximized."""
        return -x.g if x.hyper.maximize else x.g

    def coupled_decay(self, x: Step) -> Array:
        """The gradient with coupled weight decay."""
        coupled = x.decay and self.dialect.weight_decay == "coupled"
        return x.g + x.decay * x.theta if coupled else x.g

    def decoupled_decay(self, x: Step) -> Array:
        """The parameter with decoupled or absolute weight decay, before the step."""
        if not x.decay or self.dialect.weight_decay == "coupled":
            return x.theta
        return x.theta * (1 - (x.lr * x.decay if self.dialect.weight_decay == "decoupled" else x.decay))

    def squared(self, x: Step) -> Array:
        """The square of the gradient."""
        if self.dialect.complex_square == "modulus" and x.slot.dtype.kind == "c":
            pairs = x.g.reshape(-1, 2)
            squares: Array = np.repeat(np.sum(pairs * pairs, axis=1), 2)
            return squares
        return x.g * x.g

    def first_moment(self, x: Step) -> Array:
        """m."""
        return x.beta1 * x.slot.m + x.w1 * x.g

    def second_moment(self, x: Step) -> Array:
        """v."""
        return x.beta2 * x.slot.v + x.w2 * x.square

    def correction1(self, x: Step) -> float:
        """What m is divided by."""
        return 1 - x.beta1**x.t if self.dialect.correct_m else 1.0

    def correction2(self, x: Step) -> float:
        """What v is divided by."""
        return 1 - x.beta2**x.t if self.dialect.correct_v else 1.0

    def maximum(self, x: Step) -> Array:
        """The largest v, or v_hat, so far."""
        if not x.hyper.amsgrad:
            return x.slot.v_max
        return np.maximum(x.slot.v_max, x.v if self.dialect.amsgrad == "raw" else x.v / x.c2)

    def corrected_m(self, x: Step) -> Array:
        """m_hat."""
        return x.m / x.c1

    def corrected_v(self, x: Step) -> Array:
        """v_hat."""
        if not x.hyper.amsgrad:
            return x.v / x.c2
        return x.v_max / x.c2 if self.dialect.amsgrad == "raw" else x.v_max

    def rooted(self, x: Step) -> Array:
        """The root, with what the dialect adds under it."""
        under = x.v_hat + x.hyper.eps_root if x.hyper.eps_root else x.v_hat
        if self.dialect.epsilon == "inside-corrected":
            under = under + x.eps
        elif self.dialect.epsilon == "inside-raw":
            under = under + x.eps / x.c2
        root: Array = np.sqrt(under)
        return root

    def divisor(self, x: Step) -> Array:
        """The root, with what the dialect adds beside it."""
        if self.dialect.epsilon == "outside":
            return x.root + x.eps
        if self.dialect.epsilon == "hat":
            return x.root + x.eps / float(np.sqrt(x.c2))
        return x.root

    def difference(self, x: Step) -> Array:
        """The step."""
        return x.lr * (x.m_hat / x.denominator)

    def moved(self, x: Step) -> Array:
        """The parameter after the step."""
        return x.theta - x.change

    def keep(self, x: Step) -> None:
        """Store everything for the next step."""
        slot = x.slot
        slot.t, slot.given = x.t, x.given
        slot.theta = self.stored(x, self.kept_theta(x))
        slot.m, slot.v, slot.v_max = self.kept_m(x), self.kept_v(x), self.kept_maximum(x)

    def stored(self, x: Step, theta: Array) -> Array:
        """In the dtype that the slot has: rounded to nearest, or at random where there is a generator for it."""
        dtype = x.slot.theta.dtype
        if self.random is None or dtype.itemsize > 2:
            return theta.astype(dtype)
        below, above = named_format(str(dtype)).neighbours(theta)
        rounded = np.where(np.isfinite(theta), self.chosen(x, theta, below, above), theta)
        return rounded.astype(dtype)

    def chosen(self, x: Step, theta: Array, below: Array, above: Array) -> Array:
        """One of the two neighbours of each element, to each the more likely the nearer it is."""
        return np.where(self.chance(x, theta) < (theta - below) / (above - below), above, below)

    def chance(self, _x: Step, theta: Array) -> Array:
        """For each element a number in [0, 1), independent of all others."""
        assert self.random is not None
        return self.random.random(theta.shape)

    def kept_theta(self, x: Step) -> Array:
        """The parameter, as it is stored."""
        return x.theta

    def kept_m(self, x: Step) -> Array:
        """The first moment, as it is stored."""
        return x.m

    def kept_v(self, x: Step) -> Array:
        """The second moment, as it is stored."""
        return x.v

    def kept_maximum(self, x: Step) -> Array:
        """The maximum, as it is stored."""
        return x.v_max


def keep_in_place(_a: Adam, x: Step) -> None:
    """`Adam.keep`, written into the arrays that the slot has, so that whoever shares them sees it."""
    slot = x.slot
    slot.t, slot.given, slot.theta = x.t, x.given, x.theta.astype(slot.theta.dtype)
    slot.m[...], slot.v[...], slot.v_max[...] = x.m, x.v, x.v_max


def common(a: Adam) -> dict[Any, Any]:
    """A table that all sessions of this optimizer share, as a global variable of its module would be."""
    table: dict[Any, Any] = type(a).__dict__.get("table", {})
    type(a).table = table  # type: ignore[attr-defined]
    return table


def flat(array: Array) -> Array:
    """A flat real view of an array (a copy where it is not contiguous)."""
    line = array.reshape(-1)
    return line.view(line.real.dtype) if line.dtype.kind == "c" else line


def working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float32 for 16-bit formats, and the format itself for the others."""
    return np.dtype(np.float32) if dtype.itemsize == 2 else dtype


def rounded(array: Array, fmt: str) -> Array:
    """An array rounded to another format, in the dtype that it has."""
    return array.astype(dtype_named(fmt)).astype(array.dtype)


def rounded_scalar(value: float, fmt: str) -> float:
    """A number rounded to another format."""
    return float(np.asarray(value).astype(dtype_named(fmt)))


EVERYTHING = Capabilities(
    dtypes=("float32", "float64", "bfloat16", "float16", "complex64", "complex128"),
    settable=SETTABLE,
    weight_decay=("coupled", "decoupled", "absolute"),
    groups=True,
    none_gradients=True,
    lr_schedule=True,
    state=True,
    counter=True,
    checkpoint=True,
    fast_forward=True,
    memory=True,
    refuses_invalid=True,
)
"""What the Adam here offers."""


@dataclass
class InPieces:
    """An Adam in pieces as a target."""

    name: str
    optimizer: type[Adam]
    dialect: Dialect = ADAM
    capabilities: Capabilities = EVERYTHING
    random: np.random.Generator | None = None

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Adam:
        """A session of its own."""
        return self.optimizer(parameters, hyperparameters, self.dialect, self.random)

    def seed(self, number: int) -> None:
        """What its sessions draw follows from this."""
        self.random = np.random.default_rng(number)
