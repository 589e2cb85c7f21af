"""Honest evaluations of Adam: the same update in another order, rounded to the format after every operation.

A `Form` says in which order; `evaluate` runs it.  Whatever it does is admissible (specs/adam.md, chapter "enclosure"),
so that no enclosure may exclude it.  One thing is honest and not admissible: the infinity or NaN that comes of an
intermediate which overflows although the result does not (1/D in float16), of an epsilon that underflows (0/0), and of
inf - inf (a lerp on a second moment that had overflowed).  `Run.overflowed` says where that may have happened.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adam_ref import Dialect, Format, Hyperparameters, Numerics

Array = NDArray[Any]

CHOICES: dict[str, tuple[str, ...]] = {
    # What is rounded: every operation, or only what is stored (intermediates, or also the moments, kept wider).
    "rounding": ("each", "stores", "registers"),
    # Scalars cast to the format, or taken as they are held.
    "scalars": ("cast", "held"),
    # beta^t by pow, by progressive products, or 1 - beta^t by expm1.
    "powers": ("pow", "products", "expm1"),
    "first": ("sum", "fma-old", "fma-new", "lerp-smaller-weight", "lerp", "lerp-fma"),
    "second": (
        "square-first",
        "weight-first",
        "fma-square",
        "fma-weight-first",
        "fma-old",
        "lerp",
        "lerp-fma",
    ),
    "correction": (
        "root-by-root",
        "root-times-reciprocal",
        "root-by-rounded-root",
        "square",
        "square-times-reciprocal",
        "folded-into-lr",
        "folded-into-denominator",
    ),
    "step": (
        "lr-last",
        "lr-first",
        "folded-first",
        "folded-last",
        "reciprocal",
        "reciprocal-lr-last",
        "reciprocal-of-correction",
        "correction-in-divisor",
        "fma-last",
    ),
    "decay": ("factor", "term", "term-of-two", "fma", "in-step"),
}


@dataclass(frozen=True)
class Form:
    """One order of evaluation; the fields are those of `CHOICES`."""

    rounding: str = "each"
    scalars: str = "cast"
    powers: str = "pow"
    first: str = "sum"
    second: str = "square-first"
    correction: str = "root-by-root"
    step: str = "lr-last"
    decay: str = "factor"

    @property
    def possible(self) -> bool:
        """Whether the choices go together."""
        if self.correction == "folded-into-denominator" and self.step != "lr-last":
            return False  # that denominator holds lr and both corrections
        last = self.step in ("lr-last", "reciprocal-lr-last", "reciprocal-of-correction")
        return self.decay != "in-step" or (last and not self.correction.startswith("folded"))  # lr multiplies the sum


def every_form() -> Iterator[Form]:
    """All that are possible."""
    forms = (Form(*choice) for choice in itertools.product(*CHOICES.values()))
    return (form for form in forms if form.possible)


def some_forms(count: int, seed: int = 0) -> list[Form]:
    """`count` different forms, drawn with a fixed seed, in which every choice occurs."""
    chooser, drawn = random.Random(seed), {Form(): None}
    while len(drawn) < count:
        form = Form(**{name: chooser.choice(values) for name, values in CHOICES.items()})
        if form.possible:
            drawn[form] = None
    forms = list(drawn)
    assert all({getattr(f, field.name) for f in forms} == set(CHOICES[field.name]) for field in fields(Form))
    return forms


class Arithmetic:
    """Operations on float64 (or long double) arrays that hold numbers of `target`, rounded to it after each."""

    def __init__(self, target: Format, *, each: bool, fast: np.random.Generator | None = None) -> None:
        self.target, self.each, self.fast = target, each, fast
        wide = target.precision > 24
        self.dtype = np.dtype(np.longdouble if wide and not each else np.float64)
        self.fused = np.dtype(np.longdouble if wide else np.float64)
        self.overflowed: Any = False

    def rounded(self, x: Array, target: Format) -> Array:
        """`x` in `target`, flushed where that flushes."""
        y = x.astype(np.float64, copy=False)
        if target.precision < 53:
            y = y.astype(target.dtype).astype(np.float64)
        return np.where(np.abs(y) < target.smallest_normal, 0.0, y) if target.flush_to_zero else y

    def result(self, x: Array) -> Array:
        """What an operation returns."""
        if self.each:
            return self.rounded(x, self.target)
        return x

    def mul(self, a: Any, b: Any) -> Array:
        return self.result(a * b)

    def add(self, a: Any, b: Any) -> Array:
        return self.result(a + b)

    def sub(self, a: Any, b: Any) -> Array:
        return self.result(a - b)

    def div(self, a: Any, b: Any) -> Array:
        x = self.result(self.inexact(np.divide(a, b), 3))
        self.overflowed = self.overflowed | np.isinf(x)
        return x

    def root(self, a: Array) -> Array:
        return self.result(self.inexact(np.sqrt(a), 1))

    def inexact(self, x: Array, roundings: int) -> Array:
        """What a fast-math device may add to the one rounding that comes after."""
        if self.fast is None:
            return x
        return np.asarray(x * (1 + self.fast.uniform(-roundings, roundings, np.shape(x)) * self.target.roundoff))

    def fma(self, a: Any, b: Any, c: Any) -> Array:
        """`a*b + c`, rounded once."""
        return self.result(self.fused.type(a) * b + c if np.ndim(a) == 0 else a.astype(self.fused) * b + c)


@dataclass(frozen=True)
class Held:
    """How scalars are held: in double (class A), or in float32 (class B), where some frameworks keep some in double."""

    name: str
    single: bool
    hyperparameters_in_double: bool = False

    def __call__(self, x: float) -> float:
        """The result of an operation between scalars."""
        return float(np.float32(x)) if self.single else float(x)

    def given(self, x: float) -> float:
        """A hyperparameter."""
        return float(x) if self.hyperparameters_in_double else self(x)

    def complement(self, x: float) -> float:
        """`1 - x` for a hyperparameter."""
        return float(1 - x) if self.hyperparameters_in_double else self(1 - self(x))

    def correction(self, beta: float, t: int, how: str) -> float:
        """`1 - beta^t`."""
        beta = self(beta)
        if beta == 0.0:
            return 1.0
        if how == "expm1" and not self.single:
            return -math.expm1(t * math.log(beta))
        if how == "products":
            power = beta
            for _ in range(t - 1):
                power = self(power * beta)
            return self(1 - power)
        return self(1 - (float(np.float32(beta) ** np.float32(t)) if self.single else beta**t))


DOUBLE = Held("double", single=False)
SINGLE = Held("float32", single=True)
MIXED = Held("float32 and double", single=True, hyperparameters_in_double=True)


@dataclass
class Run:
    """What an evaluation gave: after each step theta, m, v and v_max, as the formats hold them."""

    theta: list[Array]
    m: list[Array]
    v: list[Array]
    v_max: list[Array]
    overflowed: list[Array]


def evaluate(
    form: Form,
    theta: Array,
    gradients: Sequence[Array],
    hyper: Hyperparameters,
    dialect: Dialect,
    numerics: Numerics,
    *,
    held: Held = DOUBLE,
    computing: Format | None = None,
    fast: np.random.Generator | None = None,
    planted: Mapping[str, float] | None = None,
) -> Run:
    """Run `form` from moments of zero; arrays of shape (n,), or (n, 2) for complex numbers.

    `computing` is the format that operations are rounded to; the parameter's unless given.  `fast` makes quotients and
    roots as inexact as fast-math has them.  `planted` makes it
    dishonest: relative errors of the scalars "lr", "w1", "w2", "eps" and "decay".
    """
    target = computing or numerics.parameter
    run, overflowed = Run([], [], [], [], []), np.zeros(theta.shape, bool)
    m = v = v_max = np.zeros(theta.shape)
    with np.errstate(all="ignore"):
        for t, g in enumerate(gradients, 1):
            a = Arithmetic(target, each=form.rounding == "each", fast=fast)
            theta, m, v, v_max = _Step(a, form, hyper, dialect, numerics, held, t, planted or {}).run(
                theta, m, v, v_max, g
            )
            overflowed = overflowed | a.overflowed | np.isnan(theta) | np.isnan(m) | np.isnan(v)
            for values, value in zip((run.theta, run.m, run.v, run.v_max), (theta, m, v, v_max), strict=True):
                values.append(value)
            run.overflowed.append(overflowed)
    return run


class _Step:
    def __init__(
        self,
        a: Arithmetic,
        form: Form,
        hyper: Hyperparameters,
        dialect: Dialect,
        numerics: Numerics,
        held: Held,
        t: int,
        planted: Mapping[str, float],
    ) -> None:
        self.a, self.form, self.hyper, self.dialect, self.numerics, self.held = a, form, hyper, dialect, numerics, held
        self.beta1, self.beta2 = held.given(hyper.beta1), held.given(hyper.beta2)
        self.w1, self.w2 = held.complement(hyper.beta1), held.complement(hyper.beta2)
        self.c1 = held.correction(hyper.beta1, t, form.powers) if dialect.correct_m else 1.0
        self.c2 = held.correction(hyper.beta2, t, form.powers) if dialect.correct_v else 1.0
        self.root_c2 = held(math.sqrt(self.c2))
        self.lr, self.eps, self.eps_root = held.given(hyper.lr), held.given(hyper.eps), held.given(hyper.eps_root)
        self.weight_decay = held.given(hyper.weight_decay)
        self.lr *= 1 + planted.get("lr", 0.0)
        self.w1 *= 1 + planted.get("w1", 0.0)
        self.w2 *= 1 + planted.get("w2", 0.0)
        self.eps *= 1 + planted.get("eps", 0.0)
        self.weight_decay *= 1 + planted.get("decay", 0.0)

    def scalar(self, x: float) -> Any:
        """A scalar as it meets a tensor; one that is too large for the format (1/c2 in float16) is not cast to it."""
        if self.form.scalars == "held" or abs(x) > self.a.target.largest:
            return np.float64(x)
        return self.a.rounded(np.asarray(x), self.a.target)[()]

    def run(self, theta: Array, m: Array, v: Array, v_max: Array, g: Array) -> tuple[Array, Array, Array, Array]:
        a, numerics = self.a, self.numerics
        theta, m, v, v_max, g = (
            a.rounded(x, a.target).astype(a.dtype) if _flushes(a) else x.astype(a.dtype)
            for x in (theta, m, v, v_max, g)
        )
        g = -g if self.hyper.maximize else g
        theta, g, pull = self.decayed(theta, g)
        m = self.first(m, g)
        v = self.second(v, g)
        stored_m, stored_v = a.rounded(m, numerics.first_moment), a.rounded(v, numerics.second_moment)
        if self.form.rounding != "registers":
            m, v = stored_m.astype(a.dtype), stored_v.astype(a.dtype)
        v_hat, v_max, c2 = self.maximum(v, v_max)
        stored_max = a.rounded(v_max, numerics.second_moment)
        theta = self.moved(theta, m, self.root(v_hat, c2), c2, pull, v_hat)
        return a.rounded(theta, numerics.parameter), stored_m, stored_v, stored_max

    def decayed(self, theta: Array, g: Array) -> tuple[Array, Array, Array | None]:
        """theta after decay of its own, the gradient after coupled decay, and what is left for the step to do."""
        a, kind, how = self.a, self.dialect.weight_decay, self.form.decay
        if not self.hyper.weight_decay:
            return theta, g, None
        rate = self.scalar(self.weight_decay)
        if kind == "coupled":
            return theta, a.fma(rate, theta, g) if how == "fma" else a.add(g, a.mul(rate, theta)), None
        lr = self.lr if kind == "decoupled" else 1.0
        product = self.held(lr * self.weight_decay)
        if how == "in-step" and kind == "decoupled":
            return theta, g, a.mul(rate, theta)
        if how == "factor":
            return a.mul(self.scalar(self.held(1 - product)), theta), g, None
        if how == "fma":
            return a.fma(-self.scalar(product), theta, theta), g, None
        if how == "term-of-two" and kind == "decoupled":
            return a.sub(theta, a.mul(self.scalar(lr), a.mul(rate, theta))), g, None
        return a.sub(theta, a.mul(self.scalar(product), theta)), g, None

    def first(self, m: Array, g: Array) -> Array:
        a, how, beta, w = self.a, self.form.first, self.scalar(self.beta1), self.scalar(self.w1)
        if how == "sum":
            return a.add(a.mul(beta, m), a.mul(w, g))
        if how == "fma-old":
            return a.fma(beta, m, a.mul(w, g))
        if how == "fma-new":
            return a.fma(w, g, a.mul(beta, m))
        if how == "lerp-fma":
            return a.fma(w, a.sub(g, m), m)
        if how == "lerp" or w < 0.5:
            return a.add(m, a.mul(w, a.sub(g, m)))
        return a.sub(g, a.mul(a.sub(g, m), self.scalar(1 - w)))

    def second(self, v: Array, g: Array) -> Array:
        a, how, beta, w = self.a, self.form.second, self.scalar(self.beta2), self.scalar(self.w2)
        modulus = self.dialect.complex_square == "modulus" and g.ndim == 2
        if how in ("weight-first", "fma-weight-first") and not modulus:
            if how == "weight-first":
                return a.add(a.mul(beta, v), a.mul(a.mul(w, g), g))
            return a.result(a.mul(w, g).astype(a.fused) * g + a.mul(beta, v))
        square = self.modulus(g) if modulus else a.mul(g, g)
        if how == "fma-square":
            return a.fma(w, square, a.mul(beta, v))
        if how == "fma-old":
            return a.fma(beta, v, a.mul(w, square))
        if how in ("lerp", "lerp-fma"):
            difference = a.sub(square, v)
            if beta < 0.5:
                weight = self.scalar(1 - w)
                return (
                    a.fma(-weight, difference, square)
                    if how == "lerp-fma"
                    else a.sub(square, a.mul(weight, difference))
                )
            return a.fma(w, difference, v) if how == "lerp-fma" else a.add(v, a.mul(w, difference))
        return a.add(a.mul(beta, v), a.mul(w, square))

    def modulus(self, g: Array) -> Array:
        """abs(g)^2, by the sum of squares or by hypot."""
        a, re, im = self.a, g[:, :1], g[:, 1:]
        if self.form.second in ("weight-first", "lerp"):
            size = a.result(np.hypot(re, im))
            one = a.mul(size, size)
        else:
            one = a.add(a.mul(re, re), a.mul(im, im))
        return np.repeat(one, 2, -1)

    def maximum(self, v: Array, v_max: Array) -> tuple[Array, Array, float]:
        """What the root is taken of, AMSGrad's maximum, and the correction that is still to be made."""
        if not self.hyper.amsgrad:
            return v, v_max, self.c2
        if self.dialect.amsgrad == "raw":
            v_max = np.maximum(v_max, v)
            return v_max, v_max, self.c2
        reciprocal = self.form.correction.endswith("reciprocal")
        v_hat = (
            self.a.mul(v, self.scalar(self.held(1 / self.c2))) if reciprocal else self.a.div(v, self.scalar(self.c2))
        )
        v_max = np.maximum(v_max, self.a.rounded(v_hat, self.numerics.second_moment))
        return v_max, v_max, 1.0

    def corrected_square(self, v: Array, c2: float) -> Array:
        if c2 == 1.0:
            return v
        if self.form.correction.endswith("reciprocal"):
            return self.a.mul(v, self.scalar(self.held(1 / c2)))
        return self.a.div(v, self.scalar(c2))

    def over_root(self, x: Array, c2: float) -> Array:
        """`x / sqrt(c2)`."""
        a, how = self.a, self.form.correction
        if c2 == 1.0:
            return x
        if how.endswith("reciprocal"):
            return a.mul(x, self.scalar(self.held(1 / self.root_c2)))
        if how == "root-by-rounded-root":
            return a.div(x, a.root(self.scalar(c2)))
        return a.div(x, self.scalar(self.root_c2))

    @property
    def folded(self) -> bool:
        """Whether sqrt(c2) goes into lr, and epsilon is rescaled (theorem T1)."""
        return self.form.correction == "folded-into-lr"

    def root(self, v: Array, c2: float) -> Array:
        """The denominator; of a folded form, times sqrt(c2)."""
        a, dialect = self.a, self.dialect
        squares = self.form.correction.startswith("square")
        inside = dialect.epsilon.startswith("inside")
        scale = self.held(math.sqrt(self.c2))
        if self.folded:
            under = [self.held(self.eps_root * c2)] if self.eps_root else []
            if inside:
                under.append(self.eps if dialect.epsilon == "inside-raw" and c2 != 1.0 else self.raw_eps(c2))
            for eps in under:
                v = a.add(v, self.scalar(eps))
            root = a.root(v)
            if inside or not self.eps:
                return root
            if dialect.epsilon == "hat":
                return a.add(root, self.scalar(self.eps if c2 != 1.0 else self.held(self.eps / scale)))
            return a.add(root, self.scalar(self.held(self.eps * self.held(math.sqrt(c2)))))
        if dialect.epsilon == "inside-raw" and not self.eps_root:
            if squares:
                root = a.root(a.add(self.corrected_square(v, c2), self.scalar(self.held(self.eps / self.c2))))
            elif c2 == 1.0:
                root = a.root(a.add(v, self.scalar(self.held(self.eps / self.c2))))
            else:
                root = self.over_root(a.root(a.add(v, self.scalar(self.eps))), c2)
        elif self.eps_root or inside:
            v = self.corrected_square(v, c2)
            if self.eps_root:
                v = a.add(v, self.scalar(self.eps_root))
            if inside:
                raw = dialect.epsilon == "inside-raw"
                v = a.add(v, self.scalar(self.held(self.eps / self.c2) if raw else self.eps))
            root = a.root(v)
        elif squares:
            root = a.root(self.corrected_square(v, c2))
        else:
            root = self.over_root(a.root(v), c2)
        if inside or not self.eps:
            return root
        eps = self.eps if dialect.epsilon == "outside" else self.held(self.eps / scale)
        return a.add(root, self.scalar(eps))

    def raw_eps(self, c2: float) -> float:
        """Epsilon inside the root as it is added to v."""
        if self.dialect.epsilon == "inside-raw":
            return self.held(self.eps / self.c2)
        return self.held(self.eps * c2)

    def moved(self, theta: Array, m: Array, d: Array, c2: float, pull: Array | None, v: Array) -> Array:
        a, how, held = self.a, self.form.step, self.held
        lr = held(self.lr * held(math.sqrt(c2))) if self.folded else self.lr
        if self.form.correction == "folded-into-denominator" and self.can_divide_by_lr(c2):
            size = held(lr / self.c1)
            d = a.div(a.root(v), self.scalar(held(self.root_c2 * size)))
            d = a.add(d, self.scalar(held(self.eps / size))) if self.eps else d
            return a.sub(theta, a.div(m, d))
        c1, rate = self.scalar(self.c1), self.scalar(lr)
        folded = self.scalar(held(lr / self.c1))
        if how == "lr-first":
            return a.sub(theta, a.div(a.mul(rate, a.div(m, c1)), d))
        if how == "folded-first":
            return a.sub(theta, a.div(a.mul(folded, m), d))
        if how == "folded-last":
            return a.sub(theta, a.mul(folded, a.div(m, d)))
        if how == "reciprocal":
            return a.sub(theta, a.mul(a.mul(folded, m), a.div(1.0, d)))
        if how == "correction-in-divisor":
            return a.sub(theta, a.div(a.mul(rate, m), a.mul(c1, d)))
        if how == "fma-last":
            return a.fma(-folded, a.div(m, d), theta)
        if how == "reciprocal-of-correction":
            update = a.div(a.mul(m, self.scalar(held(1 / self.c1))), d)
        elif how == "reciprocal-lr-last":
            update = a.mul(a.div(m, c1), a.div(1.0, d))
        else:
            update = a.div(a.div(m, c1), d)
        if pull is not None:
            update = a.add(update, pull)
        return a.sub(theta, a.mul(rate, update))

    def can_divide_by_lr(self, c2: float) -> bool:
        """torch's capturable form needs lr > 0, epsilon outside, and range for sqrt(v)/lr."""
        plain = self.dialect.epsilon == "outside" and not self.eps_root and c2 != 1.0
        return plain and self.lr > 0 and self.a.target.max_exponent > 100


def _flushes(a: Arithmetic) -> bool:
    return a.target.flush_to_zero
