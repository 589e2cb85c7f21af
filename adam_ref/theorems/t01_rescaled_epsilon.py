"""T1: the two forms of Adam's update are the same update when epsilon is rescaled by the root of c2.

Algorithm 1 divides the corrected mean by the corrected root plus epsilon. The optimized form moves both corrections
into the step size, which is one number a step, and divides by the raw root plus another epsilon. Multiplying numerator
and denominator of the first by `sqrt(c2)` gives the second, with epsilon multiplied too. That last factor is what
implementations forget, or write without the root.
"""

from collections.abc import Iterator
from fractions import Fraction

import mpmath
import sympy as sp

from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Hypothesis, Table, Theorem, Variant
from adam_ref.theorems.notation import CORRECTIONS, ROOT, beta1, beta2, c1, c2, eps, lr, m, optimized, t, unoptimized, v
from adam_ref.theorems.steps import Step, conclude, equals, rewrite

RESCALED = eps * ROOT
"""The epsilon of the optimized form that makes it the update of Algorithm 1."""

BETA1 = Hypothesis("beta1", "beta1 is in [0, 1)", (beta1 >= 0, beta1 < 1))
BETA2 = Hypothesis("beta2", "beta2 is in [0, 1)", (beta2 >= 0, beta2 < 1))
STEP = Hypothesis("step", "t counts steps from 1", (t >= 1,))
EPSILON = Hypothesis("epsilon", "eps is not negative", (eps >= 0,))
SECOND_MOMENT = Hypothesis("second moment", "v is not negative", (v >= 0,))
DENOMINATOR = Hypothesis("denominator", "v and eps are not both zero", (sp.Or(v > 0, eps > 0),))
HYPOTHESES = (BETA1, BETA2, STEP, EPSILON, SECOND_MOMENT, DENOMINATOR)


def derive(e: sp.Expr = RESCALED, correction1: sp.Expr = c1, root: sp.Expr = ROOT) -> Iterator[Step]:
    """From U(eps) to O(e): `e` is the epsilon claimed, `root` what the fraction is expanded by."""
    start, goal = unoptimized(eps), optimized(e, correction1)
    denominator = sp.Mul(root, sp.sqrt(v) / sp.sqrt(c2) + eps, evaluate=False)
    expanded = sp.Mul(lr / correction1 * m, root, sp.Pow(denominator, -1, evaluate=False), evaluate=False)
    multiplied = lr / correction1 * m * root / (sp.sqrt(v) + e)
    yield rewrite(
        start,
        expanded,
        "Expand the fraction of U(eps) by sqrt(c2), which is positive because 0 <= beta2 < 1 and t >= 1.",
    )
    yield rewrite(
        expanded,
        multiplied,
        "Multiply the denominator out: the root cancels under v and lands on eps. On top it joins the step size, which "
        "becomes lr*sqrt(c2)/c1. This is O(e) with e = eps*sqrt(c2).",
    )
    yield conclude(equals(start, goal), "Read the chain from end to end.")


def printed_factor_error(epsilon: Fraction, size: Fraction, step: int, beta: Fraction) -> mpmath.mpf:
    """Relative error of the update when `eps*c2` replaces `eps*sqrt(c2)`, for a constant gradient of absolute `size`.

    Then `v = c2*size^2`, so that only `size`, `epsilon` and c2 matter.
    """
    correction = 1 - mpmath.mpf(beta.numerator) ** step / mpmath.mpf(beta.denominator) ** step
    root, eps_value = mpmath.sqrt(correction), mpmath.mpf(epsilon.numerator) / epsilon.denominator
    raw = root * size.numerator / size.denominator
    return abs((raw + eps_value * root) / (raw + eps_value * correction) - 1)


def _printed_factor_rows() -> list[tuple[str, int, str]]:
    beta = Fraction(999, 1000)
    sizes = (Fraction(1), Fraction(1, 10), Fraction(1, 100))
    rows = ((Fraction(1, 100), size, step) for size in sizes for step in (1, 10, 100, 1000, 10000))
    return [
        (str(float(size)), step, mpmath.nstr(100 * printed_factor_error(epsilon, size, step, beta), 3))
        for epsilon, size, step in rows
    ]


def _printed_factor_remark() -> str:
    first, later = (
        mpmath.nstr(100 * printed_factor_error(Fraction(1, 100), Fraction(1, 10), step, Fraction(999, 1000)), 3)
        for step in (1, 1000)
    )
    return (
        "The docstring of the tutorial's Adam, `labml_nn.optimizers.adam`, has the factor c2, without the root. That "
        f"is wrong: for a constant gradient of 0.1 and eps = 0.01 the update is off by {first} % at the first step and "
        f"still by {later} % at t = 1000 (table), and by more for smaller gradients. Its code has no factor at all: T5."
    )


THEOREM = Theorem(
    id="T1",
    name="rescaled epsilon",
    title="The two forms of the update are equal when epsilon is multiplied by the root of c2",
    words=(
        "At every step t, for every mean m and every second moment v, the update of Algorithm 1 with epsilon eps, "
        "U(eps), equals the optimized update O(e) with e = eps*sqrt(1 - beta2^t), wherever the denominators are not "
        "zero."
    ),
    hypotheses=HYPOTHESES,
    definitions=CORRECTIONS,
    claims=(Claim(equals(unoptimized(eps), optimized(RESCALED)), "U(eps) on the left, O(eps*sqrt(c2)) on the right"),),
    derive=derive,
    variants=(
        Variant("epsilon not rescaled", "O(eps) in place of O(eps*sqrt(c2))", {"e": eps}),
        Variant("missing root", "the tutorial's docstring: eps*c2", {"e": eps * c2}),
        Variant("wrong direction", "eps divided by the root", {"e": eps / sp.sqrt(c2)}),
        Variant("c1 in place of c2", "eps*sqrt(c1)", {"e": eps * sp.sqrt(c1)}),
        Variant("expanded by c2", "the fraction expanded by c2, not by its root", {"root": c2}),
        Variant("step size over sqrt(c1)", "c1 with a root", {"correction1": sp.sqrt(c1)}),
    ),
    counterexamples=(
        Counterexample("beta1", "beta1 = 1: c1 = 0", {beta1: 1, beta2: 0.5, t: 1, eps: 1, v: 1, m: 1, lr: 1}),
        Counterexample("beta2", "beta2 = 1: c2 = 0", {beta1: 0, beta2: 1, t: 1, eps: 1, v: 1, m: 1, lr: 1}),
        Counterexample(
            "step", "t = 0: both corrections are 0", {beta1: 0.5, beta2: 0.5, t: 0, eps: 1, v: 1, m: 1, lr: 1}
        ),
        Counterexample(
            "epsilon", "eps = -1 meets sqrt(v)/sqrt(c2) = 1", {beta1: 0, beta2: 0, t: 1, eps: -1, v: 1, m: 1, lr: 1}
        ),
        Counterexample(
            "second moment", "v = -1 has no real root", {beta1: 0, beta2: 0, t: 1, eps: 1, v: -1, m: 1, lr: 1}
        ),
        Counterexample(
            "denominator", "v = eps = 0: nothing to divide by", {beta1: 0, beta2: 0, t: 1, eps: 0, v: 0, m: 1, lr: 1}
        ),
    ),
    confirmations=(
        Confirmation(
            "with c1, c2 any reals in (0, 1], for all lr, m, v, eps",
            equals(unoptimized(eps), optimized(RESCALED)),
            (c1 > 0, c1 <= 1, c2 > 0, c2 <= 1, eps >= 0, v >= 0, sp.Or(v > 0, eps > 0)),
        ),
    ),
    checks=("update.near-epsilon",),
    references=(
        "D. P. Kingma, J. Ba: Adam: A Method for Stochastic Optimization. arXiv:1412.6980, Algorithm 1 and section 2",
    ),
    remarks=(
        "The learning rate and the mean enter as common factors; no sign of theirs is used.",
        "For eps = 0 and v > 0 the two forms are equal as they stand.",
        _printed_factor_remark(),
        "A constant epsilon in the optimized form is a different optimizer (epsilon-hat): T2, T3, T5.",
    ),
    tables=(
        Table(
            "printed-factor",
            "Error of the update in percent when eps is multiplied by c2 instead of its root "
            "(eps = 0.01, beta2 = 0.999, constant gradient g, for which v = c2*g^2)",
            ("abs(g)", "t", "error in %"),
            _printed_factor_rows,
        ),
    ),
    summary=(
        "lr/c1 * m/(sqrt(v)/sqrt(c2) + eps) = lr*sqrt(c2)/c1 * m/(sqrt(v) + eps*sqrt(c2)). Folding the corrections "
        "into the step size is exact if epsilon is rescaled by sqrt(c2), and wrong with c2 or without a factor."
    ),
)
