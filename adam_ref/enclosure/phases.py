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
from adam_ref.enclosure.accuracy import Scalar, Scalars, cast_error, scalars
from adam_ref.enclosure.counts import NOTHING, PRODUCT, Count
from adam_ref.enclosure.interval import Interval
from adam_ref.enclosure.numerics import Numerics, Rounding
from adam_ref.formats import Format
from adam_ref.hyperparameters import Hyperparameters

Mask = Any
"""1.0 where every element is meant, else an array of bool."""


class Boxes(NamedTuple):
    """The boxes of one parameter tensor."""

    theta: Interval
    m: Interval
    v: Interval
    v_max: Interval

    def part(self, part: slice) -> Boxes:
        """The boxes of some of the elements."""
        return Boxes(self.theta[part], self.m[part], self.v[part], self.v_max[part])


class Weights(NamedTuple):
    """Of a moment's update: the weights of the old value and of the new term, and how far each may be off."""

    old: Any
    off_old: float
    new: Any
    off_new: float
    largest: float
    """What the box may not cross without admitting an infinity."""

    @property
    def limit(self) -> float:
        """While the radius stays below it, nothing comes near `largest`."""
        return min((off for off in (self.off_old, self.off_new) if off), default=0.0) * self.largest / 8


@lru_cache(maxsize=4096)
def step_of(t: int, hyper: Hyperparameters, numerics: Numerics, dialect: Dialect) -> Step:
    """The step numbered `t`; nothing about it depends on the arrays."""
    return Step(t, hyper, numerics, dialect)


class Step:
    """The scalars of step `t` with their errors, and the phases."""

    def __init__(self, t: int, hyper: Hyperparameters, numerics: Numerics, dialect: Dialect) -> None:
        self.t, self.hyper, self.dialect = t, hyper, dialect
        self.work, self.accuracy = numerics.work, numerics.accuracy
        self.theta, self.first, self.second = (Rounding(f, numerics) for f in numerics.formats)
        self.between = Rounding(numerics.between, numerics)
        self.mixed = numerics.between != numerics.parameter

        def scalars_for(target: Format) -> Scalars:
            return scalars(hyper, dialect, t, numerics.accuracy, target, self.work)

        self.s = scalars_for(numerics.between)
        self.squares = 2 if dialect.complex_square == "modulus" else 1
        self.corrects_v = not self.s.c2.is_one
        self.weights_m = self._first_weights(scalars_for(numerics.first_moment))
        self.weights_v = self._second_weights(scalars_for(numerics.second_moment))
        self._prepare_denominator()
        self._prepare_step_size()

    def boxes(self, before: Boxes, g: Array) -> Boxes:
        """The boxes after the step."""
        gradient = self.gradient(before.theta, g)
        m = self.first_moment(before.m, gradient)
        v = self.second_moment(before.v, gradient)
        v_hat, v_max = self.maximum(v, before.v_max)
        step = self.step_size(m, self.denominator(v_hat))
        return Boxes(self.parameter(before.theta, step), m, v, v_max)

    # The gradient

    def gradient(self, theta: Interval, g: Array) -> Interval:
        """The gradient, with maximize and coupled decay: the product `lambda*theta`, then a sum."""
        box = Interval.point(-g if self.hyper.maximize else g, self.work)
        decay = self.s.weight_decay
        if self.dialect.weight_decay != "coupled" or decay.is_zero:
            return box
        r, present = self.theta, _present(theta)
        pull = theta.scaled(decay.value, float(decay.value) * r.relative(_product(decay), decay.cast, decay.error))
        return self._sum(box, pull.widen(r.tiny * present), _both(_present(box), present), r)

    # The moments

    def _weights(self, r: Rounding, keep: Scalar, take: Scalar, new: Count, *, smaller: bool, c: Scalar) -> Weights:
        """The weights of `keep*old + take*new`, where forming the new term takes the roundings `new`.

        Either a multiply-add; or a lerp from the old value, `old + take*(new - old)`; or one from the new value,
        `new - keep*(new - old)` with `keep` or `1 - take`.  `smaller`: a lerp goes from the old value only where its
        weight is the smaller one.  The difference is at most `abs(old) + abs(new)`, so that its error is one of both
        weights.  At the first step the old value is exactly zero: there is no difference, and only the lerp from the
        new value has a sum.
        """
        first, k, w, e = self.t == 1, float(keep.value), float(take.value), r.relative(new)
        difference = NOTHING if first else counts.DIFFERENCE
        off_old = k * r.relative(_product(keep), keep.cast, keep.error)
        off_new = w * r.relative(_product(take) + new, take.cast, take.error)
        if k >= 0.5 or not smaller:
            lerp = w * r.relative(_product(take) + difference, take.cast, take.error) * (1 + e)
            off_old, off_new = max(off_old, lerp), max(off_new, lerp + w * e)
        if 0 < k < 0.5 or (k == 0.5 and not first):
            lerp = (
                k * r.relative(_product(keep) + difference, keep.cast, keep.error) + w * (take.cast + take.error)
            ) * (1 + e)
            total = r.sum * (w + lerp) if first else 0.0
            off_old, off_new = max(off_old, lerp), max(off_new, lerp + w * e + total)
        if not first:
            off_old, off_new = off_old + r.sum * (k + off_old), off_new + r.sum * (w + off_new)
        largest = r.target.largest * min(1.0, float(c.value)) * (1 - 8 * r.u)
        return Weights(keep.value, off_old, take.value, off_new, largest)

    def _first_weights(self, s: Scalars) -> Weights:
        r = self.first
        return self._weights(r, s.beta1, s.w1, self._narrowed(r), smaller=False, c=s.c1)

    def _second_weights(self, s: Scalars) -> Weights:
        """All terms have one sign, so unlike m the result is never smaller than what is rounded.

        A lerp from the old value would lose v where that falls quickly (beta2 < 1/2), and is not admissible there.
        """
        r = self.second
        square = (counts.SQUARE if self.squares == 1 else counts.MODULUS) + self._narrowed(r)
        weights = self._weights(r, s.beta2, s.w2, square, smaller=True, c=s.c2)
        return weights._replace(off_new=weights.off_new + self.squares * counts.UNDERFLOW_SQUARE * r.tiny)

    def _narrowed(self, r: Rounding) -> Count:
        return counts.NARROWED if r.target.precision < self.theta.target.precision else NOTHING

    def first_moment(self, m: Interval, g: Interval) -> Interval:
        """`beta1*m + (1 - beta1)*g`; at the first step m is exactly zero, and there is no sum.

        Where the difference of the lerp form may overflow, nothing is known.
        """
        w, r = self.weights_m, self.first
        present = _either(_present(g), m)
        count = counts.FLUSHES_FIRST if r.target.flush_to_zero else counts.UNDERFLOWS_FIRST
        box = (m.scaled(w.old, w.off_old) + g.scaled(w.new, w.off_new)).widen(count * r.tiny * present)
        if (box.below <= w.limit).all() and box.symmetric:
            return box
        if self.t > 1:
            reach = m.size + m.above + g.size + g.above
            box = box.widen(np.where(reach > r.target.largest, np.inf, 0))
        return box.overflowing(w.largest)

    def second_moment(self, v: Interval, g: Interval) -> Interval:
        """`beta2*v + (1 - beta2)*g^2`."""
        w, r = self.weights_v, self.second
        square, given = self._square(g)
        present = _either(given, v)
        count = self.squares * (counts.FLUSHES_SECOND if r.target.flush_to_zero else counts.UNDERFLOWS_SECOND)
        box = (v.scaled(w.old, w.off_old) + square.scaled(w.new, w.off_new)).widen(count * r.tiny * present)
        if not (square.size <= r.target.largest / 8).all():
            overflows = square.size + square.above > r.target.largest
            box = Interval(box.at, box.below, box.above + np.where(overflows, np.inf, 0))
        return _within(box, w.limit, w.largest).clipped()

    def _square(self, g: Interval) -> tuple[Interval, Mask]:
        """The square, and where it is not exactly zero."""
        square, present = g.squared(), _present(g)
        if self.squares == 1 or square.at.ndim != 2:
            return square, present
        at, radius = (np.repeat(a.sum(-1, keepdims=True), 2, -1) for a in (square.at, square.below))
        return Interval.ball(at, radius), present if present is EVERYWHERE else present.any(-1, keepdims=True)

    # The denominator

    def maximum(self, v: Interval, v_max: Interval) -> tuple[Interval, Interval]:
        """AMSGrad's maximum so far, and what the denominator is formed from; without AMSGrad that is v."""
        if not self.hyper.amsgrad:
            return v, v_max
        if self.dialect.amsgrad == "corrected" and self.corrects_v:
            r, c2 = self.second, self.s.c2
            off = r.relative(counts.CORRECTED_SQUARE, c2.error)
            v = v.scaled(1 / c2.value, off / float(c2.value)).widen(r.tiny * _present(v))
            v = _within(v, off * r.target.largest / 8, r.target.largest).clipped()
        v_max = v_max.maximum(v)
        return v_max, v_max

    def _prepare_denominator(self) -> None:
        s, r, epsilon = self.s, self.between, self.dialect.epsilon
        corrected_before = self.hyper.amsgrad and self.dialect.amsgrad == "corrected"
        corrects = self.corrects_v and not corrected_before
        inside = epsilon.startswith("inside")
        c2 = s.c2.value if corrects else self.work.type(1)
        square_count, square_error = (counts.CORRECTED_SQUARE, s.c2.error) if corrects else (NOTHING, 0.0)
        root_count, root_error = (counts.CORRECTED_ROOT, s.c2.error / 2) if corrects else (counts.ROOT, 0.0)
        root = np.sqrt(s.c2.value)
        self.eps = None if inside or s.eps.is_zero else self._epsilon(s.eps, root, folded=epsilon == "hat")
        self.under = [] if s.eps_root.is_zero else [self._epsilon(s.eps_root, s.c2.value, folded=False)]
        if inside:
            self.under.append(self._epsilon(s.eps, s.c2.value, folded=epsilon == "inside-raw"))
        if self.under:
            if epsilon == "inside-raw":
                square_count, square_error = NOTHING, 0.0
            else:
                root_count, root_error = counts.ROOT, 0.0
            self.square = (1 / c2, r.relative(square_count, square_error) / float(c2))
            self.root = (self.work.type(1), self._then_sum(root_count, root_error))
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

    def _epsilon(self, eps: Scalar, scale: Any, *, folded: bool) -> tuple[Any, float]:
        """Epsilon in the scale of the corrected denominator as it is added there, and how far it may be off.

        `scale` is what the correction divides by.  The dialect adds epsilon before it (`folded`) or after; a
        target may do it the other way with epsilon rescaled (theorem T1).  Where that is subnormal in the target's
        format, or as it is, it loses what underflow takes.  The sum that it enters is counted here too.
        """
        r = self.between
        exact = eps.cast == 0 and eps.value >= r.target.smallest_normal and not self.corrects_v
        count = NOTHING if exact else counts.FOLDED_EPSILON if self.corrects_v else counts.EPSILON
        value = eps.value / scale if folded else eps.value
        error = eps.error + (self.s.c2.error if folded else 0.0)
        off = float(value) * r.relative(count + counts.SUM, error)
        if eps.value * scale < r.target.smallest_normal:
            off = min(off + float(r.tiny / scale) * (1 + r.relative(counts.SUM)), MOST * float(value) + off)
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
        return root.plus(*self.eps) if self.eps else root

    # The parameter

    def _prepare_step_size(self) -> None:
        s, r = self.s, self.between
        lr, c1 = float(s.lr.value), float(s.c1.value)
        scaling = r.first_order(_product(s.lr), s.lr.cast)
        if self.corrects_v:
            lost = cast_error(lr * float(np.sqrt(s.c2.value)), self.accuracy, r.target) - r.cast if lr else 0.0
            scaling = max(scaling, r.first_order(counts.FOLDED_ROOT, lost))
        rest = counts.QUOTIENT
        if not s.c1.is_one:
            rest += counts.MOMENT_CORRECTION
        if not s.decay.is_zero:
            rest += counts.DECAY_IN_STEP
        largest_denominator = 2 * (float(np.sqrt(r.target.largest)) + float(s.eps.value))
        relative = r.excess(scaling + r.first_order(rest, s.lr.error, s.c1.error)) + r.tiny * largest_denominator
        factor = s.lr.value / s.c1.value
        self.factor = (factor, float(factor) * relative)
        self.lr_above_1 = lr > 1
        self.largest_m = r.target.largest * min(1.0, c1) / max(lr, 1.0) * (1 - 8 * r.u)
        self.limit_step = float(factor) * relative * r.target.largest / 8
        self.underflow_numerator = self.underflow_step = 0.0
        if lr:
            least = min(1.0, float(np.sqrt(s.c2.value)))
            self.underflow_numerator = r.tiny * (max(c1, 1 / lr / least) + c1 / lr / least) if least else 0.0
            self.underflow_step = r.tiny * (1 + float(factor)) + (self.theta.tiny if self.mixed else 0.0)

    def step_size(self, m: Interval, denominator: Interval) -> Interval:
        """`lr * m_hat / D`: the corrections and lr folded or not, a quotient or a product with the reciprocal.

        Where m is exactly zero so is the step, for every eps > 0: an eps that underflows to 0/0 is no admissible way to
        hold it (clause SPE-1).  Where lr > 1 and a numerator with it may overflow, nothing is known.
        """
        present = _present(m)
        numerator = m.widen(self.underflow_numerator * present)
        step = numerator.divided(denominator)
        if self.lr_above_1 and not (m.size + m.above <= self.largest_m).all():
            step = step.widen(np.where(m.size + m.above > self.largest_m, np.inf, 0))
        if present is not EVERYWHERE and not self.s.eps.is_zero:
            step = step.where(present)
        step = step.scaled(*self.factor).widen(self.underflow_step * present)
        return _within(step, self.limit_step, self.between.target.largest)

    def parameter(self, theta: Interval, step: Interval) -> Interval:
        """`theta - step`, after decoupled or absolute decay of theta."""
        present = _present(theta)
        if not self.s.decay.is_zero:
            theta = theta.scaled(*self.keep).widen(counts.UNDERFLOWS_DECAY * self.theta.tiny * present)
        return self._sum(theta, -step, _both(present, _present(step)), self.theta)

    @cached_property
    def keep(self) -> tuple[Any, float]:
        """What decay multiplies theta by, and how far it may be off: 1 - lambda' as a factor, or as a term.

        The term lambda'*theta is formed with one scalar or with two, and taken from theta: then the sum rounds what is
        kept.  Or it is added to the step, before lr multiplies both: then it is rounded itself, and nothing else.
        """
        s, r = self.s, self.theta
        keep, decay = float(s.keep.value), float(s.decay.value)
        factor = keep * r.relative(_product(s.keep), s.keep.cast, s.keep.error)
        scalars_of_term = [s.weight_decay] if self.dialect.weight_decay == "absolute" else [s.lr, s.weight_decay]
        term = r.first_order(NOTHING, s.decay.error, *(r.first_order(_product(x), x.cast) for x in scalars_of_term))
        alone = decay * r.excess(term)
        alone += keep * r.relative(counts.SUM) if decay else 0.0
        inside = decay * r.excess(term + r.first_order(counts.DECAY_IN_STEP_TERM))
        return s.keep.value, max(factor, alone, inside)

    # Sums

    def _sum(self, a: Interval, b: Interval, both: Mask, r: Rounding) -> Interval:
        """`a + b`, rounded where both are not exactly zero; exact in the subnormal range unless that is flushed."""
        total = a + b
        whole = both is EVERYWHERE
        total = total.relative(r.sum if whole else r.sum * both + r.own)
        if r.smallest or r.target.flush_to_zero:
            total = total.widen((r.tiny if r.target.flush_to_zero else r.smallest) * both)
        if (total.size + total.below <= r.target.largest / 8).all() and total.symmetric:
            return total
        return total.overflowing(r.target.largest)


NEGLIGIBLE = 2.0**-12
"""An absolute error that is this far below a roundoff of what it is added to is added as it is, for every element."""

MOST = 1.0
"""An epsilon that underflows loses at most itself."""

EVERYWHERE = 1.0


def _product(scalar: Scalar) -> Count:
    return PRODUCT if scalar.product else NOTHING


def _present(box: Interval) -> Mask:
    """Where the boxes are not exactly zero."""
    if box.below.all() or box.size.all():
        return EVERYWHERE
    return (box.size != 0) | (box.below != 0)


def _both(a: Mask, b: Mask) -> Mask:
    return b if a is EVERYWHERE else a if b is EVERYWHERE else a & b


def _either(a: Mask, box: Interval) -> Mask:
    return EVERYWHERE if a is EVERYWHERE else _or(a, _present(box))


def _or(a: Mask, b: Mask) -> Mask:
    return EVERYWHERE if b is EVERYWHERE else a | b


def _within(box: Interval, limit: float, largest: float) -> Interval:
    """`box`, which may have overflowed where its radius is not below `limit`."""
    if box.symmetric and (box.below <= limit).all():
        return box
    return box.overflowing(largest)
