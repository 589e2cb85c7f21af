"""T10: the bound on the step that the paper states is not a bound; where it holds, where not, and what is true instead.

Kingma & Ba, section 2.1, say of the step with `eps = 0`, in units of the learning rate: it is at most
`(1 - beta1)/sqrt(1 - beta2)` if `1 - beta1 > sqrt(1 - beta2)`, and at most 1 otherwise. They argue from one history,
a gradient that was zero at all steps but the current one, and add that for less sparse gradients the step is smaller.
For that history both bounds hold, and are proved here. For others they do not: gradients that grow by `beta2/beta1` a
step, which by T9 go as far as possible, cross the first bound unless `beta1 = 0`, and the second, at the second step
already, unless `beta1 = beta2`. In these two cases the bounds hold for every history.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import sympy as sp

from adam_ref.theorems.context import Recursion
from adam_ref.theorems.evaluate import value
from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Figure, Table, Theorem, Variant
from adam_ref.theorems.notation import CORRECTIONS, M, V, at, beta1, beta2, c1, c2, h, k, n, q, t
from adam_ref.theorems.steps import (
    Step,
    at_least,
    at_most,
    both_or_neither,
    bound,
    case,
    cite,
    conclude,
    equals,
    equivalent,
    induct,
    more_than,
    one_term,
    put,
    rewrite,
    tends_to,
    total,
)
from adam_ref.theorems.t01_rescaled_epsilon import BETA1, STEP
from adam_ref.theorems.t09_sharp_step_bound import (
    AGES,
    BELOW_ONE,
    BETA2,
    BOUND,
    CLOSED,
    FACTOR,
    GEOMETRIC,
    LIMIT,
    SQUARES,
    STEP_SIZE,
    Q,
    largest_step,
    largest_step_ever,
)

PAPER = (1 - beta1) / sp.sqrt(1 - beta2)
"""The paper's bound in its first case; in the other it is 1."""
FAR_OUT = PAPER / sp.sqrt(1 - q)
FIRST = more_than(1 - beta1, sp.sqrt(1 - beta2))
OTHERWISE = at_most(1 - beta1, sp.sqrt(1 - beta2))
EDGE = beta1 * (2 - beta1)
"""The beta2 at which the two cases meet: `1 - EDGE = (1 - beta1)^2`."""

x = sp.Symbol("x", real=True)
"""The one gradient of a spike, or the newest one of the extremal history."""
r = sp.Symbol("r", real=True)
"""What a step without gradient multiplies `m/sqrt(v)` by: `beta1/sqrt(beta2)`; `r^2 = q`."""
NONZERO = sp.Ne(x, 0)
AGE = sp.And(n >= 0, n <= t - 1)
"""The spike came at step `t - n`: n steps with zero gradients after it, `t - n - 1` before it."""

SPIKE_M = (1 - beta1) * beta1**n * x
SPIKE_V = (1 - beta2) * beta2**n * x**2
SPIKE = FACTOR * r**n
_SPIKE_IN_FULL = SPIKE.subs({r: beta1 / sp.sqrt(beta2)}).subs(CORRECTIONS)
SPIKE_RATIO = equals(SPIKE_M / c1 / sp.sqrt(SPIKE_V / c2), x / sp.Abs(x) * SPIKE)

EXTREMAL = {h[k]: x * (beta1 / beta2) ** k}
EXTREMAL_STEP = STEP_SIZE.xreplace(EXTREMAL)
EXTREMAL_SQUARES = SQUARES.xreplace(EXTREMAL)

LATE = sp.And(t >= 2, beta1 > 0, beta2**t * (1 + q) < q)
"""A step from which on the first bound is crossed for certain; as `beta2^t -> 0` (T4), there is one."""
SECOND_STEP = t >= 2
SOON = sp.And(SECOND_STEP, beta1 > 0)
UNEQUAL = sp.Ne(beta1, beta2)
SLOW = beta2 >= beta1**2
SEEN = SQUARES > 0
NO_MEAN, SAME, Q_IS_ONE = equals(beta1, 0), equals(beta2, beta1), equals(beta2, beta1**2)
FIRST_STEP = equals(t, 1)

C1, C2 = 1 - beta1**t, 1 - beta2**t
SUM1, SUM2 = sp.Sum(beta1**k, AGES), sp.Sum(beta2**k, AGES)


def derive(
    edge: sp.Expr = EDGE,
    spike: sp.Expr = SPIKE,
    slow: sp.Basic = SLOW,
    floor: sp.Expr = 1 - beta1,
    late: sp.Basic = LATE,
    crossed: Any = more_than,
    start: int = 2,
    last: sp.Expr = FAR_OUT,
    equal: sp.Basic = SAME,
) -> Iterator[Step]:
    """The ingredients that may go wrong: `edge` of the cases, step after a `spike`, when its age does no harm (`slow`).

    Then what that step exceeds (`floor`), from when on the bounds are `crossed` (`late`, `start`), the `last` value of
    the sharp bound, and when the second bound holds (`equal`).
    """
    yield equivalent(
        FIRST,
        more_than(beta2, edge),
        1 / (1 - beta1 + sp.sqrt(1 - beta2)),
        "Multiply by the sum of the two sides, which is positive: (1 - beta1)^2 > 1 - beta2.",
    )
    yield from _spike(spike, floor)
    yield from _spike_within(slow)
    yield from _extremal()
    yield from _first_crossed(late, crossed)
    yield from _second_crossed(start)
    yield from _for_ever(last)
    yield from _what_remains(equal)


def _spike(spike: sp.Expr, floor: sp.Expr) -> Iterator[Step]:
    """What a single gradient x does, n steps after it came."""
    share = total((c2 / (1 - beta2) - 1) / (sp.sqrt(c2 / (1 - beta2)) + 1), 1 - c1)
    yield bound(
        at_least(c2 / (1 - beta2), 1), "c2 grows from 1 - beta2.", form=beta2 * (1 - beta2 ** (t - 1)) / (1 - beta2)
    )
    yield from case(
        AGE,
        induct(
            equals(M[n], SPIKE_M),
            n,
            "Zeros before the spike leave m = 0, so it brings (1 - beta1)*x; each zero after it multiplies by beta1.",
            start=0,
            carry=beta1,
        ),
        induct(equals(V[n], SPIKE_V), n, "The same for the square, with beta2.", start=0, carry=beta2),
        *case(
            NONZERO,
            rewrite(
                SPIKE_RATIO.lhs, x / sp.Abs(x) * spike, "x/sqrt(x^2) is the sign: the height of the spike cancels."
            ),
        ),
        bound(
            at_least(SPIKE, floor * r**n),
            "c2 >= 1 - beta2 and c1 <= 1. So if r > 1 the step grows without limit while no gradient comes.",
            form=r**n * (1 - beta1) / c1 * share,
        ),
    )


def _spike_within(slow: sp.Basic) -> Iterator[Step]:
    """The paper's bounds hold for a spike."""
    grown, less = (2 - beta1) ** t, beta1**t
    root1, root2 = 1 - beta1, sp.sqrt(1 - beta2)
    yield induct(at_least(grown, 1), t, "2 - beta1 is at least 1.", carry=2 - beta1, rest=1 - beta1)
    yield induct(
        at_least(grown + less, 2),
        t,
        "At t = 1 the sum is 2; from t to t + 1 it grows by (1 - beta1)*((2 - beta1)^t - beta1^t).",
        rest=(1 - beta1) * total(grown - 1, 1 - less),
    )
    surplus = less * (grown + less - 2)
    falls = sp.sqrt(beta2) * (sp.sqrt(beta2) + beta1)
    yield from case(
        FIRST,
        bound(more_than(beta2, EDGE), "This is the first case.", form=(root1 - root2) * (root1 + root2)),
        induct(at_least(beta2**t, EDGE**t), t, "Powers keep the order.", carry=beta2, rest=EDGE**t * (beta2 - EDGE)),
        bound(
            at_most(sp.sqrt(c2), c1),
            "c1^2 - c2 = (beta2^t - (beta1*(2 - beta1))^t) + beta1^t*(beta1^t + (2 - beta1)^t - 2): by the last step "
            "and the one on the sum of two powers, neither term is negative.",
            form=total(beta2**t - EDGE**t, surplus) / (c1 + sp.sqrt(c2)),
        ),
        bound(
            at_most(r, 1),
            "beta2 > beta1*(2 - beta1) >= beta1^2.",
            form=total(beta2 - EDGE, 2 * beta1 * (1 - beta1)) / falls,
        ),
        *case(
            AGE,
            bound(
                at_most(SPIKE, PAPER),
                "Beside the paper's bound it has the factors sqrt(c2)/c1 and r^n, of which neither is above 1.",
                form=PAPER / c1 * total(c1 - sp.sqrt(c2), sp.sqrt(c2) * (1 - r**n)),
            ),
        ),
    )
    seen1, seen2 = c1 / (1 - beta1), c2 / (1 - beta2)
    reserve = (1 - EDGE**t) / (1 - beta1) ** 2 - C2 / (1 - beta2)
    yield from case(
        OTHERWISE,
        bound(at_most(beta2, EDGE), "This is the other case.", form=(root2 - root1) * (root1 + root2)),
        induct(at_most(beta2**t, EDGE**t), t, "Powers keep the order.", carry=EDGE, rest=beta2**t * (EDGE - beta2)),
        induct(at_least(reserve, 0), t, "The sums of the powers keep it too.", rest=EDGE**t - beta2**t),
        bound(
            at_most(FACTOR, 1),
            "(c1/(1 - beta1))^2 - c2/(1 - beta2) is the left side of the last step, and beta1^t*(beta1^t + "
            "(2 - beta1)^t - 2)/(1 - beta1)^2. Neither is negative.",
            form=total(reserve, surplus / (1 - beta1) ** 2) / (seen1 * (seen1 + sp.sqrt(seen2))),
        ),
        *case(
            slow,
            bound(at_most(r, 1), "This is what was assumed.", form=(beta2 - beta1**2) / falls),
            *case(
                AGE,
                bound(at_most(SPIKE, 1), "Both factors are at most 1.", form=total(1 - FACTOR, FACTOR * (1 - r**n))),
            ),
        ),
    )


def _extremal() -> Iterator[Step]:
    """The step of the extremal history is the bound of T9."""
    yield one_term(EXTREMAL_SQUARES, {k: sp.S.Zero}, "The newest term is x^2.")
    yield one_term(GEOMETRIC, {k: sp.S.Zero}, "The term of age 0 is 1.")
    yield from case(
        NONZERO,
        bound(more_than(EXTREMAL_SQUARES, 0), "So v is not zero.", form=total(EXTREMAL_SQUARES - x**2, x**2)),
        rewrite(
            EXTREMAL_STEP**2,
            BOUND**2,
            "With h_k = x*(beta1/beta2)^k both beta1^k*h_k/x and beta2^k*h_k^2/x^2 are q^k: sums cancel.",
        ),
        equivalent(
            equals(BOUND, EXTREMAL_STEP),
            equals(BOUND**2, EXTREMAL_STEP**2),
            1 / (BOUND + EXTREMAL_STEP),
            "Neither is negative, so they are equal when their squares are.",
        ),
        conclude(equals(BOUND, EXTREMAL_STEP), "The squares are equal."),
    )


def _first_crossed(late: sp.Basic, crossed: Any) -> Iterator[Step]:
    beyond = crossed(BOUND, PAPER)
    excess = total(c2 * (GEOMETRIC - 1 - q), q - beta2**t * (1 + q), 1 - c1**2)
    yield from case(
        late,
        induct(at_least(GEOMETRIC, 1 + q), t, "Two terms, and more that are not negative.", start=2, rest=q**t),
        bound(
            beyond,
            "c2*(1 + q) = 1 + (q - beta2^t*(1 + q)) is above 1, and c1^2 is not.",
            form=PAPER / c1 * excess / (c1 + sp.sqrt(c2 * GEOMETRIC)),
        ),
        *case(NONZERO, put(beyond, equals(BOUND, EXTREMAL_STEP), "And the extremal history takes that step.")),
    )


def _second_crossed(start: int) -> Iterator[Step]:
    for whole, closed in ((SUM1, C1 / (1 - beta1)), (SUM2, C2 / (1 - beta2))):
        yield induct(equals(whole, closed), t, "The geometric sum.")
    strict = more_than(SUM2 * GEOMETRIC, SUM1**2)
    pairs = sp.Sum((beta1**t * beta2**k - beta1**k * beta2**t) ** 2 / beta2 ** (t + k), AGES)
    half = put(strict, equals(SUM1, C1 / (1 - beta1)), "Close the sum of the beta1^k,")
    closed = put(half.statement, equals(SUM2, C2 / (1 - beta2)), "and that of the beta2^k.")
    gap = closed.statement.lhs - closed.statement.rhs
    yield from case(
        t >= start,
        *case(
            UNEQUAL,
            induct(
                strict,
                t,
                "At t = 2 the difference is (beta1 - beta2)^2/beta2. A further term adds, by Lagrange's identity, "
                "the squares of its pairs with the terms before.",
                start=start,
                rest=pairs,
            ),
            half,
            closed,
            bound(
                more_than(BOUND, 1),
                "The squared bound of T9 is the quotient of the two sides.",
                form=(1 - beta1) ** 2 / c1**2 * gap / (BOUND + 1),
            ),
            *case(
                NONZERO,
                put(more_than(BOUND, 1), equals(BOUND, EXTREMAL_STEP), "And the extremal history takes that step."),
            ),
        ),
    )


def _for_ever(last: sp.Expr) -> Iterator[Step]:
    yield from case(
        BELOW_ONE,
        *case(SEEN, cite("T9", tends_to(at(CLOSED, t), t, LIMIT), "What the sharp bound tends to.")),
        rewrite(LIMIT, last, "In the first case that is the paper's bound, 1/sqrt(1 - q) times too small."),
        *case(
            UNEQUAL,
            bound(
                more_than(LIMIT, 1),
                "The square of the limit, less 1, has the numerator (beta1 - beta2)^2.",
                form=(beta1 - beta2) ** 2 / (beta2 * (1 - beta2) * (1 - q) * (LIMIT + 1)),
            ),
        ),
    )


def _what_remains(equal: sp.Basic) -> Iterator[Step]:
    size, one = at_most(STEP_SIZE, BOUND), equals(GEOMETRIC, 1)
    geometric = equals(GEOMETRIC, C1 / (1 - beta1))
    closed = put(size, geometric, "Put it into the bound.")
    yield from case(
        SEEN,
        cite("T9", size, "The sharp bound."),
        *case(
            NO_MEAN,
            induct(one, t, "Only the newest gradient counts."),
            put(size, one, "Put it into the bound."),
            bound(at_most(FACTOR, PAPER), "c1 = 1, and c2 is at most 1.", form=PAPER * (1 - c2) / (1 + sp.sqrt(c2))),
            bound(at_most(STEP_SIZE, PAPER), "Take both.", form=total(FACTOR - STEP_SIZE, PAPER - FACTOR)),
        ),
        *case(
            equal,
            induct(geometric, t, "q = beta1 = beta2: the geometric sum is c1/(1 - beta1)."),
            closed,
            bound(
                at_most(STEP_SIZE, 1),
                "Put it into the bound: everything cancels.",
                form=closed.statement.rhs - closed.statement.lhs,
            ),
        ),
        *case(FIRST_STEP, rewrite(STEP_SIZE, sp.S.One, "x/sqrt(x^2) again: the sums have one term.")),
    )


def papers_bound(first: float, second: float) -> mpmath.mpf:
    """What the paper states, in units of the learning rate, for decimal beta1 and beta2."""
    root1, root2 = 1 - mpmath.mpf(str(first)), mpmath.sqrt(1 - mpmath.mpf(str(second)))
    return max(root1 / root2, mpmath.mpf(1))


def first_crossed(first: float, second: float) -> int | None:
    """The first t at which the extremal history goes beyond the paper's bound; None if none does.

    By T10 there is no such t for beta1 = 0 and for beta1 = beta2.
    """
    if first in (0, second):
        return None
    with mpmath.workdps(50):
        stated, step = papers_bound(first, second), 1
        while largest_step(first, second, step) <= stated * (1 + mpmath.mpf(10) ** -40):
            step += 1
    return step


def spike_step(first: float, second: float, step: int, age: int) -> mpmath.mpf:
    """The step at `step` after a single gradient `age` steps ago."""
    with mpmath.workdps(50):
        numbers = {beta1: mpmath.mpf(str(first)), beta2: mpmath.mpf(str(second)), t: step, n: age}
        return value(_SPIKE_IN_FULL, numbers)


def _short(number: mpmath.mpf) -> str:
    return str(mpmath.nstr(number, 5))


def _step_rows() -> list[tuple[int, str, str, str]]:
    stated = papers_bound(0.9, 0.999)
    crossed = first_crossed(0.9, 0.999) or 0
    steps = (1, 2, 10, 100, crossed - 1, crossed, 500, 1000, 10000)
    largest = [(step, largest_step(0.9, 0.999, step)) for step in steps]
    return [(step, _short(size), _short(stated), _short(size / stated)) for step, size in largest]


PAIRS = (
    *((0.9, 0.999), (0.9, 0.9999), (0.5, 0.999), (0.0, 0.999)),
    *((0.9, 0.99), (0.9, 0.95), (0.95, 0.95), (0.9, 0.810081), (0.9, 0.7)),
)


def _excess_rows() -> list[tuple[str, str, str, str, str, str]]:
    return [_excess_row(*pair) for pair in PAIRS]


def _excess_row(first: float, second: float) -> tuple[str, str, str, str, str, str]:
    which = "first" if papers_bound(first, second) > 1 else "otherwise"
    crossed = first_crossed(first, second)
    limit = _short(largest_step_ever(first, second)) if first**2 < second else "none"
    stated, at_500 = (_short(s) for s in (papers_bound(first, second), largest_step(first, second, 500)))
    return f"{first:g}, {second:g}", which, stated, "never" if crossed is None else str(crossed), at_500, limit


def _spike_rows() -> list[tuple[str, ...]]:
    pairs = ((0.9, 0.999), (0.9, 0.95), (0.9, 0.7))
    return [
        (str(age), *(_short(spike_step(*pair, age + 1, age)) for pair in pairs)) for age in (0, 1, 2, 5, 10, 20, 40)
    ]


def _draw_crossing(axes: Any) -> None:
    steps = sorted({int(10 ** (n / 40)) for n in range(161)})
    axes.semilogx(steps, [float(largest_step(0.9, 0.999, step)) for step in steps], label="largest step (T9)")
    axes.semilogx(steps, [float(spike_step(0.9, 0.999, step, 0)) for step in steps], label="gradient after zeros")
    axes.axhline(float(papers_bound(0.9, 0.999)), color="black", linestyle="--", label="the paper's bound")
    axes.axhline(1.0, color="gray", linestyle=":", label="constant gradient")
    axes.set_xlabel("$t$")
    axes.set_ylabel("step / learning rate")
    axes.legend()


HERE: dict[sp.Basic, Any] = {beta1: sp.Rational(1, 2), beta2: sp.Rational(1, 2), t: 1}
TWO = 1 + Q

THEOREM = Theorem(
    id="T10",
    name="the paper's bound",
    title="The step bound of the paper holds for a lone gradient, and not for every history",
    words=(
        "Kingma & Ba state for eps = 0 that a step is at most lr*(1 - beta1)/sqrt(1 - beta2) if 1 - beta1 > "
        "sqrt(1 - beta2), and at most lr otherwise. Both hold for a gradient that follows zeros, the history they "
        "argue from. The first is crossed by the history of T9 once beta2^t < q/(1 + q), for every beta1 > 0; the "
        "second is crossed by it at every t >= 2 unless beta1 = beta2."
    ),
    hypotheses=(BETA1, BETA2, STEP),
    definitions=CORRECTIONS | {q: Q, r: beta1 / sp.sqrt(beta2)},
    recursions={
        M: Recursion((1 - beta1) * x, n, beta1 * M[n]),
        V: Recursion((1 - beta2) * x**2, n, beta2 * V[n]),
    },
    shown_as={
        STEP_SIZE: r"\frac{\lvert \hat m \rvert}{\sqrt{\hat v}}",
        EXTREMAL_STEP: r"\Delta_\mathrm{ext}",
        EXTREMAL_SQUARES: r"S_\mathrm{ext}",
        SQUARES: "S",
        BOUND: "B",
        LIMIT: r"B_\infty",
        GEOMETRIC: "G",
        SUM1: "G_1",
        SUM2: "G_2",
        SPIKE: r"\Delta_n",
        FACTOR: r"\Delta_0",
    },
    claims=(
        Claim(both_or_neither(FIRST, more_than(beta2, EDGE)), "the two cases"),
        Claim(equals(M[n], SPIKE_M), "a lone gradient x, n steps after it came", assuming=(AGE,)),
        Claim(equals(V[n], SPIKE_V), "and its square", assuming=(AGE,)),
        Claim(SPIKE_RATIO, "make a step whose size is independent of x", assuming=(NONZERO, AGE)),
        Claim(at_most(SPIKE, PAPER), "which respects the first bound, whenever it came", assuming=(AGE, FIRST)),
        Claim(at_most(FACTOR, 1), "and the second if it is the current one (n = 0)", assuming=(OTHERWISE,)),
        Claim(at_most(SPIKE, 1), "or if beta2 >= beta1^2", assuming=(AGE, SLOW, OTHERWISE)),
        Claim(at_least(SPIKE, (1 - beta1) * r**n), "but grows with n without limit if beta2 < beta1^2", (AGE,)),
        Claim(more_than(EXTREMAL_STEP, PAPER), "the extremal history crosses the first bound", (NONZERO, LATE)),
        Claim(more_than(EXTREMAL_STEP, 1), "and the second", assuming=(NONZERO, UNEQUAL, SECOND_STEP)),
        Claim(equals(LIMIT, FAR_OUT), "far out it exceeds the first by 1/sqrt(1 - q)", (BELOW_ONE,)),
        Claim(more_than(LIMIT, 1), "and the second for ever", assuming=(UNEQUAL, BELOW_ONE)),
        Claim(at_most(STEP_SIZE, PAPER), "without momentum the first bound holds always", assuming=(NO_MEAN, SEEN)),
        Claim(at_most(STEP_SIZE, 1), "with equal betas the second does", assuming=(SAME, SEEN)),
        Claim(equals(STEP_SIZE, 1), "and the first step is exactly lr", assuming=(FIRST_STEP, SEEN)),
    ),
    derive=derive,
    variants=(
        Variant("the paper's claim", "the first bound, for the extremal history", {"crossed": at_most}),
        Variant("edge at beta1", "the cases meet at beta2 = beta1", {"edge": beta1}),
        Variant("no bias correction", "sqrt(c2)/c1 left out of the spike's step", {"spike": PAPER * r**n}),
        Variant("missing root", "a spike's step falls by q a step", {"spike": FACTOR * q**n}),
        Variant("any old spike", "the second bound for a spike of any age and any betas", {"slow": beta2 > 0}),
        Variant("spikes do not fade", "the step after a spike is at least r^n", {"floor": sp.S.One}),
        Variant("crossed at once", "the first bound crossed from the second step on", {"late": SOON}),
        Variant("crossed at t = 1", "the second bound crossed from the first step on", {"start": 1}),
        Variant("limit without root", "the first bound exceeded by 1/(1 - q)", {"last": PAPER / (1 - q)}),
        Variant(
            "beta2 = beta1^2",
            "taken for the betas with which the second bound holds",
            {"equal": Q_IS_ONE},
        ),
    ),
    counterexamples=(
        Counterexample("beta1", "beta1 = 1: m stays 0 and c1 is 0", HERE | {beta1: 1}, claim=5),
        Counterexample("beta2", "beta2 = 1: v stays 0 and the bound is infinite", HERE | {beta2: 1, n: 0}, claim=4),
        Counterexample("step", "t = 0: both corrections are 0", HERE | {t: 0}, claim=5),
    ),
    confirmations=(
        Confirmation(
            "where the two cases meet",
            both_or_neither(FIRST, more_than(beta2, EDGE)),
            (beta1 >= 0, beta1 < 1, beta2 > 0, beta2 < 1),
        ),
        *(
            Confirmation(
                f"the second bound is crossed at t = {length}: the square of the sharp bound is above 1",
                more_than(*(side.subs(q, Q).subs(t, length).doit() for side in (SUM2 * GEOMETRIC, SUM1**2))),
                (beta1 >= 0, beta1 < 1, beta2 > 0, beta2 < 1, UNEQUAL),
            )
            for length in (2, 3)
        ),
        *(
            Confirmation(
                f"a gradient after {length - 1} zeros respects the first bound",
                at_most(sp.sqrt(1 - beta2**length), 1 - beta1**length),
                (beta1 >= 0, beta1 < 1, beta2 > EDGE, beta2 < 1),
            )
            for length in (2, 3)
        ),
        Confirmation(
            "far out the square of the sharp bound is above 1",
            more_than((1 - beta1) ** 2, (1 - beta2) * (1 - Q)),
            (beta1 >= 0, beta1 < 1, beta2 > beta1**2, beta2 < 1, UNEQUAL),
        ),
    ),
    uses=("T9",),
    checks=("update.extremal",),
    references=(
        "D. P. Kingma, J. Ba: Adam: A Method for Stochastic Optimization. arXiv:1412.6980, section 2.1: the bounds, "
        "with the argument from 'the most severe case of sparsity'",
    ),
    remarks=(
        "What the paper says of its first case: it 'only happens in the most severe case of sparsity: when a gradient "
        "has been zero at all timesteps except at the current timestep. For less sparse cases, the effective stepsize "
        "will be smaller.' The first sentence is about one history, and true; the second is the mistake.",
        "Where the argument fails: one gradient after zeros is the worst case for v, which then has seen one square "
        "only; but m has seen one gradient only as well. A history in which older gradients are smaller, "
        "but not zero, adds to m in proportion to its size and to v in proportion to its square: m gains first.",
        "Where the two cases meet, 1 - beta1 = sqrt(1 - beta2) (for instance 0.9 and 0.99), the paper says that a "
        "step is smaller than lr. There beta2 = beta1*(2 - beta1) differs from beta1, so that the second step can be "
        "larger.",
        "In the first case beta2 > beta1*(2 - beta1) >= beta1^2, so that q < 1: a lone gradient moves the parameter "
        "most when it comes, and every bound is finite.",
        "The sum of the beta2^k and that of the q^k enter alike (step 31), so that the largest step is the same when "
        "beta2 and q = beta1^2/beta2 change places: with beta1 = 0.9 it is the same for 0.9999 and for 0.81/0.9999. "
        "The least bound, 1 at every t, is at beta2 = q, which is beta2 = beta1.",
        "For beta2 < beta1^2 (q > 1) not even a lone gradient is harmless: m outlives v, and the step grows by r > 1 "
        "with each zero gradient, until epsilon ends it. No bound that is free of t exists for such betas.",
        "That eps > 0 makes every step smaller does not rescue the bound: scale the gradients up (T11) and eps counts "
        "for as little as one likes.",
        "What one may rely on: lr at the first step, T9 at every step; in the long run "
        "lr*(1 - beta1)/sqrt((1 - beta2)*(1 - q)), 7.27*lr at the defaults.",
    ),
    tables=(
        Table(
            "crossing",
            "The largest step against the paper's bound, in units of the learning rate, beta = (0.9, 0.999)",
            ("t", "largest step", "the paper", "quotient"),
            _step_rows,
        ),
        Table(
            "excess",
            "When the extremal history crosses the paper's bound, and how far it goes",
            ("beta1, beta2", "case", "the paper", "first t beyond", "largest step at t = 500", "its limit"),
            _excess_rows,
        ),
        Table(
            "spike",
            "The step n steps after a lone gradient, the first of all",
            ("n", "beta = (0.9, 0.999)", "beta = (0.9, 0.95)", "beta = (0.9, 0.7), q > 1"),
            _spike_rows,
        ),
    ),
    figures=(Figure("crossing", "The largest step crosses the paper's line, beta = (0.9, 0.999)", _draw_crossing),),
    summary=(
        "The paper bounds the step by lr*(1-beta1)/sqrt(1-beta2) (3.16*lr at the defaults), or by lr. Both hold for a "
        "gradient after zeros; growing gradients (T9) cross the first (from t = 210 on at the defaults, up to 7.27*lr) "
        "and the second (at t = 2). They hold always for beta1 = 0 and for beta1 = beta2 respectively."
    ),
)
