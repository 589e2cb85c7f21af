"""T6: the orders of operations that implementations use compute one and the same update.

The moments may be formed as a weighted sum or as a step from one end towards the other (lerp); the bias correction may
sit in the moment, in the step size or in the running mean itself; learning rate and correction may be moved into the
denominator. Over the reals none of this changes anything. In floating point each order rounds differently: T15 bounds
by how much, and `conformance` accepts whatever stays within.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp

from adam_ref.theorems.context import Recursion
from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Hypothesis, Table, Theorem, Variant
from adam_ref.theorems.notation import (
    CORRECTIONS,
    ROOT,
    M,
    beta1,
    beta2,
    c1,
    c2,
    eps,
    g,
    lr,
    m,
    n,
    optimized,
    t,
    unoptimized,
    v,
)
from adam_ref.theorems.steps import Step, cite, equals, induct, rewrite
from adam_ref.theorems.t01_rescaled_epsilon import HYPOTHESES as OF_T1
from adam_ref.theorems.t01_rescaled_epsilon import RESCALED

gradient, theta, decay = sp.symbols("g_t theta lambda", real=True)
"""The gradient of this step; the parameter; the weight decay."""

LEARNS = Hypothesis("learning rate", "the learning rate is positive", (lr > 0,))

FIRST = beta1 * m + (1 - beta1) * gradient
FROM_OLD = m + (1 - beta1) * (gradient - m)
FROM_NEW = gradient + beta1 * (m - gradient)

w2 = 1 - beta2
SECOND = beta2 * v + w2 * gradient**2
SCALED_FIRST = beta2 * v + sp.Mul(sp.Mul(w2, gradient, evaluate=False), gradient, evaluate=False)
SQUARE_FROM_OLD = v + w2 * (gradient**2 - v)
SQUARE_FROM_NEW = gradient**2 + beta2 * (v - gradient**2)

AS_PRINTED = lr * (m / c1) / (sp.sqrt(v / c2) + eps)
"""Algorithm 1 to the letter: both moments corrected first."""
STEP_SIZE = lr / c1
UNDERNEATH = m / (sp.sqrt(v) / (ROOT * STEP_SIZE) + eps / STEP_SIZE)
"""The step size divides both terms of the denominator, as torch's capturable path has it."""

DECAYED_FIRST = theta * (1 - lr * decay) - unoptimized(eps)
DECAYED_WITHIN = theta - lr * (m / c1 / (sp.sqrt(v) / ROOT + eps) + decay * theta)

LERPED = sp.IndexedBase("L", real=True)
"""The first moment kept by lerp."""
MEAN = sp.IndexedBase("A", real=True)
"""The corrected first moment, kept in place of the raw one."""
SHARE = (1 - beta1) / (1 - beta1 ** (n + 1))
"""How far the running mean moves towards the newest gradient."""

RECURSIONS = {
    M: Recursion(sp.S.Zero, n, beta1 * M[n] + (1 - beta1) * g[n + 1]),
    LERPED: Recursion(sp.S.Zero, n, LERPED[n] + (1 - beta1) * (g[n + 1] - LERPED[n])),
    MEAN: Recursion(sp.S.Zero, n, MEAN[n] + SHARE * (g[n + 1] - MEAN[n])),
}


def derive(
    from_old: sp.Expr = FROM_OLD,
    from_new: sp.Expr = FROM_NEW,
    scaled: sp.Expr = SCALED_FIRST,
    square_from_old: sp.Expr = SQUARE_FROM_OLD,
    square_from_new: sp.Expr = SQUARE_FROM_NEW,
    corrected: sp.Expr = c1 * MEAN[t],
    printed: sp.Expr = AS_PRINTED,
    underneath: sp.Expr = UNDERNEATH,
    folded: sp.Expr = RESCALED,
    within: sp.Expr = DECAYED_WITHIN,
) -> Iterator[Step]:
    """Each argument is one order of operations; `folded` is the epsilon of the optimized form."""
    yield rewrite(FIRST, from_old, "Step from m towards the gradient: collect the terms in m.")
    yield rewrite(FIRST, from_new, "Step from the gradient back towards m: collect the terms in the gradient.")
    yield rewrite(SECOND, scaled, "Weigh the gradient before it is squared: multiplication is associative.")
    yield rewrite(SECOND, square_from_old, "The second moment is the same average, of squares.")
    yield rewrite(SECOND, square_from_new, "And can be had from the other end too.")
    yield induct(
        equals(LERPED[t], M[t]),
        t,
        "Equal moments before a step are equal after it, by the first identity; their difference shrinks by beta1.",
        carry=beta1,
    )
    expanded = corrected.subs(CORRECTIONS)
    yield induct(
        equals(expanded, M[t]),
        t,
        "(1 - beta1^(t+1))*(A + w*(g - A)) with w = (1 - beta1)/(1 - beta1^(t+1)) is (beta1 - beta1^(t+1))*A + "
        "(1 - beta1)*g, and beta1 - beta1^(t+1) is beta1 times the correction of the step before.",
        carry=beta1,
    )
    yield from _steps(printed, underneath, folded, within)


def _steps(printed: sp.Expr, underneath: sp.Expr, folded: sp.Expr, within: sp.Expr) -> Iterator[Step]:
    start = unoptimized(eps)
    yield rewrite(printed, start, "The root of a quotient is the quotient of the roots; lr/c1 is one number a step.")
    yield rewrite(
        start, underneath, "Divide numerator and denominator by lr/c1, which is positive: only m is left on top."
    )
    yield cite("T1", equals(start, optimized(folded)), "Both corrections in the step size: T1, with epsilon rescaled.")
    yield rewrite(DECAYED_FIRST, within, "Decoupled decay before the step, or added to it before lr multiplies both.")


old, new, beta, weight = sp.symbols("x y beta w", real=True)
FORMS = {
    "beta*x + w*y": beta * old + weight * new,
    "x + w*(y - x)": old + weight * (new - old),
    "y + beta*(x - y)": new + beta * (old - new),
}
"""The three orders of an average of the old value x and the new y, where w = 1 - beta."""

EXACT_BETAS = (0.125, 0.5, 0.875, 1 - 2**-10)
"""Decay rates that float32 holds together with their complements: what is measured is the order alone."""


def worst_error(form: sp.Expr, decay_rate: float, *, samples: int = 20000) -> float:
    """Largest relative error in float32, in unit roundoffs, over positive x and y of mixed scales; y = 0 included."""
    source = np.random.default_rng(6)
    x = (10 ** source.uniform(-3, 3, samples)).astype(np.float32)
    y = np.where(source.random(samples) < 0.1, 0, 10 ** source.uniform(-3, 3, samples)).astype(np.float32)
    average = sp.lambdify((old, new, beta, weight), form)
    computed = average(x, y, np.float32(decay_rate), np.float32(1 - decay_rate)).astype(np.float64)
    exact = decay_rate * x.astype(np.float64) + (1 - decay_rate) * y.astype(np.float64)
    return float(np.max(np.abs(computed / exact - 1)) * 2**24)


def _error_rows() -> list[tuple[str, ...]]:
    return [(name, *(f"{worst_error(form, rate):.3g}" for rate in EXACT_BETAS)) for name, form in FORMS.items()]


HERE: dict[sp.Basic, Any] = {
    beta1: 0.5,
    beta2: 0.5,
    t: 1,
    eps: 1,
    v: 1,
    m: 1,
    lr: 1,
    gradient: 1,
    theta: 1,
    decay: 1,
}
_PRINTED, _UNDERNEATH = 7, 8

THEOREM = Theorem(
    id="T6",
    name="operation orders",
    title="The lerp form and the other orders of operations compute the same update",
    words=(
        "The moments may be formed as beta*x + (1 - beta)*y or as a step from either end, the gradient may be weighed "
        "before it is squared, and the corrected mean may be kept in place of the raw one; the corrections may be "
        "applied to the moments, to the step size or to the denominator. The result is the same at every step."
    ),
    hypotheses=(*OF_T1, LEARNS),
    definitions=CORRECTIONS,
    recursions=RECURSIONS,
    claims=(
        Claim(equals(FIRST, FROM_OLD), "lerp from the old value"),
        Claim(equals(FIRST, FROM_NEW), "lerp from the gradient"),
        Claim(equals(SECOND, SCALED_FIRST), "the gradient weighed before it is squared"),
        Claim(equals(SECOND, SQUARE_FROM_OLD), "lerp of the squares"),
        Claim(equals(SECOND, SQUARE_FROM_NEW), "lerp of the squares from the other end"),
        Claim(equals(LERPED[t], M[t]), "so the moments agree after every step"),
        Claim(equals(c1 * MEAN[t], M[t]), "and the corrected mean can be kept by itself"),
        Claim(equals(AS_PRINTED, unoptimized(eps)), "Algorithm 1 as printed"),
        Claim(equals(unoptimized(eps), UNDERNEATH), "the step size in the denominator"),
        Claim(equals(unoptimized(eps), optimized(RESCALED)), "both corrections in the step size"),
        Claim(equals(DECAYED_FIRST, DECAYED_WITHIN), "decoupled decay within the step"),
    ),
    derive=derive,
    variants=(
        Variant("weights swapped", "m + beta1*(g - m)", {"from_old": m + beta1 * (gradient - m)}),
        Variant("difference reversed", "m + (1 - beta1)*(m - g)", {"from_old": m + (1 - beta1) * (m - gradient)}),
        Variant(
            "other end, same weight",
            "g + (1 - beta1)*(m - g)",
            {"from_new": gradient + (1 - beta1) * (m - gradient)},
        ),
        Variant("weight squared", "((1 - beta2)*g)^2", {"scaled": beta2 * v + (w2 * gradient) ** 2}),
        Variant("lerp towards g", "v + (1 - beta2)*(g - v)", {"square_from_old": v + w2 * (gradient - v)}),
        Variant(
            "square of the difference",
            "v + (1 - beta2)*(g - v)^2, a centred second moment",
            {"square_from_old": v + w2 * (gradient - v) ** 2},
        ),
        Variant("corrected twice", "the running mean divided by c1 again", {"corrected": c1**2 * MEAN[t]}),
        Variant("correction forgotten", "the running mean taken for m", {"corrected": MEAN[t]}),
        Variant("epsilon under the root", "sqrt(v/c2 + eps)", {"printed": lr * (m / c1) / sp.sqrt(v / c2 + eps)}),
        Variant(
            "epsilon not divided",
            "eps left as it is below the step size",
            {"underneath": m / (sp.sqrt(v) / (ROOT * STEP_SIZE) + eps)},
        ),
        Variant("epsilon not rescaled", "T1 without its factor", {"folded": eps}),
        Variant(
            "decay not scaled by lr",
            "lambda*theta outside the bracket",
            {"within": theta - unoptimized(eps) - decay * theta},
        ),
    ),
    counterexamples=(
        Counterexample("beta1", "beta1 = 1: c1 = 0", HERE | {beta1: 1}, claim=_PRINTED),
        Counterexample("beta2", "beta2 = 1: c2 = 0", HERE | {beta2: 1}, claim=_PRINTED),
        Counterexample("step", "t = 0: both corrections are 0", HERE | {t: 0}, claim=_PRINTED),
        Counterexample(
            "epsilon", "eps = -1 meets sqrt(v/c2) = 1", HERE | {eps: -1, beta1: 0, beta2: 0}, claim=_PRINTED
        ),
        Counterexample("second moment", "v = -1 has no real root", HERE | {v: -1}, claim=_PRINTED),
        Counterexample("denominator", "v = eps = 0: nothing to divide by", HERE | {v: 0, eps: 0}, claim=_PRINTED),
        Counterexample("learning rate", "lr = 0 cannot go underneath", HERE | {lr: 0}, claim=_UNDERNEATH),
    ),
    confirmations=(
        Confirmation(
            "all orders of the moments, for all reals",
            sp.And(
                *(equals(FIRST, other) for other in (FROM_OLD, FROM_NEW)),
                *(equals(SECOND, other) for other in (SCALED_FIRST, SQUARE_FROM_OLD, SQUARE_FROM_NEW)),
            ),
        ),
        Confirmation(
            "the step size in the denominator, with c1, c2 any reals in (0, 1]",
            equals(unoptimized(eps), UNDERNEATH),
            (c1 > 0, c1 <= 1, c2 > 0, c2 <= 1, eps >= 0, v >= 0, sp.Or(v > 0, eps > 0), lr > 0),
        ),
        Confirmation(
            "decoupled decay within the step",
            equals(DECAYED_FIRST, DECAYED_WITHIN),
            (c1 > 0, c1 <= 1, c2 > 0, c2 <= 1, eps >= 0, v >= 0, sp.Or(v > 0, eps > 0)),
        ),
    ),
    uses=("T1",),
    shown_as={unoptimized(eps): r"U(\varepsilon)", optimized(RESCALED): r"O(\varepsilon\sqrt{c_2})"},
    checks=("update.ordinary", "state.moments"),
    references=(
        "D. P. Kingma, J. Ba: Adam: A Method for Stochastic Optimization. arXiv:1412.6980, Algorithm 1",
        "PyTorch, torch/optim/adam.py: exp_avg.lerp_(grad, 1 - beta1); the capturable path divides by the step size",
    ),
    remarks=(
        "A product with a rounded reciprocal, m_hat*(1/D), is the same real number as the quotient.",
        "The identities for the moments need no hypothesis at all; the others need their denominators only.",
        "lerp from the old value returns exactly x when x = y, whatever is rounded: a constant gradient, once reached, "
        "stays. The weighted sum may drift by a roundoff.",
        "Lerp from the end with the smaller weight cancels: when y is near 0 it takes almost all of x away from x. The "
        "table shows the loss. For v, a sum of one sign, the enclosure admits lerp from the other end only.",
        "With lr = 0 the form with the step size underneath divides by zero; IEEE arithmetic then gives m/inf = 0 for "
        "a finite m, and NaN where a moment is infinite.",
    ),
    tables=(
        Table(
            "orders-in-float32",
            "Largest relative error of the average of x > 0 and y >= 0 in float32, in unit roundoffs, by order",
            ("order", "beta = 1/8", "beta = 1/2", "beta = 7/8", "beta = 1 - 2^-10"),
            _error_rows,
        ),
    ),
    summary=(
        "beta*x + (1-beta)*y = x + (1-beta)*(y-x) = y + beta*(x-y); (w*g)*g = w*(g*g); lr*m_hat/(sqrt(v_hat)+eps) with "
        "the corrections in the moments, the step size or the denominator: one update, rounded differently (T15)."
    ),
)
