"""One step of the recursion, phase by phase in the order of Algorithm 1.

Each phase computes its box from the last one's by the formula of the paper, and widens it by what the roundings of
`counts` can do.  Where several orders of evaluation are admissible, each weight gets the largest of their errors.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from adam_ref.arrays import Array
from adam_ref.dialect import Dialect
from adam_ref.enclosure import counts
from adam_ref.enclosure.accuracy import Scalar, cast_error, scalars
from adam_ref.enclosure.counts import NOTHING, Count
from adam_ref.enclosure.interval import Interval, below, every
from adam_ref.enclosure.numerics import Numerics, Rounding, last_roundings, roundings
from adam_ref.enclosure.weights import moment_weights, product_with, squares_of
from adam_ref.hyperparameters import Hyperparameters

Mask = Any
"""An array of bool; `EVERYWHERE` or `NOWHERE`, where that is known."""


class Boxes(NamedTuple):
    """The boxes of one parameter tensor."""

    theta: Interval
    m: Interval
    v: Interval
    v_max: Interval

    def part(self, part: slice) -> Boxes:
        """The boxes of some of the elements."""
        return Boxes(self.theta[part], self.m[part], self.v[part], self.v_max[part])


@lru_cache(maxsize=4096)
def step_of(t: int, hyper: Hyperparameters, numerics: Numerics, dialect: Dialect) -> Step:
    """The step numbered `t`; nothing about it depends on the arrays."""
    return Step(t, hyper, numerics, dialect)


class Step:
    """The scalars of step `t` with their errors, and the phases."""

    def __init__(self, t: int, hyper: Hyperparameters, numerics: Numerics, dialect: Dialect) -> None:
        self.t, self.hyper, self.dialect, self.numerics = t, hyper, dialect, numerics
        self.theta, self.first, self.second, self.between = roundings(numerics)
        self.last = last_roundings(numerics)
        self.s = scalars(hyper, dialect, t, numerics.accuracy, numerics.between, numerics.work)
        self.corrects_v = not self.s.c2.is_one
        self._prepare_moments()
        self._prepare_denominator()
        self._prepare_step_size()

    def boxes(self, before: Boxes, g: Array) -> Boxes:
        """The boxes after the step."""
        gradient, given = self.gradient(before.theta, g)
        moving = _either(given, before.m)
        m = self.first_moment(before.m, gradient, moving)
        v = self.second_moment(before.v, gradient, given)
        v_hat, v_max = self.maximum(v, before.v_max)
        step = self.step_size(m, self.denominator(v_hat), moving)
        return Boxes(self.parameter(before.theta, step, moving), m, v, v_max)

    # The gradient

    def gradient(self, theta: Interval, g: Array) -> tuple[Interval, Mask]:
        """The gradient with maximize and coupled decay (the product `lambda*theta`, a sum); where it is not zero."""
        box = Interval.point(-g if self.hyper.maximize else g, self.numerics.work)
        given = EVERYWHERE if every(g) else g != 0
        decay = self.s.weight_decay
        if self.dialect.weight_decay != "coupled" or decay.is_zero:
            return box, given
        r, present = self.theta, _present(theta)
        pull = theta.scaled(decay.value, float(decay.value) * r.relative(product_with(decay), decay.cast, decay.error))
        box = self._rounded(box + pull.widen(r.tiny * present), _both(given, present), r)
        return box, _present(box)

    # The moments

    def _prepare_moments(self) -> None:
        first, second = moment_weights(self.hyper, self.dialect, self.numerics)
        c1, c2 = (min(1.0, float(c.value)) for c in (self.s.c1, self.s.c2))
        self.weights_m, self.weights_v = first, second
        self.largest_m = self.first.largest * c1 * (1 - 8 * self.first.u)
        self.largest_v = self.second.largest * c2 * (1 - 8 * self.second.u)
        flush_m, flush_v = (r.target.flush_to_zero for r in (self.first, self.second))
        self.underflow_m = self.first.tiny * (counts.FLUSHES_FIRST if flush_m else counts.UNDERFLOWS_FIRST)
        self.underflow_v = self.second.tiny * (counts.FLUSHES_SECOND if flush_v else counts.UNDERFLOWS_SECOND)
        self.underflow_v *= squares_of(self.dialect)

    def first_moment(self, m: Interval, g: Interval, moving: Mask) -> Interval:
        """`beta1*m + (1 - beta1)*g`; where m is still exactly zero everywhere, there is no sum.

        Where the difference of the lerp form may overflow, nothing is known.  An infinity is admitted as soon as m_hat
        may overflow, which only gradients at the end of the range come near (theorem T8).
        """
        first = self.t == 1 and not (m.size.any() or m.below.any())
        w = self.weights_m[first]
        box = m.scaled(w.old, w.off_old) + g.scaled(w.new, w.off_new)
        box = box.widen(self.underflow_m * moving)
        if box.within(w.least * self.largest_m / 8):
            return box
        if not first:
            reach = m.size + m.above + g.size + g.above
            box = box.widen(np.where(reach > self.first.largest, np.inf, 0))
        return box.overflowing(self.largest_m)

    def second_moment(self, v: Interval, g: Interval, given: Mask) -> Interval:
        """`beta2*v + (1 - beta2)*g^2`.  An infinity is admitted where g^2, v or v_hat may overflow."""
        first = self.t == 1 and not (v.size.any() or v.below.any())
        w = self.weights_v[first]
        square, given = self._square(g, given)
        box = v.scaled(w.old, w.off_old) + square.scaled(w.new, w.off_new)
        box = box.widen(self.underflow_v * _either(given, v))
        if not box.within(w.least * self.largest_v / 8):
            overflows = square.size + square.above > self.second.largest
            box = Interval(box.at, box.below, box.above + np.where(overflows, np.inf, 0)).overflowing(self.largest_v)
        return box.clipped()

    def _square(self, g: Interval, given: Mask) -> tuple[Interval, Mask]:
        """The square, and where it is not exactly zero."""
        square = g.squared()
        if self.dialect.complex_square != "modulus" or square.at.ndim != 2:
            return square, given
        parts = (square.at, np.broadcast_to(square.below, square.at.shape))
        at, radius = (np.repeat(part.sum(-1, keepdims=True), 2, -1) for part in parts)
        return Interval.ball(at, radius), given if given is EVERYWHERE else given.any(-1, keepdims=True)

    # The denominator

    def maximum(self, v: Interval, v_max: Interval) -> tuple[Interval, Interval]:
        """AMSGrad's maximum so far, and what the denominator is formed from; without AMSGrad that is v."""
        if not self.hyper.amsgrad:
            return v, v_max
        if self.dialect.amsgrad == "corrected" and self.corrects_v:
            r, c2 = self.second, self.s.c2
            off = r.relative(counts.CORRECTED_SQUARE, c2.error)
            v = v.scaled(1 / c2.value, off / float(c2.value)).widen(r.tiny * _present(v))
            v = v.overflowing(r.largest).clipped()
        v_max = v_max.maximum(v)
        return v_max, v_max

    def _prepare_denominator(self) -> None:
        s, r, epsilon = self.s, self.between, self.dialect.epsilon
        corrected_before = self.hyper.amsgrad and self.dialect.amsgrad == "corrected"
        corrects = self.corrects_v and not corrected_before
        inside = epsilon.startswith("inside")
        c2 = s.c2.value if corrects else self.numerics.work.type(1)
        square_count, square_error = (counts.CORRECTED_SQUARE, s.c2.error) if corrects else (NOTHING, 0.0)
        root_count, root_error = (counts.CORRECTED_ROOT, s.c2.error / 2) if corrects else (counts.ROOT, 0.0)
        if corrects:
            square_error, root_error = square_error + self._lost(s.c2), root_error + self._lost(s.c2) / 2
        root = np.sqrt(s.c2.value)
        self.eps = None
        if not inside and not s.eps.is_zero:
            self.eps = self._epsilon(s.eps, root, error=s.c2.error / 2 if epsilon == "hat" else None)
        self.under = [] if s.eps_root.is_zero else [self._epsilon(s.eps_root, s.c2.value, error=None)]
        if inside:  # raw: the error of c2 is that of the whole quotient, unless v was corrected before
            error = s.c2.error if corrected_before else 0.0
            self.under.append(self._epsilon(s.eps, s.c2.value, error=error if epsilon == "inside-raw" else None))
        if self.under:
            if epsilon == "inside-raw":
                square_count, square_error = NOTHING, 0.0
            else:
                root_count, root_error = counts.ROOT, 0.0
            self.square = (1 / c2, r.relative(square_count, square_error) / float(c2))
            self.root = (self.numerics.work.type(1), self._then_sum(root_count, root_error))
        else:
            scale = 1 / np.sqrt(c2)
            self.root = (scale, self._then_sum(root_count, root_error) * float(scale))
        self.underflow_square = r.tiny * float(c2) if corrects else 0.0
        lost = float(np.sqrt(r.tiny))
        if self.eps and lost <= r.u * float(self.eps[0]) * NEGLIGIBLE:
            self.underflow_square, self.eps = 0.0, (self.eps[0], self.eps[1] + 2 * lost)

    def _then_sum(self, count: Count, error: float) -> float:
        """The relative error of those roundings; where an epsilon is added to the root, of that sum as well."""
        return self.between.relative(count + (counts.SUM if self.eps else NOTHING), error)

    def _lost(self, scalar: Scalar) -> float:
        """What casting a scalar loses by underflow, on top of a rounding."""
        return max(0.0, scalar.cast - self.between.cast)

    def _epsilon(self, eps: Scalar, scale: Any, *, error: float | None) -> tuple[Any, float]:
        """Epsilon in the scale of the corrected denominator as it is added there, and how far it may be off.

        `scale` is what the correction divides by.  The dialect adds epsilon before it, so that it is divided too (and
        `error` is that of the scale), or after (`None`); a target may do it the other way with epsilon rescaled
        (theorem T1).  Where that is subnormal in the target's format, or as it is, it loses what underflow takes.  The
        sum that it enters is counted here too.
        """
        r = self.between
        exact = eps.cast == 0 and eps.value >= r.target.smallest_normal and not self.corrects_v
        count = NOTHING if exact else counts.FOLDED_EPSILON if self.corrects_v else counts.EPSILON
        value = eps.value if error is None else eps.value / scale
        off = float(value) * r.relative(count + counts.SUM, eps.error, error or 0.0)
        if eps.value * scale < r.target.smallest_normal:
            off = min(off + float(r.tiny / scale) * (1 + r.relative(counts.SUM)), float(value) + off)
        return value, off

    def denominator(self, v: Interval) -> Interval:
        """`sqrt(v/c2) + eps`, or where else the dialect puts epsilon; where it may be 0, so may its box."""
        if self.underflow_square:
            v = v.widen(np.minimum(self.underflow_square, v.size + v.below)).clipped()
        if self.under:
            v = v.scaled(*self.square)
            for eps, off in self.under:
                v = v.relative(self.between.sum).plus(eps, off).clipped()
        root = v.root().scaled(*self.root)
        if not v.symmetric:
            root = root.clipped()
        return root.plus(*self.eps) if self.eps else root

    # The parameter

    def _prepare_step_size(self) -> None:
        s, r = self.s, self.between
        lr, c1 = float(s.lr.value), float(s.c1.value)
        scaling = r.first_order(product_with(s.lr), s.lr.cast)
        if self.corrects_v:
            folded = lr * float(np.sqrt(s.c2.value))
            lost = cast_error(folded, self.numerics.accuracy, r.target) - r.cast if lr else 0.0
            scaling = max(scaling, r.first_order(counts.FOLDED_ROOT, lost))
        rest = counts.QUOTIENT
        if not s.c1.is_one:
            rest += counts.MOMENT_CORRECTION
        if not s.decay.is_zero:
            rest += counts.DECAY_IN_STEP
        largest_denominator = 2 * (r.largest**0.5 + float(s.eps.value))
        errors = s.lr.error, s.c1.error, self._lost(s.c1)
        relative = r.excess(scaling + r.first_order(rest, *errors)) + r.tiny * largest_denominator
        factor = s.lr.value / s.c1.value
        self.factor = (factor, float(factor) * relative)
        self.largest_numerator = self.largest_m / lr if lr > 1 else np.inf
        self.limit_step = float(factor) * relative * r.largest / 8
        self.underflow_numerator = self.underflow_step = 0.0
        if lr:
            least = min(1.0, float(np.sqrt(s.c2.value)))
            self.underflow_numerator = r.tiny * (max(c1, 1 / lr / least) + c1 / lr / least) if least else 0.0
            self.underflow_step = r.tiny * (1 + float(factor)) + (0.0 if r is self.last else self.last.tiny)

    def step_size(self, m: Interval, denominator: Interval, moving: Mask) -> Interval:
        """`lr * m_hat / D`: the corrections and lr folded or not, a quotient or a product with the reciprocal.

        Where m is exactly zero so is the step, for every eps > 0: an eps that underflows to 0/0 is no admissible way to
        hold it (clause SPE-1).  That needs a denominator of which something is known.  Where lr > 1 and a numerator
        with it may overflow, nothing is known.
        """
        step = m.widen(self.underflow_numerator * moving).divided(denominator)
        if self.largest_numerator < np.inf:
            step = step.widen(np.where(m.size + m.above > self.largest_numerator, np.inf, 0))
        if moving is not EVERYWHERE and not self.s.eps.is_zero:
            step = step.where(moving | np.isinf(denominator.below))
        step = step.scaled(*self.factor).widen(self.underflow_step * moving)
        if step.within(self.limit_step):
            return step
        return step.overflowing(self.between.largest)

    def parameter(self, theta: Interval, step: Interval, moving: Mask) -> Interval:
        """`theta - step`, after decoupled or absolute decay of theta; exact where the step is zero, as for lr = 0."""
        present = _present(theta)
        if not self.s.decay.is_zero:
            underflow = counts.UNDERFLOWS_DECAY * self.last.tiny * max(1.0, float(self.s.lr.value))
            theta = theta.scaled(*self.keep).widen(underflow * present)
        after = self._rounded(theta - step, NOWHERE if self.s.lr.is_zero else _both(present, moving), self.last)
        return _unmoved(theta, step, after) if self.numerics.stochastic and self.s.decay.is_zero else after

    @cached_property
    def keep(self) -> tuple[Any, float]:
        """What decay multiplies theta by, and how far it may be off: 1 - lambda' as a factor, or as a term.

        The term lambda'*theta is formed with one scalar or with two, and taken from theta: then the sum rounds what is
        kept.  Or it is added to the step, before lr multiplies both: then it is rounded itself, and nothing else.
        """
        r = self.last
        s = self.s
        if self.numerics.stochastic:  # between, some scalars are cast to a narrower format than here
            s = scalars(self.hyper, self.dialect, self.t, self.numerics.accuracy, r.target, self.numerics.work)
        keep, decay = float(s.keep.value), float(s.decay.value)
        factor = keep * r.relative(product_with(s.keep), s.keep.cast, s.keep.error)
        scalars_of_term = [s.weight_decay] if self.dialect.weight_decay == "absolute" else [s.lr, s.weight_decay]
        term = r.first_order(NOTHING, s.decay.error, *(r.first_order(product_with(x), x.cast) for x in scalars_of_term))
        alone = decay * r.excess(term) * (1 + r.sum) + keep * r.sum if decay else 0.0
        inside = decay * r.excess(term + r.first_order(counts.DECAY_IN_STEP_TERM))
        return s.keep.value, max(factor, alone, inside)

    # Sums

    def _rounded(self, total: Interval, both: Mask, r: Rounding) -> Interval:
        """A sum, rounded where both terms are not exactly zero; exact in the subnormal range unless that is flushed."""
        total = total.relative(r.sum if both is EVERYWHERE else r.sum * both + r.own)
        if r.underflow_sum:
            total = total.widen(r.underflow_sum * both)
        if total.within(r.largest / 16) and below(total.size, r.largest / 16):
            return total
        return total.overflowing(r.largest)


NEGLIGIBLE = 2.0**-12
"""An absolute error that is this far below a roundoff of what it is added to is added as it is, for every element."""

EVERYWHERE, NOWHERE = 1.0, 0.0


def _unmoved(theta: Interval, step: Interval, after: Interval) -> Interval:
    """The boxes `after` a step; where that is exactly zero, those before it, without what our own arithmetic is paid.

    Moved outward to the next number of a format (`Interval.outward`), as little as that would become a whole spacing.
    """
    still = (step.size == 0) & (step.below == 0) & (step.above == 0)
    parts = ((theta.at, after.at), (theta.below, after.below), (theta.above, after.above))
    return Interval(*(np.where(still, before, now) for before, now in parts))


def _present(box: Interval) -> Mask:
    """Where the boxes are not exactly zero."""
    if every(box.below) or every(box.size):
        return EVERYWHERE
    return (box.size != 0) | (box.below != 0)


def _both(a: Mask, b: Mask) -> Mask:
    return b if a is EVERYWHERE else a if b is EVERYWHERE else a & b


def _either(a: Mask, box: Interval) -> Mask:
    """Where `a`, or where `box` is not exactly zero."""
    if a is EVERYWHERE:
        return EVERYWHERE
    present = _present(box)
    return EVERYWHERE if present is EVERYWHERE else a | present
