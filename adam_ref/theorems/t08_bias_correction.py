"""T8: what the bias correction does: it turns the moments into weighted means.

The weights of the gradients in `m` sum to `c1 = 1 - beta1^t`, because m starts at 0. Divided by `c1` they sum to
1, so `m_hat` is a weighted mean of the gradients and `v_hat` one of their squares: neither leaves the range of what was
seen, both are right for constant gradients, and for stationary ones their expectation is.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import sympy as sp

from adam_ref.theorems.context import Recursion
from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Figure, Table, Theorem, Variant
from adam_ref.theorems.notation import (
    CORRECTIONS,
    M,
    V,
    at,
    beta1,
    beta2,
    c1,
    c2,
    eps,
    g,
    j,
    k,
    lr,
    m,
    n,
    t,
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
    equals,
    induct,
    put,
    rewrite,
    total,
)
from adam_ref.theorems.t01_rescaled_epsilon import BETA1, BETA2, STEP
from adam_ref.theorems.t07_closed_form import FIRST_BY_AGE, MOMENTS, SECOND_BY_AGE

AGES = (k, 0, t - 1)
AGE = sp.And(k >= 0, k <= t - 1)


def weight_of(rate: sp.Symbol, correction: sp.Expr) -> sp.Expr:
    """The weight of the gradient of age `k` in a moment with this decay `rate` and `correction`."""
    return (1 - rate) * rate**k / correction


FIRST_WEIGHT, SECOND_WEIGHT = weight_of(beta1, c1), weight_of(beta2, c2)
GEOMETRIC1 = equals(sp.Sum(beta1**k, AGES), (1 - beta1**t) / (1 - beta1))
GEOMETRIC2 = equals(sp.Sum(beta2**k, AGES), (1 - beta2**t) / (1 - beta2))

LEAST, GREATEST, LEAST_SQUARE, GREATEST_SQUARE = (sp.IndexedBase(name, real=True) for name in ("a", "b", "r", "s"))
"""The smallest and the largest gradient, and square of a gradient, among the first `n`."""
EXTREMES = {
    LEAST: Recursion(g[1], n, sp.Min(LEAST[n], g[n + 1])),
    GREATEST: Recursion(g[1], n, sp.Max(GREATEST[n], g[n + 1])),
    LEAST_SQUARE: Recursion(g[1] ** 2, n, sp.Min(LEAST_SQUARE[n], g[n + 1] ** 2)),
    GREATEST_SQUARE: Recursion(g[1] ** 2, n, sp.Max(GREATEST_SQUARE[n], g[n + 1] ** 2)),
}

x = sp.Symbol("x", real=True)
"""A gradient that is the same at every step."""
PROPER = eps > 0

mean, mean_square = sp.symbols("mu nu", real=True)
"""`E[g_i]` and `E[g_i^2]` of gradients whose distribution does not change."""
EXPECTED_M, EXPECTED_V = (sp.IndexedBase(name, real=True) for name in ("EM", "EV"))
EXPECTED = {
    EXPECTED_M: Recursion(sp.S.Zero, n, beta1 * EXPECTED_M[n] + (1 - beta1) * mean),
    EXPECTED_V: Recursion(sp.S.Zero, n, beta2 * EXPECTED_V[n] + (1 - beta2) * mean_square),
}
outcomes = sp.Symbol("N", integer=True)
p, X, Y = (sp.IndexedBase(name, real=True) for name in ("p", "X", "Y"))
"""Probabilities of the outcomes, and two random numbers: the moment and the gradient."""


def expectation(of: sp.Expr) -> sp.Sum:
    """The mean of `of`, a number for each outcome `j`."""
    return sp.Sum(p[j] * of, (j, 1, outcomes))


EXPECTED_STEP = expectation(beta1 * X[j] + (1 - beta1) * Y[j])
STEP_OF_EXPECTED = beta1 * expectation(X[j]) + (1 - beta1) * expectation(Y[j])

CONSTANT_M, CONSTANT_V = sp.Sum(FIRST_WEIGHT * x, AGES), sp.Sum(SECOND_WEIGHT * x**2, AGES)
"""The corrected moments of a constant gradient."""
SIGN_LIKE = lr * x / (sp.Abs(x) + eps)


def step_of(first: sp.Expr, second: sp.Expr) -> sp.Expr:
    """The step that Algorithm 1 makes with these corrected moments."""
    return lr * first / (sp.sqrt(second) + eps)


def derive(
    correction: sp.Expr = c1,
    least: sp.Expr = LEAST[t],
    greatest_square: sp.Expr = GREATEST_SQUARE[t],
    stationary: sp.Expr = mean_square,
    expected_step: sp.Expr = STEP_OF_EXPECTED,
    constant_step: sp.Expr = SIGN_LIKE,
) -> Iterator[Step]:
    """`correction` of m; the extremes beside the corrected moments; what is expected of them; the `constant_step`."""
    weight = weight_of(beta1, correction)
    yield from _weights(weight, GEOMETRIC1, beta1, correction)
    yield from _weights(SECOND_WEIGHT, GEOMETRIC2, beta2, c2)
    yield from _weighted_mean(M[t], (1 - beta1) * FIRST_BY_AGE, correction, sp.Sum(weight * g[t - k], AGES))
    yield from _weighted_mean(V[t], (1 - beta2) * SECOND_BY_AGE, c2, sp.Sum(SECOND_WEIGHT * g[t - k] ** 2, AGES))
    yield _bounded(g[t + 1], beta1, at_least(M[t] / at(correction, t), least))
    yield _bounded(g[t + 1], beta1, at_most(M[t] / at(correction, t), GREATEST[t]))
    yield _bounded(g[t + 1] ** 2, beta2, at_least(V[t] / at(c2, t), LEAST_SQUARE[t]))
    yield _bounded(g[t + 1] ** 2, beta2, at_most(V[t] / at(c2, t), greatest_square))
    yield from _constant(weight, constant_step)
    yield from _stationary(correction, stationary, expected_step)


def _weights(weight: sp.Expr, geometric: sp.Basic, rate: sp.Symbol, correction: sp.Expr) -> Iterator[Step]:
    """The weights are not negative and sum to 1."""
    whole = sp.Sum(weight, AGES)
    parts = rewrite(whole, (1 - rate) / correction * geometric.lhs, "What does not depend on the age comes out.")
    summed = put(parts.statement, geometric, "Put the geometric sum in.")
    yield from case(AGE, bound(at_least(weight, 0), "No factor is negative."))
    yield induct(geometric, t, "One term at t = 1; the next term is the next power.")
    yield parts
    yield summed
    yield rewrite(summed.statement.rhs, sp.S.One, "The correction is exactly this sum.")
    yield conclude(equals(whole, sp.S.One), "So the weights sum to 1.")


def _weighted_mean(moment: sp.Expr, by_age: sp.Expr, correction: sp.Expr, weighted: sp.Sum) -> Iterator[Step]:
    """The corrected moment is the mean with these weights."""
    cited = cite("T7", equals(moment, by_age), "The moment written out, by age.")
    divided = both_sides(cited.statement, x, x / correction, "Correct both sides.")
    yield cited
    yield divided
    yield rewrite(divided.statement.rhs, weighted, "The correction joins the weights.")
    yield conclude(equals(moment / correction, weighted), "A sum with weights that sum to 1: a weighted mean.")


def _bounded(newest: sp.Expr, rate: sp.Symbol, claim: sp.Basic) -> Step:
    """A weighted mean of two numbers lies between them, so from step to step the mean stays beside the extreme."""
    before, after = 1 - rate**t, 1 - rate ** (t + 1)
    sign = 1 if isinstance(claim, sp.GreaterThan) else -1
    extreme = claim.rhs
    following = extreme.xreplace({one[t]: recursion.following.subs(n, t) for one, recursion in EXTREMES.items()})
    share = rate * before / after
    rest = total((1 - rate) / after * (sign * (newest - following)), share * (sign * (extreme - following)))
    why = (
        "The next mean is the newest with the weight (1 - beta)/(1 - beta^(t+1)) and the mean so far with the rest; "
        "neither lies beyond the next extreme."
    )
    return induct(claim, t, why, carry=share, rest=rest)


def _constant(weight: sp.Expr, constant_step: sp.Expr) -> Iterator[Step]:
    first, second = sp.Sum(weight * x, AGES), sp.Sum(SECOND_WEIGHT * x**2, AGES)
    for moment, one, value in ((first, weight, x), (second, SECOND_WEIGHT, x**2)):
        outside = rewrite(moment, value * sp.Sum(one, AGES), "All gradients are x: x comes out of the sum.")
        yield outside
        yield put(outside.statement, equals(sp.Sum(one, AGES), sp.S.One), "The weights sum to 1.")
    z = sp.Symbol("z", real=True)
    yield from case(
        PROPER,
        both_sides(equals(first, x), z, step_of(z, second), "Put x for m_hat into the step,"),
        both_sides(equals(second, x**2), z, step_of(x, z), "and x^2 for v_hat."),
        conclude(equals(step_of(first, second), constant_step), "So the step is the same at every t."),
    )


def _stationary(correction: sp.Expr, stationary: sp.Expr, expected_step: sp.Expr) -> Iterator[Step]:
    yield rewrite(EXPECTED_STEP, expected_step, "Expectation over any number of outcomes is linear: sums may be split.")
    for expected, rate, corrected, value in (
        (EXPECTED_M, beta1, correction, mean),
        (EXPECTED_V, beta2, c2, stationary),
    ):
        yield induct(
            equals(expected[t] / at(corrected, t), value),
            t,
            "So the expected moments follow the recursion too, with constant gradients E[g] (and E[g^2]).",
            carry=rate * (1 - rate**t) / (1 - rate ** (t + 1)),
        )


def uncorrected(beta1: float, beta2: float, step: int) -> mpmath.mpf:
    """`c1/sqrt(c2)`: the step without bias correction in units of the step with it, for eps = 0 and decimal betas."""
    rates = (mpmath.mpf(str(rate)) for rate in (beta1, beta2))
    first, second = (1 - rate**step for rate in rates)
    return first / mpmath.sqrt(second)


def _correction_rows() -> list[tuple[Any, ...]]:
    def row(step: int) -> tuple[Any, ...]:
        shown = (1 - mpmath.mpf(9) ** step / 10**step, 1 - mpmath.mpf(999) ** step / 1000**step)
        return (step, *(mpmath.nstr(number, 5) for number in (*shown, uncorrected(0.9, 0.999, step))))

    return [row(step) for step in (1, 2, 5, 10, 20, 50, 100, 1000, 10000)]


def _draw_uncorrected(axes: Any) -> None:
    steps = sorted({int(10 ** (number / 20)) for number in range(81)})
    for pair in ((0.9, 0.9), (0.9, 0.99), (0.9, 0.999), (0.9, 0.9999)):
        axes.semilogx(steps, [float(uncorrected(*pair, step)) for step in steps], label=f"$\\beta = {pair}$")
    axes.set_xlabel("$t$")
    axes.set_ylabel("step without / with correction")
    axes.legend()


def _of(*values: float) -> Any:
    return lambda index: mpmath.mpf(values[index - 1])


HERE: dict[sp.Basic, Any] = {beta1: 0.5, beta2: 0.5, t: 2, k: 1, g: _of(1, 0)}
_SUM, _WEIGHT2, _LEAST = 1, 3, 6

G1, G2, G3, LOWER, UPPER = sp.symbols("g1 g2 g3 lower upper", real=True)


def _between(length: int) -> Confirmation:
    """`m_hat` lies between two numbers that all gradients lie between, multiplied by the correction."""
    gradients = (G1, G2, G3)[:length]
    moment = (1 - beta1) * sum(beta1**age * gradient for age, gradient in enumerate(reversed(gradients)))
    correction = at(c1, sp.Integer(length))
    return Confirmation(
        f"m_hat between any bounds of {length} gradients, for every beta1",
        sp.And(at_most(LOWER * correction, moment), at_most(moment, UPPER * correction)),
        (*BETA1.conditions, *(bound for one in gradients for bound in (one >= LOWER, one <= UPPER))),
    )


THEOREM = Theorem(
    id="T8",
    name="bias correction",
    title="The corrected moments are weighted means of the gradients and of their squares",
    words=(
        "In m_hat the gradient of age k has the weight (1 - beta1)*beta1^k/c1. The weights are not negative and sum to "
        "1, so m_hat lies between the smallest and the largest gradient seen, and v_hat, likewise, between the "
        "smallest and the largest square. For a constant gradient x they are x and x^2, and the step is "
        "lr*x/(abs(x) + eps) at every t; for gradients from a distribution that does not change E[m_hat] = E[g] and "
        "E[v_hat] = E[g^2]."
    ),
    hypotheses=(BETA1, BETA2, STEP),
    definitions=CORRECTIONS,
    recursions=MOMENTS | EXTREMES | EXPECTED,
    claims=(
        Claim(at_least(FIRST_WEIGHT, 0), "the weights of m_hat are not negative", assuming=(AGE,)),
        Claim(equals(sp.Sum(FIRST_WEIGHT, AGES), sp.S.One), "and sum to 1"),
        Claim(equals(M[t] / c1, sp.Sum(FIRST_WEIGHT * g[t - k], AGES)), "m_hat is the mean with these weights"),
        Claim(at_least(SECOND_WEIGHT, 0), "the weights of v_hat are not negative", assuming=(AGE,)),
        Claim(equals(sp.Sum(SECOND_WEIGHT, AGES), sp.S.One), "and sum to 1"),
        Claim(equals(V[t] / c2, sp.Sum(SECOND_WEIGHT * g[t - k] ** 2, AGES)), "v_hat is the mean of the squares"),
        Claim(at_least(M[t] / c1, LEAST[t]), "at least a_t, the smallest gradient seen"),
        Claim(at_most(M[t] / c1, GREATEST[t]), "at most b_t, the largest"),
        Claim(at_least(V[t] / c2, LEAST_SQUARE[t]), "at least r_t, the smallest square"),
        Claim(at_most(V[t] / c2, GREATEST_SQUARE[t]), "at most s_t, the largest"),
        Claim(equals(CONSTANT_M, x), "m_hat of a constant gradient"),
        Claim(equals(CONSTANT_V, x**2), "v_hat of a constant gradient"),
        Claim(
            equals(step_of(CONSTANT_M, CONSTANT_V), SIGN_LIKE), "the step of a constant gradient", assuming=(PROPER,)
        ),
        Claim(
            equals(EXPECTED_STEP, STEP_OF_EXPECTED),
            "expectation, over outcomes j of probability p_j, goes through the recursion",
        ),
        Claim(equals(EXPECTED_M[t] / c1, mean), "so, with mu = E[g] at every step, m_hat has this expectation too"),
        Claim(equals(EXPECTED_V[t] / c2, mean_square), "and v_hat, with nu = E[g^2], that of the square"),
        Claim(GEOMETRIC2, "the geometric sum"),
    ),
    derive=derive,
    variants=(
        Variant("no correction", "the weights of m itself", {"correction": sp.S.One}),
        Variant("constant correction", "1 - beta1 in place of 1 - beta1^t", {"correction": 1 - beta1}),
        Variant("counted from 0", "1 - beta1^(t-1)", {"correction": 1 - beta1 ** (t - 1)}),
        Variant("counted twice", "1 - beta1^(t+1)", {"correction": 1 - beta1 ** (t + 1)}),
        Variant("c2 in place of c1", "the other correction", {"correction": c2}),
        Variant("root of c1", "the correction of a root", {"correction": sp.sqrt(c1)}),
        Variant("above the largest", "m_hat is at least the largest gradient", {"least": GREATEST[t]}),
        Variant(
            "square of the largest",
            "v_hat is at most the square of the largest gradient: not if others are more negative",
            {"greatest_square": GREATEST[t] ** 2},
        ),
        Variant("square of the mean", "E[v_hat] = E[g]^2", {"stationary": mean**2}),
        Variant(
            "mean of a product",
            "the weights squared under the expectation",
            {"expected_step": beta1**2 * expectation(X[j]) + (1 - beta1) ** 2 * expectation(Y[j])},
        ),
        Variant(
            "epsilon under the root",
            "epsilon under the root: lr*x/sqrt(x^2 + eps^2)",
            {"constant_step": lr * x / sp.sqrt(x**2 + eps**2)},
        ),
    ),
    counterexamples=(
        Counterexample("beta1", "beta1 = 1: no weights, c1 = 0", HERE | {beta1: 1}, claim=_SUM),
        Counterexample("beta1", "beta1 = -1/2: of 1 and then 0 the mean is -1", HERE | {beta1: -0.5}, claim=_LEAST),
        Counterexample("beta2", "beta2 = -1/2: a negative weight", HERE | {beta2: -0.5}, claim=_WEIGHT2),
        Counterexample("step", "t = 0: no gradient, and nothing to divide by", HERE | {t: 0}, claim=_LEAST),
    ),
    confirmations=(
        *(_between(length) for length in (1, 2, 3)),
        Confirmation(
            "the step of a constant gradient from m = c1*x and v = c2*x^2, with c1, c2 any reals in (0, 1]",
            equals(lr / c1 * m / (sp.sqrt(v) / sp.sqrt(c2) + eps), SIGN_LIKE),
            (c1 > 0, c1 <= 1, c2 > 0, c2 <= 1, eps > 0, sp.Eq(m, c1 * x), sp.Eq(v, c2 * x**2)),
        ),
    ),
    uses=("T7",),
    checks=("update.constant",),
    references=(
        "D. P. Kingma, J. Ba: Adam: A Method for Stochastic Optimization. arXiv:1412.6980, section 3",
        "S. J. Reddi, S. Kale, S. Kumar: On the Convergence of Adam and Beyond. ICLR 2018 (what v_hat forgets)",
    ),
    remarks=(
        "The linearity step is written for finitely many outcomes; for any distribution with a second moment the same "
        "line holds for integrals.",
        "If the distribution drifts, E[m_hat] is the same weighted mean of the expectations E[g_i], and by the bounds "
        "lies between the smallest and the largest of them. This is the term zeta of the paper.",
        "E[m_hat] = E[g] and E[v_hat] = E[g^2] do not make the expected step E[g]/sqrt(E[g^2]): the quotient of two "
        "means is no mean. By T9 it can be far from it.",
        "Without correction the first steps are not too small at the defaults but too large: v starts too low by "
        "more than m does, as long as c1 > sqrt(c2). See the table.",
        "The step of a constant gradient does not depend on t. So a wrong step count shows at once, and for large "
        "abs(x) the step is the learning rate.",
    ),
    tables=(
        Table(
            "corrections",
            "The corrections at the defaults, and the step without them in units of the step with them (eps = 0)",
            ("t", "c1", "c2", "c1/sqrt(c2)"),
            _correction_rows,
        ),
    ),
    figures=(
        Figure("uncorrected", "The step without bias correction, in units of the step with it", _draw_uncorrected),
    ),
    summary=(
        "m_hat = sum of (1-beta1)*beta1^k/c1 * g_(t-k): weights >= 0 that sum to 1, so m_hat lies between the extreme "
        "gradients, v_hat between the extreme squares; E[m_hat] = E[g], E[v_hat] = E[g^2] for stationary gradients."
    ),
)
