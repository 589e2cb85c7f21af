"""T13: AMSGrad that keeps the largest raw v, and AMSGrad that keeps the largest corrected v_hat, are two optimizers.

The paper on AMSGrad has no bias correction, so it does not say which. PyTorch keeps the largest `v` and corrects it
with the `c2` of the current step; others keep the largest `v_hat = v/c2`. Since `c2` grows, the former divides an old
maximum by more than was its own: its denominator is the smaller one, its steps are the larger ones. The two agree while
`v_hat` does not fall.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mpmath
import sympy as sp

from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Hypothesis, Table, Theorem, Variant
from adam_ref.theorems.notation import V, beta2, eps, i, j, k, m, t, v
from adam_ref.theorems.steps import (
    Step,
    at_least,
    at_most,
    bound,
    case,
    conclude,
    equals,
    more_than,
    pinched,
    rewrite,
    square_root,
    total,
)
from adam_ref.theorems.t01_rescaled_epsilon import BETA2

Relation = Callable[[sp.Basic, sp.Basic], sp.Basic]


def correction(step: sp.Expr) -> sp.Expr:
    """c2 at `step`."""
    return 1 - beta2**step


NOW = correction(t)
RAW = V[j] / NOW
"""The largest raw v, which was that of step j, corrected now."""
HAT = V[k] / correction(k)
"""The largest v_hat, which was that of step k."""
LAST = V[t] / NOW
x = sp.Symbol("x", real=True)
"""The newest gradient, or the only one."""
SPIKE = (1 - beta2) * beta2 ** (i - 1) * x**2
"""v at step i after a gradient x at the first step and zeros since."""

PEAK = (1 - beta2) * x**2
"""v at the first step."""

STEPS = Hypothesis(
    "steps", "j and k are steps from 1 up to the current one, t", (j >= 1, j <= t, k >= 1, k <= t, t >= 1)
)
SECOND_MOMENTS = Hypothesis("second moments", "v is not negative", (V[j] >= 0, V[k] >= 0, V[t] >= 0))
LARGEST_RAW = Hypothesis("largest raw", "v was largest at step j", (V[j] >= V[k], V[j] >= V[t]))
LARGEST_HAT = Hypothesis("largest corrected", "v_hat was largest at step k", (V[j] / correction(j) <= HAT, HAT >= LAST))

NEVER_FELL = sp.And(V[j] / correction(j) <= LAST, LAST >= HAT)
"""v_hat has never been larger than it is now; at steps j and k that is what is needed."""
GUARDED = eps > 0
SINCE = sp.And(i >= 1, i <= t)
LATER = sp.And(t >= 2, beta2 > 0, sp.Ne(x, 0))
SIZE = sp.Abs(m)
RAW_STEP, HAT_STEP = (SIZE / (sp.sqrt(largest) + eps) for largest in (RAW, HAT))
MOST = NOW / (1 - beta2) * RAW
BEFORE = v / correction(t - 1)
CHANGE = (beta2 * v + (1 - beta2) * x**2) / NOW - BEFORE
SHARE = (1 - beta2) / NOW


def derive(
    smaller: Relation = at_most,
    most: sp.Expr = MOST,
    larger_step: Relation = at_least,
    never_fell: sp.Basic = NEVER_FELL,
    share: sp.Expr = SHARE,
    peak: sp.Expr = x**2,
) -> Iterator[Step]:
    """How the maxima compare (`smaller`), by how much at `most`, and the steps (`larger_step`).

    When they agree (`never_fell`), the `share` of a new square in v_hat, and the largest v_hat after a spike (`peak`).
    """
    at_j, at_k = correction(j), correction(k)
    yield bound(
        at_most(at_j, NOW), "Step j was not later than t, and c2 grows.", form=beta2**j * (1 - beta2 ** (t - j))
    )
    yield bound(at_least(at_k, 1 - beta2), "It is smallest at the first step.", form=beta2 * (1 - beta2 ** (k - 1)))
    order = smaller(RAW, HAT)
    yield bound(
        order,
        "The largest v_hat is at least that of step j, which is v_j over a correction that was no larger than now.",
        form=total(HAT - V[j] / at_j, V[j] * (NOW - at_j) / (at_j * NOW)),
    )
    yield bound(
        at_most(HAT, most),
        "v_k is at most v_j, and its correction at least 1 - beta2.",
        form=total((V[j] - V[k]) / (1 - beta2), V[k] * (at_k - (1 - beta2)) / ((1 - beta2) * at_k)),
    )
    yield square_root(at_most(sp.sqrt(RAW), sp.sqrt(HAT)), order, "The same for the roots.")
    yield from case(
        GUARDED,
        bound(
            larger_step(RAW_STEP, HAT_STEP),
            "The smaller denominator makes the larger step.",
            form=SIZE * (sp.sqrt(HAT) - sp.sqrt(RAW)) / ((sp.sqrt(HAT) + eps) * (sp.sqrt(RAW) + eps)),
        ),
    )
    yield from _agreement(never_fell)
    yield from case(
        t >= 2,
        rewrite(
            CHANGE,
            share * (x**2 - BEFORE),
            "The correction follows the recursion of v: v_hat is a weighted mean of its last value and the new square.",
        ),
    )
    yield from _spike(peak)


def _agreement(never_fell: sp.Basic) -> Iterator[Step]:
    """Where v_hat is as large as it ever was, both maxima are the current one."""
    at_j = correction(j)
    yield from case(
        never_fell,
        bound(at_most(HAT, LAST), "v_hat was never larger than now.", form=LAST - HAT),
        bound(at_least(HAT, LAST), "And its maximum is no smaller.", form=HAT - LAST),
        pinched(at_most(HAT, LAST), at_least(HAT, LAST), "So it is the current v_hat."),
        bound(
            at_most(V[j], V[t]),
            "v is c2 times v_hat; neither was larger at step j.",
            form=total(NOW * (LAST - V[j] / at_j), V[j] * (NOW - at_j) / at_j),
        ),
        bound(at_most(RAW, LAST), "Divide by c2.", form=(V[t] - V[j]) / NOW),
        bound(at_least(RAW, LAST), "And the largest v is no smaller.", form=(V[j] - V[t]) / NOW),
        pinched(at_most(RAW, LAST), at_least(RAW, LAST), "So it is the current v."),
        conclude(equals(RAW, HAT), "Both give the current v_hat, which is Adam's."),
    )


def _spike(peak: sp.Expr) -> Iterator[Step]:
    """A gradient at the first step and zeros since: there the two are as far apart as they can be."""
    faded = 1 - beta2 ** (i - 1)
    yield from case(
        SINCE,
        bound(at_most(SPIKE, PEAK), "v fades from the first step on.", form=PEAK * faded),
        bound(
            at_most(SPIKE / correction(i), peak),
            "So does v_hat, from x^2.",
            form=x**2 * faded / correction(i),
        ),
    )
    yield rewrite(
        x**2, NOW / (1 - beta2) * (PEAK / NOW), "The quotient of the two maxima, x^2 and v_1/c2, is the bound itself."
    )
    yield from case(
        LATER,
        bound(
            more_than(x**2, PEAK / NOW),
            "c2 is above 1 - beta2 from the second step on: two optimizers.",
            form=x**2 * beta2 * (1 - beta2 ** (t - 1)) / NOW,
        ),
    )


def after(gradients: Sequence[str], kind: str) -> mpmath.mpf:
    """Where a parameter is that starts at 1, with lr = 0.1 and the defaults; `kind`: "raw", "corrected" or "none"."""
    with mpmath.workdps(50):
        first, second, rate, epsilon = (mpmath.mpf(number) for number in ("0.9", "0.999", "0.1", "1e-8"))
        parameter, mean, square, largest = (mpmath.mpf(number) for number in (1, 0, 0, 0))
        for step, gradient in enumerate(map(mpmath.mpf, gradients), 1):
            mean, square = first * mean + (1 - first) * gradient, second * square + (1 - second) * gradient**2
            c1, c2 = 1 - first**step, 1 - second**step
            largest = max(largest, square if kind == "raw" else square / c2)
            v_hat = {"raw": largest / c2, "corrected": largest, "none": square / c2}[kind]
            parameter -= rate * mean / c1 / (mpmath.sqrt(v_hat) + epsilon)
        return parameter


HISTORY = ("1", *["0.01"] * 20)
"""One large gradient, then twenty small ones: where the two part."""


def _path_rows() -> list[tuple[int, str, str, str]]:
    kinds = ("none", "raw", "corrected")
    return [(n, *(mpmath.nstr(after(HISTORY[:n], kind), 4) for kind in kinds)) for n in (1, 2, 5, 11, 21)]


def _factor_rows() -> list[tuple[int, str, str, str]]:
    betas = (mpmath.mpf("0.9"), mpmath.mpf("0.99"), mpmath.mpf("0.999"))
    steps = (1, 2, 10, 100, 1000, 10000)
    return [(n, *(mpmath.nstr(mpmath.sqrt((1 - beta**n) / (1 - beta)), 4) for beta in betas)) for n in steps]


def _moments(**values: float) -> Any:
    return lambda step: mpmath.mpf(values.get(f"at{step}", 0))


HERE: dict[sp.Basic, Any] = {beta2: sp.S.Half, j: 1, k: 1, t: 2, V: _moments(at1=1, at2=1)}
SMALLER, AT_MOST = 1, 2
"""Numbers of claims, for the counterexamples."""
now, then, here = sp.symbols("c_t c_j c_k", real=True)
v_j, v_k, v_t = sp.symbols("v_j v_k v_t", real=True)
CORRECTIONS_GROW = (then > 0, here > 0, now >= then, now >= here, now <= 1)
LARGEST = (v_j >= 0, v_k >= 0, v_t >= 0, v_j >= v_k, v_j >= v_t, v_k / here >= v_j / then, v_k / here >= v_t / now)

THEOREM = Theorem(
    id="T13",
    name="AMSGrad",
    title="The maximum of v and the maximum of v_hat make two optimizers, which agree while v_hat does not fall",
    words=(
        "Let v be largest at step j and v_hat = v/c2 at step k. AMSGrad on raw v divides by the root of "
        "v_j/(1 - beta2^t), AMSGrad on v_hat by that of v_k/(1 - beta2^k). The former is at most the latter, so its "
        "steps are the larger ones; the latter is at most (1 - beta2^t)/(1 - beta2) times the former, which a gradient "
        "followed by zeros attains. If v_hat has never been larger than it is now, both are v_hat, and AMSGrad is Adam."
    ),
    hypotheses=(BETA2, STEPS, SECOND_MOMENTS, LARGEST_RAW, LARGEST_HAT),
    claims=(
        Claim(at_most(correction(j), NOW), "the correction grows"),
        Claim(at_most(RAW, HAT), "the maximum of raw v, corrected, is the smaller one"),
        Claim(at_most(HAT, MOST), "but not by more than this factor"),
        Claim(at_least(RAW_STEP, HAT_STEP), "it makes the larger steps", assuming=(GUARDED,)),
        Claim(equals(RAW, HAT), "they agree if v_hat has never been larger than now", assuming=(NEVER_FELL,)),
        Claim(equals(CHANGE, SHARE * (x**2 - BEFORE)), "v_hat falls when a square is below it", assuming=(t >= 2,)),
        Claim(at_most(SPIKE, PEAK), "after a gradient x and zeros, v was largest at first", assuming=(SINCE,)),
        Claim(at_most(SPIKE / correction(i), x**2), "and v_hat too", assuming=(SINCE,)),
        Claim(equals(x**2, NOW / (1 - beta2) * (PEAK / NOW)), "there the factor is attained"),
        Claim(more_than(x**2, PEAK / NOW), "and the two differ", assuming=(LATER,)),
    ),
    derive=derive,
    variants=(
        Variant("the other way round", "the maximum of raw v is the larger one", {"smaller": at_least}),
        Variant("never far apart", "by a factor of c2 at most", {"most": NOW * RAW}),
        Variant("smaller steps", "AMSGrad on raw v makes the smaller steps", {"larger_step": at_most}),
        Variant("always the same", "no condition on v_hat", {"never_fell": t >= 1}),
        Variant("raw v is largest now", "taken for enough", {"never_fell": equals(j, t)}),
        Variant("share of raw v", "1 - beta2 as the share of a new square in v_hat", {"share": 1 - beta2}),
        Variant("uncorrected peak", "(1 - beta2)*x^2 as the largest v_hat after a spike", {"peak": PEAK}),
    ),
    counterexamples=(
        Counterexample("beta2", "beta2 = 1: every c2 is 0", HERE | {beta2: 1}, claim=SMALLER),
        Counterexample("steps", "j = 2 is later than t = 1", HERE | {j: 2, t: 1}),
        Counterexample(
            "second moments",
            "negative moments: dividing by less makes them smaller",
            HERE | {k: 2, V: _moments(at1=-0.5, at2=-0.7)},
            claim=SMALLER,
        ),
        Counterexample(
            "largest raw", "v_1 = 0 is not the largest", HERE | {k: 2, V: _moments(at1=0, at2=1)}, claim=AT_MOST
        ),
        Counterexample(
            "largest corrected", "v_2 = 0 is not the largest", HERE | {k: 2, V: _moments(at1=1, at2=0)}, claim=SMALLER
        ),
    ),
    confirmations=(
        Confirmation(
            "the order of the maxima, with any corrections that grow",
            at_most(v_j / now, v_k / here),
            (*CORRECTIONS_GROW, *LARGEST),
        ),
        Confirmation(
            "agreement where v_hat has never been larger",
            equals(v_j / now, v_k / here),
            (*CORRECTIONS_GROW, *LARGEST, v_t / now >= v_j / then, v_t / now >= v_k / here),
        ),
    ),
    checks=("update.amsgrad", "state.maximum"),
    references=(
        "S. J. Reddi, S. Kale, S. Kumar: On the Convergence of Adam and Beyond. arXiv:1904.09237, Algorithm 2: no bias "
        "correction",
        "pytorch/pytorch issue #142323: the documentation had the maximum of v_hat, the code that of v",
        "google-deepmind/optax issue #1389 and pull request #1423: optax takes that of v_hat; a flag for the other",
    ),
    remarks=(
        "The paper on AMSGrad corrects no bias and so leaves open what to take the maximum of. PyTorch keeps the raw "
        "maximum and divides by the current c2, which shrinks an old maximum as c2 grows: the denominator can fall "
        "from step to step, which AMSGrad was made to prevent. The maximum of v_hat never falls.",
        "v_hat never falls as long as every squared gradient is at least the v_hat before it, since v_hat is a "
        "weighted mean of the two (T8): constant or growing gradients. There no test can tell the two apart.",
        "The first gradients decide: v_hat weighs them in full, raw v by 1 - beta2. At the defaults a large first "
        "gradient makes the steps of the two differ by a factor of up to 31.6, the root of 1/(1 - beta2).",
    ),
    tables=(
        Table(
            "paths",
            "A parameter from 1, gradients 1 and then 0.01, lr = 0.1: where it is after n steps",
            ("n", "no AMSGrad", "maximum of v", "maximum of v_hat"),
            _path_rows,
        ),
        Table(
            "factor",
            "How many times larger the step with the maximum of v can be",
            ("t", "beta2 = 0.9", "beta2 = 0.99", "beta2 = 0.999"),
            _factor_rows,
        ),
    ),
    summary=(
        "max(v)/c2 <= max(v/c2) <= c2/(1-beta2) * max(v)/c2. AMSGrad on raw v makes the larger steps; the two agree as "
        "long as v_hat does not fall, and are different optimizers otherwise (0.404 against 0.692 after a gradient 1 "
        "and twenty gradients 0.01)."
    ),
)
