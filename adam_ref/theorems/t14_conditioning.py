"""T14: how much the update moves when one of the numbers in it is a little off.

A relative error of the learning rate or of m moves the update by as much, one of v by at most half as much, one of
epsilon by at most as much. The betas are another matter. Near 1 a relative error of beta is magnified `beta/(1 - beta)`
times in `1 - beta`, a thousand times at 0.999: that is what a hyperparameter held in a coarse format costs. How much of
it reaches the update depends on whether the same beta is used everywhere.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import mpmath
import sympy as sp

from adam_ref.formats import FORMATS
from adam_ref.theorems.context import Recursion
from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Figure, Hypothesis, Table, Theorem, Variant
from adam_ref.theorems.notation import (
    CORRECTIONS,
    ROOT,
    V,
    at,
    beta1,
    beta2,
    c1,
    c2,
    eps,
    g,
    h,
    k,
    lr,
    m,
    n,
    t,
    u,
    unoptimized,
    v,
)
from adam_ref.theorems.steps import (
    Step,
    at_least,
    at_most,
    both_sides,
    bound,
    case,
    cite,
    conclude,
    differentiate,
    equals,
    induct,
    monotone,
    more_than,
    put,
    rewrite,
)
from adam_ref.theorems.t01_rescaled_epsilon import EPSILON, STEP
from adam_ref.theorems.t07_closed_form import MOMENTS
from adam_ref.theorems.t08_bias_correction import GEOMETRIC2
from adam_ref.theorems.t16_memory import MEAN_AGE, MEAN_AGE_CLOSED, STEADY_AGE, fraction

BETA1 = Hypothesis("beta1", "beta1 is in (0, 1)", (beta1 > 0, beta1 < 1))
BETA2 = Hypothesis("beta2", "beta2 is in (0, 1)", (beta2 > 0, beta2 < 1))
POSITIVE = Hypothesis("positive", "lr, m and v are positive, and so is the update", (lr > 0, m > 0, v > 0))

LOG = sp.log(at(unoptimized(eps), t))
"""The logarithm of the update. Its derivative by x, times x, is the relative change of the update by that of x."""
FELT = sp.sqrt(v) / (sp.sqrt(v) + eps * ROOT)
"""`sqrt(v_hat)/(sqrt(v_hat) + eps)`: the part of the denominator that v accounts for."""

BY_V = sp.Mul(FELT, -1 / (2 * v), evaluate=False)
BY_EPS = -ROOT / (sp.sqrt(v) + eps * ROOT)
BY_BETA1 = t * beta1 ** (t - 1) / c1
BY_BETA2 = sp.Mul(FELT, -t * beta2 ** (t - 1) / (2 * c2), evaluate=False)

CORRECTION = t * beta2**t / c2
"""By how much `c2` falls, relatively, per relative change of beta2."""
RESERVE = t * (1 - beta2) - beta2 * (1 - beta2**t)

delta = sp.Symbol("delta", real=True)
"""A relative error."""
AMPLIFIED = (1 - beta2) * (1 - delta * beta2 / (1 - beta2))
SCALED = sp.IndexedBase("W", real=True)
"""The second moment when only the weight 1 - beta2 is off, by delta."""
OFF = {SCALED: Recursion(sp.S.Zero, n, beta2 * SCALED[n] + (1 - beta2) * (1 + delta) * g[n + 1] ** 2)}

AGES = (k, 0, t - 1)
SQUARES = sp.Sum(beta2**k * h[k] ** 2, AGES)
PLAIN = sp.Sum(beta2**k, AGES)
V_HAT = (1 - beta2) * SQUARES / c2
AGE = sp.Sum(k * beta2**k * h[k] ** 2, AGES) / SQUARES
"""The mean age of the squares in v_hat."""
AGE_OF_CONSTANT = sp.Sum(k * beta2**k, AGES) / PLAIN
"""The same if all squares are equal."""
SEEN = SQUARES > 0


def derive(
    by_v: sp.Expr = BY_V,
    by_beta1: sp.Expr = BY_BETA1,
    by_beta2: sp.Expr = BY_BETA2,
    felt: sp.Expr = FELT,
    correction: sp.Expr = STEADY_AGE,
    amplified: sp.Expr = AMPLIFIED,
    moved: sp.Expr = 1 + delta,
    ages: sp.Expr = AGE - AGE_OF_CONSTANT,
    oldest: sp.Expr = t - 1,
) -> Iterator[Step]:
    """Derivatives of the logarithm; `felt` share of v; what bounds the `correction`; the errors of `1 - beta2`."""
    yield differentiate(LOG, lr, 1 / lr, "The update is proportional to lr,")
    yield differentiate(LOG, m, 1 / m, "and to m.")
    yield differentiate(LOG, v, by_v, "v acts through a root, and only on its part of the denominator,")
    yield differentiate(LOG, eps, BY_EPS, "epsilon on the other part.")
    yield bound(at_least(felt, 0), "No factor is negative.")
    yield bound(at_most(felt, 1), "The other part is not negative either.", form=eps * ROOT / (sp.sqrt(v) + eps * ROOT))
    yield differentiate(LOG, beta1, by_beta1, "With m as it is, beta1 acts through c1 alone,")
    yield differentiate(LOG, beta2, by_beta2, "and beta2 through c2, on the part of v.")
    yield from _corrections(correction)
    yield rewrite(
        1 - beta2 * (1 + delta), amplified, "The difference has the error delta*beta2 still, but is smaller than beta2."
    )
    yield induct(equals(SCALED[t], moved * V[t]), t, "Every term has the factor, at every step.", start=0, carry=beta2)
    yield from _same_beta(ages, oldest)


def _corrections(correction: sp.Expr) -> Iterator[Step]:
    """The sensitivity of the correction to beta: largest at the first step, and then falling."""
    mean_age = cite(
        "T16",
        equals(MEAN_AGE, MEAN_AGE_CLOSED),
        "The mean age of the gradients in v_hat, T16.",
        where={n: sp.S.Zero, fraction: sp.S.One, u: sp.S.One},
    )
    old = bound(at_least(MEAN_AGE, 0), "No age is negative, and no weight.")
    yield mean_age
    yield old
    yield put(old.statement, mean_age.statement, "So neither is the closed form.")
    yield bound(at_most(CORRECTION, correction), "So the correction changes by at most beta/(1 - beta) times as much.")
    yield induct(
        more_than(RESERVE, 0),
        t,
        "(1 - beta2)^2 at t = 1, and growing by (1 - beta2)*(1 - beta2^(t+1)).",
        rest=(1 - beta2) * (1 - beta2 ** (t + 1)),
    )
    sensitivity = at(CORRECTION, t)
    yield monotone(
        sensitivity,
        t,
        "decreasing",
        "What it loses from t to t + 1 is this positive number over the two corrections.",
        form=beta2**t * RESERVE / ((1 - beta2**t) * (1 - beta2 ** (t + 1))),
    )


def _same_beta(ages: sp.Expr, oldest: sp.Expr) -> Iterator[Step]:
    """One and the same beta2 in the recursion, its weight and the correction."""
    x = sp.Symbol("x", real=True)
    yield cite("T8", GEOMETRIC2, "The geometric sum, T8.", where={beta1: sp.S.Zero})
    yield bound(more_than(PLAIN, 0), "A sum of positive numbers.")
    for weighted, whole, what in (
        (SQUARES, V_HAT, "That is v_hat: a ratio of two sums with the same weights."),
        (sp.Sum(k * beta2**k, AGES), MEAN_AGE, "That is the mean age in T16."),
    ):
        divided = both_sides(GEOMETRIC2, x, weighted / x, "Divide by both sides.")
        yield divided
        yield rewrite(divided.statement.rhs, whole, what)
        yield conclude(equals(divided.statement.lhs, whole), "Together.")
    yield conclude(equals(AGE_OF_CONSTANT, MEAN_AGE_CLOSED), "Which T16 has in closed form.")
    yield from case(
        SEEN,
        differentiate(
            sp.log(SQUARES / PLAIN),
            beta2,
            ages / beta2,
            "Differentiate both sums: beta2^k gives k*beta2^k/beta2, which weighs the ages.",
        ),
        bound(at_least(AGE, 0), "No age is negative."),
        bound(
            at_most(AGE, oldest),
            "And none is above t - 1.",
            form=sp.Sum((t - 1 - k) * beta2**k * h[k] ** 2, AGES) / SQUARES,
        ),
    )


def weight_error(beta: float, format_name: str) -> Fraction:
    """Relative error of `1 - beta` formed, exactly, from a decimal `beta` that was rounded to the format."""
    exact = Fraction(str(beta))
    rounded = Fraction(float(FORMATS[format_name].round(float(exact))))
    return (1 - rounded) / (1 - exact) - 1


def update_error(weight: Fraction) -> mpmath.mpf:
    """Relative error of the update, eps = 0, when v is off by the factor `1 + weight`; infinite when v stays 0."""
    return mpmath.inf if weight == -1 else 1 / mpmath.sqrt(1 + mpmath.mpf(weight.numerator) / weight.denominator) - 1


def sensitivity(beta: float, step: int) -> mpmath.mpf:
    """`t*beta^t/(1 - beta^t)`: the relative change of the correction per relative change of a decimal beta."""
    power = mpmath.mpf(str(beta)) ** step
    return step * power / (1 - power)


def _rounded_rows() -> list[tuple[Any, ...]]:
    cases = ((name, beta) for name in ("float32", "float16", "bfloat16") for beta in (0.9, 0.99, 0.999))
    errors = ((name, beta, weight_error(beta, name)) for name, beta in cases)
    return [(n, b, mpmath.nstr(mpmath.mpf(float(e)), 3), mpmath.nstr(update_error(e), 3)) for n, b, e in errors]


def _sensitivity_rows() -> list[tuple[Any, ...]]:
    def row(step: int) -> tuple[Any, ...]:
        with mpmath.workdps(50):
            first, second = sensitivity(0.9, step), sensitivity(0.999, step)
            mean_age = mpmath.chop(999 - second, 1e-30)
            return (step, *(mpmath.nstr(number, 4) for number in (first, second, -mean_age, step - 1 - mean_age)))

    return [row(step) for step in (1, 10, 100, 1000, 10000)]


def _draw_sensitivity(axes: Any) -> None:
    steps = sorted({int(10 ** (number / 20)) for number in range(81)})
    for beta in (0.9, 0.99, 0.999):
        axes.loglog(steps, [float(sensitivity(beta, step)) for step in steps], label=f"$\\beta = {beta}$")
    axes.set_ylim(1e-2, 2e3)
    axes.set_xlabel("$t$")
    axes.set_ylabel(r"$t \beta^t / (1 - \beta^t)$")
    axes.legend()


HALF = sp.Rational(1, 2)
HERE: dict[sp.Basic, Any] = {beta1: HALF, beta2: HALF, t: 1, eps: 1, v: HALF, m: 1, lr: 1, delta: 1}
_BY_M, _BY_V, _BY_BETA1, _BY_BETA2, _BY_EPS, _AMPLIFIED = 1, 2, 6, 7, 3, 10
POWER = sp.Symbol("p", real=True)


def _slope(by: sp.Symbol, result: sp.Expr) -> sp.Basic:
    return equals(sp.Derivative(LOG, by), result)


THEOREM = Theorem(
    id="T14",
    name="conditioning",
    title="How much a rounded number moves the update: at most as much, except through 1 - beta",
    words=(
        "Per relative change of lr and of m the update changes by as much, per relative change of v by -s/2, of eps by "
        "s - 1, where s = sqrt(v_hat)/(sqrt(v_hat) + eps) is in [0, 1]. A relative change of beta changes its "
        "correction by t*beta^t/(1 - beta^t) times as much, which is at most beta/(1 - beta) and falls with t, and "
        "1 - beta by beta/(1 - beta) times as much. If 1 - beta2 alone is off, so is v, by the same factor at every "
        "step. If one and the same beta2 is used everywhere, v_hat changes by the mean age of the squares less the "
        "mean age they would have if they were equal."
    ),
    hypotheses=(BETA1, BETA2, STEP, EPSILON, POSITIVE),
    definitions=CORRECTIONS,
    recursions=MOMENTS | OFF,
    claims=(
        Claim(_slope(lr, 1 / lr), "by lr"),
        Claim(_slope(m, 1 / m), "by m"),
        Claim(_slope(v, BY_V), "by v"),
        Claim(_slope(eps, BY_EPS), "by eps"),
        Claim(at_least(FELT, 0), "s, the part of v in the denominator,"),
        Claim(at_most(FELT, 1), "is a share"),
        Claim(_slope(beta1, BY_BETA1), "by beta1, with m as it is"),
        Claim(_slope(beta2, BY_BETA2), "by beta2, with v as it is"),
        Claim(at_most(CORRECTION, STEADY_AGE), "the corrections change by at most beta/(1 - beta) times as much"),
        Claim(sp.StrictLessThan(at(CORRECTION, t + 1), at(CORRECTION, t), evaluate=False), "and less at every step"),
        Claim(equals(1 - beta2 * (1 + delta), AMPLIFIED), "1 - beta changes by beta/(1 - beta) times as much"),
        Claim(equals(SCALED[t], (1 + delta) * V[t]), "a weight that is off by itself"),
        Claim(equals(SQUARES / PLAIN, V_HAT), "v_hat as a ratio of sums"),
        Claim(
            equals(sp.Derivative(sp.log(SQUARES / PLAIN), beta2), (AGE - AGE_OF_CONSTANT) / beta2),
            "by beta2, if it is the same everywhere: a difference of mean ages",
            assuming=(SEEN,),
        ),
        Claim(at_least(AGE, 0), "of which the one is at least 0", assuming=(SEEN,)),
        Claim(at_most(AGE, t - 1), "and at most t - 1", assuming=(SEEN,)),
        Claim(equals(AGE_OF_CONSTANT, MEAN_AGE_CLOSED), "and the other known"),
    ),
    derive=derive,
    variants=(
        Variant("missing root", "v acts with its full share", {"by_v": -FELT / v}),
        Variant(
            "epsilon not rescaled",
            "the share as sqrt(v)/(sqrt(v) + eps)",
            {"by_v": -sp.sqrt(v) / (sp.sqrt(v) + eps) / (2 * v)},
        ),
        Variant("c1 by its last factor", "the t of the derivative forgotten", {"by_beta1": beta1 ** (t - 1) / c1}),
        Variant("c2 in place of c1", "the other correction", {"by_beta1": t * beta2 ** (t - 1) / c2}),
        Variant("wrong sign", "the update grows with beta2", {"by_beta2": -BY_BETA2}),
        Variant("epsilon forgotten", "beta2 without the share of v", {"by_beta2": BY_BETA2 / FELT}),
        Variant("the other share", "more than 1", {"felt": 1 / FELT}),
        Variant("well conditioned", "the corrections change by at most beta2 as much", {"correction": beta2}),
        Variant("no amplification", "1 - beta is off as beta is", {"amplified": (1 - beta2) * (1 - delta)}),
        Variant("amplified by 1/(1 - beta)", "beta in front forgotten", {"amplified": 1 - beta2 - delta}),
        Variant("error compounds", "v off by (1 + delta)^2", {"moved": (1 + delta) ** 2}),
        Variant("correction fixed", "only the squares age", {"ages": AGE}),
        Variant("ages to t - 2", "the oldest has age t - 2", {"oldest": t - 2}),
    ),
    counterexamples=(
        Counterexample("beta1", "beta1 = 1: c1 = 0", HERE | {beta1: 1}, claim=_BY_BETA1),
        Counterexample("beta2", "beta2 = 1: no 1 - beta2 to be off", HERE | {beta2: 1}, claim=_AMPLIFIED),
        Counterexample("step", "t = 0: both corrections are 0", HERE | {t: 0}, claim=_BY_BETA2),
        Counterexample("epsilon", "eps = -1 meets sqrt(v_hat) = 1: no denominator", HERE | {eps: -1}, claim=_BY_EPS),
        Counterexample("positive", "v = 0 is not changed by a factor", HERE | {v: 0}, claim=_BY_V),
        Counterexample("positive", "m = -1: the update has no logarithm", HERE | {m: -1}, claim=_BY_M),
    ),
    confirmations=(
        Confirmation(
            "the share of v, with c2 any real in (0, 1]",
            sp.And(at_least(FELT, 0), at_most(FELT, 1)),
            (c2 > 0, c2 <= 1, eps >= 0, v > 0),
        ),
        Confirmation(
            "the amplification, for all reals beta2 < 1", equals(1 - beta2 * (1 + delta), AMPLIFIED), (beta2 < 1,)
        ),
        *(
            Confirmation(
                f"the correction at t = {step}",
                at_most(at(CORRECTION, sp.Integer(step)), STEADY_AGE),
                BETA2.conditions,
            )
            for step in (1, 2, 3)
        ),
    ),
    shown_as={at(unoptimized(eps), t): "U", FELT: "s"},
    uses=("T8", "T16"),
    checks=("update.few-roundings",),
    references=(
        "N. J. Higham: Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002, sections 1.6 and 1.7",
        "D. P. Kingma, J. Ba: Adam: A Method for Stochastic Optimization. arXiv:1412.6980, section 2",
    ),
    remarks=(
        "For a negative update take its absolute value: it is odd in m.",
        "1 - beta2 formed in float32 from beta2 = 0.999 is off by 1.3e-5, two hundred roundoffs. So are v and, by half "
        "of it, the update, in float64 as well, if the weight is held so: the accuracy class B of the enclosure.",
        "If the rounded beta2 is used everywhere, most of that cancels: v_hat is a weighted mean whatever beta2 is, "
        "and for equal squares it does not change at all. What is left is a difference of mean ages.",
        "That difference is largest long after a single spike: t - 1 less the mean age. After 10000 steps of zeros at "
        "beta2 = 0.999 a relative error of 1.3e-8, as in float32, moves v_hat by 1.2e-4.",
        "m has the same formula with beta1, but its terms may cancel, and then its mean age has no bound.",
        "For eps large against sqrt(v_hat), s is near 0: neither v nor beta2 matters, and the update is lr*m_hat/eps.",
    ),
    tables=(
        Table(
            "rounded-beta",
            "Relative error of 1 - beta from a beta rounded to a format, and of the update if v has it (eps = 0)",
            ("format", "beta", "of 1 - beta, and of v", "of the update"),
            _rounded_rows,
        ),
        Table(
            "sensitivity",
            "Relative change by that of beta: of the corrections, and of v_hat if beta2 = 0.999 is the same everywhere",
            (
                *("t", "c1, beta1 = 0.9", "c2, beta2 = 0.999"),
                *("v_hat, newest gradient alone", "v_hat, oldest gradient alone"),
            ),
            _sensitivity_rows,
        ),
    ),
    figures=(
        Figure("sensitivity", "How much a relative change of beta is magnified in its correction", _draw_sensitivity),
    ),
    summary=(
        "Relative change of the update per relative change of lr, m: 1; v: -s/2; eps: s-1, s the share of sqrt(v_hat) "
        "in the denominator; 1-beta changes by beta/(1-beta) per change of beta: 1.3e-5 for 0.999 in float32."
    ),
)
