"""T12: three kinds of weight decay: which are the same, and why coupled decay is another thing in Adam.

Decoupled decay takes the share `lr*lambda` of the parameter at each step, absolute decay a share that does not depend
on lr: with the number `lr*lambda` it is the same. Coupled decay adds `lambda*theta` to the gradient. In gradient
descent that is decoupled decay. In Adam the sum is normalized by its own size: the larger the gradient, the less is
left of the decay; without epsilon, on a quadratic loss, nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sympy as sp

from adam_ref.theorems.context import Recursion, on_sides
from adam_ref.theorems.model import Claim, Confirmation, Counterexample, Hypothesis, Table, Theorem, Variant
from adam_ref.theorems.notation import CORRECTIONS, M, V, at, beta1, beta2, eps, g, lr, m, n, t, unoptimized, v
from adam_ref.theorems.steps import (
    Step,
    apart,
    both_or_neither,
    case,
    cite,
    conclude,
    equals,
    equivalent,
    induct,
    monotone,
    rewrite,
)
from adam_ref.theorems.t01_rescaled_epsilon import BETA1, BETA2, EPSILON, STEP
from adam_ref.theorems.t11_symmetries import RECURSIONS, U, a, d, f, kappa, least, p, rho, s, scaled_update
from adam_ref.theorems.t11_symmetries import y as significand

theta, strength, omega, mu = sp.symbols("theta lambda omega mu", real=True)
"""The parameter; the strength of the decay; the number of an absolute decay; that of a decoupled one."""
y, z = sp.symbols("y z", real=True)
"""A first gradient, and by how much another one is larger."""
gamma = sp.Symbol("gamma", real=True)
"""The curvature of a quadratic loss `gamma*theta^2/2`, whose gradient is `gamma*theta`."""

UPDATES = sp.IndexedBase("U", real=True)
DECOUPLED, ABSOLUTE = sp.IndexedBase("X", real=True), sp.IndexedBase("Y", real=True)
"""Parameters under Adam, whose updates are arbitrary here: with decoupled and with absolute decay."""
COUPLED_GD, DECOUPLED_GD = sp.IndexedBase("P", real=True), sp.IndexedBase("Q", real=True)
"""Parameters under gradient descent: with coupled decay, and shrunk by `lr*lambda`."""
NAIVE, LATE, NAIVE_GD = (sp.IndexedBase(name, real=True) for name in ("N", "L", "R"))
"""Wrong ones: absolute decay with lambda, decay after the update, gradient descent shrunk by lambda."""
PATHS = {
    DECOUPLED: Recursion(theta, n, DECOUPLED[n] - lr * strength * DECOUPLED[n] - UPDATES[n + 1]),
    ABSOLUTE: Recursion(theta, n, ABSOLUTE[n] - omega * ABSOLUTE[n] - UPDATES[n + 1]),
    COUPLED_GD: Recursion(theta, n, COUPLED_GD[n] - lr * (g[n + 1] + strength * COUPLED_GD[n])),
    DECOUPLED_GD: Recursion(theta, n, DECOUPLED_GD[n] - lr * strength * DECOUPLED_GD[n] - lr * g[n + 1]),
    NAIVE: Recursion(theta, n, NAIVE[n] - strength * NAIVE[n] - UPDATES[n + 1]),
    LATE: Recursion(theta, n, (1 - lr * strength) * (LATE[n] - UPDATES[n + 1])),
    NAIVE_GD: Recursion(theta, n, NAIVE_GD[n] - strength * NAIVE_GD[n] - lr * g[n + 1]),
}

SAME_NUMBER = Hypothesis("same number", "the absolute decay takes omega = lr*lambda", (equals(omega, lr * strength),))
RATE = Hypothesis("learning rate", "lr is positive", (lr > 0,))
WEIGHT = Hypothesis("weight", "the parameter is positive before the first step", (theta > 0,))
DECAY = Hypothesis("decay", "lambda is positive", (strength > 0,))
GRADIENT = Hypothesis("gradient", "the first gradient y is positive", (y > 0,))
OTHER = Hypothesis("other gradient", "another first gradient is y + z with z > 0", (z > 0,))
CURVED = Hypothesis("curvature", "gamma is positive", (gamma > 0,))


def first_update(gradient: sp.Expr) -> sp.Expr:
    """The update of Algorithm 1 at t = 1, from the moments after one gradient."""
    moments = {m: (1 - beta1) * gradient, v: (1 - beta2) * gradient**2}
    return at(unoptimized(eps), sp.S.One).subs(moments)


def coupled(gradient: sp.Expr) -> sp.Expr:
    """The parameter after the first step with coupled decay."""
    return theta - first_update(gradient + strength * theta)


def decoupled(gradient: sp.Expr, number: sp.Expr = mu) -> sp.Expr:
    """The same with decoupled decay of strength `number`."""
    return theta - lr * number * theta - first_update(gradient)


def rate(gradient: sp.Expr) -> sp.Expr:
    """The strength of the decoupled decay that does what coupled decay does at the first step."""
    return strength * eps / ((gradient + strength * theta + eps) * (gradient + eps))


def agree(gradient: sp.Expr) -> sp.Basic:
    """Coupled decay and decoupled decay of strength mu make the same first step."""
    return equals(coupled(gradient), decoupled(gradient))


FALLS = sp.StrictLessThan(sp.Derivative(rate(y), y), 0, evaluate=False)
GUARDED, UNGUARDED = eps > 0, equals(eps, 0)
MOVING = sp.And(V[t] > 0, equals(eps, 0))
FACTOR = 1 + strength / gamma
SCALED_TO = {s: FACTOR, a: sp.S.One, eps: sp.S.Zero} | {
    kappa: sp.S.Zero,
    rho: sp.S.Zero,
    significand: sp.S.One,
    p: sp.S.One,
    **dict.fromkeys((d, f, least), sp.S.Zero),
}
"""T11 at the factor by which coupled decay multiplies the gradient of a quadratic loss; nothing is rounded."""
UNMOVED = on_sides(equals(scaled_update(), a * U), lambda side: side.subs(SCALED_TO))


def derive(
    other: sp.IndexedBase = ABSOLUTE,
    shrunk: sp.IndexedBase = DECOUPLED_GD,
    effective: Callable[[sp.Expr], sp.Expr] = rate,
    direction: str = "decreasing",
    unguarded: sp.Expr = sp.S.Zero,
    factor: sp.Expr = FACTOR,
) -> Iterator[Step]:
    """What decoupled decay is compared with (`other`), and coupled decay in gradient descent (`shrunk`).

    The `effective` decoupled strength, its `direction` with the gradient and its value without epsilon (`unguarded`);
    the `factor` of the gradients on a quadratic loss.
    """
    yield induct(
        equals(DECOUPLED[t], other[t]),
        t,
        "Both take the same share and then the same update, since the moments do not see the decay.",
        start=0,
        carry=1 - lr * strength,
    )
    yield induct(
        equals(COUPLED_GD[t], shrunk[t]),
        t,
        "theta - lr*(g + lambda*theta) = (1 - lr*lambda)*theta - lr*g.",
        start=0,
        carry=1 - lr * strength,
    )
    for gradient in (y, y + strength * theta):
        yield rewrite(
            first_update(gradient),
            lr * gradient / (gradient + eps),
            "At t = 1 the corrections leave the gradient and its absolute value, in which y and y + lambda*theta are.",
        )
    for gradient in (y, y + z):
        yield equivalent(
            agree(gradient),
            equals(mu, effective(gradient)),
            lr * theta,
            "Subtract: lr*theta*mu has to make up for what lambda*theta adds to the update.",
        )
    later = effective(y + z)
    yield from case(
        GUARDED,
        monotone(
            effective(y),
            y,
            direction,
            "Both factors of the denominator grow: the larger the gradient, the weaker the decay.",
            form=effective(y) * (1 / (y + strength * theta + eps) + 1 / (y + eps)),
        ),
        apart(
            equals(mu, effective(y)),
            equals(mu, later),
            "So one mu cannot be right for two gradients:",
            form=effective(y) - later,
        ),
        conclude(
            sp.Not(sp.And(agree(y), agree(y + z)), evaluate=False),
            "no strength of decoupled decay does what coupled decay does.",
        ),
    )
    yield from case(UNGUARDED, rewrite(rate(y), unguarded, "Without epsilon the first update is lr, decay or not."))
    yield rewrite(
        gamma * theta + strength * theta,
        factor * (gamma * theta),
        "On the loss gamma*theta^2/2 the decay multiplies every gradient by 1 + lambda/gamma.",
    )
    yield from case(
        MOVING,
        cite(
            "T11",
            UNMOVED,
            "Without epsilon that changes no update, so no parameter, so no later gradient either, at any t.",
            where=SCALED_TO,
        ),
    )


def after(gradients: Sequence[float], kind: str, decay: float, rate: float = 1e-3) -> float:
    """Where a weight of 1 is after Adam with the defaults and `kind` of decay: "none", "coupled" or "decoupled"."""
    weight, mean, square = 1.0, 0.0, 0.0
    for step, gradient in enumerate(gradients, 1):
        total = gradient + decay * weight if kind == "coupled" else gradient
        weight -= rate * decay * weight if kind == "decoupled" else 0.0
        mean, square = 0.9 * mean + 0.1 * total, 0.999 * square + 0.001 * total**2
        weight -= rate * mean / (1 - 0.9**step) / ((square / (1 - 0.999**step)) ** 0.5 + 1e-8)
    return weight


KINDS = ("none", "decoupled", "coupled")


def _alternating_rows() -> list[tuple[str, ...]]:
    sizes = (0.001, 0.1, 1.0, 10.0)
    paths = {size: [size * (-1) ** step for step in range(1000)] for size in sizes}
    return [(f"{size:g}", *(f"{after(path, kind, 0.1):.4f}" for kind in KINDS)) for size, path in paths.items()]


def _growing_rows() -> list[tuple[str, ...]]:
    paths = {length: [1e-3 * (0.999 / 0.9) ** step for step in range(length)] for length in (20, 50, 100)}
    return [(str(length), *(f"{after(path, kind, 1e-3):.5f}" for kind in KINDS)) for length, path in paths.items()]


def _rate_rows() -> list[tuple[str, str]]:
    numbers = {eps: sp.Rational(1, 10**8), strength: sp.Rational(1, 100), theta: 1}
    shares = ((size, (rate(y) / strength).subs(numbers | {y: size})) for size in (1e-4, 1e-2, 1, 100))
    return [(f"{size:g}", f"{float(share):.2e}") for size, share in shares]


def _constant(number: float) -> Any:
    return lambda _: number


HALF = sp.S.Half
HERE: dict[sp.Basic, Any] = {
    beta1: HALF,
    beta2: HALF,
    t: 1,
    eps: 1,
    lr: HALF,
    strength: 1,
    omega: HALF,
    theta: 1,
    gamma: 1,
    y: 1,
    z: 1,
    mu: 0,
    g: _constant(1),
    UPDATES: _constant(1),
}
RATE_HERE = sp.Rational(1, 6)
"""`rate(1)` there."""
FIRST, AGREE, NEVER_BOTH, LOSS, STILL = 2, 4, 7, 9, 10
"""Numbers of claims, for the counterexamples."""

THEOREM = Theorem(
    id="T12",
    name="weight decay",
    title="Decoupled decay with lr*lambda is absolute decay; coupled decay is another optimizer in Adam",
    words=(
        "Decoupled decay of strength lambda equals absolute decay with the number lr*lambda, at every step. In "
        "gradient descent coupled decay equals decoupled decay. In Adam it does not: at the first step it is decoupled "
        "decay of a strength that falls with the gradient, so that no fixed strength serves two gradients; for eps = 0 "
        "that strength is 0, and on a quadratic loss coupled decay changes no step at all."
    ),
    hypotheses=(BETA1, BETA2, STEP, EPSILON, SAME_NUMBER, RATE, WEIGHT, DECAY, GRADIENT, OTHER, CURVED),
    definitions=CORRECTIONS,
    recursions={M: RECURSIONS[M], V: RECURSIONS[V]} | PATHS,
    shown_as={
        coupled(y): "C(y)",
        coupled(y + z): "C(y + z)",
        decoupled(y): r"D_\mu(y)",
        decoupled(y + z): r"D_\mu(y + z)",
    },
    claims=(
        Claim(equals(DECOUPLED[t], ABSOLUTE[t]), "decoupled decay X is absolute decay Y"),
        Claim(equals(COUPLED_GD[t], DECOUPLED_GD[t]), "in gradient descent coupled decay P is decoupled decay Q"),
        Claim(equals(first_update(y), lr * y / (y + eps)), "the first update of Adam"),
        Claim(
            equals(first_update(y + strength * theta), lr * (y + strength * theta) / (y + strength * theta + eps)),
            "and with coupled decay",
        ),
        Claim(both_or_neither(agree(y), equals(mu, rate(y))), "is decoupled decay of one strength only"),
        Claim(both_or_neither(agree(y + z), equals(mu, rate(y + z))), "and of another one for another gradient"),
        Claim(FALLS, "a strength that falls with the gradient", assuming=(GUARDED,)),
        Claim(sp.Not(sp.And(agree(y), agree(y + z)), evaluate=False), "so that none serves both", assuming=(GUARDED,)),
        Claim(equals(rate(y), 0), "and that is 0 without epsilon", assuming=(UNGUARDED,)),
        Claim(equals(gamma * theta + strength * theta, FACTOR * (gamma * theta)), "on a quadratic loss"),
        Claim(UNMOVED, "no update changes, at any t", assuming=(MOVING,)),
    ),
    derive=derive,
    variants=(
        Variant("lr forgotten", "absolute decay with the number lambda", {"other": NAIVE}),
        Variant("decay after the update", "the update is decayed as well", {"other": LATE}),
        Variant("lr forgotten in gradient descent", "shrunk by lambda", {"shrunk": NAIVE_GD}),
        Variant("coupled is decoupled", "with the same lambda, in Adam", {"effective": lambda _: strength}),
        Variant(
            "decay over the root of v",
            "lambda/(abs(g) + eps): the normalisation of the decay alone",
            {"effective": lambda gradient: strength / (gradient + eps)},
        ),
        Variant("stronger for large gradients", "the effective strength rises", {"direction": "increasing"}),
        Variant("epsilon does not matter", "the strength is lambda for eps = 0", {"unguarded": strength}),
        Variant("factor without curvature", "1 + lambda", {"factor": 1 + strength}),
    ),
    counterexamples=(
        Counterexample("beta1", "beta1 = 1: c1 = 0", HERE | {beta1: 1, eps: 0}, claim=STILL),
        Counterexample(
            "beta2",
            "beta2 = -2: v is positive and c2 = -3 has no root",
            HERE | {beta2: -2, eps: 0, t: 2, g: lambda step: step},
            claim=STILL,
        ),
        Counterexample("step", "t = -1: no moments before the first step", HERE | {t: -1, eps: 0}, claim=STILL),
        Counterexample("epsilon", "eps = -1 meets abs(g) = 1", HERE | {eps: -1}, claim=FIRST),
        Counterexample("same number", "omega = lambda, and lr = 1/2", HERE | {omega: 1}),
        Counterexample("learning rate", "lr = 0: nothing moves, whatever mu is", HERE | {lr: 0, omega: 0}, claim=AGREE),
        Counterexample("weight", "theta = 0: nothing to decay, whatever mu is", HERE | {theta: 0}, claim=AGREE),
        Counterexample("decay", "lambda = 0: mu = 0 serves every gradient", HERE | {strength: 0, omega: 0}, NEVER_BOTH),
        Counterexample("gradient", "y = -2: the absolute value is not y", HERE | {y: -2}, claim=FIRST),
        Counterexample("other gradient", "z = 0: one gradient only", HERE | {z: 0, mu: RATE_HERE}, claim=NEVER_BOTH),
        Counterexample("curvature", "gamma = 0: no factor makes lambda*theta of 0", HERE | {gamma: 0}, claim=LOSS),
    ),
    confirmations=(
        Confirmation(
            "coupled decay is decoupled decay of one strength only",
            both_or_neither(agree(y), equals(mu, rate(y))),
            (lr > 0, theta > 0, strength > 0, y > 0, eps >= 0),
        ),
        Confirmation(
            "no strength serves two gradients",
            sp.Not(sp.And(equals(mu, rate(y)), equals(mu, rate(y + z))), evaluate=False),
            (theta > 0, strength > 0, y > 0, z > 0, eps > 0),
        ),
    ),
    uses=("T11",),
    checks=("update.weight-decay",),
    references=(
        "I. Loshchilov, F. Hutter: Decoupled Weight Decay Regularization. arXiv:1711.05101, propositions 1 and 2",
        "D. P. Kingma, J. Ba: Adam: A Method for Stochastic Optimization. arXiv:1412.6980",
    ),
    remarks=(
        "What goes wrong: the decay goes through the same normalisation as the gradient. A weight with large gradients "
        "is hardly decayed, one with small gradients is decayed by up to lr a step, whatever lambda is. The strength "
        "that one sets is not the strength that one gets.",
        "A weight whose gradient is all noise shows it best (first table): decoupled decay shrinks it by the same "
        "share at every size of the noise, coupled decay by next to nothing or by almost lr a step.",
        "Coupled decay can push a weight away from zero: the history of T9 makes the largest step there is, and adding "
        "lambda*theta to it makes the step smaller (second table: the decayed weight ends farther from 0 than the one "
        "without decay).",
        "Frameworks differ in the number: torch.optim.AdamW and this package's decoupled decay take lr*lambda, a "
        "schedule of lr included; the paper on AdamW takes lambda times the schedule's multiplier alone, which is "
        "absolute decay as long as that is constant.",
        "The updates in the first claim are those of equal gradients. In training the gradients depend on the "
        "parameters; as these are equal, so are they, step after step.",
    ),
    tables=(
        Table(
            "alternating",
            "A weight of 1 after 1000 steps with gradients of alternating sign (lr = 0.001, lambda = 0.1)",
            ("abs(g)", "no decay", "decoupled", "coupled"),
            _alternating_rows,
        ),
        Table(
            "growing",
            "A weight of 1 after gradients growing by beta2/beta1 a step, from 0.001 (lr = 0.001, lambda = 0.001)",
            ("steps", "no decay", "decoupled", "coupled"),
            _growing_rows,
        ),
        Table(
            "strength",
            "Effective strength of coupled decay at the first step, in units of lambda "
            "(theta = 1, lambda = 0.01, eps = 1e-8)",
            ("gradient", "strength/lambda"),
            _rate_rows,
        ),
    ),
    summary=(
        "Decoupled decay of strength lambda is absolute decay with lr*lambda. Coupled decay is decoupled decay in "
        "gradient descent, but not in Adam: there its strength is lambda*eps/((g + lambda*theta + eps)*(g + eps)) at "
        "the first step, which falls with the gradient and is 0 for eps = 0."
    ),
)
