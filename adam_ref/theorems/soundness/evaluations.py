"""The evaluations that the counts of the enclosure are for, each an expression in which every rounding is a factor.

A rounding to nearest is a factor `exp(u*x)` with `-1 <= x <= 1` (T15 shows it), so that the product of several is the
exponential of a sum, and the sum is what `adam_ref.enclosure.counts` counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache

import sympy as sp

from adam_ref.enclosure import counts
from adam_ref.enclosure.counts import Count
from adam_ref.theorems.notation import c1, c2, eps, lr, m, optimized, u, unoptimized, v
from adam_ref.theorems.soundness.symbols import (
    FACTORS,
    PLACES,
    SIZES,
    C,
    D,
    H,
    Q,
    R,
    S,
    T,
    error,
    held,
    kappa,
    slow_quotient,
    slow_root,
)
from adam_ref.theorems.steps import Defined, Sign, Step, Zero, at_most, cite, equals, rewrite
from adam_ref.theorems.t01_rescaled_epsilon import RESCALED

COUNTS: dict[str, Count] = {name: value for name, value in vars(counts).items() if isinstance(value, Count)}
"""The counts of the enclosure by name."""
CAST = Count(0, 1)
"""The cast of lr, which the enclosure takes from the scalar itself (`Scalar.cast`)."""


@dataclass(frozen=True)
class Evaluation:
    """`computed` is `exact` times `roundings`, a product of powers of factors, within the counts `allowed` in sum."""

    words: str
    computed: sp.Expr
    exact: sp.Expr
    roundings: sp.Expr
    allowed: tuple[str, ...]
    on_top: sp.Expr = sp.S.Zero
    """What the enclosure adds for the error of c2 as it is held."""

    @property
    def exponents(self) -> dict[sp.Symbol, sp.Rational]:
        """How often each factor comes in."""
        return {f: p for f, p in self.roundings.as_powers_dict().items() if f != 1}

    @property
    def logarithm(self) -> sp.Expr:
        """The logarithm of the roundings, linear in their positions."""
        return sp.Add(*(p * SIZES[PLACES[f][0]] * PLACES[f][1] for f, p in self.exponents.items()))

    @property
    def largest(self) -> sp.Expr:
        """What the logarithm is at most."""
        return size(self.taken) + error * sum(abs(p) for f, p in self.exponents.items() if PLACES[f][0] == "H")

    @property
    def taken(self) -> Count:
        """How many roundings of each kind there are."""
        by_kind = dict.fromkeys(SIZES, 0.0)
        for factor, power in self.exponents.items():
            by_kind[PLACES[factor][0]] += float(abs(power))
        tensor = by_kind["T"] + by_kind["Q"] + by_kind["R"]
        return Count(tensor, by_kind["C"], by_kind["S"], quotients=by_kind["Q"], roots=by_kind["R"])


def size(count: Count) -> sp.Expr:
    """The largest logarithm that so many roundings can add up to (`Rounding.first_order`)."""
    tensor, cast, scalar, quotients, roots = (
        sp.nsimplify(number) for number in (count.tensor, count.cast, count.scalar, count.quotients, count.roots)
    )
    return u * (tensor + slow_quotient * quotients + slow_root * roots) + kappa * cast + held * scalar


def together(names: Iterable[str], table: Mapping[str, Count]) -> Count:
    """The sum of the named counts."""
    return sum((CAST if name == "CAST" else table[name] for name in names), counts.NOTHING)


def largest(evaluations: Iterable[Evaluation]) -> Count:
    """The largest number of roundings of each kind in any of them."""
    taken = [evaluation.taken for evaluation in evaluations]
    return Count(*(max(getattr(count, field.name) for count in taken) for field in fields(Count)))


a, b, w = sp.symbols("a y lambda", real=True)
"""Two tensors and a weight."""
root_v, root = sp.sqrt(v), sp.sqrt(c2)
T1, T2, T3, T4, T5, T6, T7 = T
C1, C2, C3, C4 = C
S1, S2, S3 = S
Q1, Q2, Q3 = Q
(R1,), (H1,) = R, H


def _one(name: str, words: str, computed: sp.Expr, exact: sp.Expr, roundings: sp.Expr) -> Evaluation:
    return Evaluation(words, computed, exact, roundings, (name,))


OPERATIONS: tuple[Evaluation, ...] = (
    _one("SUM", "a sum", (a + b) * T1, a + b, T1),
    _one("PRODUCT", "a product with a weight", w * a * T1, w * a, T1),
    _one("SQUARE", "g*g", a * a * T1, a**2, T1),
    Evaluation("(w*g)*g", (w * a * T1) * a * T2, w * a**2, T1 * T2, ("PRODUCT", "SQUARE")),
    Evaluation("w*(g*g)", w * (a * a * T1) * T2, w * a**2, T1 * T2, ("PRODUCT", "SQUARE")),
    _one("MODULUS", "one of two squares that are added: the square, the sum", (a * a * T1) * T2, a**2, T1 * T2),
    _one(
        "MODULUS",
        "hypot within one ulp, that is two roundings, squared",
        (a * T1 * T2) * (a * T3 * T4) * T5,
        a**2,
        T1 * T2 * T3 * T4 * T5,
    ),
    _one("DIFFERENCE", "the difference of a lerp", (a - b) * T1, a - b, T1),
    _one("ROOT", "a root", root_v * R1, root_v, R1),
    _one("CORRECTED_SQUARE", "v/c2", v / (c2 * C1) * Q1, v / c2, Q1 / C1),
    _one("CORRECTED_SQUARE", "v*(1/c2)", v * (1 / c2 * S1 * C1) * T1, v / c2, S1 * C1 * T1),
    _one("CORRECTED_ROOT", "sqrt(v)/sqrt(c2)", root_v * R1 / (root * S1 * C1) * Q1, root_v / root, R1 * Q1 / (S1 * C1)),
    _one(
        "CORRECTED_ROOT",
        "sqrt(v)*(1/sqrt(c2))",
        root_v * R1 * (1 / (root * S1) * S2 * C1) * T1,
        root_v / root,
        R1 * T1 * S2 * C1 / S1,
    ),
    _one(
        "CORRECTED_ROOT",
        "the root of c2 taken in a format that casts round to",
        root_v * R1 / (sp.sqrt(c2 * C1) * C2) * Q1,
        root_v / root,
        R1 * Q1 / (sp.sqrt(C1) * C2),
    ),
    _one(
        "CORRECTED_ROOT",
        "the root of c2 taken in a format that holds the scalars",
        root_v * R1 / (root * S1) * Q1,
        root_v / root,
        R1 * Q1 / S1,
    ),
    _one(
        "CORRECTED_ROOT", "sqrt(v/c2)", sp.sqrt(v / (c2 * C1) * Q1) * R1, root_v / root, sp.sqrt(Q1) * R1 / sp.sqrt(C1)
    ),
    _one(
        "CORRECTED_ROOT",
        "sqrt(v*(1/c2))",
        sp.sqrt(v * (1 / c2 * S1 * C1) * T1) * R1,
        root_v / root,
        sp.sqrt(S1) * sp.sqrt(C1) * sp.sqrt(T1) * R1,
    ),
    _one("MOMENT_CORRECTION", "m/c1", m / (c1 * C1) * Q1, m / c1, Q1 / C1),
    _one("MOMENT_CORRECTION", "m*(1/c1)", m * (1 / c1 * S1 * C1) * T1, m / c1, S1 * C1 * T1),
    _one("FOLDED_ROOT", "(lr*sqrt(c2))*m", (lr * (root * S1) * S2 * C1) * m * T1, lr * root * m, S1 * S2 * C1 * T1),
    _one("FOLDED_EPSILON", "eps*sqrt(c2), as the root is held", eps * root * S1 * C1, eps * root, S1 * C1),
    _one("EPSILON", "eps", eps * C1, eps, C1),
    _one("QUOTIENT", "m/D", m / D * Q1, m / D, Q1),
    _one("QUOTIENT", "m*(1/D)", m * (1 / D * Q1) * T1, m / D, Q1 * T1),
    _one("DECAY_IN_STEP", "the sum m_hat/D + lambda*theta, as it rounds the step", a * T1, a, T1),
    _one("DECAY_IN_STEP_TERM", "the same sum, as it rounds the decay", b * T1, b, T1),
    Evaluation(
        "lr*(m/c1)/D where v is not corrected",
        (lr * C2) * (m * (1 / c1 * S1 * C1) * T1) * T2 * (1 / D * Q1) * T4,
        lr * m / (c1 * D),
        S1 * C1 * C2 * T1 * T2 * Q1 * T4,
        ("CAST", "PRODUCT", "MOMENT_CORRECTION", "QUOTIENT"),
    ),
    Evaluation(
        "(lr/c1)*m/D where v is not corrected",
        (lr / c1 * S1 * C1) * m * T2 * (1 / D * Q1) * T4,
        lr * m / (c1 * D),
        S1 * C1 * T2 * Q1 * T4,
        ("CAST", "PRODUCT", "MOMENT_CORRECTION", "QUOTIENT"),
    ),
    _one("NARROWED", "a moment stored in a narrower format", a * T1, a, T1),
)
"""Single operations; of each count the evaluation that takes all of it is among them."""


@dataclass(frozen=True)
class Whole:
    """A whole step: `computed` is `lr/c1*step*m/(root*sqrt(v)/sqrt(c2) + epsilon*eps)`, three products of factors."""

    words: str
    computed: sp.Expr
    step: sp.Expr
    root: sp.Expr
    epsilon: sp.Expr

    @property
    def form(self) -> sp.Expr:
        """The update of Algorithm 1 with the three products of factors in their places."""
        return lr / c1 * self.step * m / (self.root * root_v / root + self.epsilon * eps)

    @property
    def parts(self) -> tuple[Evaluation, ...]:
        """The three products, each against what it may take."""
        step = Evaluation(
            f"{self.words}: step", self.step, sp.S.One, self.step, ("FOLDED_ROOT", "MOMENT_CORRECTION", "QUOTIENT")
        )
        half, terms = error / 2, (("root", self.root, "CORRECTED_ROOT"), ("epsilon", self.epsilon, "FOLDED_EPSILON"))
        return (step, *(Evaluation(f"{self.words}: {n}", f, sp.S.One, f, (name, "SUM"), half) for n, f, name in terms))


root_h = sp.sqrt(H1)
WHOLE: tuple[Whole, ...] = (
    Whole(
        "as printed, lr last",
        (lr * C4) * (m / (c1 * C1) * Q1 / ((sp.sqrt(v / (c2 * H1 * C2) * Q2) * R1 + eps * C3) * T4) * Q3) * T6,
        C4 * Q1 * Q3 * T6 / C1,
        sp.sqrt(Q2) * R1 * T4 / (sp.sqrt(C2) * root_h),
        C3 * T4,
    ),
    Whole(
        "reciprocals for all quotients, lr first",
        (lr * C4)
        * (m * (1 / c1 * S1 * C1) * T1)
        * T2
        * (1 / ((root_v * R1 * (1 / (root * root_h * S2) * S3 * C2) * T7 + eps * C3) * T4) * Q1)
        * T6,
        C4 * S1 * C1 * T1 * T2 * Q1 * T6,
        R1 * S3 * C2 * T7 * T4 / (S2 * root_h),
        C3 * T4,
    ),
    Whole(
        "lr/c1 between scalars, sqrt(v)/sqrt(c2)",
        (lr / c1 * S2 * C3) * (m / ((root_v * R1 / (root * root_h * S1 * C1) * Q1 + eps * C2) * T3) * Q2) * T5,
        S2 * C3 * Q2 * T5,
        R1 * Q1 * T3 / (S1 * C1 * root_h),
        C2 * T3,
    ),
    Whole(
        "the step size divides both terms of the denominator (T6)",
        m
        / ((root_v * R1 / (root * root_h * S1 * (lr / c1 * S2) * S3 * C1) * Q1 + eps / (lr / c1 * S2) * C2) * T3)
        * Q2,
        S2 * Q2,
        R1 * Q1 * T3 / (S1 * S3 * C1 * root_h),
        C2 * T3,
    ),
    Whole(
        "sqrt(c2) folded into lr, epsilon rescaled by the same root (T1)",
        (lr * (root * root_h * S1) * S2 * C1)
        * (m / (c1 * C3) * Q1)
        * T2
        / ((root_v * R1 + eps * (root * root_h * S1) * S3 * C2) * T4)
        * Q2,
        S2 * C1 * Q1 * T2 * Q2 / C3,
        R1 * T4 / (S1 * root_h),
        S3 * C2 * T4,
    ),
    Whole(
        "lr*sqrt(c2)/c1 folded, epsilon added as given: eps/sqrt(c2) in this scale",
        (lr * (root * root_h * S1) / c1 * S2 * S3 * C1) * m * T1 / ((root_v * R1 + eps * root * C2) * T3) * Q1,
        S1 * S2 * S3 * C1 * T1 * Q1,
        R1 * T3 / root_h,
        C2 * T3 / root_h,
    ),
)
"""Whole steps, in the scale of the corrected denominator."""


@lru_cache(maxsize=1024)
def rounded(e: Evaluation, allowed: sp.Expr) -> Step:
    """`computed` is `exact` times the exponential of a sum of roundings, and that sum lies within `allowed`."""
    log, most = e.logarithm, e.largest
    statement = sp.And(
        equals(e.computed, e.exact * e.roundings), at_most(log, allowed), at_most(-log, allowed), evaluate=False
    )
    parts = [(power, SIZES[kind], place) for f, power in e.exponents.items() for kind, place in [PLACES[f]]]
    room = [abs(power) * each * (1 - sp.sign(power) * place) for power, each, place in parts]
    less = [abs(power) * each * (1 + sp.sign(power) * place) for power, each, place in parts]
    shown = (
        Defined(e.computed),
        Zero(e.computed - e.exact * e.roundings),
        Zero(e.roundings.subs(FACTORS) - sp.exp(log)),
        Sign(allowed - most, ">=", sp.expand(allowed - most)),
        Sign(most - log, ">=", sp.Add(*room, evaluate=False)),
        Sign(most + log, ">=", sp.Add(*less, evaluate=False)),
    )
    return Step("round", statement, f"{e.words}: at most {' + '.join(e.allowed)}.", shown)


def counted(evaluations: tuple[Evaluation, ...], table: Mapping[str, Count]) -> Iterator[Step]:
    """Each of `evaluations` rounds no more often than `table` allows."""
    for evaluation in evaluations:
        yield rounded(evaluation, size(together(evaluation.allowed, table)) + evaluation.on_top)


def attained(table: Mapping[str, Count]) -> Iterator[Step]:
    """No count is larger than what one of its evaluations takes."""
    for name, count in table.items():
        alone = [evaluation for evaluation in OPERATIONS if evaluation.allowed == (name,)]
        if alone:
            yield rewrite(
                size(largest(alone)),
                size(count),
                f"{name}: of each kind of rounding, one of these evaluations takes as many as are counted.",
            )


def wholes(table: Mapping[str, Count]) -> Iterator[Step]:
    """Whole steps, in whatever order, are the update of Algorithm 1 with three products of roundings in it."""
    yield cite(
        "T1", equals(unoptimized(eps), optimized(RESCALED)), "Before anything is rounded the two forms are one (T1)."
    )
    for whole in WHOLE:
        gathered = rewrite(
            whole.computed, whole.form, f"{whole.words}: gather the roundings of step size, root and epsilon."
        )
        yield replace(gathered, assuming=(lr > 0,))
        yield from counted(whole.parts, table)
