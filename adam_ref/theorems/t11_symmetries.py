"""T11: what scaling, signs and rearrangement do to the step, exactly and in floating point.

Multiplying all gradients by `s` multiplies m by `s` and v by `s^2`; if epsilon is multiplied by `abs(s)`, both parts of
the denominator are, and only the sign of `s` is left in the update. A factor of the learning rate stays a factor. No
element looks at another. When the factor is a power of two, rounding takes part: the significands are the same bits, so
that the relative errors are the same, as long as no result leaves the range of normal numbers.
"""

from collections.abc import Iterator
from typing import Any

import sympy as sp

from adam_ref.theorems.context import Recursion
from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Hypothesis, Table, Theorem, Variant
from adam_ref.theorems.notation import (
    CORRECTIONS,
    M,
    V,
    beta1,
    beta2,
    c1,
    c2,
    eps,
    g,
    lr,
    m,
    n,
    t,
    unoptimized,
    v,
)
from adam_ref.theorems.steps import Step, at_least, at_most, bound, case, equals, induct, rewrite
from adam_ref.theorems.t01_rescaled_epsilon import BETA1, BETA2, EPSILON, STEP

s, a = sp.symbols("s a", real=True)
"""The factors of the gradients and of the learning rate."""
SCALED_M, SCALED_V = sp.IndexedBase("Mprime", real=True), sp.IndexedBase("Vprime", real=True)
"""The moments of the scaled gradients."""
UPDATES = sp.IndexedBase("U", real=True)
MOVED, SCALED_MOVED = sp.IndexedBase("D", real=True), sp.IndexedBase("Dprime", real=True)
"""How far the parameter has come from its start, without scaling and with it."""

kappa = sp.Symbol("kappa", real=True)
w = sp.IndexedBase("w", real=True)
"""The gradients of another element, and the share of their squares that an optimizer lets into its v, `S`."""
SHARED_V = sp.IndexedBase("S", real=True)

p, least, d, f = sp.symbols("p e_min d f", integer=True)
"""The precision; the exponent of the smallest normal number; how far above it the exponent of x is, and of 2^k*x."""
y, rho = sp.symbols("y rho", real=True)
"""The significand of x, and what rounding adds to it, in units of its last place."""
POWER = f - d
SCALED_BY = 2**POWER
x = y * 2 ** (least + d)
SCALED_X = y * 2 ** (least + f)

eta, tau, phi = (sp.IndexedBase(name, real=True) for name in ("eta", "tau", "phi"))
"""The relative errors of the two products and of the sum, at each step."""
ROUNDED_M, SCALED_ROUNDED_M = sp.IndexedBase("Mbar", real=True), sp.IndexedBase("Mbarprime", real=True)
delta1, delta2, delta3, delta4 = sp.symbols("delta1:5", real=True)
"""The relative errors within an update."""
b1, b2 = sp.symbols("b1 b2", real=True)
"""Two operands."""

SCALE = Hypothesis("scale", "the factor s of the gradients is not zero", (sp.Ne(s, 0),))
DENOMINATOR = Hypothesis("denominator", "v and eps are not both zero", (sp.Or(V[t] > 0, eps > 0),))
ELEMENTWISE = Hypothesis("elementwise", "no share kappa of another element enters", (equals(kappa, 0),))
SIGNIFICAND = Hypothesis(
    "significand", "x = y*2^(e_min + d) with 1 <= y < 2 is rounded to p >= 1 bits", (y >= 1, y < 2, p >= 1)
)
NORMAL = Hypothesis(
    "normal", "x and 2^k*x, where k = f - d, are not below the smallest normal number", (d >= 0, f >= 0)
)
NEAREST = Hypothesis(
    "nearest",
    "rounding adds rho to the significand, at most half a unit, which one depending on the significand alone",
    (rho >= -sp.S.Half, rho <= sp.S.Half),
)
NO_LOSS = sp.And(delta2 > -1, delta3 > -1)
"""No error is so large that the denominator becomes zero."""
OPERANDS = sp.And(b1 >= 0, b2 > 0)


def update(mean: sp.Expr, square: sp.Expr, rate: sp.Expr, epsilon: sp.Expr) -> sp.Expr:
    """The update of Algorithm 1."""
    return unoptimized(epsilon).subs({lr: rate, m: mean, v: square}, simultaneous=True)


def rounded_update(mean: sp.Expr, square: sp.Expr, rate: sp.Expr, epsilon: sp.Expr) -> sp.Expr:
    """The same with errors: of the corrections, of the root, of the sum and of the quotient."""
    below = (sp.sqrt(square) / sp.sqrt(c2) * (1 + delta2) + epsilon) * (1 + delta3)
    return rate / c1 * mean * (1 + delta1) / below * (1 + delta4)


def spacing(exponent: sp.Expr) -> sp.Expr:
    """The distance between neighbours: `2^(exponent - p + 1)`, but never less than among the subnormal numbers."""
    return 2 ** (sp.Max(exponent, least) - p + 1)


def rounded(exponent: sp.Expr, unit: Any = spacing) -> sp.Expr:
    """The number of the format nearest to the one with significand y and `exponent`."""
    return (y * 2 ** (p - 1) + rho) * unit(exponent)


BEFORE, AFTER = least + d, least + f
U = update(M[t], V[t], lr, eps)
SIZE = sp.Abs(s)
SIGN = s / SIZE


def scaled_update(square: sp.Expr = s**2, epsilon: sp.Expr = SIZE) -> sp.Expr:
    """The update from moments, epsilon and learning rate that are scaled."""
    return update(s * M[t], square * V[t], a * lr, epsilon * eps)


NEGATED, ENLARGED = equals(s, -1), s > 0
SAME_MEAN = equals(SCALED_M[t], s * M[t])
ERROR = (rounded(BEFORE) - x) / x
SCALED_ERROR = (rounded(AFTER) - SCALED_X) / SCALED_X
ROUNDED = rounded_update(M[t], V[t], lr, eps)
SCALED_ROUNDED = rounded_update(SCALED_BY * M[t], SCALED_BY**2 * V[t], 2**n * lr, SCALED_BY * eps)


def derive(
    square: sp.Expr = s**2,
    epsilon: sp.Expr = SIZE,
    sign: sp.Expr = SIGN,
    alone: sp.Expr = V[t],
    unit: Any = spacing,
    root: sp.Expr = SCALED_BY,
    rate: sp.Expr = 2**n,
) -> Iterator[Step]:
    """What becomes of v (`square`), what epsilon is scaled by, the `sign` that remains, v of an element `alone`.

    In floating point: the spacing (`unit`), the factor of a `root`, the factor of the learning `rate` that remains.
    """
    yield induct(SAME_MEAN, t, "Both sides follow the recursion of m with gradients s*g, from 0.", start=0, carry=beta1)
    yield induct(
        equals(SCALED_V[t], square * V[t]), t, "The square of a gradient has the factor s^2.", start=0, carry=beta2
    )
    yield induct(
        at_least(V[t], 0), t, "Squares with positive weights.", start=0, carry=beta2, rest=(1 - beta2) * g[t + 1] ** 2
    )
    scaled = scaled_update(square, epsilon)
    yield rewrite(
        scaled, a * sign * U, "The root of s^2*v is abs(s)*sqrt(v), so that abs(s) leaves the denominator as a factor."
    )
    yield from case(NEGATED, rewrite(scaled, -a * U, "s/abs(s) = -1."))
    yield from case(ENLARGED, rewrite(scaled, a * U, "s/abs(s) = 1."))
    yield induct(
        equals(SCALED_MOVED[t], a * sign * MOVED[t]),
        t,
        "What holds for every update holds for their sum.",
        start=0,
    )
    yield induct(
        equals(SHARED_V[t], alone), t, "The same recursion and the same gradients: the same v.", start=0, carry=beta2
    )
    yield from _rounding(unit)
    yield from _operations(root)
    yield from _composed(rate)


def _rounding(unit: Any) -> Iterator[Step]:
    """Rounding commutes with scaling by a power of two."""
    yield rewrite(SCALED_X, SCALED_BY * x, "With k = f - d: the exponent rises by k and the significand stays.")
    yield rewrite(
        unit(AFTER), SCALED_BY * unit(BEFORE), "Neither exponent is below e_min, so that the spacing goes with it."
    )
    yield rewrite(
        SCALED_X / unit(AFTER), y * 2 ** (p - 1), "In units of the spacing, 2^k*x is what x is: the same significand,"
    )
    yield rewrite(
        rounded(AFTER, unit),
        SCALED_BY * rounded(BEFORE, unit),
        "so that it is rounded by the same rho, ties included.",
    )
    for half in (-1, 1):
        yield bound(
            at_most(half * (rounded(AFTER, unit) - SCALED_X), unit(AFTER) / 2),
            "And that is the nearest number: half a spacing away at most.",
            form=(sp.S.Half - half * rho) * unit(AFTER),
        )
    yield rewrite(SCALED_ERROR, ERROR, "The relative error is the same number.")


def _operations(root: sp.Expr) -> Iterator[Step]:
    """What is rounded scales exactly, operation by operation."""
    yield rewrite(SCALED_BY * b1 + SCALED_BY * b2, SCALED_BY * (b1 + b2), "A sum has the factor of its terms,")
    yield rewrite((SCALED_BY * b1) * (2**n * b2), 2 ** (n + POWER) * (b1 * b2), "a product the product of the factors,")
    yield from case(
        OPERANDS,
        rewrite((SCALED_BY * b1) / (2**n * b2), 2 ** (POWER - n) * (b1 / b2), "a quotient their quotient,"),
        rewrite(sp.sqrt(SCALED_BY**2 * b1), root * sp.sqrt(b1), "and a root the root of a factor."),
    )


def _composed(rate: sp.Expr) -> Iterator[Step]:
    """So each operation of the scaled run makes the relative error that it makes in the other."""
    yield induct(
        equals(SCALED_ROUNDED_M[t], SCALED_BY * ROUNDED_M[t]),
        t,
        "One operation after the other, the operands scale, so that eta, tau, phi are the same and m scales bit by "
        "bit. So does v, with g^2 for g and 4^k for 2^k.",
        start=0,
        carry=beta1 * (1 + eta[t]) * (1 + phi[t]),
    )
    yield from case(
        NO_LOSS,
        rewrite(SCALED_ROUNDED, rate * ROUNDED, "In the quotient 2^k cancels, and the factor of lr remains."),
    )


RECURSIONS = {
    M: Recursion(sp.S.Zero, n, beta1 * M[n] + (1 - beta1) * g[n + 1]),
    V: Recursion(sp.S.Zero, n, beta2 * V[n] + (1 - beta2) * g[n + 1] ** 2),
    SCALED_M: Recursion(sp.S.Zero, n, beta1 * SCALED_M[n] + (1 - beta1) * (s * g[n + 1])),
    SCALED_V: Recursion(sp.S.Zero, n, beta2 * SCALED_V[n] + (1 - beta2) * (s * g[n + 1]) ** 2),
    MOVED: Recursion(sp.S.Zero, n, MOVED[n] - UPDATES[n + 1]),
    SCALED_MOVED: Recursion(sp.S.Zero, n, SCALED_MOVED[n] - a * SIGN * UPDATES[n + 1]),
    SHARED_V: Recursion(sp.S.Zero, n, beta2 * SHARED_V[n] + (1 - beta2) * (g[n + 1] ** 2 + kappa * w[n + 1] ** 2)),
    ROUNDED_M: Recursion(
        sp.S.Zero, n, (beta1 * ROUNDED_M[n] * (1 + eta[n]) + (1 - beta1) * g[n + 1] * (1 + tau[n])) * (1 + phi[n])
    ),
    SCALED_ROUNDED_M: Recursion(
        sp.S.Zero,
        n,
        (beta1 * SCALED_ROUNDED_M[n] * (1 + eta[n]) + (1 - beta1) * (SCALED_BY * g[n + 1]) * (1 + tau[n]))
        * (1 + phi[n]),
    ),
}
"""`M`, `V` and what they are compared with: scaled gradients, another element let in, rounding."""


def relative_error(significand: sp.Rational, exponent: int, precision: int, smallest: int) -> sp.Rational:
    """Of rounding `significand * 2^exponent` to nearest, ties to even; the least normal exponent is `smallest`."""
    number = significand * sp.Integer(2) ** exponent
    unit = spacing(sp.Integer(exponent)).subs({p: precision, least: smallest})
    return sp.Rational(round(sp.Rational(number, unit)) * unit - number, number)


def _error_rows() -> list[tuple[str, str, str]]:
    value = sp.Rational(13, 10)
    powers = (8, 4, 0, -4, -5, -6, -8, -12)
    errors = [relative_error(value, power - 10, 11, -14) for power in powers]
    return [
        (f"2^{power}", f"2^{power - 10}", f"{float(error):.3e}") for power, error in zip(powers, errors, strict=True)
    ]


def _constant(number: float) -> Any:
    return lambda _: number


HERE: dict[sp.Basic, Any] = {
    beta1: 0.5,
    beta2: 0.75,
    t: 1,
    eps: 1,
    lr: 1,
    s: 2,
    a: 1,
    kappa: 0,
    y: 1.25,
    rho: 0.25,
    p: 3,
    least: -4,
    d: 0,
    f: 2,
    g: _constant(1),
    w: _constant(1),
}
UPDATE, OTHERS, SCALES, NEARBY, RELATIVE = 3, 7, 10, 11, 12
"""Numbers of claims, for the counterexamples."""

THEOREM = Theorem(
    id="T11",
    name="symmetries",
    title="The step is odd in the gradients, free of their scale, linear in lr, elementwise; for powers of 2 exactly",
    words=(
        "If all gradients are multiplied by s, epsilon by abs(s) and lr by `a`, every update is multiplied by "
        "a*s/abs(s): it is odd in the gradients (s = -1), does not depend on their scale (s > 0) and is linear in lr. "
        "An element's result depends on its own gradients alone. For powers of 2 all of this is true to the bit in "
        "binary floating point, as long as every result stays in the range of normal numbers."
    ),
    hypotheses=(
        *(BETA1, BETA2, STEP, EPSILON, SCALE, DENOMINATOR, ELEMENTWISE),
        *(SIGNIFICAND, NORMAL, NEAREST),
    ),
    definitions=CORRECTIONS,
    recursions=RECURSIONS,
    shown_as={
        spacing(AFTER): "u_f",
        spacing(BEFORE): "u_d",
        y * 2 ** (p - 1) + rho: "z",
        SCALED_BY: "2^k",
    },
    claims=(
        Claim(SAME_MEAN, "the mean of gradients s*g"),
        Claim(equals(SCALED_V[t], s**2 * V[t]), "their second moment"),
        Claim(at_least(V[t], 0), "which is never negative"),
        Claim(equals(scaled_update(), a * SIGN * U), "the update from them"),
        Claim(equals(scaled_update(), -a * U), "is odd in the gradients", assuming=(NEGATED,)),
        Claim(equals(scaled_update(), a * U), "and free of their scale", assuming=(ENLARGED,)),
        Claim(equals(SCALED_MOVED[t], a * SIGN * MOVED[t]), "and so is the way from the start, the sum of updates"),
        Claim(equals(SHARED_V[t], V[t]), "neighbours do not matter"),
        Claim(equals(SCALED_X, SCALED_BY * x), "in floating point, 2^k*x has the significand of x"),
        Claim(equals(spacing(AFTER), SCALED_BY * spacing(BEFORE)), "neighbours are 2^k times as far apart"),
        Claim(equals(rounded(AFTER), SCALED_BY * rounded(BEFORE)), "so that rounding commutes with the factor"),
        Claim(at_most(rounded(AFTER) - SCALED_X, spacing(AFTER) / 2), "which is the number nearest to 2^k*x"),
        Claim(equals(SCALED_ERROR, ERROR), "with the same relative error"),
        Claim(equals(SCALED_ROUNDED_M[t], SCALED_BY * ROUNDED_M[t]), "so that the rounded mean scales"),
        Claim(equals(SCALED_ROUNDED, 2**n * ROUNDED), "and the rounded update", assuming=(NO_LOSS,)),
    ),
    derive=derive,
    variants=(
        Variant("epsilon left alone", "gradients scaled, epsilon not", {"epsilon": sp.S.One}),
        Variant("epsilon scaled like v", "by s^2 in place of abs(s)", {"epsilon": s**2}),
        Variant("epsilon scaled back", "divided by abs(s)", {"epsilon": 1 / SIZE}),
        Variant("v scaled like m", "by s in place of s^2", {"square": s}),
        Variant("even in the gradients", "the sign of s lost", {"sign": sp.S.One}),
        Variant("linear in the gradients", "the update scales with s", {"sign": s}),
        Variant("v without its weight", "v of an element alone, times 1 - beta2", {"alone": (1 - beta2) * V[t]}),
        Variant("fixed point", "the same spacing at every exponent", {"unit": lambda _: 2 ** (least - p + 1)}),
        Variant("root of an odd power", "sqrt(4^k*b) = 4^k*sqrt(b)", {"root": SCALED_BY**2}),
        Variant("lr squared", "the factor of lr counted twice", {"rate": 4**n}),
    ),
    counterexamples=(
        Counterexample("beta1", "beta1 = 1: c1 = 0", HERE | {beta1: 1}, claim=UPDATE),
        Counterexample("beta2", "beta2 = 1: c2 = 0", HERE | {beta2: 1}, claim=UPDATE),
        Counterexample("step", "t = 0: both corrections are 0", HERE | {t: 0}, claim=UPDATE),
        Counterexample("epsilon", "eps = -1 meets sqrt(v_hat) = 1", HERE | {eps: -1}, claim=UPDATE),
        Counterexample("scale", "s = 0: no sign", HERE | {s: 0}, claim=UPDATE),
        Counterexample("denominator", "v = eps = 0", HERE | {eps: 0, g: _constant(0)}, claim=UPDATE),
        Counterexample(
            "elementwise", "half of a neighbour's square enters, as in a mean over a block", HERE | {kappa: 0.5}, OTHERS
        ),
        Counterexample("significand", "x = 0 has no relative error", HERE | {y: 0}, claim=RELATIVE),
        Counterexample(
            "normal", "scaled to three binades below the smallest normal number", HERE | {f: -3}, claim=SCALES
        ),
        Counterexample("nearest", "rounded up by a whole unit", HERE | {rho: 1}, claim=NEARBY),
    ),
    confirmations=(
        Confirmation(
            "the scaled update, with c1, c2 any reals in (0, 1]",
            equals(update(s * m, s**2 * v, a * lr, sp.Abs(s) * eps), a * SIGN * unoptimized(eps)),
            (c1 > 0, c1 <= 1, c2 > 0, c2 <= 1, eps >= 0, v >= 0, sp.Or(v > 0, eps > 0), sp.Ne(s, 0)),
        ),
    ),
    checks=(
        *("metamorphic.sign", "metamorphic.gradient-scale", "metamorphic.lr-scale", "metamorphic.arrangement"),
        *("groups.tensors", "special.lr-zero", "special.extreme-lr"),
    ),
    references=(
        "D. P. Kingma, J. Ba: Adam: A Method for Stochastic Optimization. arXiv:1412.6980, section 2.1: 'the effective "
        "stepsize is also invariant to the scale of the gradients'",
        "IEEE Std 754-2019, section 4.3: rounding to nearest",
        "N. J. Higham: Accuracy and Stability of Numerical Algorithms. SIAM 2002, chapter 2",
    ),
    remarks=(
        "The paper states the invariance for eps = 0. With eps > 0 it holds if eps is scaled along; if not, small "
        "gradients make smaller steps.",
        "Elementwise: permuting, splitting or joining tensors gives each place the gradients of one place before, and "
        "a recursion that is fed the same numbers gives the same numbers. Optimizers that share statistics (block-wise "
        "quantisation, factored or layer-wise second moments, clipping by a common norm) let neighbours in.",
        "For lr = 0 there is no update, whatever the gradients, as long as the denominator is not zero.",
        "The sign needs no power of 2 and no range: negation is exact, and rounding to nearest is symmetric.",
        "Where the update is subtracted, theta - update, one more rounding enters. It scales only if theta does too: "
        "the check starts from theta = 0.",
        "At the other end of the range the same happens as below the smallest normal number: what exceeds the largest "
        "number becomes infinite, which no power of 2 brings back. Note that v needs twice the exponent of g.",
        "Other factors than powers of 2 change significands, and with them every rounding; the identity is then true "
        "up to rounding only.",
    ),
    tables=(
        Table(
            "underflow",
            "Relative error of rounding 1.3*2^-10 times a power of 2 to float16 (smallest normal number 2^-14)",
            ("factor", "exponent", "relative error"),
            _error_rows,
        ),
    ),
    summary=(
        "Gradients times s, eps times abs(s), lr times a: the update times a*s/abs(s). So the step is odd in g, free "
        "of its scale, linear in lr. It is elementwise. For powers of 2 this holds bit for bit away from overflow and "
        "underflow, because rounding commutes with the factor."
    ),
)
