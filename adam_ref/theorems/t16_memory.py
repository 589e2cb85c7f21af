"""T16: how long the second moment remembers, and when it stops depending on the step count.

By T8 `v_hat` is a weighted mean of squared gradients, with the weight `(1 - beta2)*beta2^k/c2` at age k. This is the
arithmetic of that memory: what the old gradients weigh together, how old the gradients are on average, how many of
them it is as good as averaging, how long a spike stays visible, and when the correction stops mattering. All of it
holds for `m_hat` with beta1 in place of beta2.
"""

from collections.abc import Iterator
from typing import Any

import mpmath
import sympy as sp

from adam_ref.theorems.context import Recursion
from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Figure, Hypothesis, Table, Theorem, Variant
from adam_ref.theorems.notation import CORRECTIONS, at, beta1, beta2, c2, i, k, n, t, u, v
from adam_ref.theorems.steps import (
    Step,
    at_least,
    at_most,
    both_or_neither,
    bound,
    cite,
    conclude,
    equals,
    equivalent,
    induct,
    limit,
    logarithm,
    put,
    reindex,
    rewrite,
    tends_to,
)
from adam_ref.theorems.t04_they_merge import UNIT_ROUNDOFF
from adam_ref.theorems.t08_bias_correction import GEOMETRIC2, SECOND_WEIGHT

BETA2 = Hypothesis("beta2", "beta2 is in (0, 1)", (beta2 > 0, beta2 < 1))
CUT = Hypothesis("age", "n is an age that occurs at step t: from 0 to t - 1", (t >= 1, n >= 0, n <= t - 1))
fraction = sp.Symbol("f", real=True)
FRACTION = Hypothesis("fraction", "the fraction f is positive", (fraction > 0,))
TOLERANCE = Hypothesis("tolerance", "the tolerance u is positive", (u > 0,))

OLD = sp.Sum(SECOND_WEIGHT, (k, n, t - 1))
"""What the gradients of age n and more weigh together."""
SHARE = beta2**n * (1 - beta2 ** (t - n)) / c2
SHARE_LATER = (beta2**n - beta2**t) / c2

SPIKED = sp.IndexedBase("S", real=True)
"""The second moment through gradients that are 0, from the value `v`."""
FORGETS = {SPIKED: Recursion(v, i, beta2 * SPIKED[i])}

ENOUGH = sp.log(fraction) / sp.log(beta2)
"""Steps after which a spike is down to the fraction `f`."""
SETTLED = u / (1 + u)
"""What `beta2^t` must be down to for the correction to be within u of 1."""

AGES = (k, 0, t - 1)
MEAN_AGE = sp.Sum(k * SECOND_WEIGHT, AGES)
STEADY_AGE = beta2 / (1 - beta2)
MEAN_AGE_CLOSED = STEADY_AGE - t * beta2**t / c2
AGE_SUM = (beta2 - t * beta2**t + (t - 1) * beta2 ** (t + 1)) / (1 - beta2) ** 2
NOISE = sp.Sum(SECOND_WEIGHT**2, AGES)
"""The sum of the squared weights: the variance of the mean of independent terms, each of variance 1."""
NOISE_CLOSED = (1 - beta2) * (1 + beta2**t) / ((1 + beta2) * c2)
NOISE_LIMIT = (1 - beta2) / (1 + beta2)

_SCALE = (1 - beta2) / c2


def derive(
    share: sp.Expr = SHARE,
    most: sp.Expr = beta2**n,
    last: sp.Expr = beta2**n,
    faded: sp.Expr = beta2**n * v,
    enough: sp.Expr = ENOUGH,
    settled: sp.Expr = SETTLED,
    mean_age: sp.Expr = MEAN_AGE_CLOSED,
    noise: sp.Expr = NOISE_CLOSED,
) -> Iterator[Step]:
    """The `share` of old gradients, at `most` and at `last`; the `faded` spike; the thresholds; age and noise."""
    yield from _old(share, most, last)
    yield induct(
        equals(SPIKED[n], faded),
        n,
        "A gradient of 0 adds nothing: each step multiplies v by beta2.",
        start=0,
        carry=beta2,
    )
    yield from _steps_until(n, fraction, enough)
    yield equivalent(
        at_most(1 / c2 - 1, u),
        at_most(beta2**t, settled),
        (1 + u) / c2,
        "v_hat/v - 1 = 1/c2 - 1 = beta2^t/c2; multiply out and collect beta2^t.",
    )
    yield from _steps_until(t, settled, sp.log(settled) / sp.log(beta2))
    ages = equals(sp.Sum(k * beta2**k, AGES), AGE_SUM)
    yield from _closed(MEAN_AGE, induct(ages, t, "One term, 0, at t = 1; the next is t*beta2^t."), _SCALE, mean_age)
    yield bound(at_most(mean_age, STEADY_AGE), "The rest is t*beta2^t/c2.", form=t * beta2**t / c2)
    squares = _geometric({beta2: beta2**2})
    yield from _closed(NOISE, cite("T8", squares, "T8 at beta2^2.", where=_at({beta2: beta2**2})), _SCALE**2, noise)
    yield limit(
        at(NOISE_CLOSED, t), t, NOISE_LIMIT, "beta2^t vanishes (T4), and the sum is continuous in it.", null=(beta2**t,)
    )


def _at(where: dict[sp.Basic, sp.Basic]) -> dict[sp.Basic, sp.Basic]:
    """T8 with these replacements; what it says of beta1 is not needed."""
    return {beta1: sp.S.Zero, **where}


def _geometric(where: dict[sp.Basic, sp.Basic]) -> sp.Basic:
    """The geometric sum of T8 with these replacements."""
    return equals(*(side.subs(where) for side in GEOMETRIC2.args))


def _old(share: sp.Expr, most: sp.Expr, last: sp.Expr) -> Iterator[Step]:
    shifted = sp.Sum(SECOND_WEIGHT.subs(k, k + n), (k, 0, t - n - 1))
    geometric = _geometric({t: t - n})
    parts = rewrite(shifted, _SCALE * beta2**n * geometric.lhs, "Take out what all terms share.")
    summed = put(parts.statement, geometric, "Put the sum in.")
    yield reindex(OLD, k + n, shifted, "Count the age from n.")
    yield parts
    yield cite("T8", geometric, "The geometric sum of T8, of t - n terms.", where=_at({t: t - n}))
    yield summed
    yield conclude(equals(OLD, share), "Read the chain from end to end.")
    yield bound(
        at_most(share, most),
        "It falls short of beta2^n by beta2^t*(1 - beta2^n)/c2.",
        form=beta2**t * (1 - beta2**n) / c2,
    )
    yield rewrite(share, SHARE_LATER, "Multiply out.")
    yield limit(
        at(SHARE_LATER, t), t, last, "beta2^t vanishes (T4), and the share is continuous in it.", null=(beta2**t,)
    )


def _steps_until(steps: sp.Symbol, level: sp.Expr, enough: sp.Expr) -> Iterator[Step]:
    """`beta2^steps` is down to `level` after `enough` steps, and no sooner."""
    reached = at_most(beta2**steps, level)
    logs, counted = at_most(steps * sp.log(beta2), sp.log(level)), at_least(steps, enough)
    yield logarithm(reached, logs, "The logarithm keeps the order.")
    yield equivalent(logs, counted, -sp.log(beta2), "Divide by log(beta2), which is negative: the order turns.")
    yield conclude(both_or_neither(reached, counted), "Together.")


def _closed(weighted: sp.Sum, known: Step, scale: sp.Expr, closed: sp.Expr) -> Iterator[Step]:
    """`weighted` is `scale` times the sum that `known` gives: write it in `closed` form."""
    parts = rewrite(weighted, scale * known.statement.lhs, "Take out what all terms share.")
    summed = put(parts.statement, known.statement, "Put the sum in.")
    yield known
    yield parts
    yield summed
    yield rewrite(summed.statement.rhs, closed, "Simplify.")
    yield conclude(equals(weighted, closed), "Read the chain from end to end.")


def steps_until(level: mpmath.mpf, rate: float) -> int:
    """The first number of steps after which `rate^steps <= level`, for a decimal `rate` and a level below 1."""
    with mpmath.workdps(60):
        return int(mpmath.ceil(mpmath.log(level) / mpmath.log(mpmath.mpf(str(rate)))))


RATES = (0.9, 0.99, 0.999, 0.9999)
COLUMNS = tuple(f"beta = {rate}" for rate in RATES)


def _share_rows() -> list[tuple[Any, ...]]:
    with mpmath.workdps(30):
        exact = [mpmath.mpf(str(rate)) for rate in RATES]
        return [(age, *(mpmath.nstr(rate**age, 4) for rate in exact)) for age in (1, 10, 100, 1000, 10000)]


def _forgotten_rows() -> list[tuple[Any, ...]]:
    levels = {"1/2": mpmath.mpf(1) / 2, "1/10": mpmath.mpf(1) / 10, "1/100": mpmath.mpf(1) / 100}
    levels |= {f"roundoff of {name}": mpmath.mpf(roundoff) for name, roundoff in UNIT_ROUNDOFF.items()}
    return [(name, *(steps_until(level, rate) for rate in RATES)) for name, level in levels.items()]


def _settled_rows() -> list[tuple[Any, ...]]:
    levels = {name: mpmath.mpf(roundoff) / (1 + mpmath.mpf(roundoff)) for name, roundoff in UNIT_ROUNDOFF.items()}
    return [(name, *(steps_until(level, rate) for rate in RATES)) for name, level in levels.items()]


def _summary_rows() -> list[tuple[Any, ...]]:
    def row(rate: float) -> tuple[Any, ...]:
        exact = mpmath.mpf(str(rate))
        steady = [expression.subs(beta2, sp.Rational(str(rate))) for expression in (STEADY_AGE, 1 / NOISE_LIMIT)]
        half = mpmath.log(mpmath.mpf(1) / 2) / mpmath.log(exact)
        return (rate, *(str(number) for number in steady), mpmath.nstr(half, 4))

    return [row(rate) for rate in RATES]


def _draw_weights(axes: Any) -> None:
    ages = sorted({int(10 ** (number / 20)) for number in range(91)})
    for rate in RATES:
        axes.loglog(ages, [(1 - rate) * rate**age for age in ages], label=f"$\\beta = {rate}$")
    axes.set_ylim(1e-8, 1)
    axes.set_xlabel("age $k$")
    axes.set_ylabel("weight")
    axes.legend()


def _draw_share(axes: Any) -> None:
    ages = sorted({int(10 ** (number / 20)) for number in range(91)})
    for rate in RATES:
        axes.semilogx(ages, [rate**age for age in ages], label=f"$\\beta = {rate}$")
    axes.set_xlabel("age $n$")
    axes.set_ylabel("share of gradients of age $n$ or more")
    axes.legend()


HERE: dict[sp.Basic, Any] = {beta2: 0.5, t: 3, n: 1, fraction: 0.5, u: 1, v: 1}
_OLD, _FORGOTTEN, _SETTLED = 0, 4, 5
POWER, LATER = sp.symbols("p w", real=True)

THEOREM = Theorem(
    id="T16",
    name="memory",
    title="What old gradients weigh, how long a spike is remembered, and when the step count stops mattering",
    words=(
        "In v_hat the gradients of age n and more weigh beta2^n*(1 - beta2^(t-n))/(1 - beta2^t) together, at most "
        "beta2^n and in the end that. Through gradients of 0 a spike in v falls to the fraction f after "
        "log(f)/log(beta2) steps. The corrected v exceeds the raw one by at most the fraction u exactly from the step "
        "on at which beta2^t <= u/(1 + u). The mean age is beta2/(1 - beta2) - t*beta2^t/c2, and the squared weights "
        "sum to (1 - beta2)*(1 + beta2^t)/((1 + beta2)*c2)."
    ),
    hypotheses=(BETA2, CUT, FRACTION, TOLERANCE),
    definitions=CORRECTIONS,
    recursions=FORGETS,
    claims=(
        Claim(equals(OLD, SHARE), "what the gradients of age n and more weigh"),
        Claim(at_most(SHARE, beta2**n), "which is at most beta2^n"),
        Claim(tends_to(at(SHARE_LATER, t), t, beta2**n), "and tends to it"),
        Claim(equals(SPIKED[n], beta2**n * v), "what is left of a spike after n steps"),
        Claim(
            both_or_neither(at_most(beta2**n, fraction), at_least(n, ENOUGH)),
            "how many steps it takes to be down to a fraction",
        ),
        Claim(
            both_or_neither(at_most(1 / c2 - 1, u), at_most(beta2**t, SETTLED)), "when the correction is within u of 1"
        ),
        Claim(
            both_or_neither(at_most(beta2**t, SETTLED), at_least(t, sp.log(SETTLED) / sp.log(beta2))),
            "and from which step on",
        ),
        Claim(equals(MEAN_AGE, MEAN_AGE_CLOSED), "the mean age"),
        Claim(at_most(MEAN_AGE_CLOSED, STEADY_AGE), "which is at most beta2/(1 - beta2)"),
        Claim(equals(NOISE, NOISE_CLOSED), "the sum of the squared weights"),
        Claim(tends_to(at(NOISE_CLOSED, t), t, NOISE_LIMIT), "and what it tends to"),
    ),
    derive=derive,
    variants=(
        Variant("no correction", "the share in v itself", {"share": beta2**n * (1 - beta2 ** (t - n))}),
        Variant("one age too old", "beta2^(n+1)", {"share": beta2 ** (n + 1) * (1 - beta2 ** (t - n)) / c2}),
        Variant("steady from the start", "beta2^n at every t", {"share": beta2**n}),
        Variant("never so much", "the share is at most beta2^n*c2", {"most": beta2**n * c2}),
        Variant("forgotten at last", "the share tends to 0", {"last": sp.S.Zero}),
        Variant("forgotten twice as fast", "v falls by beta2^2", {"faded": beta2 ** (2 * n) * v}),
        Variant("fraction of the root", "log(f) for sqrt(v)", {"enough": 2 * ENOUGH}),
        Variant("time constant", "(1 - f)/(1 - beta2)", {"enough": (1 - fraction) / (1 - beta2)}),
        Variant("threshold u", "beta2^t <= u in place of u/(1 + u)", {"settled": u}),
        Variant("mean age 1/(1 - beta2)", "counted from 1", {"mean_age": 1 / (1 - beta2) - t * beta2**t / c2}),
        Variant("mean age of the steady state", "at every t", {"mean_age": STEADY_AGE}),
        Variant("noise of a plain mean", "1/t", {"noise": 1 / t}),
        Variant("noise of the steady state", "at every t", {"noise": NOISE_LIMIT}),
    ),
    counterexamples=(
        Counterexample("beta2", "beta2 = 1: no weights, c2 = 0", HERE | {beta2: 1}, claim=_OLD),
        Counterexample("beta2", "beta2 = 2: growing weights", HERE | {beta2: 2, u: 2}, claim=_SETTLED),
        Counterexample("age", "n = 4 at t = 3: no such gradient, and a negative share", HERE | {n: 4}, claim=_OLD),
        Counterexample("fraction", "f = 0: never forgotten, no logarithm", HERE | {fraction: 0}, claim=_FORGOTTEN),
        Counterexample("tolerance", "u = -2: never within u, yet u/(1 + u) = 2", HERE | {u: -2}, claim=_SETTLED),
    ),
    confirmations=(
        Confirmation(
            "with p for beta2^n, w for beta2^t, 0 <= w <= p <= 1: the share is at most p",
            at_most((POWER - LATER) / (1 - LATER), POWER),
            (LATER >= 0, LATER <= POWER, POWER <= 1, LATER < 1),
        ),
        Confirmation(
            "with w for beta2^t: when the correction is within u of 1",
            both_or_neither(at_most(1 / (1 - LATER) - 1, u), at_most(LATER, SETTLED)),
            (LATER >= 0, LATER < 1, u > 0),
        ),
        Confirmation(
            "with w for beta2^t: the squared weights in closed form",
            equals(
                (1 - beta2) ** 2 * (1 - LATER**2) / ((1 - beta2**2) * (1 - LATER) ** 2),
                (1 - beta2) * (1 + LATER) / ((1 + beta2) * (1 - LATER)),
            ),
            (LATER > 0, LATER < 1, *BETA2.conditions),
        ),
    ),
    uses=("T4", "T8"),
    checks=("update.zeros-then-spike",),
    references=(
        "D. P. Kingma, J. Ba: Adam: A Method for Stochastic Optimization. arXiv:1412.6980, sections 2 and 3",
        "S. J. Reddi, S. Kale, S. Kumar: On the Convergence of Adam and Beyond. ICLR 2018: rare large gradients are "
        "forgotten, which AMSGrad (T13) prevents",
    ),
    remarks=(
        "At the defaults v remembers a hundred times longer than m: after a spike the steps are short for thousands "
        "of steps while m has long forgotten why. sqrt(v) falls by half in the time v falls to a quarter.",
        "Averaging t independent terms divides their variance by t; these weights divide it by 1/(sum of squared "
        "weights), at most (1 + beta2)/(1 - beta2): 1999 at beta2 = 0.999, 19 at beta1 = 0.9.",
        "From the step of the last table on, v_hat and v are within one roundoff. A rounded 1 - beta2^t is exactly 1 "
        "when beta2^t is at most half the distance to the number below 1, which is u/2.",
        "An implementation whose step count stops, say at 256 in bfloat16, is right at last if the count at which it "
        "stops is in that table: 256 is enough for beta1 = 0.9, and by far too little for beta2 = 0.999.",
        "In a format with roundoff u a change of v by less than u*v may be lost, and the memory becomes longer than "
        "the theorem says. Kept in bfloat16, where u is 1/256, v does not fall at all with beta2 = 0.999.",
    ),
    tables=(
        Table("share", "Share of the gradients of age n or more when t is large", ("n", *COLUMNS), _share_rows),
        Table(
            "forgotten", "Steps until v has forgotten a spike to a fraction", ("fraction", *COLUMNS), _forgotten_rows
        ),
        Table(
            "settled",
            "First step from which the corrected moment is within one unit roundoff of the raw one",
            ("format", *COLUMNS),
            _settled_rows,
        ),
        Table(
            "steady",
            "The memory in the long run: mean age, number of terms of a plain mean with the same variance, half-life",
            ("beta", "mean age", "terms", "half-life in steps"),
            _summary_rows,
        ),
    ),
    figures=(
        Figure("weights", "Weight of a gradient against its age, when t is large", _draw_weights),
        Figure("share", "Share of the gradients of age n or more, when t is large", _draw_share),
    ),
    summary=(
        "Gradients of age >= k weigh beta2^k*(1-beta2^(t-k))/(1-beta2^t) in v_hat; a spike in v is down to f after "
        "log(f)/log(beta2) steps; v_hat is within u of v exactly when beta2^t <= u/(1+u)."
    ),
)
