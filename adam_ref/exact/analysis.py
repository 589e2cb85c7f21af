"""How far rounding can take the golden update from the exact one.

Model (Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, section 2): `fl(x op y) = (x op y)(1+d) + e`
with `abs(d) <= u = 2^-53` and `abs(e) <= eta/2 = 2^-1075`, one of the two zero, no `e` in sums; `pow` is within an ulp.
`advance` counts the operations of `adam_ref.golden.update` in the order that it has them; `e_x` bounds the error of x:

    e_m' = beta1 e_m + u (beta1 abs(m) + 2 (1-beta1) abs(g) + abs(m'))
    e_v' = beta2 e_v + u (beta2 v + 3 (1-beta2) g^2 + v')
    e_D / D = e_v/(2v) + u (k2/2 + 3.5)
    e_theta' = e_theta + u abs(theta') + step (e_m/abs(m) + e_D/D + u (k1 + 3))
    k = 1 + 2 beta^t/(1 - beta^t), the roundings in `1 - beta**t`

and the terms for decay, underflow and the other dialects.  By induction, after n steps from exact numbers,

    e_m <= (2n+1) u sum(abs(terms of m))        and  e_m <= (3 + 2 beta1/(1-beta1)) u max(abs(g)):  21 u at 0.9
    e_v <= (2n+2) u v                           and  e_v <= (4 + 2 beta2/(1-beta2)) u max(g^2):     2002 u at 0.999
    e_theta <= u (n max(abs(theta)) + (3n + 12 + k1 + k2/2) sum(lr/c1 sum(abs(terms of m)) / D))

(k the largest on the way), so that m and v lose digits with n only as far as they remember, and theta in proportion to
its path.  Relative to the results nothing holds where the terms cancel.  With coupled decay the error of theta comes
back through the gradient; the bound then grows as fast as the update can amplify it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from adam_ref.dialect import Dialect
from adam_ref.exact.balls import ZERO, Balls, arb, defined, working_precision
from adam_ref.exact.update import State
from adam_ref.hyperparameters import Hyperparameters

BITS = 64
U = arb(2) ** -53
ETA = arb(2) ** -1074
LARGE = arb(2) ** 1022
"""Nothing is said of an element once one of its intermediate results may exceed this: golden may have overflowed."""
SECOND_ORDER = 1 + 2.0**-48
"""Each step's surplus for products of roundings."""
UNBOUNDED = arb("inf")


@dataclass(frozen=True, slots=True)
class _Errors:
    """Bounds for one element."""

    theta: Any = ZERO
    m: Any = ZERO
    v: Any = ZERO
    v_max: Any = ZERO


@dataclass(frozen=True)
class Bound:
    """How far the golden theta, m, v and v_max may be from the exact ones, for each element; infinite for no bound."""

    elements: tuple[_Errors, ...]

    @property
    def theta(self) -> Balls:
        """Bounds for theta, in its unit."""
        return self._balls("theta")

    @property
    def m(self) -> Balls:
        """Bounds for the first moment."""
        return self._balls("m")

    @property
    def v(self) -> Balls:
        """Bounds for the second moment."""
        return self._balls("v")

    @property
    def v_max(self) -> Balls:
        """Bounds for AMSGrad's maximum."""
        return self._balls("v_max")

    def _balls(self, name: str) -> Balls:
        return Balls(tuple(getattr(e, name) for e in self.elements), BITS)


def start(state: State) -> Bound:
    """The bound for a state that is exactly the float64 numbers: zero."""
    return Bound((_Errors(),) * len(state.elements))


def advance(bound: Bound, before: State, after: State) -> Bound:
    """The bound after a step, from the one before it and the exact states before it and after it.

    Raises:
        ValueError: `after` did not come from a step.

    """
    if after.past is None:
        raise ValueError("a state without a past was given: the second state must come from a step on the first")
    gradients, hyper, dialect = after.past[1]
    c = _counts(hyper, dialect, after.t)
    with working_precision(BITS):
        inputs = [_gradient(*row, c) for row in zip(bound.elements, before.elements, gradients, strict=True)]
        squares = [_square(*each) for each in inputs]
        if after.paired and dialect.complex_square == "modulus":
            pairs = zip(squares[::2], squares[1::2], strict=True)
            squares = [_modulus(re, im) for re, im in pairs for _ in range(2)]
        rows = zip(bound.elements, before.elements, after.elements, inputs, squares, strict=True)
        return Bound(tuple(_errors(*row, c) for row in rows))


@dataclass(frozen=True)
class _Counts:
    """The scalars of a step, and the roundings in them."""

    beta1: Any
    beta2: Any
    c1: Any
    c2: Any
    c1_roundings: float
    c2_roundings: float
    lr: float
    share: Any
    """What decoupled or absolute decay takes off theta."""
    coupled: float
    sign: int
    raw_epsilon: bool
    maximum: str


@lru_cache(maxsize=8192)
def _counts(hyper: Hyperparameters, dialect: Dialect, t: int) -> _Counts:
    share = {"coupled": 0.0, "decoupled": hyper.lr * hyper.weight_decay, "absolute": hyper.weight_decay}
    with working_precision(BITS):
        beta1, beta2 = arb(hyper.beta1), arb(hyper.beta2)
        return _Counts(
            beta1=beta1,
            beta2=beta2,
            c1=1 - beta1**t if dialect.correct_m else arb(1),
            c2=1 - beta2**t if dialect.correct_v else arb(1),
            c1_roundings=correction_roundings(hyper.beta1, t) if dialect.correct_m else 0,
            c2_roundings=correction_roundings(hyper.beta2, t) if dialect.correct_v else 0,
            lr=hyper.lr,
            share=arb(share[dialect.weight_decay]),
            coupled=hyper.weight_decay if dialect.weight_decay == "coupled" else 0.0,
            sign=-1 if hyper.maximize else 1,
            raw_epsilon=dialect.epsilon == "inside-raw",
            maximum=dialect.amsgrad if hyper.amsgrad else "",
        )


def correction_roundings(beta: float, t: int) -> float:
    """Roundings in `1 - beta**t`, relative to it: one of the difference, two of the power unless t = 1."""
    if t == 1 or beta == 0:
        return 1.0
    with working_precision(BITS):
        power = arb(beta) ** t
        return float((1 + 2 * power / (1 - power)).upper())


def _gradient(e: _Errors, old: Any, g: Any, c: _Counts) -> tuple[Any, Any]:
    """What the moments take in, and its error."""
    g = c.sign * g
    if not c.coupled:
        return g, ZERO
    decay = c.coupled * old.theta
    if decay.is_zero() and e.theta.is_zero():
        return g, ZERO
    return g + decay, c.coupled * e.theta + U * (abs(g) + 2 * abs(decay)) + ETA


def _square(g: Any, error: Any) -> tuple[Any, Any]:
    square = g * g
    return square, error * (2 * abs(g) + error) + U * square + _tiny(g, error)


def _modulus(re: tuple[Any, Any], im: tuple[Any, Any]) -> tuple[Any, Any]:
    total = re[0] + im[0]
    return total, re[1] + im[1] + U * total


def _tiny(x: Any, error: Any = ZERO) -> Any:
    """What a product with x may lose to underflow: nothing where x is certainly zero."""
    return ZERO if x.is_zero() and error.is_zero() else ETA / 2


def _errors(e: _Errors, old: Any, new: Any, gradient: Any, square: Any, c: _Counts) -> _Errors:
    if not defined(new.m):
        return _Errors()
    m = _moment(c.beta1, old.m, e.m, gradient, new.m)
    v = _moment(c.beta2, old.v, e.v, square, new.v)
    v_max = ZERO
    if c.maximum == "raw":
        v_max = e.v_max.max(v)
    elif c.maximum == "corrected":
        v_max = e.v_max.max(_corrected(new.v, v, c))
    if not defined(new.theta):
        return _Errors(ZERO, m, v, v_max)
    theta = _theta(e.theta, old.theta, new, m, _denominator(new, v, v_max, c), c)
    return _Errors(theta, m, v, v_max)


def _moment(beta: Any, old: Any, old_error: Any, taken: tuple[Any, Any], new: Any) -> Any:
    """`beta*old + (1-beta)*taken`: two products, the rounding of 1-beta, and the sum."""
    x, error = taken
    if not (old_error.is_finite() and error.is_finite()) or abs(x) > LARGE or abs(new) > LARGE:
        return UNBOUNDED
    own = U * (beta * abs(old) + 2 * (1 - beta) * abs(x) + abs(new)) + _tiny(old, old_error) + _tiny(x, error)
    return (beta * old_error + (1 - beta) * error + own) * SECOND_ORDER


def _corrected(v: Any, error: Any, c: _Counts) -> Any:
    """The error of `v/c2`."""
    return (error + U * (c.c2_roundings + 1) * v) / c.c2


def _denominator(new: Any, v: Any, v_max: Any, c: _Counts) -> Any:
    """The relative error of the denominator; unbounded where underflow may have left nothing of it."""
    v_hat = v_max if c.maximum == "corrected" else _corrected(*((new.v_max, v_max) if c.maximum else (new.v, v)), c)
    radicand = new.root * new.root
    epsilon = c.c2_roundings + 1 if c.raw_epsilon else 0
    error = v_hat + U * (2 + epsilon) * radicand + ETA
    if not error.is_finite() or radicand > LARGE:
        return UNBOUNDED
    root = _root(new.root, radicand, error)
    beside = (c.c2_roundings / 2 + 2) * U * (new.denominator - new.root) + ETA
    return (root + U * (new.root + root) + beside + U * new.denominator) / new.denominator


def _root(root: Any, radicand: Any, error: Any) -> Any:
    """The error of a root: `root*(1 - sqrt(1-x))` for the radicand's relative error x, `sqrt(error)` at worst."""
    if error < 0.25 * radicand:
        x = error / radicand
        return root * x / (1 + (1 - x).sqrt())
    return error.sqrt()


def _theta(error: Any, old: Any, new: Any, m: Any, relative: Any, c: _Counts) -> Any:
    kept = abs(1 - c.share)
    decayed = kept * error
    if not c.share.is_zero():
        decayed += U * (2 * c.share + kept) * abs(old) + _tiny(old, error) * 2
    if not (relative < 0.5 and m.is_finite()):
        return UNBOUNDED
    if c.lr == 0 or (new.m.is_zero() and m.is_zero()):
        return decayed
    per_m = c.lr / (c.c1 * new.denominator)
    step = per_m * abs(new.m)
    numerator = per_m * m + ETA / 2 * (c.lr + 1) / new.denominator + (c.c1_roundings + 3) * U * step
    moved = (numerator + relative * step) / (1 - relative) + ETA
    if any(size > LARGE for size in (step, step * new.denominator, abs(new.m) / c.c1, abs(new.theta), abs(old))):
        return UNBOUNDED
    return (decayed + moved + U * abs(new.theta)) * SECOND_ORDER
