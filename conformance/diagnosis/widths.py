"""How far another evaluation of one and the same defective Adam may be from ours.

A candidate is a program, an `Adam` in pieces with one of them replaced, and the target is another program that may have
the same defect.  Both round, in orders of their own.  What the roundings of one can do is the first order of the
enclosure (theorem T15), taken at the candidate's own intermediate quantities instead of the correct Adam's: every
sum, product, root and quotient of the update counts as often as `adam_ref.enclosure.counts` says, relative to the
magnitudes that the candidate has there, and errors are carried from step to step by the recursion.  A piece that the
candidate replaces may be worse conditioned than the right one; its errors are then carried with the largest factor that
any such piece has.  Two evaluations are each that far from the exact candidate, so twice that far from each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adam_ref.arrays import Array
from adam_ref.enclosure import CLASS_A, AccuracyClass, counts
from adam_ref.enclosure.accuracy import POWER_ULPS
from adam_ref.enclosure.counts import Count
from adam_ref.formats import named_format
from conformance.faults.adam import Adam, Slot, Step, flat


def _roundings(*parts: Count) -> float:
    """Roundings in the target's format of all these together."""
    return float(sum(p.tensor + p.cast for p in parts))


FIRST_MOMENT = _roundings(counts.PRODUCT, Count(0, 1), counts.DIFFERENCE, counts.SUM)
SECOND_MOMENT = _roundings(counts.PRODUCT, Count(0, 1), counts.DIFFERENCE, counts.SUM, counts.SQUARE)
DENOMINATOR = _roundings(counts.CORRECTED_ROOT, counts.EPSILON, counts.FOLDED_EPSILON, counts.SUM)
STEP = _roundings(
    counts.MOMENT_CORRECTION, counts.FOLDED_ROOT, counts.QUOTIENT, counts.PRODUCT, Count(0, 1), counts.DECAY_IN_STEP
)
PARAMETER = _roundings(counts.SUM, counts.PRODUCT, counts.PRODUCT, Count(0, 1), counts.DECAY_IN_STEP_TERM)
GRADIENT = _roundings(counts.SQUARE, counts.PRODUCT, Count(0, 1), counts.SUM)
"""Roundings, and casts of scalars, in each quantity; the largest of the admissible orders."""


@dataclass
class Errors:
    """How far each quantity of one parameter may be off, flat arrays of float64, as a first-order bound."""

    theta: Array
    m: Array
    v: Array
    v_max: Array
    relative: Array
    """Of the moments as they are shown, whatever is made of them to show them."""
    roundoff: float = 0.0

    def of_gradient(self, given: Array, became: Array, decay: float) -> Array:
        """Of what a gradient was changed into: a product of it, its square or a moment, with or without decay."""
        terms = np.abs(given, dtype=np.float64) + np.abs(became, dtype=np.float64)
        return GRADIENT * self.roundoff * terms + abs(decay) * self.theta + self.m

    def largest(self) -> Errors:
        """The largest of each quantity over all elements, for all of them."""
        theta, m, v, v_max, relative = (
            np.max(q, initial=0.0, keepdims=True) for q in (self.theta, self.m, self.v, self.v_max, self.relative)
        )
        return Errors(theta, m, v, v_max, relative, self.roundoff)


class Widths:
    """The errors of every parameter of one session; `note` takes them one step further."""

    def __init__(self, dtype: str, accuracy: AccuracyClass = CLASS_A) -> None:
        fmt = named_format(dtype)
        self.u, self.tiny = fmt.roundoff, fmt.underflow
        self.scalar, self.power = accuracy.roundoff, POWER_ULPS[accuracy.name]
        self.errors: dict[int, Errors] = {}

    def of(self, slot: Slot) -> Errors:
        """The errors of one parameter so far; before its first step there are none."""
        if slot.index not in self.errors:
            zero = np.zeros(slot.theta.shape)
            self.errors[slot.index] = Errors(zero, zero, zero, zero, zero, self.u)
        return self.errors[slot.index]

    def note(self, a: Adam, x: Step) -> None:
        """One step further: everything of the step is computed, and nothing stored yet."""
        e, u, cls = self.of(x.slot), self.u, type(a)
        g, old_theta, theta = (np.abs(q, dtype=np.float64) for q in (x.g, x.slot.theta, x.theta))
        dg = self._gradient(x, g, e)
        m, dm = self._first(cls, x, g, dg, e)
        v, dv = self._second(cls, x, g, dg, e)
        dmax = np.maximum(e.v_max, dv)
        used = np.abs(x.v_hat * x.c2, dtype=np.float64)
        root = self._root(cls, x, used, dmax if x.hyper.amsgrad else dv, v)
        change = np.abs(x.change, dtype=np.float64)
        if not np.isfinite(change).all():
            change = np.where(np.isfinite(change), change, np.abs(theta - old_theta))
        scalars = self._correction(x.beta1, x.t, x.c1) + self._correction(x.beta2, x.t, x.c2) + self.scalar
        divided = np.where(root == 0, 0.0, root / np.abs(x.denominator, dtype=np.float64))
        relative = divided + _ratio(dm, m) + (DENOMINATOR + STEP) * u + scalars
        lost = self.tiny * (1 + 1 / (np.abs(x.denominator, dtype=np.float64) * np.sqrt(np.abs(x.c2))))
        step = np.where(change == 0, _gain(x) * dm, change * relative) + lost * (1 + abs(x.lr))
        step = np.where(divided < 1, step, np.inf)
        moved = (change + dm > 0) | (old_theta != theta)
        roundings = PARAMETER * u * (theta + (old_theta if x.decay else 0.0))
        dtheta = e.theta + np.where(moved, step + roundings, 0.0)
        self.errors[x.slot.index] = Errors(dtheta, dm, dv, dmax, _ratio(dm, m) + _ratio(dv, v) + 4 * u, u)

    def _gradient(self, x: Step, g: Array, e: Errors) -> Array:
        """What the moments are fed with: exact, unless something was done to it."""
        given = np.abs(x.given, dtype=np.float64)
        made = np.where(g == given, 0.0, 2 * self.u * (g + np.where(np.isfinite(given), given, 0.0)))
        return made + abs(x.decay) * e.theta if x.decay else made

    def _first(self, cls: type[Adam], x: Step, g: Array, dg: Array, e: Errors) -> tuple[Array, Array]:
        old, new = np.abs(x.slot.m, dtype=np.float64), np.abs(x.m, dtype=np.float64)
        carried = abs(x.beta1) if cls.first_moment is Adam.first_moment else 1.0
        terms = abs(x.beta1) * old + abs(x.w1) * g + new
        d = carried * e.m + abs(x.w1) * dg + FIRST_MOMENT * self.u * terms + self.scalar * (old + g)
        return new, d + counts.UNDERFLOWS_FIRST * self.tiny * (terms > 0)

    def _second(self, cls: type[Adam], x: Step, g: Array, dg: Array, e: Errors) -> tuple[Array, Array]:
        old, new, square = (np.abs(q, dtype=np.float64) for q in (x.slot.v, x.v, x.square))
        carried = abs(x.beta2) if cls.second_moment is Adam.second_moment else 1.0
        terms = abs(x.beta2) * old + abs(x.w2) * square + new
        d = carried * e.v + abs(x.w2) * 2 * g * dg + SECOND_MOMENT * self.u * terms + self.scalar * (old + square)
        return new, d + counts.UNDERFLOWS_SECOND * self.tiny * (terms > 0)

    def _root(self, cls: type[Adam], x: Step, used: Array, error: Array, v: Array) -> Array:
        """The error of the root: of that of what it is taken of, half as large relatively, or its root."""
        half = 0.5 if cls.rooted is Adam.rooted and cls.divisor is Adam.divisor else 1.0
        small = np.sqrt(error / np.abs(x.c2))
        large = half * error / used * np.abs(x.root, dtype=np.float64)
        return np.where(used > 0, np.fmin(large, small) if half < 1 else large, np.where(v == 0, small, 0.0))

    def _correction(self, beta: float, t: int, c: Any) -> Any:
        """The relative error of `1 - beta^t`: beta is rounded, then the power, then the difference."""
        power = abs(beta) ** max(t, 1)
        return self.scalar * (1 + (max(t, 1) + self.power) * power / np.maximum(np.abs(c), self.scalar))


def _ratio(error: Array, of: Array) -> Array:
    """A relative error; 0 where there is none, and infinite where what it is relative to vanishes."""
    return np.where(error == 0, 0.0, error / of)


def _gain(x: Step) -> Array:
    """What the first moment is multiplied by to give the step."""
    return np.abs(x.lr / (x.c1 * np.asarray(x.denominator, dtype=np.float64)))


STILL = "still"
"""Under this name a slot remembers that zeros change nothing."""


class Witnessed(Adam):
    """An Adam in pieces whose errors are kept account of."""

    widths: Widths | None = None

    def update(self, slot: Slot, gradient: Array) -> None:
        """As ever; once a step on zeros has changed nothing, further ones are only counted."""
        before = slot.theta, slot.m, slot.v
        if any(array.any() for array in (gradient, slot.m, slot.v)) or slot.hyper.weight_decay:
            slot.past.pop(STILL, None)
            super().update(slot, gradient)
        elif STILL in slot.past:
            x = Step()
            x.slot, x.given, x.hyper = slot, flat(gradient), slot.hyper
            self.updates += 1
            slot.t, slot.given = self.counted(x), x.given
        else:
            super().update(slot, gradient)
            if all(np.array_equal(*pair) for pair in zip(before, (slot.theta, slot.m, slot.v), strict=True)):
                slot.past[STILL] = True

    def witnessed(self, x: Step) -> None:
        """Take the errors one step further."""
        if self.widths is not None:
            self.widths.note(self, x)
