"""T5: what it does to leave epsilon as it is in the optimized form.

The ratio of the two updates is a weighted mean of `sqrt(c2)` and 1, with weights `eps` and `sqrt(v)`: the optimized
form is too small by at most the factor `sqrt(c2)`, where epsilon rules, and right where epsilon does not matter.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import sympy as sp

from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Figure, Table, Theorem, Variant
from adam_ref.theorems.notation import CORRECTIONS, beta1, beta2, c2, eps, lr, m, optimized, t, unoptimized, v
from adam_ref.theorems.steps import (
    Step,
    at_least,
    at_most,
    both_or_neither,
    bound,
    case,
    cite,
    differentiate,
    equals,
    equivalent,
    monotone,
    more_than,
    rewrite,
)
from adam_ref.theorems.t01_rescaled_epsilon import HYPOTHESES

s = sp.sqrt(c2)
RATIO = (sp.sqrt(v) + eps * s) / (sp.sqrt(v) + eps)
"""`O(eps)/U(eps)`, wherever U is not zero."""

EFFECTIVE = eps / s
"""The epsilon that Algorithm 1 would need to do what the optimized form does with `eps`."""

PROPER = beta2 > 0
"""At beta2 = 0 there is no correction (c2 = 1) and no gap."""


def derive(
    ratio: sp.Expr = RATIO, low: sp.Expr = s, high: sp.Expr = sp.S.One, effective: sp.Expr = EFFECTIVE
) -> Iterator[Step]:
    """`ratio` of the updates with its bounds `low` and `high`; the `effective` epsilon."""
    weight = 1 / (sp.sqrt(v) + eps)
    yield rewrite(
        optimized(eps),
        sp.Mul(ratio, unoptimized(eps), evaluate=False),
        "Divide: lr, m, c1 cancel, and the root of c2 moves onto eps.",
    )
    yield bound(
        at_least(ratio, low),
        "The ratio exceeds sqrt(c2) by the share sqrt(v)/(sqrt(v) + eps) of 1 - sqrt(c2).",
        form=sp.sqrt(v) * weight * (1 - s),
    )
    yield bound(
        at_most(ratio, high),
        "It falls short of 1 by the other share, eps/(sqrt(v) + eps).",
        form=eps * weight * (1 - s),
    )
    yield from case(
        PROPER,
        equivalent(
            equals(ratio, low),
            equals(sp.sqrt(v), 0),
            weight * (1 - s),
            "1 - sqrt(c2) > 0, so only v = 0 gives the low end.",
        ),
        equivalent(equals(ratio, high), equals(eps, 0), -weight * (1 - s), "And only eps = 0 gives the high end."),
    )
    yield cite(
        "T1",
        equals(unoptimized(effective), optimized(eps)),
        "T1 read backwards: eps is (eps/sqrt(c2))*sqrt(c2).",
        where={eps: EFFECTIVE},
    )
    slope = eps * (1 - s) * weight**2 / (2 * sp.sqrt(v))
    yield from case(
        INNER,
        differentiate(ratio, v, slope, "The quotient rule."),
        monotone(
            ratio, v, "increasing", "Every factor of the slope is positive: the gap closes as v grows.", form=slope
        ),
    )


INNER = sp.And(beta2 > 0, v > 0, eps > 0)

RISES = more_than(sp.Derivative(RATIO, v), 0)


def effective_factor(beta2: float, step: int) -> mpmath.mpf:
    """How many times larger than `eps` the effective epsilon of the optimized form is."""
    return 1 / mpmath.sqrt(1 - mpmath.mpf(str(beta2)) ** step)


def _effective_rows() -> list[tuple[int, str, str, str]]:
    betas = (0.9, 0.99, 0.999)
    return [(t, *(mpmath.nstr(effective_factor(b, t), 5) for b in betas)) for t in (1, 2, 5, 10, 100, 1000, 10000)]


def _draw_effective(axes: Any) -> None:
    steps = sorted({int(10 ** (n / 20)) for n in range(81)})
    for beta in (0.9, 0.99, 0.999, 0.9999):
        axes.loglog(steps, [float(effective_factor(beta, step)) for step in steps], label=f"$\\beta_2 = {beta}$")
    axes.set_xlabel("$t$")
    axes.set_ylabel(r"effective epsilon / $\epsilon$")
    axes.legend()


def _draw_map(axes: Any) -> None:
    import numpy as np

    steps, sizes = np.meshgrid(10 ** np.linspace(0, 4, 81), 10 ** np.linspace(-2, 4, 61))
    correction = 1 - 0.999**steps
    gap = 1 - sp.lambdify((eps, c2, v), RATIO)(1, correction, correction * sizes**2)
    shares = {1e-4: "0.01 %", 1e-3: "0.1 %", 1e-2: "1 %", 0.1: "10 %", 0.5: "50 %", 0.9: "90 %"}
    lines = axes.contour(steps, sizes, gap, levels=list(shares), colors="C0")
    axes.set(xscale="log", yscale="log", xlabel="$t$", ylabel=r"$|g|/\epsilon$")
    axes.clabel(lines, fmt=shares)


def _draw_ratio(axes: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    steps = sorted({int(10 ** (n / 20)) for n in range(81)})
    ratio = sp.lambdify((eps, c2, v), RATIO)
    for size in (0.1, 1, 10, 100):
        gaps = [1 - ratio(1, 1 - 0.999**step, (1 - 0.999**step) * size**2) for step in steps]
        axes.semilogx(steps, gaps, label=f"$|g|/\\epsilon = {size:g}$")
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("$t$")
    axes.set_ylabel("$1 - O(\\epsilon)/U(\\epsilon)$")
    axes.legend()


HERE: dict[sp.Basic, Any] = {beta1: 0, beta2: sp.Rational(3, 4), t: 1, eps: 1, v: 1, m: 1, lr: 1}

THEOREM = Theorem(
    id="T5",
    name="the gap at equal epsilon",
    title="With equal epsilon the optimized update is smaller, by a factor between sqrt(c2) and 1",
    words=(
        "O(eps)/U(eps) = (sqrt(v) + eps*sqrt(c2))/(sqrt(v) + eps), which lies in [sqrt(c2), 1]. For beta2 > 0 the low "
        "end is reached only at v = 0 and the high end only at eps = 0; between them the ratio rises with v."
    ),
    hypotheses=HYPOTHESES,
    definitions=CORRECTIONS,
    shown_as={
        unoptimized(eps): r"U(\varepsilon)",
        optimized(eps): r"O(\varepsilon)",
        unoptimized(EFFECTIVE): r"U(\varepsilon/\sqrt{c_2})",
    },
    claims=(
        Claim(equals(optimized(eps), sp.Mul(RATIO, unoptimized(eps), evaluate=False)), "the ratio"),
        Claim(at_least(RATIO, s), "the low end"),
        Claim(at_most(RATIO, 1), "the high end"),
        Claim(both_or_neither(equals(RATIO, s), equals(sp.sqrt(v), 0)), "reached only at v = 0", assuming=(PROPER,)),
        Claim(both_or_neither(equals(RATIO, 1), equals(eps, 0)), "reached only at eps = 0", assuming=(PROPER,)),
        Claim(equals(unoptimized(EFFECTIVE), optimized(eps)), "the effective epsilon"),
        Claim(RISES, "the gap closes as v grows", assuming=(INNER,)),
    ),
    derive=derive,
    variants=(
        Variant(
            "c1 in place of c2",
            "sqrt(c1) in the ratio",
            {"ratio": (sp.sqrt(v) + eps * sp.sqrt(1 - beta1**t)) / (sp.sqrt(v) + eps)},
        ),
        Variant("missing root", "eps*c2 in the ratio", {"ratio": (sp.sqrt(v) + eps * c2) / (sp.sqrt(v) + eps)}),
        Variant("inverted ratio", "U over O", {"ratio": 1 / RATIO}),
        Variant("low end too high", "the ratio is at least (1 + sqrt(c2))/2", {"low": (1 + s) / 2}),
        Variant("high end too low", "the ratio is at most sqrt(c2)", {"high": s}),
        Variant("effective epsilon smaller", "eps*sqrt(c2) in place of eps/sqrt(c2)", {"effective": eps * s}),
    ),
    counterexamples=(
        Counterexample("beta1", "beta1 = 1: c1 = 0", HERE | {beta1: 1}),
        Counterexample("beta2", "beta2 = 1: c2 = 0, U has no value", HERE | {beta2: 1}),
        Counterexample("step", "t = 0: both corrections are 0", HERE | {t: 0}),
        Counterexample("epsilon", "eps = -1/4: the ratio is above 1", HERE | {eps: -sp.Rational(1, 4)}, claim=2),
        Counterexample("second moment", "v = -1 has no real root", HERE | {v: -1}, claim=1),
        Counterexample("denominator", "v = eps = 0: no ratio", HERE | {v: 0, eps: 0}, claim=1),
    ),
    confirmations=(
        Confirmation(
            "the bounds, with c2 any real in (0, 1]",
            sp.And(at_least(RATIO, s), at_most(RATIO, 1)),
            (c2 > 0, c2 <= 1, eps >= 0, v >= 0, sp.Or(v > 0, eps > 0)),
        ),
    ),
    uses=("T1",),
    checks=("update.near-epsilon",),
    tables=(
        Table(
            "effective-epsilon",
            "Effective epsilon of the optimized form in units of eps",
            ("t", "beta2 = 0.9", "beta2 = 0.99", "beta2 = 0.999"),
            _effective_rows,
        ),
    ),
    figures=(
        Figure("effective-epsilon", "Effective epsilon of the optimized form against t", _draw_effective),
        Figure(
            "map", "By how much the optimized form is smaller, over t and the size of a constant gradient", _draw_map
        ),
        Figure("gap", "By how much the optimized form is smaller, for a constant gradient, beta2 = 0.999", _draw_ratio),
    ),
    remarks=(
        "The ratio is a mean of sqrt(c2) and 1 with weights eps and sqrt(v): where epsilon rules, the optimized form "
        "is too small by sqrt(c2); where it does not, the forms agree.",
    ),
    summary=(
        "O(eps)/U(eps) = (sqrt(v) + eps*sqrt(c2))/(sqrt(v) + eps) is in [sqrt(c2), 1]: sqrt(c2) at v = 0, 1 at eps = 0."
    ),
)
