"""The symbols of theorem T15 and its hypotheses: what is assumed of roundings, of boxes, and of nothing else."""

from __future__ import annotations

import sympy as sp

from adam_ref.theorems.model import Hypothesis
from adam_ref.theorems.notation import u
from adam_ref.theorems.t01_rescaled_epsilon import HYPOTHESES as OF_T1

# Roundings

kappa, held, eta, own = sp.symbols("kappa u_s eta h", real=True)
"""Sizes of roundings: the cast of a scalar, an operation between scalars, what underflow loses, our own arithmetic."""

slow_quotient, slow_root = sp.symbols("f_q f_r", real=True)
"""Roundings more that a quotient and a root take on tensors: none where IEEE is followed, some in fast-math."""

error = sp.Symbol("e_2", real=True)
"""The error of c2 as it is held (`Scalar.error`)."""

SIZES: dict[str, sp.Expr] = {
    "T": u,
    "Q": u * (1 + slow_quotient),
    "R": u * (1 + slow_root),
    "C": kappa,
    "S": held,
    "H": error,
}
"""Kinds of roundings: on tensors, of quotients and roots among them; casts of scalars; between scalars; that of c2."""

_NUMBER = {"T": 7, "Q": 3, "R": 1, "C": 4, "S": 3, "H": 1}
T, Q, R, C, S, H = ([sp.Symbol(f"{kind}{n + 1}", real=True) for n in range(_NUMBER[kind])] for kind in SIZES)
"""The roundings as factors."""

PLACES: dict[sp.Symbol, tuple[str, sp.Symbol]] = {
    factor: (kind, sp.Symbol(f"x_{kind}{n + 1}", real=True))
    for kind, factors in zip(SIZES, (T, Q, R, C, S, H), strict=True)
    for n, factor in enumerate(factors)
}
"""Of each factor its kind, and where between -1 and 1 that rounding is."""

FACTORS: dict[sp.Symbol, sp.Expr] = {
    factor: sp.exp(SIZES[kind] * position) for factor, (kind, position) in PLACES.items()
}

D = sp.Symbol("D", real=True)
"""A denominator, positive."""

# Boxes and weights

p, q, sigma = sp.symbols("p q sigma", real=True)
"""Where something is in its box, between -1 and 1; `sigma` is the middle's share of the size `A`."""
A, r, s, o = sp.symbols("A r s o", real=True)
"""Size of a middle, radii, how far a weight is off."""
Y, w = sp.symbols("Y w", real=True)
"""Another middle, and a weight."""
K = sp.Symbol("K", real=True)
"""The weight of the old value; that of the new is 1 - K."""
d, e = sp.symbols("d e", real=True)
"""What roundings may change a factor by: `exp(...) - 1`."""
L = sp.Symbol("L", real=True)
"""The least that a divisor may be."""
share, excess = sp.symbols("l k", real=True)
"""Of a root: the lower end as `(l*b)^2` of the middle `b^2`, or by how much the radius exceeds the middle."""
b = sp.Symbol("b", real=True)
low, fraction, place = sp.symbols("B f nu", real=True)
"""The number `B*(1 + f)` in the binade that starts at `B`, and where within half an ulp it is rounded to."""
f1, f2 = sp.symbols("a_1 a_2", real=True)
"""Logarithms of what roundings can do."""


def within(*symbols: sp.Symbol) -> tuple[sp.Basic, ...]:
    """Each lies between -1 and 1."""
    return tuple(c for x in symbols for c in (x >= -1, x <= 1))


def not_negative(*symbols: sp.Symbol) -> tuple[sp.Basic, ...]:
    """None is below 0."""
    return tuple(x >= 0 for x in symbols)


ROUNDOFFS = Hypothesis(
    "roundoffs",
    "u is at most 2^-8 (bfloat16), our own roundoff at most 2^-8; casts and scalars round by what is not negative",
    (
        u >= 0,
        u <= sp.Rational(1, 256),
        *not_negative(kappa, held, slow_quotient, slow_root, error),
        own >= 0,
        own <= sp.Rational(1, 256),
    ),
)
NEAREST = Hypothesis(
    "nearest",
    "a result is a number of the format within half an ulp, so not below the start B of the exact value's binade",
    (low > 0, fraction >= 0, *within(place), fraction + u * place >= 0),
)
ROUNDINGS = Hypothesis(
    "roundings",
    "no rounding exceeds its size; nothing overflows (past the largest finite number the enclosure admits infinity)",
    within(*(position for _, position in PLACES.values())),
)
BOXES = Hypothesis("boxes", "values lie in their boxes, factors within what they may be off", within(p, q, sigma))
RADII = Hypothesis(
    "radii",
    "sizes, radii and errors are not negative; one of few roundings at most 1/16",
    (
        *not_negative(A, r, s, o, w, Y, d, e, excess, f1, f2),
        e <= sp.Rational(1, 16),
        K >= 0,
        K <= 1,
        share >= 0,
        share <= 1,
    ),
)
DIVISOR = Hypothesis(
    "divisor", "the box of a divisor does not reach 0, nor does that of a root's argument", (L > 0, b > 0, D > 0)
)
UNDERFLOW = Hypothesis(
    "underflow", "a weight loses less than half of itself where it is cast", (eta >= 0, w >= 2 * eta)
)
HYPOTHESES = (ROUNDOFFS, NEAREST, ROUNDINGS, BOXES, RADII, DIVISOR, UNDERFLOW, *OF_T1)
