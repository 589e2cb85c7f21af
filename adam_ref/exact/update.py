"""The update in arbitrary precision, in another form than `adam_ref.golden` and with none of its arithmetic.

Where the golden update is Algorithm 1 line by line, this one is the optimized form at the end of section 2 of the
paper: the moments as `g + beta*(m - g)`, the corrections as `-expm1(t*log(beta))`, and both folded into one step size

    theta - lr * sqrt(c2)/c1 * m / (sqrt(v + (eps_root + e1)*c2) + e2*sqrt(c2))

where a dialect's epsilon is `e2` (outside), `e2*sqrt(c2)` (hat), `e1` (inside-corrected) or `e1*c2` (inside-raw).  That
the two forms are equal is theorem T1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from adam_ref.dialect import ADAM, Dialect
from adam_ref.exact.balls import UNDEFINED, ZERO, Balls, arb, as_floats, defined, exactly, narrow, working_precision
from adam_ref.hyperparameters import Hyperparameters

PRECISION = 384
"""Bits to begin with.  Enough for 3,000 steps of nearly every history; doubled when a ball is too wide."""

MAX_PRECISION = 32768
"""Bits at which it is given up."""


class PrecisionError(ArithmeticError):
    """The balls stay too wide at the largest precision; the message says where, and what to do."""


class _TooWideError(Exception):
    """Internal: one more step at this precision says too little."""


_Event = tuple[tuple[Any, ...], Hyperparameters, Dialect]
_Past = tuple[Any, _Event]
"""What came before the last event (a `_Past` or None), and the last event."""


@dataclass(frozen=True, slots=True)
class _Element:
    """The balls of one real number; names as in `State`."""

    theta: Any
    m: Any
    v: Any
    v_max: Any
    root: Any = ZERO
    denominator: Any = ZERO


@dataclass(frozen=True)
class State:
    """One parameter after step `t`, every number a ball that contains the exact value.

    Attributes:
        t: steps taken; what the corrections count from.
        precision: bits.
        paired: the parameter is complex, its elements are pairs (real, imaginary).
        elements: the balls.
        origin: the state that `init` or `resume` gave; None in that state itself.
        past: what was done since, linked backwards, to compute it again in more bits.

    """

    t: int
    precision: int
    paired: bool
    elements: tuple[_Element, ...]
    origin: State | None = None
    past: _Past | None = None

    @property
    def theta(self) -> Balls:
        """The parameter."""
        return self._balls("theta")

    @property
    def m(self) -> Balls:
        """The first moment, uncorrected."""
        return self._balls("m")

    @property
    def v(self) -> Balls:
        """The second moment, uncorrected."""
        return self._balls("v")

    @property
    def v_max(self) -> Balls:
        """AMSGrad's maximum: of v ("raw") or of v_hat ("corrected"); zero without AMSGrad."""
        return self._balls("v_max")

    @property
    def root(self) -> Balls:
        """The square root in the last step's denominator, in the scale of sqrt(v_hat)."""
        return self._balls("root")

    @property
    def denominator(self) -> Balls:
        """The last step's denominator: in Algorithm 1, sqrt(v_hat) + eps."""
        return self._balls("denominator")

    def _balls(self, name: str) -> Balls:
        return Balls(tuple(getattr(e, name) for e in self.elements), self.precision)


def init(parameters: Any, precision: int = PRECISION) -> State:
    """The state before the first step: moments zero, `t = 0`.

    Args:
        parameters: a sequence of floats, or a real or complex array of any shape (its elements in C order).
        precision: bits to begin with.

    Raises:
        ValueError: an infinity or a NaN.

    """
    return resume(0, parameters, None, None, None, precision)


def resume(t: int, theta: Any, m: Any, v: Any, v_max: Any = None, precision: int = PRECISION) -> State:
    """The state that holds exactly these float64 numbers after step `t`; None stands for zeros.

    One step from a state of the golden update says how far that step alone is off.

    Raises:
        ValueError: arrays of different sizes, an infinity or a NaN.

    """
    thetas = exactly(as_floats(theta))
    zeros = (ZERO,) * len(thetas)
    rest = [zeros if array is None else exactly(as_floats(array)) for array in (m, v, v_max)]
    if any(len(numbers) != len(thetas) for numbers in rest):
        raise ValueError(f"moments of {[len(n) for n in rest]} elements do not fit a parameter of {len(thetas)}")
    elements = tuple(_Element(*numbers) for numbers in zip(thetas, *rest, strict=True))
    return State(t, precision, bool(np.iscomplexobj(theta)), elements)


def step(state: State, gradient: Any, hyper: Hyperparameters, dialect: Dialect = ADAM) -> State:
    """One step of Adam; the hyperparameters are taken to be the exact values of their doubles.

    Where a ball of theta, m or v comes out wider than 2^-20 of a float64 ulp, the whole history is computed again in
    twice as many bits.

    Raises:
        ValueError: a gradient of another size than the parameter, or one that is not finite.
        PrecisionError: `MAX_PRECISION` bits are not enough.

    """
    gradients = exactly(as_floats(gradient))
    if len(gradients) != len(state.elements):
        raise ValueError(f"a gradient of {len(gradients)} elements does not fit a parameter of {len(state.elements)}")
    event = (gradients, hyper, dialect)
    try:
        return _advanced(state, event)
    except _TooWideError:
        return _again(state, event)


def run(parameters: Any, gradients: Sequence[Any], hyper: Hyperparameters, dialect: Dialect = ADAM) -> State:
    """The state after one step with each of the gradients."""
    state = init(parameters)
    for gradient in gradients:
        state = step(state, gradient, hyper, dialect)
    return state


def _again(state: State, event: _Event) -> State:
    """The step after `state`, from the beginning in more bits."""
    events = [*_events(state.past), event]
    precision = state.precision
    while 2 * precision <= MAX_PRECISION:
        precision *= 2
        redone = replace(state.origin or state, precision=precision)
        try:
            for each in events:
                redone = _advanced(redone, each)
        except _TooWideError:
            continue
        return redone
    raise PrecisionError(
        f"step {state.t + 1}: the balls are too wide even at {precision} bits. The update amplifies differences here "
        "(coupled decay can); take fewer steps, or `resume` from a float64 state"
    )


def _events(past: _Past | None) -> list[_Event]:
    """Every event, the first one first."""
    events = []
    while past is not None:
        past, event = past
        events.append(event)
    return events[::-1]


def _advanced(state: State, event: _Event) -> State:
    """One step at the state's precision; raises `_TooWideError`."""
    gradients, hyper, dialect = event
    with working_precision(state.precision):
        scalars = _scalars(hyper, dialect, state.t + 1, state.precision)
        inputs = [_gradient(e, g, scalars) for e, g in zip(state.elements, gradients, strict=True)]
        squares = _squares(inputs, together=state.paired and dialect.complex_square == "modulus")
        rows = zip(state.elements, inputs, squares, strict=True)
        elements = tuple(_element(e, g, square, scalars) for e, g, square in rows)
        if not all(narrow(e.theta) and narrow(e.m) and narrow(e.v) for e in elements):
            raise _TooWideError
    origin, past = state.origin or state, (state.past, event)
    return State(state.t + 1, state.precision, state.paired, elements, origin, past)


@dataclass(frozen=True)
class _Scalars:
    """The numbers of a step that every element shares."""

    beta1: Any
    beta2: Any
    rate: Any
    """lr * sqrt(c2)/c1, the folded step size."""
    c2: Any
    root_c2: Any
    under: Any
    """What the dialect adds to v under the root, (eps_root + e1)*c2."""
    beside: Any
    """What it adds beside the root, e2*sqrt(c2)."""
    keep: Any
    """What decoupled or absolute decay leaves of theta; 1 without."""
    coupled: Any
    """lambda of coupled decay; 0 without."""
    sign: int
    """-1 to maximize."""
    maximum: str
    """Which second moment AMSGrad keeps the maximum of; empty without."""


@lru_cache(maxsize=8192)
def _scalars(hyper: Hyperparameters, dialect: Dialect, t: int, precision: int) -> _Scalars:
    """The scalars of step `t`."""
    with working_precision(precision):
        beta1, beta2, eps = arb(hyper.beta1), arb(hyper.beta2), arb(hyper.eps)
        c1 = _correction(beta1, t) if dialect.correct_m else arb(1)
        c2 = _correction(beta2, t) if dialect.correct_v else arb(1)
        root_c2 = c2.sqrt()
        e1 = {"inside-corrected": eps * c2, "inside-raw": eps}.get(dialect.epsilon, ZERO)
        e2 = {"outside": eps * root_c2, "hat": eps}.get(dialect.epsilon, ZERO)
        decay = arb(hyper.weight_decay)
        share = {"coupled": ZERO, "decoupled": hyper.lr * decay, "absolute": decay}
        return _Scalars(
            beta1=beta1,
            beta2=beta2,
            rate=hyper.lr * root_c2 / c1,
            c2=c2,
            root_c2=root_c2,
            under=hyper.eps_root * c2 + e1,
            beside=e2,
            keep=1 - share[dialect.weight_decay],
            coupled=decay if dialect.weight_decay == "coupled" else ZERO,
            sign=-1 if hyper.maximize else 1,
            maximum=dialect.amsgrad if hyper.amsgrad else "",
        )


def _correction(beta: Any, t: int) -> Any:
    """`1 - beta^t` without cancellation."""
    return -(t * beta.log()).expm1() if beta > 0 else arb(1)


def _gradient(e: _Element, g: Any, s: _Scalars) -> Any:
    """What the moments take in.  Without decay an undefined theta stays out of it."""
    g = s.sign * g
    return g if s.coupled.is_zero() else s.coupled * e.theta + g


def _squares(gradients: list[Any], *, together: bool) -> list[Any]:
    """The squares of the gradients; `together`: both parts of a complex number take abs(g)^2.

    As products: python-flint's power of a ball around zero is undefined.
    """
    if not together:
        return [g * g for g in gradients]
    moduli = [re * re + im * im for re, im in zip(gradients[::2], gradients[1::2], strict=True)]
    return [modulus for modulus in moduli for _ in range(2)]


def _element(e: _Element, g: Any, square: Any, s: _Scalars) -> _Element:
    if not (defined(square) and defined(e.m)):
        return _Element(*(UNDEFINED,) * 6)
    m = g + s.beta1 * (e.m - g)
    v = (square + s.beta2 * (e.v - square)).nonnegative_part()
    v_max, used = e.v_max, v
    if s.maximum == "raw":
        v_max = used = v_max.max(v)
    elif s.maximum == "corrected":
        v_max = v_max.max(v / s.c2)
        used = v_max * s.c2
    root = (used + s.under).sqrt()
    denominator = root + s.beside
    if not defined(denominator):
        raise _TooWideError
    theta = s.keep * e.theta - _quotient(s.rate * m, denominator)
    return _Element(theta, m, v, v_max, root / s.root_c2, denominator / s.root_c2)


def _quotient(numerator: Any, denominator: Any) -> Any:
    """Undefined where the denominator is zero; `_TooWideError` where that cannot be told."""
    if denominator.is_zero():
        return UNDEFINED
    if denominator.contains(0):
        raise _TooWideError
    return numerator / denominator
