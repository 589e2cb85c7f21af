"""T2: no other epsilon than the rescaled one makes the optimized form the update of Algorithm 1.

The difference of the two updates is `eps*sqrt(c2) - e` times a factor that is not zero unless the mean or the learning
rate is. So at one step exactly one epsilon works.
"""

from collections.abc import Iterator
from typing import Any

import sympy as sp

from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Hypothesis, Theorem, Variant
from adam_ref.theorems.notation import (
    CORRECTIONS,
    ROOT,
    beta1,
    beta2,
    c1,
    c2,
    e,
    eps,
    lr,
    m,
    optimized,
    t,
    unoptimized,
    v,
)
from adam_ref.theorems.steps import Step, both_or_neither, equals, equivalent, rewrite
from adam_ref.theorems.t01_rescaled_epsilon import BETA1, BETA2, EPSILON, RESCALED, SECOND_MOMENT, STEP

MOVES = Hypothesis("moves", "neither the mean nor the learning rate is zero", (sp.Ne(m, 0), sp.Ne(lr, 0)))
OWN_DENOMINATOR = Hypothesis(
    "denominator", "U has a denominator: v and eps are not both zero", (sp.Or(v > 0, eps > 0),)
)
OTHER_DENOMINATOR = Hypothesis("other denominator", "O has a denominator", (sp.Ne(sp.sqrt(v) + e, 0),))

AGREE = equals(optimized(e), unoptimized(eps))
UNIQUE = both_or_neither(AGREE, equals(e, RESCALED))


def derive(epsilon: sp.Expr = RESCALED, root: sp.Expr = ROOT) -> Iterator[Step]:
    """`epsilon` is the only admissible one, `root` the factor of the step size."""
    difference = optimized(e) - unoptimized(eps)
    cofactor = -lr * m * root / (c1 * (sp.sqrt(v) + e) * (sp.sqrt(v) + eps * root))
    yield rewrite(
        difference,
        cofactor * (e - epsilon),
        "Bring the difference of the updates to a common denominator: only the two epsilons are left in the numerator.",
    )
    yield equivalent(
        AGREE,
        equals(e, epsilon),
        cofactor,
        "The other factor is not zero: lr, m and c2 are not. So the updates agree exactly when the epsilons do.",
    )


AT_ONE: dict[sp.Basic, Any] = {
    beta1: 0,
    beta2: sp.Rational(3, 4),
    t: 1,
    eps: 1,
    v: 1,
    m: 1,
    lr: 1,
    e: sp.Rational(1, 2),
}


THEOREM = Theorem(
    id="T2",
    name="uniqueness",
    title="No other epsilon makes the optimized form the update of Algorithm 1",
    words=(
        "If the mean and the learning rate are not zero, the optimized update with epsilon e equals the update of "
        "Algorithm 1 with epsilon eps at step t exactly when e = eps*sqrt(1 - beta2^t)."
    ),
    hypotheses=(BETA1, BETA2, STEP, EPSILON, SECOND_MOMENT, OWN_DENOMINATOR, MOVES, OTHER_DENOMINATOR),
    definitions=CORRECTIONS,
    shown_as={unoptimized(eps): r"U(\varepsilon)", optimized(e): "O(e)"},
    claims=(Claim(UNIQUE),),
    derive=derive,
    variants=(
        Variant("eps itself", "e = eps is the one", {"epsilon": eps}),
        Variant("missing root", "e = eps*c2 is the one", {"epsilon": eps * c2}),
        Variant("c1 in place of c2", "e = eps*sqrt(c1) is the one", {"epsilon": eps * sp.sqrt(c1)}),
        Variant(
            "step size without its root", "the factor sqrt(c2) of the step size forgotten", {"root": sp.Integer(1)}
        ),
    ),
    counterexamples=(
        Counterexample("moves", "m = 0: both updates are 0 for every e", AT_ONE | {m: 0, e: 7}),
        Counterexample("beta1", "beta1 = 1: c1 = 0", AT_ONE | {beta1: 1}),
        Counterexample("beta2", "beta2 = 1: c2 = 0", AT_ONE | {beta2: 1}),
        Counterexample("step", "t = 0: both corrections are 0", AT_ONE | {t: 0, beta1: sp.Rational(1, 2)}),
        Counterexample("epsilon", "eps = -2 meets sqrt(v)/sqrt(c2) = 2: U has no value", AT_ONE | {eps: -2}),
        Counterexample("second moment", "v = -1 has no real root", AT_ONE | {v: -1}),
        Counterexample("denominator", "v = eps = 0: U has no value", AT_ONE | {v: 0, eps: 0}),
        Counterexample("other denominator", "e = -sqrt(v): O has no value", AT_ONE | {e: -1}),
    ),
    confirmations=(
        Confirmation(
            "with c1, c2 any reals in (0, 1] and any real e",
            UNIQUE,
            (
                *(c1 > 0, c1 <= 1, c2 > 0, c2 <= 1, eps >= 0, v >= 0, sp.Or(v > 0, eps > 0)),
                *(sp.Ne(m, 0), sp.Ne(lr, 0), sp.Ne(sp.sqrt(v) + e, 0)),
            ),
        ),
    ),
    checks=("update.near-epsilon",),
    remarks=(
        "e may be any real number here, negative ones included, as long as O has a denominator.",
        "Two gradient histories can still give equal parameters by accident; T2 is about the update as a function.",
    ),
    summary="O(e) - U(eps) is a non-zero multiple of e - eps*sqrt(c2): at each step exactly one e works.",
)
