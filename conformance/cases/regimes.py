"""Named families of gradient histories, each with the reason why it is there.

To add one: write a function that makes an array of shape (steps, elements) and decorate it with `regime`.  It needs a
check (`conformance.checks.update` makes one for each regime, from its table of clauses) and a fault of the catalogue
that this check and few others catch; tests hold that together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from adam_ref import Format, Hyperparameters
from adam_ref.arrays import Array

ELEMENTS = 64
"""Histories in a case: breadth costs next to nothing, Adam acts element by element."""


@dataclass(frozen=True)
class Draw:
    """What a history is drawn from: a generator, the shape wanted, and what it may depend on."""

    generator: np.random.Generator
    steps: int
    elements: int
    hyper: Hyperparameters
    format: Format

    @property
    def shape(self) -> tuple[int, int]:
        """(steps, elements)."""
        return self.steps, self.elements

    def uniform(self, low: float, high: float, *shape: int) -> Array:
        """Uniform numbers of that shape, by default one for each step and element."""
        return np.asarray(self.generator.uniform(low, high, shape or self.shape))

    def normal(self, *shape: int) -> Array:
        """Standard normal numbers of that shape, by default one for each step and element."""
        return np.asarray(self.generator.standard_normal(shape or self.shape))

    def signs(self, *shape: int) -> Array:
        """Random signs of that shape, by default one for each step and element."""
        return np.asarray(self.generator.choice([-1.0, 1.0], size=shape or self.shape))

    @property
    def time(self) -> Array:
        """The steps, counted from 0, as a column."""
        return np.arange(self.steps)[:, None]


History = Callable[[Draw], Array]


@dataclass(frozen=True)
class Regime:
    """A family of histories.

    Attributes:
        name: its id.
        reason: what it makes visible.
        steps: how many steps it needs.
        history: makes gradients of float64, shape (steps, elements), out of a `Draw`.
        features: what the run needs beside gradients: "amsgrad", "maximize" (True, or "in turn": with every second set
            of hyperparameters, where it can be set), "weight_decay" (True, or "where claimed"), "schedule" (lr
            changes), "parameters" (that do not start at zero), "exact" (powers of two), "combined" (with decay, with
            maximize and with both in turn); "sets", named hyperparameters in the place of the usual ones; and
            "elements", how many histories a case has where that is not the usual number.

    """

    name: str
    reason: str
    steps: int
    history: History
    features: dict[str, Any]

    @property
    def elements(self) -> int:
        """How many histories a case carries."""
        return int(self.features.get("elements", ELEMENTS))

    def gradients(self, draw: Draw) -> Array:
        """A history in numbers of the format, shape (steps, elements)."""
        largest = draw.format.largest
        return draw.format.round(np.clip(self.history(draw), -largest, largest))


REGIMES: dict[str, Regime] = {}


def regime(name: str, reason: str, steps: int, **features: Any) -> Callable[[History], History]:
    """Register a history under `name`."""

    def register(history: History) -> History:
        REGIMES[name] = Regime(name, reason, steps, history, features)
        return history

    return register


@regime("ordinary", "what training looks like: normal gradients of magnitude near 1", 12)
def ordinary(draw: Draw) -> Array:
    """N(0, 1), each element with a scale of its own within a factor of 30."""
    return draw.normal() * 10.0 ** draw.uniform(-1, 0.5, draw.elements)


@regime(
    "near-epsilon",
    "gradients within a hundredfold of eps: only here does it show where epsilon goes, whether it is scaled, and "
    "whether it is there at all (on ordinary gradients it changes less than float32 scalars are off by)",
    8,
)
def near_epsilon(draw: Draw) -> Array:
    """Magnitudes from eps/100 to 100*eps, as far as the format carries their squares."""
    scale = _around_epsilon(draw)
    return np.asarray(draw.signs() * draw.uniform(0.25, 1.0) * scale)


def _around_epsilon(draw: Draw) -> Array:
    """A magnitude for each element, within a hundredfold of eps."""
    eps = draw.hyper.eps or 1e-8
    carried = (draw.format.smallest_normal / (1 - draw.hyper.beta2)) ** 0.5
    lowest = carried * 10.0 ** draw.uniform(0, 2, draw.elements)
    scale: Array = np.maximum(eps * 10.0 ** draw.uniform(-2, 2, draw.elements), lowest)
    return scale


@regime(
    "zeros-then-spike",
    "nothing and then a spike: bias correction and step counter are alone in deciding how large the step is",
    9,
)
def zeros_then_spike(draw: Draw) -> Array:
    """Zeros for a number of steps that differs between elements, then one gradient, then small ones."""
    first = np.arange(draw.elements) % (draw.steps - 1)
    spike = draw.uniform(0.5, 2.0, draw.elements) * draw.signs(draw.elements)
    after = np.where(draw.time > first, 0.01 * draw.normal(), 0.0)
    return np.where(draw.time == first, spike, after)


@regime(
    "spike-then-decay",
    "a spike and then ever smaller gradients: v falls, and whoever keeps the largest v unasked shows",
    14,
)
def spike_then_decay(draw: Draw) -> Array:
    """A spike, then gradients that halve, with a second smaller spike on the way."""
    second = np.where(draw.time == draw.steps // 2, 0.3, 0.0)
    return (0.5**draw.time + second) * draw.uniform(0.5, 1.0) * draw.signs(draw.elements)


@regime(
    "mixed-scales",
    "magnitudes from 1e-12 to 1e6 in one tensor: shared denominators, clipping, and sums over elements show",
    8,
)
def mixed_scales(draw: Draw) -> Array:
    """Each element has a magnitude of its own, as wide as the format carries the squares."""
    low = max(-12.0, 0.5 * np.log10(draw.format.smallest_normal / (1 - draw.hyper.beta2)) + 1)
    high = min(6.0, 0.5 * np.log10(draw.format.largest) - 1)
    return draw.normal() * 10.0 ** draw.uniform(low, high, draw.elements)


@regime("alternating-signs", "the first moment cancels while the second grows: a lost sign or an abs() shows", 15)
def alternating_signs(draw: Draw) -> Array:
    """Signs that alternate with periods from 1 to 4."""
    period = 1 + np.arange(draw.elements) % 4
    return (1.0 - 2.0 * ((draw.time // period) % 2)) * draw.uniform(0.7, 1.4)


@regime(
    "extremal",
    "the history of theorem T9, g_i proportional to (beta1/beta2)^(t-i), makes the largest step there is; whoever "
    "clips the update at lr, or trusts the paper's bound, shows",
    24,
)
def extremal(draw: Draw) -> Array:
    """The extremal history of the last step, times a factor an element."""
    ratio = max(draw.hyper.beta1 / draw.hyper.beta2 if draw.hyper.beta2 else 0.0, 1e-3)
    weights = ratio ** (draw.steps - 1.0 - draw.time)
    return np.asarray(weights * draw.uniform(0.5, 2.0, draw.elements) * draw.signs(draw.elements))


@regime(
    "extreme-squares",
    "gradients whose squares underflow or overflow in the format: a v that saturates, or a NaN, shows",
    6,
)
def extreme_squares(draw: Draw) -> Array:
    """Half the elements near the root of the smallest normal number, half near the root of the largest.

    Squares overflow at the last step only: a lerp of an infinite v gives NaN from there on, and is admissible.
    """
    low, high = np.sqrt(draw.format.smallest_normal), np.sqrt(draw.format.largest)
    small = low * 10.0 ** draw.uniform(-3, 3, draw.elements)
    large = high * 10.0 ** draw.uniform(-3, 0.5, draw.elements)
    large = np.where(draw.time < draw.steps - 1, np.minimum(large, 0.9 * high), large)
    return np.asarray(draw.uniform(0.5, 1.0) * draw.signs() * np.where(np.arange(draw.elements) % 2, small, large))


@regime("subnormals", "gradients and moments in the subnormal range: flushing to zero shows", 5)
def subnormals(draw: Draw) -> Array:
    """Magnitudes around the smallest normal number."""
    down = min(20, draw.format.precision - 2)
    scale = draw.format.smallest_normal * 2.0 ** draw.uniform(-down, 6, draw.elements)
    return draw.uniform(0.5, 1.0) * draw.signs() * scale


@regime("exact-zeros", "gradients that are exactly zero here and there: skipped elements and 0/0 show", 12)
def exact_zeros(draw: Draw) -> Array:
    """Ordinary gradients, two thirds of them replaced by zero; element 0 never has any, and at one step none has."""
    drawn = draw.normal() * (draw.uniform(0, 1) < 1 / 3)
    drawn[:, 0] = 0.0
    drawn[draw.steps // 2] = 0.0
    return drawn


@regime(
    "constant",
    "the same gradient at every step: m_hat and v_hat are then exact (theorem T8), and any error of the bias "
    "correction stands alone",
    20,
)
def constant(draw: Draw) -> Array:
    """One gradient an element, for all steps."""
    return np.tile(draw.normal(draw.elements), (draw.steps, 1))


@regime(
    "few-roundings",
    "powers of two for hyperparameters and gradients: most operations are then exact, the enclosure a few roundings "
    "wide, and the smallest errors show",
    8,
    exact=True,
)
def few_roundings(draw: Draw) -> Array:
    """Powers of two in every second element, ordinary numbers in the others.

    Where beta2 is below 1/2 they do not fall, so that a lerp of v from the old value loses nothing either.
    """
    powers = 2.0 ** draw.generator.integers(-6, 6, size=draw.shape)
    sizes = np.where(np.arange(draw.elements) % 2, powers, draw.uniform(0.5, 2.0))
    return (np.sort(sizes, axis=0) if draw.hyper.beta2 < 0.5 else sizes) * draw.signs(draw.elements)


def _long_memory(beta1: float, beta2: float) -> tuple[tuple[str, Hyperparameters], ...]:
    """Betas that every format but the narrowest holds, so that only the corrections themselves are inexact."""
    return (("fractions of powers of two", Hyperparameters(lr=2.0**-10, beta1=beta1, beta2=beta2, eps=2.0**-27)),)


def _around_one_or_epsilon(draw: Draw) -> Array:
    """Normal gradients of magnitude near 1, in every second element near eps."""
    return draw.normal() * np.where(np.arange(draw.elements) % 2, _around_epsilon(draw), 1.0)


@regime(
    "beyond-256",
    "a first gradient at every step from 1 to 288, each in an element that had zeros until then and whose enclosure is "
    "as narrow as at the start: a counter that slips anywhere, or stops at 256 as in bfloat16, shows; half of the "
    "gradients are near eps, so that an epsilon that is scaled otherwise from some step on does too",
    288,
    sets=_long_memory(1 - 2.0**-4, 1 - 2.0**-8),
)
def beyond_256(draw: Draw) -> Array:
    """Zeros, and from a step on that differs between elements 8 gradients; then zeros again."""
    first = np.arange(draw.elements) * (draw.steps - 8) // max(draw.elements - 1, 1)
    return np.where((draw.time >= first) & (draw.time < first + 8), _around_one_or_epsilon(draw), 0.0)


@regime(
    "beyond-2048",
    "gradients only after 2,052 steps of zeros: a counter kept in float16 has stopped at 2,048 by then; the first ones "
    "make steps of more than twenty times lr, so that whoever limits them shows, half of them are near eps",
    2058,
    elements=8,
    sets=_long_memory(2.0**-2, 1 - 2.0**-10),
)
def beyond_2048(draw: Draw) -> Array:
    """Zeros for all but the last 6 steps."""
    return np.where(draw.time >= draw.steps - 6, _around_one_or_epsilon(draw), 0.0)


@regime(
    "weight-decay",
    "parameters away from zero, and lr*lambda near 1e-2: the kind of decay, its place before the update and its "
    "factor show",
    10,
    weight_decay=True,
    parameters=True,
)
def weight_decay(draw: Draw) -> Array:
    """Ordinary gradients, small ones in every third element; zeros at times in every fifth, and at one step in all."""
    zeros = (np.arange(draw.elements) % 5 == 0) & (draw.time % 2 == 1) | (draw.time == draw.steps // 2)
    return np.asarray(draw.normal() * np.where(np.arange(draw.elements) % 3, 1.0, 1e-3) * ~zeros)


@regime(
    "amsgrad",
    "AMSGrad on gradients that fall and rise again: whether the maximum is kept, stored, and of what, shows "
    "(theorem T13); in turn with decay, with maximize and with both",
    16,
    amsgrad=True,
    combined=True,
)
def amsgrad(draw: Draw) -> Array:
    """A spike, a hundredth of it for most steps, and a second spike; in every fourth element a spike of about eps."""
    spikes = (draw.time == 0) | (draw.time == 3 * draw.steps // 4)
    carried = 100 * (draw.format.smallest_normal / (1 - draw.hyper.beta2)) ** 0.5
    size = np.where(np.arange(draw.elements) % 4 == 3, max(3 * draw.hyper.eps, carried), 1.0)
    return np.where(spikes, 1.0, 0.01) * draw.uniform(0.5, 1.5) * draw.signs(draw.elements) * size


@regime(
    "maximize",
    "ascent, with weight decay where there is any: the gradient must change its sign, and nothing else (lr must not)",
    8,
    maximize=True,
    weight_decay="where claimed",
    parameters=True,
)
def maximize(draw: Draw) -> Array:
    """Ordinary gradients."""
    return draw.normal()


@regime(
    "schedule",
    "a learning rate that changes between steps: one that was captured at the start, or applied a step late, shows; "
    "in turn with AMSGrad, whose maximum must not notice",
    8,
    schedule=True,
    amsgrad="in turn",
    weight_decay="where claimed",
    parameters=True,
)
def schedule(draw: Draw) -> Array:
    """Ordinary gradients."""
    return draw.normal()
