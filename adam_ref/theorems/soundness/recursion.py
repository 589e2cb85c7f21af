"""What happens along the way: roundings, underflow, powers of beta, our own arithmetic, and from step to step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import sympy as sp

from adam_ref.enclosure import counts
from adam_ref.theorems.context import Recursion
from adam_ref.theorems.induction import grows, induct_together
from adam_ref.theorems.notation import beta2, c1, c2, lr, m, n, t, u
from adam_ref.theorems.soundness.boxes import between
from adam_ref.theorems.soundness.symbols import A, D, Y, e, eta, f1, f2, fraction, held, low, own, p, place, q, w
from adam_ref.theorems.steps import Step, at_least, at_most, bound, induct, rewrite, total

# Roundings

EXACT, NEAR = low * (1 + fraction), low * (1 + fraction + u * place)


def roundings() -> Iterator[Step]:
    """A rounding is a factor between `exp(-u)` and `exp(u)`; several are one with the sum of the logarithms."""
    grown = grows(sp.exp(u) - 1 - u, u, "The exponential lies above its tangent: both are 1 at 0, and exp(u) >= 1.")
    yield grown
    over = sp.exp(u) - 1 - u
    ends = (
        bound(
            at_most(NEAR, EXACT * sp.exp(u)),
            "Half an ulp is u*B at most, and B is at most the exact value.",
            form=total(EXACT * over, low * u * fraction, low * u * (1 - place)),
        ),
        bound(
            at_most(EXACT, NEAR * sp.exp(u)),
            "And B is at most the result: the start of a binade is a number of the format.",
            form=total(
                low * total(1, fraction + u * place) * over, low * u * (1 + place), low * u * (fraction + u * place)
            ),
        ),
    )
    yield from ends
    yield between(
        sp.exp(f1 * p),
        sp.S.One,
        sp.exp(f1) - 1,
        "A factor whose logarithm lies within a_1 lies within exp(a_1) - 1 of 1, above and below.",
        above=sp.exp(f1 * p) * (sp.exp(f1 * (1 - p)) - 1),
        below=total(sp.exp(-f1) * (sp.exp(f1) - 1) ** 2, sp.exp(-f1) * (sp.exp(f1 * (1 + p)) - 1)),
        reached={p: 1},
    )
    yield between(
        sp.log(sp.exp(f1 * p) * sp.exp(f2 * q)),
        sp.S.Zero,
        f1 + f2,
        "Logarithms add, so that roundings are counted.",
        above=total(f1 * (1 - p), f2 * (1 - q)),
        below=total(f1 * (1 + p), f2 * (1 + q)),
        reached={p: 1, q: 1},
    )


# Underflow

root = sp.sqrt(c2)
LOSSES: dict[str, float] = {
    name: float(value)
    for name, value in vars(counts).items()
    if name.startswith(("UNDERFLOW", "FLUSHES")) and isinstance(value, int | float)
}
"""How many results may underflow, by name."""

ONE = 1 + e
LOST: tuple[tuple[str, str, sp.Expr], ...] = (
    ("UNDERFLOWS_FIRST", "beta1*m and w1*g both underflow; their sum is subnormal, and exact", sp.Integer(2)),
    ("UNDERFLOWS_FIRST", "one of these products, or that of a lerp, and the sum rounds", ONE),
    ("UNDERFLOWS_SECOND", "beta2*v, the square (times a weight below 1) and its product with w2", (2 + ONE) * ONE),
    ("UNDERFLOWS_SECOND", "beta2*v, the constant part of (w2*g)*g, and its last product", (2 + ONE / 2) * ONE),
    ("FLUSHES_FIRST", "both terms, for g, m or a product with it flushed, and the sum", 2 * ONE + 1),
    ("FLUSHES_FIRST", "lerp: m, g, the difference or its product, and the sum", 4 * ONE**2),
    ("FLUSHES_SECOND", "beta2*v, the square, its product, the difference of a lerp, and the sum", 5 * ONE**2),
    ("UNDERFLOWS_DECAY", "lambda*theta and lr*(lambda*theta), in units of max(1, lr), and the sum", 2 * ONE + 1),
)
"""What may be lost, in units of `eta`; `e` is what the roundings that follow may add to it."""


def underflow(losses: Mapping[str, float]) -> Iterator[Step]:
    """What is lost where results underflow is no more than the enclosure adds."""
    for name, words, lost in LOST:
        yield bound(at_most(lost * eta, sp.nsimplify(losses[name]) * eta), f"{name}: {words}.")
    yield bound(
        at_most(A, sp.nsimplify(losses["UNDERFLOW_SQUARE"]) * (1 + A**2)),
        "The inner product of (w2*g)*g loses eta*abs(g), of which half of eta*g^2 is added to the weight of g^2.",
        form=(1 - A) ** 2 / 2,
    )
    yield bound(
        at_most(eta * ONE / 2, eta / 2 + w * e),
        "Where it underflows it does not round as well: what that would take pays for the roundings that follow.",
        form=e * total(w - 2 * eta, 3 * eta / 2),
    )
    exact = lr / c1 * m / D
    yield rewrite(
        lr * ((m / c1 + eta * p) / D),
        lr / c1 * (m + c1 * eta * p) / D,
        "The corrected moment underflows: in the scale of m that is c1*eta.",
    )
    for step in (
        rewrite(
            (lr * root * m + eta * p) / (c1 * D * root),
            lr / c1 * (m + eta / (lr * root) * p) / D,
            "The folded numerator underflows: in the scale of m that is eta/(lr*sqrt(c2)).",
        ),
        rewrite(
            (lr * root * m / c1 + eta * p) / (D * root),
            lr / c1 * (m + c1 * eta / (lr * root) * p) / D,
            "And if it is divided by c1 after, c1 times as much.",
        ),
    ):
        yield replace(step, assuming=(lr > 0,))
    yield rewrite(
        lr / c1 * m * (1 / D + eta * p),
        exact * (1 + eta * D * p),
        "The reciprocal underflows: an error relative to it.",
    )
    yield rewrite(
        lr / c1 * (m / D + eta * p) + eta * q,
        exact + eta * (lr / c1 * p + q),
        "The quotient underflows, and the product with lr/c1.",
    )


# The powers of beta, and our own arithmetic

UP, DOWN, BELOW_MOST = (sp.IndexedBase(name, real=True) for name in ("Pi", "pi", "zeta"))
"""`beta2^(n+1)` by n products, each rounded by less than `u_s`, up or down: short of that by a square."""


def powers(most: sp.Expr) -> Iterator[Step]:
    """`beta^(t+1)` by t products is off by no more than the exponential of `most`."""
    missed = BELOW_MOST[t + 1] ** 2
    power = beta2 ** (t + 1)
    yield induct(
        at_most(UP[t], power * sp.exp(most)),
        t,
        "t products round t times.",
        start=0,
        carry=beta2 * sp.exp(held - missed),
        rest=power * beta2 * sp.exp(held * (t + 1)) * (1 - sp.exp(-missed)),
    )
    yield induct(
        at_least(DOWN[t], power * sp.exp(-most)),
        t,
        "And not further down.",
        start=0,
        carry=beta2 * sp.exp(missed - held),
        rest=power * beta2 * sp.exp(-held * (t + 1)) * (sp.exp(missed) - 1),
    )


def own_arithmetic(ours: sp.Expr, slack: sp.Expr) -> Iterator[Step]:
    """What the enclosure pays for its own arithmetic is enough."""
    for count in (OURS_AT_MOST, OURS_OF_RADII):
        yield grows(
            sp.exp(-count * own) - 1 + count * own, own, f"{count} roundings of our own take at most {count} h."
        )
    few, many = (sp.exp(-count * own) - 1 + count * own for count in (OURS_AT_MOST, OURS_OF_RADII))
    yield bound(
        at_most(sp.exp(OURS_AT_MOST * own) - 1, ours * own),
        "counts.OWN: the middle of the denominator takes 5 roundings of the working dtype, no other formula more.",
        form=sp.exp(OURS_AT_MOST * own)
        * total((1 + ours * own) * few, own * (ours - OURS_AT_MOST - OURS_AT_MOST * ours * own)),
    )
    yield bound(
        at_least((1 + slack * own) * sp.exp(-OURS_OF_RADII * own), 1),
        "interval.SLACK: a radius takes at most 14 roundings of float64 from one product to the next.",
        form=total((1 + slack * own) * many, own * (slack - OURS_OF_RADII - OURS_OF_RADII * slack * own)),
    )


OURS_AT_MOST, OURS_OF_RADII = 5, 14


# From step to step

VALUE, MIDDLE, RADIUS, INPUT = (sp.IndexedBase(name, real=True) for name in ("X", "C", "R", "G"))
WEIGHT, OFF, LOSS, FIRST, SECOND = (sp.IndexedBase(name, real=True) for name in ("W", "O", "E", "phi", "psi"))


def _anywhere(x: sp.Expr) -> sp.Expr:
    """A number between -1 and 1; every such number for some x."""
    return 2 * x / (1 + x**2)


def _absolute(x: sp.Expr) -> sp.Expr:
    return sp.Max(x, -x)


def recursions() -> dict[sp.IndexedBase, Recursion]:
    """A value, the middle and the radius of its box; and powers by products."""
    new = n + 1
    weight, off, loss = (base[new] ** 2 for base in (WEIGHT, OFF, LOSS))
    value = (weight + off * _anywhere(FIRST[new])) * VALUE[n] + INPUT[new] + loss * _anywhere(SECOND[new])
    reach = (weight + off) * RADIUS[n] + off * _absolute(MIDDLE[n]) + loss
    missed = BELOW_MOST[new] ** 2
    return {
        VALUE: Recursion(Y, n, value),
        MIDDLE: Recursion(Y, n, weight * MIDDLE[n] + INPUT[new]),
        RADIUS: Recursion(sp.S.Zero, n, reach),
        UP: Recursion(beta2, n, UP[n] * beta2 * sp.exp(held - missed)),
        DOWN: Recursion(beta2, n, DOWN[n] * beta2 * sp.exp(missed - held)),
    }


def from_step_to_step() -> Iterator[Step]:
    """A value stays in its box: of either moment, of the parameter, of whatever is a weighted sum of old and new."""
    new = t + 1
    weight, off, loss = (base[new] ** 2 for base in (WEIGHT, OFF, LOSS))

    def left(x: sp.Expr, sign: int) -> sp.Expr:
        """`1 - sign*_anywhere(x)`."""
        return (1 - sign * x) ** 2 / (1 + x**2)

    one, other = (left(FIRST[new], sign) for sign in (1, -1))
    over, under = _absolute(MIDDLE[t]) - MIDDLE[t], _absolute(MIDDLE[t]) + MIDDLE[t]
    same, across = weight + off * other / 2, off * one / 2
    yield induct_together(
        (at_most(VALUE[t], MIDDLE[t] + RADIUS[t]), at_least(VALUE[t], MIDDLE[t] - RADIUS[t])),
        t,
        "With D the distances of the value to the two ends: the weight of the step is a mean of W + O and -(W + O), so "
        "that both new distances are sums of the old ones, with weights that are not negative, and of a rest.",
        start=0,
        carries=((same, across), (across, same)),
        rests=(
            total(off * total(other * over, one * under) / 2, loss * left(SECOND[new], 1)),
            total(off * total(other * under, one * over) / 2, loss * left(SECOND[new], -1)),
        ),
    )
