"""T9: how far one step can go, for any history of gradients, and which history goes that far.

With `eps = 0` the step is `lr*abs(m_hat)/sqrt(v_hat)`. Both moments are sums over the gradients seen, with weights
`beta1^k` and `beta2^k` at age k. Cauchy-Schwarz with these weights bounds the one by the other, Lagrange's identity
says when the bound is reached: when the gradient of age k is proportional to `(beta1/beta2)^k`.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import sympy as sp

from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Figure, Hypothesis, Table, Theorem, Variant
from adam_ref.theorems.notation import CORRECTIONS, at, beta1, beta2, c1, c2, h, k, n, q, t
from adam_ref.theorems.steps import (
    Step,
    at_least,
    at_most,
    both_or_neither,
    bound,
    case,
    cauchy_schwarz,
    equals,
    equivalent,
    induct,
    limit,
    more_than,
    one_term,
    put,
    rewrite,
    square_root,
    tends_to,
    total,
)
from adam_ref.theorems.t01_rescaled_epsilon import BETA1

AGES = (k, 0, t - 1)
MEAN = sp.Sum(beta1**k * h[k], AGES)
"""`m/(1 - beta1)`: the gradients by age, weighted."""
SQUARES = sp.Sum(beta2**k * h[k] ** 2, AGES)
"""`v/(1 - beta2)`."""
GEOMETRIC = sp.Sum(q**k, AGES)

M_HAT = (1 - beta1) * MEAN / c1
V_HAT = (1 - beta2) * SQUARES / c2

Q = beta1**2 / beta2

BETA2 = Hypothesis("beta2", "beta2 is in (0, 1)", (beta2 > 0, beta2 < 1))
SEEN = Hypothesis("gradients", "gradients were seen, t >= 1 of them, and not all were zero", (t >= 1, SQUARES > 0))

NOT_ONE = sp.Ne(q, 1)
IS_ONE = sp.Eq(beta2, beta1**2, evaluate=False)
BELOW_ONE = q < 1

FACTOR = sp.sqrt(c2) / c1 * (1 - beta1) / sp.sqrt(1 - beta2)
STEP_SIZE = (1 - beta1) / c1 * sp.Abs(MEAN) / sp.sqrt(V_HAT)
"""`abs(m_hat)/sqrt(v_hat)`: the step in units of the learning rate."""
BOUND = FACTOR * sp.sqrt(GEOMETRIC)
CLOSED = FACTOR * sp.sqrt((1 - q**t) / (1 - q))
LIMIT = (1 - beta1) / sp.sqrt((1 - beta2) * (1 - q))

scale = sp.Symbol("lambda", real=True)
EXTREMAL = scale * (beta1 / beta2) ** k
"""The gradient of age k in the history that goes as far as possible."""
OFF_COURSE = sp.And(n >= 0, n <= t - 1, sp.Ne(h[n], h[0] * (beta1 / beta2) ** n))
"""A gradient, of age n, is not where the extremal history has it."""


def gap_of(geometric: sp.Expr) -> sp.Expr:
    """What Cauchy-Schwarz leaves."""
    return SQUARES * geometric - MEAN**2


GAP = gap_of(GEOMETRIC)


def derive(
    weight: sp.Expr = q**k,
    factor: sp.Expr = FACTOR,
    closed: sp.Expr = (1 - q**t) / (1 - q),
    terms: sp.Expr = t,
    extremal: sp.Expr = EXTREMAL,
    last: sp.Expr = LIMIT,
) -> Iterator[Step]:
    """`weight` of age k in the geometric sum, `closed` its value, `terms` that for q = 1; the constant `factor`."""
    geometric = sp.Sum(weight, AGES)
    lagrange, schwarz = cauchy_schwarz(
        sp.sqrt(beta2) ** k * h[k],
        (beta1 / sp.sqrt(beta2)) ** k,
        AGES,
        at_most(MEAN**2, SQUARES * geometric),
        "Lagrange's identity. Write beta1^k*h_k = a_k*b_k with a_k = beta2^(k/2)*h_k and b_k = (beta1/sqrt(beta2))^k, "
        "so that b_k^2 = q^k. On the right there is half the sum of (a_i*b_j - a_j*b_i)^2 over all pairs.",
    )
    yield lagrange
    yield schwarz
    constant = c2 / c1**2 * (1 - beta1) ** 2 / ((1 - beta2) * SQUARES)
    squared = at_most(M_HAT**2 / V_HAT, factor**2 * geometric)
    yield bound(
        squared,
        "m_hat is (1 - beta1)*S_1/c1 and v_hat is (1 - beta2)*S_2/c2 (T7). Multiply by (1 - beta1)^2/c1^2 and divide "
        "by v_hat, which is positive: on the left there is now m_hat^2/v_hat.",
        form=constant * gap_of(geometric),
    )
    size = at_most(STEP_SIZE, factor * sp.sqrt(geometric))
    yield square_root(size, squared, "Both sides are squares of what is not negative: take roots.")
    yield from _closed_forms(size, geometric, closed, terms)
    yield from _equality(lagrange, geometric, constant, extremal)
    yield from case(
        BELOW_ONE,
        limit(
            at(CLOSED, t),
            t,
            last,
            "beta1^t, beta2^t and q^t vanish (T4), and the bound is continuous in them.",
            null=(beta1**t, beta2**t, q**t),
        ),
    )


def _closed_forms(size: sp.Basic, geometric: sp.Sum, closed: sp.Expr, terms: sp.Expr) -> Iterator[Step]:
    by_induction, constant = equals(geometric, closed), equals(geometric, terms)
    yield from case(
        NOT_ONE,
        induct(by_induction, t, "One term at t = 1; adding q^t to (1 - q^t)/(1 - q) gives the next."),
        put(size, by_induction, "Put the closed form into the bound."),
    )
    yield from case(
        IS_ONE,
        induct(constant, t, "Each of the t terms is 1."),
        put(size, constant, "Put it into the bound."),
    )


def _equality(lagrange: Step, geometric: sp.Sum, constant: sp.Expr, extremal: sp.Expr) -> Iterator[Step]:
    gap, squares = gap_of(geometric), lagrange.statement.rhs
    largest = BOUND.xreplace({GEOMETRIC: geometric})
    yield one_term(geometric, {k: sp.S.Zero}, "The term of age 0 is 1, so that the bound is positive.")
    yield equivalent(
        equals(STEP_SIZE, largest),
        equals(gap, 0),
        -constant / (STEP_SIZE + largest),
        "The square of the right side minus that of the left is the gap G*S_2 - S_1^2 times a positive constant: the "
        "sides are equal exactly when the gap is 0.",
    )
    yield rewrite(
        gap.xreplace({h[k]: extremal}),
        sp.S.Zero,
        "In the extremal history a_i*b_j = a_j*b_i for all pairs, so that every square is 0.",
    )
    first, second = (index for index, _, _ in squares.atoms(sp.Sum).pop().limits)
    pair = one_term(
        squares.atoms(sp.Sum).pop(), {first: n, second: sp.S.Zero}, "A sum of squares is at least each square."
    )
    excess = beta2**n * (h[n] - h[0] * (beta1 / beta2) ** n) ** 2
    yield from case(
        OFF_COURSE,
        pair,
        bound(
            more_than(gap, 0),
            "If the gradient of age n is off course, the square of the pair (n, 0) is positive, and so is the gap.",
            form=total((pair.statement.lhs - pair.statement.rhs) / 2, excess / 2),
        ),
    )


def largest_step(beta1: float, beta2: float, step: int) -> mpmath.mpf:
    """The bound at `step` in units of the learning rate, for decimal beta1 and beta2."""
    b1, b2 = mpmath.mpf(str(beta1)), mpmath.mpf(str(beta2))
    ratio = b1**2 / b2
    geometric = mpmath.mpf(step) if ratio == 1 else (1 - ratio**step) / (1 - ratio)
    return mpmath.sqrt(1 - b2**step) / (1 - b1**step) * (1 - b1) / mpmath.sqrt(1 - b2) * mpmath.sqrt(geometric)


def largest_step_ever(first: float, second: float) -> mpmath.mpf:
    """What the bound tends to for `first^2 < second`, in units of the learning rate."""
    numbers = {beta1: sp.Rational(str(first)), beta2: sp.Rational(str(second))}
    return mpmath.mpf(LIMIT.subs(q, Q).subs(numbers).evalf(30))


def _bound_rows() -> list[tuple[int, str, str, str]]:
    pairs = ((0.9, 0.999), (0.9, 0.81), (0.9, 0.7))
    return [(step, *(mpmath.nstr(largest_step(*pair, step), 5) for pair in pairs)) for step in (1, 2, 10, 100, 1000)]


def _draw_bound(axes: Any) -> None:
    steps = sorted({int(10 ** (n / 20)) for n in range(81)})
    for pair in ((0.9, 0.999), (0.9, 0.99), (0.9, 0.9), (0.9, 0.81)):
        axes.loglog(steps, [float(largest_step(*pair, step)) for step in steps], label=f"$\\beta = {pair}$")
    axes.axhline(
        (1 - 0.9) / (1 - 0.999) ** 0.5,
        color="black",
        linestyle="--",
        label="the paper's bound at the defaults",
    )
    axes.set_xlabel("$t$")
    axes.set_ylabel("largest step / learning rate")
    axes.legend()


def _gradients(*values: float) -> Any:
    return lambda age: mpmath.mpf(values[age])


HERE: dict[sp.Basic, Any] = {beta1: 0.5, beta2: 0.75, t: 2, h: _gradients(3, 2)}
H0, H1, H2 = sp.symbols("h0 h1 h2", real=True)


def _gap_of(length: int) -> sp.Expr:
    gradients = dict(enumerate((H0, H1, H2)))
    return GAP.subs(q, Q).subs(t, length).doit().subs({h[age]: gradient for age, gradient in gradients.items()})


def _remarks() -> tuple[str, ...]:
    ratio, limit = (mpmath.nstr(x, 5) for x in (mpmath.mpf("0.9") / mpmath.mpf("0.999"), largest_step_ever(0.9, 0.999)))
    return (
        "Why this history: a gradient of age k enters m with the weight beta1^k, in proportion to its size, and v with "
        "the weight beta2^k, in proportion to its square. A little more of h_k adds beta1^k to S_1 and 2*beta2^k*h_k "
        "to S_2; where the quotient is largest, the two are in the same proportion for every age, so that h_k is "
        "proportional to (beta1/beta2)^k.",
        f"At the defaults each gradient is {ratio} times the next newer one: gradients of one sign that grow slowly "
        "and steadily. Nothing about them is extreme to look at.",
        f"For q < 1 the bound grows to a limit, {limit} learning rates at the defaults; for q >= 1 (beta2 <= beta1^2) "
        "it grows for ever (table).",
        "An epsilon above 0 makes every step shorter, so that the bound holds for it too, and is then not reached.",
    )


THEOREM = Theorem(
    id="T9",
    name="sharp step bound",
    title="The largest possible step without epsilon, and the gradients that take it",
    words=(
        "For eps = 0 the step is abs(m_hat)/sqrt(v_hat) learning rates long; m_hat and v_hat are the sums over all "
        "gradients that T7 makes of them, h_k being the gradient of age k. For any gradients, not all zero, that is "
        "at most sqrt(c2)/c1 * (1 - beta1)/sqrt(1 - beta2) * sqrt(1 + q + ... + q^(t-1)) with q = beta1^2/beta2. It is "
        "equal to it exactly when h_k is (beta1/beta2)^k times the newest gradient, h_0, for every age k."
    ),
    hypotheses=(BETA1, BETA2, SEEN),
    definitions=CORRECTIONS | {q: Q},
    shown_as={
        STEP_SIZE: r"\frac{\lvert \hat m \rvert}{\sqrt{\hat v}}",
        MEAN: "S_1",
        SQUARES: "S_2",
        GEOMETRIC: "G",
    },
    claims=(
        Claim(at_most(STEP_SIZE, BOUND), "the bound"),
        Claim(at_most(STEP_SIZE, CLOSED), "in closed form", assuming=(NOT_ONE,)),
        Claim(at_most(STEP_SIZE, FACTOR * sp.sqrt(t)), "which for q = 1 is", assuming=(IS_ONE,)),
        Claim(
            both_or_neither(equals(STEP_SIZE, BOUND), equals(GAP, 0)),
            "it is reached exactly when what Cauchy-Schwarz leaves, the gap, is 0",
        ),
        Claim(
            equals(GAP.xreplace({h[k]: EXTREMAL}), sp.S.Zero),
            "the gap is 0 for the extremal history h_k = lambda*(beta1/beta2)^k, whatever lambda",
        ),
        Claim(more_than(GAP, 0), "and for no other: one gradient off course, of any age n, opens it", (OFF_COURSE,)),
        Claim(tends_to(at(CLOSED, t), t, LIMIT), "the bound stays finite", assuming=(BELOW_ONE,)),
    ),
    derive=derive,
    variants=(
        Variant("q without its square", "beta1/beta2 in place of beta1^2/beta2", {"weight": (beta1 / beta2) ** k}),
        Variant("c1 in place of c2", "sqrt(c1)/c1", {"factor": FACTOR * sp.sqrt(c1) / sp.sqrt(c2)}),
        Variant("missing root", "sqrt(1 - beta2) without its root", {"factor": FACTOR * sp.sqrt(1 - beta2)}),
        Variant("the paper's bound", "the last factor left out: only the newest weight", {"weight": sp.S.Zero**k}),
        Variant("newest gradient twice", "weights q^(k+1)", {"weight": q ** (k + 1)}),
        Variant("one term short", "(1 - q^(t-1))/(1 - q)", {"closed": (1 - q ** (t - 1)) / (1 - q)}),
        Variant("t - 1 terms", "sqrt(t - 1) for q = 1", {"terms": t - 1}),
        Variant("gradients falling as beta1^k", "as the extremal history", {"extremal": scale * beta1**k}),
        Variant("constant gradients", "as the extremal history", {"extremal": scale}),
        Variant("limit without its root", "the root of 1 - q forgotten", {"last": LIMIT / sp.sqrt(1 - q)}),
    ),
    counterexamples=(
        Counterexample("beta1", "beta1 = 1: c1 = 0", HERE | {beta1: 1}),
        Counterexample("beta2", "beta2 = 1: c2 = 0", HERE | {beta2: 1}),
        Counterexample("gradients", "no gradient but 0: 0/0", HERE | {h: _gradients(0, 0)}),
    ),
    confirmations=tuple(
        Confirmation(
            f"Cauchy-Schwarz for t = {length}, for all gradients and all betas",
            at_least(_gap_of(length), 0),
            (beta1 >= 0, beta1 < 1, beta2 > 0, beta2 < 1),
        )
        for length in (1, 2, 3)
    ),
    uses=("T4",),
    checks=("update.extremal", "special.first-step"),
    references=(
        "D. P. Kingma, J. Ba: Adam: A Method for Stochastic Optimization. arXiv:1412.6980, section 2.1: the bounds "
        "that this one replaces",
        "J. M. Steele: The Cauchy-Schwarz Master Class. Cambridge 2004, chapter 3: Lagrange's identity",
    ),
    remarks=_remarks(),
    tables=(
        Table(
            "largest-step",
            "The largest step in units of the learning rate",
            ("t", "beta = (0.9, 0.999)", "beta = (0.9, 0.81), q = 1", "beta = (0.9, 0.7), q > 1"),
            _bound_rows,
        ),
    ),
    figures=(Figure("largest-step", "The largest step against t", _draw_bound),),
    summary=(
        "abs(m_hat)/sqrt(v_hat) <= sqrt(c2)/c1 * (1-beta1)/sqrt(1-beta2) * sqrt((1-q^t)/(1-q)), q = beta1^2/beta2, by "
        "Cauchy-Schwarz; equality exactly for gradients of age k proportional to (beta1/beta2)^k."
    ),
)
