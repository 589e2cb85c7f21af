"""T7: the moments written out: sums over all gradients, whose weights fall geometrically with age.

The recursion `m <- beta1*m + (1 - beta1)*g` multiplies everything that came before by beta1, so a gradient that is k
steps old carries `(1 - beta1)*beta1^k`. What the theorems say of a history of gradients they say of these sums.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import sympy as sp

from adam_ref.theorems.context import Recursion
from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Hypothesis, Table, Theorem, Variant
from adam_ref.theorems.notation import M, V, beta1, beta2, g, i, k, n, t
from adam_ref.theorems.steps import Step, equals, induct, put, reindex

MOMENTS = {
    M: Recursion(sp.S.Zero, n, beta1 * M[n] + (1 - beta1) * g[n + 1]),
    V: Recursion(sp.S.Zero, n, beta2 * V[n] + (1 - beta2) * g[n + 1] ** 2),
}
"""The moments as Algorithm 1 has them: both start at 0."""

MADE = Hypothesis("steps made", "t steps were made; t = 0 is before the first", (t >= 0,))

FIRST_SUM = sp.Sum(beta1 ** (t - i) * g[i], (i, 1, t))
SECOND_SUM = sp.Sum(beta2 ** (t - i) * g[i] ** 2, (i, 1, t))
FIRST = (1 - beta1) * FIRST_SUM
SECOND = (1 - beta2) * SECOND_SUM

FIRST_BY_AGE = sp.Sum(beta1**k * g[t - k], (k, 0, t - 1))
SECOND_BY_AGE = sp.Sum(beta2**k * g[t - k] ** 2, (k, 0, t - 1))

X = sp.IndexedBase("X", real=True)
"""An average of the numbers `a[1]`, `a[2]`, ... with any rate `beta` and any `start`."""
a = sp.IndexedBase("a", real=True)
beta, start = sp.symbols("beta x_0", real=True)
ANY_START = {X: Recursion(start, n, beta * X[n] + (1 - beta) * a[n + 1])}
FROM_ANY_START = beta**t * start + (1 - beta) * sp.Sum(beta ** (t - i) * a[i], (i, 1, t))


def derive(
    first: sp.Expr = FIRST,
    second: sp.Expr = SECOND,
    first_by_age: sp.Sum = FIRST_BY_AGE,
    second_by_age: sp.Sum = SECOND_BY_AGE,
    any_start: sp.Expr = FROM_ANY_START,
) -> Iterator[Step]:
    """The sums for `m` and `v`, in order of time and by age, and the sum for a start other than 0."""
    yield from _written_out(M[t], first, beta1, first_by_age)
    yield from _written_out(V[t], second, beta2, second_by_age)
    yield induct(equals(X[t], any_start), t, "The start too is multiplied by beta at every step.", start=0, carry=beta)


def _written_out(moment: sp.Expr, written: sp.Expr, rate: sp.Symbol, newest_first: sp.Sum) -> Iterator[Step]:
    closed = equals(moment, written)
    yield induct(
        closed,
        t,
        "At t = 0 both sides are 0. A step multiplies both by the rate and adds the newest term.",
        start=0,
        carry=rate,
    )
    by_age = reindex(written.atoms(sp.Sum).pop(), t - k, newest_first, "Count by age: gradient i is t - i steps old.")
    yield by_age
    yield put(closed, by_age.statement, "Put it into the closed form.")


def weight(rate: float, age: int) -> mpmath.mpf:
    """The weight that a gradient of this age has in a moment with the decimal decay `rate`."""
    exact = mpmath.mpf(str(rate))
    return (1 - exact) * exact**age


def _weight_rows() -> list[tuple[Any, ...]]:
    rates = (0.9, 0.99, 0.999)
    return [(age, *(mpmath.nstr(weight(rate, age), 4) for rate in rates)) for age in (0, 1, 2, 5, 10, 100, 1000, 10000)]


G1, G2, G3 = sp.symbols("g1 g2 g3", real=True)


def _after(length: int, power: int, rate: sp.Symbol, closed: sp.Expr) -> sp.Basic:
    """The closed form after `length` steps against the recursion, in plain symbols."""
    gradients = (G1, G2, G3)[:length]
    moment: sp.Expr = sp.S.Zero
    for gradient in gradients:
        moment = rate * moment + (1 - rate) * gradient**power
    values = {g[index]: gradient for index, gradient in enumerate(gradients, 1)}
    return equals(moment, closed.subs(t, length).doit().subs(values))


HERE: dict[sp.Basic, Any] = {beta1: 0.5, beta2: 0.5, t: -1, g: lambda index: mpmath.mpf(index)}

THEOREM = Theorem(
    id="T7",
    name="closed form",
    title="The moments are sums over all gradients, with weights that fall geometrically with age",
    words=(
        "After t steps m is (1 - beta1) times the sum of beta1^(t-i)*g_i over all gradients g_1 ... g_t, and v is the "
        "same with beta2 and the squares. An average that starts at x_0 has beta^t*x_0 on top."
    ),
    hypotheses=(MADE,),
    recursions=MOMENTS | ANY_START,
    claims=(
        Claim(equals(M[t], FIRST), "the first moment"),
        Claim(equals(M[t], (1 - beta1) * FIRST_BY_AGE), "counted by age"),
        Claim(equals(V[t], SECOND), "the second moment"),
        Claim(equals(V[t], (1 - beta2) * SECOND_BY_AGE), "counted by age"),
        Claim(equals(X[t], FROM_ANY_START), "from any start"),
    ),
    derive=derive,
    variants=(
        Variant("one step too old", "beta1^(t-i+1)", {"first": beta1 * FIRST}),
        Variant(
            "oldest weighs most",
            "beta1^i in place of beta1^(t-i)",
            {"first": (1 - beta1) * sp.Sum(beta1**i * g[i], (i, 1, t))},
        ),
        Variant("not normalised", "the factor 1 - beta1 forgotten", {"first": FIRST_SUM}),
        Variant(
            "a gradient before the first",
            "the sum starts at 0",
            {"first": (1 - beta1) * sp.Sum(beta1 ** (t - i) * g[i], (i, 0, t))},
        ),
        Variant(
            "gradients not squared",
            "v as the average of g",
            {"second": (1 - beta2) * sp.Sum(beta2 ** (t - i) * g[i], (i, 1, t))},
        ),
        Variant(
            "square of the sum",
            "v as the square of an average",
            {"second": ((1 - beta2) * sp.Sum(beta2 ** (t - i) * g[i], (i, 1, t))) ** 2},
        ),
        Variant(
            "beta1 in place of beta2",
            "v with the weights of m",
            {"second": (1 - beta1) * sp.Sum(beta1 ** (t - i) * g[i] ** 2, (i, 1, t))},
        ),
        Variant("one age too many", "ages up to t", {"first_by_age": sp.Sum(beta1**k * g[t - k], (k, 0, t))}),
        Variant(
            "ages from 1",
            "the newest gradient has age 1",
            {"second_by_age": sp.Sum(beta2**k * g[t - k] ** 2, (k, 1, t))},
        ),
        Variant("start forgotten", "the start has no weight", {"any_start": FROM_ANY_START - beta**t * start}),
        Variant("start kept", "the start never fades", {"any_start": FROM_ANY_START - beta**t * start + start}),
    ),
    counterexamples=(Counterexample("steps made", "t = -1: there is no such moment", HERE),),
    confirmations=tuple(
        Confirmation(
            f"after step {length}, for all rates and gradients",
            sp.And(_after(length, 1, beta1, FIRST), _after(length, 2, beta2, SECOND)),
        )
        for length in (1, 2, 3)
    ),
    checks=("update.ordinary", "state.moments"),
    references=(
        "D. P. Kingma, J. Ba: Adam: A Method for Stochastic Optimization. arXiv:1412.6980, section 3, equation (1)",
    ),
    remarks=(
        "Nothing is asked of the rates: the identities are polynomial in them, with beta^0 = 1 also for beta = 0.",
        "m is linear in the gradients: a change of g_i by d changes m_t by (1 - beta1)*beta1^(t-i)*d and nothing else. "
        "A rounding error made at step i fades in the same way, so that errors do not pile up (T15).",
        "A start other than 0 fades like any gradient but is never counted in 1 - beta^t: resuming with old moments "
        "and a step count of 0 makes the corrected moments too large, by the factor 1/(1 - beta) at first.",
        "A gradient that is exactly 0 is a step all the same: everything before it ages.",
    ),
    tables=(
        Table(
            "weights",
            "Weight of a gradient by age in a moment that has not been corrected",
            ("age", "beta = 0.9", "beta = 0.99", "beta = 0.999"),
            _weight_rows,
        ),
    ),
    summary=(
        "m_t = (1-beta1) * sum over i of beta1^(t-i)*g_i, v_t = (1-beta2) * sum over i of beta2^(t-i)*g_i^2, by "
        "induction; from a start x_0 there is beta^t*x_0 on top."
    ),
)
