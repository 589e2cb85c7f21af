"""T3: a constant epsilon in the optimized form is Algorithm 1 at one step at most.

By T2 the epsilon that works is `eps*sqrt(1 - beta2^t)`. It grows strictly with t, so that what is right at one step is
wrong at every other.
"""

from collections.abc import Iterator
from typing import Any

import sympy as sp

from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Hypothesis, Theorem, Variant
from adam_ref.theorems.notation import at, beta1, beta2, e, eps, lr, m, n, optimized, t, unoptimized, v
from adam_ref.theorems.steps import Step, apart, both_or_neither, bound, cite, conclude, equals, more_than
from adam_ref.theorems.t01_rescaled_epsilon import BETA1, RESCALED, SECOND_MOMENT, STEP
from adam_ref.theorems.t02_uniqueness import MOVES, OTHER_DENOMINATOR

BETA2_INSIDE = Hypothesis("beta2", "beta2 is in (0, 1)", (beta2 > 0, beta2 < 1))
EPSILON_POSITIVE = Hypothesis("epsilon", "eps is positive", (eps > 0,))
LATER = Hypothesis("later", "the two steps differ: t and t + n with n >= 1", (n >= 1,))


def agree(step: sp.Expr) -> sp.Basic:
    """`O(e) = U(eps)` at `step`."""
    return equals(at(optimized(e), step), at(unoptimized(eps), step))


def derive(epsilon: sp.Expr = RESCALED, gap: sp.Expr = 1 - beta2**n) -> Iterator[Step]:
    """`epsilon` is what works at a step as a function of t, `gap` the factor by which its square falls short."""
    now, later = at(epsilon, t), at(epsilon, t + n)
    growth = eps**2 * beta2**t * gap / (now + later)
    yield bound(
        more_than(later, now),
        "Write the difference of the roots as the difference of the squares over the sum: every factor is positive.",
        form=growth,
    )
    yield apart(
        equals(e, later),
        equals(e, now),
        "So e cannot be the one and the other.",
        form=growth,
    )
    for step, words in ((t, "At step t only eps*sqrt(c2) works."), (t + n, "At step t + n only the one of that step.")):
        yield cite("T2", both_or_neither(agree(step), equals(e, at(epsilon, step))), words, where={t: step})
    yield conclude(
        sp.Not(sp.And(agree(t), agree(t + n)), evaluate=False),
        "Agreement at both steps would make e equal to two different numbers.",
    )


HERE: dict[sp.Basic, Any] = {
    beta1: 0,
    beta2: sp.Rational(3, 4),
    t: 1,
    n: 1,
    eps: 1,
    v: 1,
    m: 1,
    lr: 1,
    e: sp.Rational(1, 2),
}

p, r = sp.symbols("p r", real=True)

THEOREM = Theorem(
    id="T3",
    name="no constant works",
    title="No single epsilon makes the optimized form the update of Algorithm 1 at two steps",
    words=(
        "If 0 < beta2 < 1 and eps > 0, no number e makes the optimized update O(e) equal to the update U(eps) of "
        "Algorithm 1 at two different steps, here t and t + n, whatever mean and second moment there are (the mean not "
        "zero)."
    ),
    hypotheses=(BETA1, BETA2_INSIDE, STEP, LATER, EPSILON_POSITIVE, SECOND_MOMENT, MOVES, OTHER_DENOMINATOR),
    shown_as={
        at(unoptimized(eps), t): r"U_t(\varepsilon)",
        at(optimized(e), t): "O_t(e)",
        at(unoptimized(eps), t + n): r"U_{t+n}(\varepsilon)",
        at(optimized(e), t + n): "O_{t+n}(e)",
    },
    claims=(Claim(sp.Not(sp.And(agree(t), agree(t + n)), evaluate=False)),),
    derive=derive,
    variants=(
        Variant("epsilon of no step", "the constant eps taken for what works", {"epsilon": eps}),
        Variant("falling epsilon", "eps/sqrt(c2) taken for what works", {"epsilon": eps / sp.sqrt(1 - beta2**t)}),
        Variant("c1 in place of c2", "eps*sqrt(c1) taken for what works", {"epsilon": eps * sp.sqrt(1 - beta1**t)}),
        Variant("missing root", "eps*c2 taken for what works, same difference", {"epsilon": eps * (1 - beta2**t)}),
        Variant("wrong gap", "1 - beta2^t in place of 1 - beta2^n in the difference", {"gap": 1 - beta2**t}),
    ),
    counterexamples=(
        Counterexample("beta2", "beta2 = 0: c2 = 1 at every step, e = eps works always", HERE | {beta2: 0, e: 1}),
        Counterexample("epsilon", "eps = 0: e = 0 works always", HERE | {eps: 0, e: 0}),
        Counterexample("later", "n = 0: one step, where e = eps*sqrt(c2) works", HERE | {n: 0}),
        Counterexample("moves", "m = 0: both updates are 0 for every e", HERE | {m: 0}),
        Counterexample("beta1", "beta1 = 1: c1 = 0", HERE | {beta1: 1}),
        Counterexample("step", "t = 0: both corrections are 0", HERE | {t: 0}),
        Counterexample("second moment", "v = -1 has no real root", HERE | {v: -1}),
        Counterexample("other denominator", "e = -sqrt(v): O has no value", HERE | {e: -1}),
    ),
    confirmations=(
        Confirmation(
            "the epsilon of a later step is larger: with p, r for beta2^t, beta2^n in (0, 1)",
            more_than(eps * sp.sqrt(1 - p * r), eps * sp.sqrt(1 - p)),
            (p > 0, p < 1, r > 0, r < 1, eps > 0),
        ),
    ),
    uses=("T2",),
    checks=("update.near-epsilon",),
    remarks=(
        "A framework that keeps epsilon constant in the optimized form has another dialect, not a rounding error.",
    ),
    summary="The epsilon that works at step t, eps*sqrt(1 - beta2^t), grows with t; a constant is right at one t.",
)
