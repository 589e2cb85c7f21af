"""T4: with growing t the two forms at equal epsilon merge, and how fast.

The epsilons differ by the factor `sqrt(c2)`, `c2 = 1 - beta2^t`, so everything hangs on how fast `beta2^t` dies. The
bound `beta2^t <= beta2/(beta2 + t*(1 - beta2))`, by induction, gives the limit without appeal to logarithms; and the
root of `c2` is at most `beta2^t` away from 1.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import sympy as sp

from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Figure, Hypothesis, Table, Theorem, Variant
from adam_ref.theorems.notation import CORRECTIONS, beta2, c2, t, u
from adam_ref.theorems.steps import (
    Step,
    at_least,
    at_most,
    both_or_neither,
    bound,
    equivalent,
    induct,
    tends_to,
    vanishing,
)
from adam_ref.theorems.t01_rescaled_epsilon import BETA2, STEP

TOLERANCE = Hypothesis("tolerance", "u is in (0, 1)", (u > 0, u < 1))

UNIT_ROUNDOFF = {"bfloat16": 2**-8, "float16": 2**-11, "float32": 2**-24, "float64": 2**-53}

SPREAD = beta2 + t * (1 - beta2)
DECAY = at_most(beta2**t, beta2 / SPREAD)
POWER_VANISHES = tends_to(beta2**t, t, sp.S.Zero)
BELOW_ONE = at_most(sp.sqrt(c2), 1)
NEAR_ONE = at_most(1 - sp.sqrt(c2), beta2**t)
MERGED = tends_to(sp.sqrt(c2), t, sp.S.One)
WITHIN = at_most(1 - sp.sqrt(c2), u)
CRITERION = both_or_neither(at_most(beta2**t, u * (2 - u)), WITHIN)


def derive(
    growth: sp.Expr = beta2**t * t * (1 - beta2) ** 2,
    decay: sp.Expr = beta2 / SPREAD,
    distance: sp.Expr = beta2**t,
    target: sp.Expr = sp.S.One,
    threshold: sp.Expr = u * (2 - u),
) -> Iterator[Step]:
    """`growth` of the induction, `decay` of the power, `distance` of the root from 1, its limit, the `threshold`."""
    root = sp.sqrt(c2)
    reserve = beta2 - beta2**t * SPREAD
    yield induct(
        at_least(reserve, 0),
        t,
        "At t = 1 both terms are beta2. From t to t + 1 the difference grows by beta2^t*t*(1 - beta2)^2.",
        rest=growth,
    )
    yield bound(
        at_most(beta2**t, decay),
        "Divide by beta2 + t*(1 - beta2), which is positive.",
        form=reserve / SPREAD,
    )
    above = reserve / SPREAD + beta2**2 / ((1 - beta2) * t * SPREAD)
    yield vanishing(
        beta2**t,
        t,
        sp.S.Zero,
        beta2 / (1 - beta2),
        "Drop beta2 from that denominator: beta2^t is at most beta2/(1 - beta2) over t.",
        (above, above + 2 * beta2**t),
    )
    yield bound(at_most(root, 1), "c2 is in [0, 1], and so is its root.")
    yield bound(
        at_most(1 - root, distance),
        "With s = sqrt(c2) we have beta2^t = 1 - s^2, and (1 - s^2) - (1 - s) = s*(1 - s) is not negative.",
        form=root * (1 - root),
    )
    yield vanishing(
        root,
        t,
        target,
        beta2 / (1 - beta2),
        "So the root is squeezed between 1 - beta2^t and 1.",
        (above + beta2**t + 1 - root, above + root * (1 - root)),
    )
    yield equivalent(
        at_most(beta2**t, threshold),
        at_most(1 - root, u),
        1 - u + root,
        "u*(2 - u) - beta2^t = s^2 - (1 - u)^2 is the product of s - (1 - u) and s + (1 - u); the second is positive.",
    )


def first_merged(beta2: float, u: float) -> int:
    """The first t with `1 - sqrt(1 - beta2^t) <= u`, for decimal `beta2`: by T4 the first with `beta2^t <= u*(2-u)`."""
    with mpmath.workdps(60):
        return int(mpmath.ceil(mpmath.log(mpmath.mpf(u) * (2 - u)) / mpmath.log(mpmath.mpf(str(beta2)))))


def _first_merged_rows() -> list[tuple[str, float, int]]:
    return [
        (name, beta, first_merged(beta, u)) for beta in (0.9, 0.99, 0.999, 0.9999) for name, u in UNIT_ROUNDOFF.items()
    ]


def _draw_factor(axes: Any) -> None:
    steps = sorted({int(10 ** (n / 20)) for n in range(101)})
    for beta in (0.9, 0.99, 0.999, 0.9999):
        axes.semilogx(steps, [(1 - beta**step) ** 0.5 for step in steps], label=f"$\\beta_2 = {beta}$")
    axes.set_xlabel("$t$")
    axes.set_ylabel(r"$\sqrt{c_2}$")
    axes.legend()


HERE: dict[sp.Basic, Any] = {beta2: sp.Rational(3, 4), t: 1, u: sp.Rational(1, 8)}
POWER, ROOT = sp.symbols("p s", real=True)

THEOREM = Theorem(
    id="T4",
    name="they merge",
    title="The rescaled epsilon tends to epsilon, at the speed of beta2^t",
    words=(
        "The factor sqrt(1 - beta2^t) between the two epsilons is at most 1, at least 1 - beta2^t, and tends to 1. "
        "It is within u of 1 exactly when beta2^t <= u*(2 - u)."
    ),
    hypotheses=(BETA2, STEP, TOLERANCE),
    definitions=CORRECTIONS,
    claims=(
        Claim(DECAY, "beta2^t falls at least as fast as 1/t"),
        Claim(POWER_VANISHES, "and so tends to 0"),
        Claim(BELOW_ONE, "the factor is at most 1"),
        Claim(NEAR_ONE, "and at most beta2^t away from it"),
        Claim(MERGED, "so the epsilons merge"),
        Claim(CRITERION, "within u exactly from the step on where beta2^t <= u*(2 - u)"),
    ),
    derive=derive,
    variants=(
        Variant(
            "growth of the wrong sign",
            "the induction loses instead of gaining",
            {"growth": -(beta2**t) * t * (1 - beta2) ** 2},
        ),
        Variant("decay without beta2", "beta2^t <= 1/(1 + t)", {"decay": 1 / (1 + t)}),
        Variant("merging twice as fast", "1 - sqrt(c2) <= beta2^(2t)", {"distance": beta2 ** (2 * t)}),
        Variant("a half too optimistic", "1 - sqrt(c2) <= beta2^t/2", {"distance": beta2**t / 2}),
        Variant("another limit", "the factor tends to beta2", {"target": beta2}),
        Variant("threshold u", "beta2^t <= u in place of u*(2 - u)", {"threshold": u}),
        Variant("threshold 2u", "the square forgotten", {"threshold": 2 * u}),
    ),
    counterexamples=(
        Counterexample("beta2", "beta2 = 1: c2 stays 0", HERE | {beta2: 1}, claim=4),
        Counterexample("step", "t = -1: c2 is negative and has no real root", HERE | {t: -1}, claim=2),
        Counterexample("tolerance", "u = 3: within u always, yet u*(2 - u) is negative", HERE | {u: 3}, claim=5),
    ),
    confirmations=(
        Confirmation(
            "with p for beta2^t in [0, 1]: 1 - p <= sqrt(1 - p) <= 1",
            sp.And(at_most(1 - sp.sqrt(1 - POWER), POWER), at_most(sp.sqrt(1 - POWER), 1)),
            (POWER >= 0, POWER <= 1),
        ),
        Confirmation(
            "the criterion, with p for beta2^t",
            both_or_neither(at_most(POWER, u * (2 - u)), at_most(1 - sp.sqrt(1 - POWER), u)),
            (POWER >= 0, POWER <= 1, u > 0, u < 1),
        ),
    ),
    checks=("update.zeros-then-spike", "update.beyond-256", "update.beyond-2048"),
    tables=(
        Table(
            "first-merged",
            "First step from which the factor is within one unit roundoff of 1",
            ("format", "beta2", "t"),
            _first_merged_rows,
        ),
    ),
    figures=(Figure("factor", "The factor between the two epsilons against t", _draw_factor),),
    remarks=(
        "By T5 the ratio of the two updates at equal epsilon lies between the factor and 1, so from that step on they "
        "differ by less than one unit roundoff, whatever the gradients were.",
    ),
    summary="1 - beta2^t <= sqrt(1 - beta2^t) <= 1, so eps*sqrt(c2) -> eps; within u exactly for beta2^t <= u*(2-u).",
)
