"""The enclosure: for every element and step an interval that contains each admissible floating-point evaluation.

One step of the recursion carries boxes for theta, m, v (and AMSGrad's maximum) through Algorithm 1 and widens each by
what the roundings of `counts` can do.  Where several orders of evaluation are admissible the widening is the largest of
theirs, element by element.  Proof: theorem T15.  Words and reasons: specs/adam.md, chapter "enclosure".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from adam_ref.arrays import Array, as_reals, checked_gradient, checked_parameter, map_blocks
from adam_ref.dialect import ADAM, Dialect
from adam_ref.enclosure import counts
from adam_ref.enclosure.accuracy import CLASS_A, ROUNDING_UP, AccuracyClass, Scalar, Scalars, scalars
from adam_ref.enclosure.interval import Interval, working_dtype
from adam_ref.formats import Format
from adam_ref.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class Numerics:
    """What the target computes in: the parameter's format, those of its moments, and how it holds the scalars.

    A moment's format is the parameter's unless it is declared or was seen to be another one.
    """

    parameter: Format
    first_moment: Format
    second_moment: Format
    accuracy: AccuracyClass = CLASS_A

    @classmethod
    def uniform(cls, target: Format, accuracy: AccuracyClass = CLASS_A) -> Numerics:
        """Everything in one format."""
        return cls(target, target, target, accuracy)

    @property
    def work(self) -> np.dtype[Any]:
        """The dtype the boxes are computed in."""
        return max((working_dtype(f) for f in (self.parameter, self.first_moment, self.second_moment)), key=_digits)


def _digits(dtype: np.dtype[Any]) -> int:
    return int(np.finfo(dtype).nmant)


@dataclass(frozen=True)
class Enclosure:
    """Boxes for one parameter tensor after `t` steps, each of shape (n,) or, if complex, (n, 2); `like` has its shape."""

    t: int
    theta: Interval
    m: Interval
    v: Interval
    v_max: Interval
    like: Array


def start(parameter: Any, numerics: Numerics) -> Enclosure:
    """The enclosure before the first step: the parameter itself, moments exactly zero.

    Args:
        parameter: floating or complex array of any shape, holding numbers of the target's format.
        numerics: the formats and the accuracy class of the target.

    """
    theta = checked_parameter(parameter)
    point = Interval.point(as_reals(theta), numerics.work)
    zero = Interval.point(np.zeros_like(point.lo), numerics.work)
    return Enclosure(0, point, zero, zero, zero, theta)


def advance(
    enclosure: Enclosure, gradient: Any, hyper: Hyperparameters, numerics: Numerics, dialect: Dialect = ADAM
) -> Enclosure:
    """The enclosure one step later.

    Args:
        enclosure: what `start` or `advance` returned.
        gradient: array of the parameter's shape; NaN and infinity make their own element undecided.
        hyper: hyperparameters of this step.
        numerics: as given to `start`.
        dialect: the variant of Adam.

    """
    g = as_reals(checked_gradient(gradient, enclosure.like)).astype(numerics.work)
    t = enclosure.t + 1
    boxes = (enclosure.theta, enclosure.m, enclosure.v, enclosure.v_max)
    ends = [end for box in boxes for end in (box.lo, box.hi)]
    with np.errstate(all="ignore"):
        after = map_blocks(_advance_block, [*ends, g], t, hyper, numerics, dialect, block=BLOCK)
    theta, m, v, v_max = (Interval(lo, hi) for lo, hi in zip(after[::2], after[1::2], strict=True))
    return Enclosure(t, theta, m, v, v_max, enclosure.like)


BLOCK = 4096
"""Elements walked at a time: some forty temporaries of this size stay in a core's own cache."""


def _advance_block(*given: Any) -> tuple[Array, ...]:
    *ends, g, t, hyper, numerics, dialect = given
    theta, m, v, v_max = (Interval(lo, hi).unsettled() for lo, hi in zip(ends[::2], ends[1::2], strict=True))
    after = _Step(t, hyper, numerics, dialect).boxes(theta, m, v, v_max, g)
    return tuple(end for box in map(Interval.settled, after) for end in (box.lo, box.hi))


class _Rounding:
    """Radii of what roundings in one format can do, with the surplus for our own arithmetic."""

    def __init__(self, target: Format, work: np.dtype[Any]) -> None:
        self.target = target
        self.u = target.roundoff
        self.tiny = target.underflow
        self.own = float(counts.OWN * np.finfo(work).eps / 2)
        self.smallest = math.ulp(0.0) if target.underflow <= math.ulp(0.0) else 0.0
        """What a float64 radius may lose itself by underflow; of interest where the target is float64."""

    def radius(self, roundings: float, error: float = 0.0) -> float:
        """The relative error of that many roundings and of scalars that are off by `error`, with ours."""
        small = self.u * roundings + error
        return small * (1 + small) * ROUNDING_UP + self.own

    def relative(self, box: Interval, roundings: float, error: float = 0.0) -> Interval:
        """`box` after that many roundings."""
        return box.widen(self.radius(roundings, error) * box.size + self.smallest)


class _Step:
    """One step of the recursion: the scalars of step `t`, and the boxes in the order of Algorithm 1."""

    def __init__(self, t: int, hyper: Hyperparameters, numerics: Numerics, dialect: Dialect) -> None:
        self.hyper, self.dialect = hyper, dialect
        self.work = numerics.work
        self.theta = _Rounding(numerics.parameter, self.work)
        self.first = _Rounding(numerics.first_moment, self.work)
        self.second = _Rounding(numerics.second_moment, self.work)
        self.for_theta = self._scalars(t, numerics, numerics.parameter)
        self.for_first = self._scalars(t, numerics, numerics.first_moment)
        self.for_second = self._scalars(t, numerics, numerics.second_moment)

    def _scalars(self, t: int, numerics: Numerics, target: Format) -> Scalars:
        return scalars(self.hyper, self.dialect, t, numerics.accuracy, target, self.work)

    def boxes(
        self, theta: Interval, m: Interval, v: Interval, v_max: Interval, g: Array
    ) -> tuple[Interval, Interval, Interval, Interval]:
        """theta, m, v, v_max after the step."""
        gradient = self.gradient(theta, g)
        m = self.first_moment(m, gradient)
        v = self.second_moment(v, gradient)
        v_hat, v_max = self.corrected(v, v_max)
        return self.parameter(theta, self.step_size(m, self.denominator(v_hat))), m, v, v_max

    def gradient(self, theta: Interval, g: Array) -> Interval:
        """The gradient, with maximize and coupled decay: the product `lambda*theta`, then a sum."""
        box = Interval.point(-g if self.hyper.maximize else g, self.work)
        r, decay = self.theta, self.for_theta.weight_decay
        if r.target.flush_to_zero:
            box = self._flushed(box)
        if self.dialect.weight_decay != "coupled" or decay.is_zero:
            return box
        present = theta.size > 0
        pull = theta * decay.value
        pull = pull.widen(r.radius(decay.roundings, decay.error) * pull.size + r.tiny * present)
        return self._sum(box, pull, (box.size > 0) & present)

    def first_moment(self, m: Interval, g: Interval) -> Interval:
        """`beta1*m + (1 - beta1)*g`: as a multiply-add, or as a lerp (torch: from the end with the larger weight)."""
        s, r, u = self.for_first, self.first, self.first.u
        before, new = m * s.beta1.value, g * s.w1.value
        old, now, distance = m.size, g.size, (g - m).size
        had, has = old > 0, now > 0
        beta1, w1 = float(s.beta1.value), float(s.w1.value)
        terms = (u * s.beta1.roundings) * beta1 * old + (u * s.w1.roundings) * w1 * now
        near = (u * (s.w1.roundings + counts.DIFFERENCE)) * w1
        if beta1 <= 0.5:
            near = max(near, (u * (s.beta1.roundings + counts.DIFFERENCE)) * beta1)
        total: Interval = before + new
        error = np.where(had, np.maximum(terms, near * distance) + (u * counts.SUM) * total.size, terms)
        ours = (s.beta1.error + r.own) * beta1 * old + (s.w1.error + r.own) * w1 * now
        products = r.tiny * had + r.tiny * has
        box = total.widen(error * (1 + r.radius(4)) + ours + products + self._flush(r, had & has))
        crossing = had & (distance > r.target.largest)
        if crossing.any():
            box = Interval(np.where(crossing, -np.inf, box.lo), np.where(crossing, np.inf, box.hi))
        return box.overflowing(r.target)

    def second_moment(self, v: Interval, g: Interval) -> Interval:
        """`beta2*v + (1 - beta2)*g^2`: as a multiply-add, or as a lerp from the end with the larger weight.

        All terms have one sign, so unlike m the result is never smaller than what is rounded: lerp from the other end
        would lose v where it falls quickly (beta2 < 1/2), and is not admissible there.
        """
        s, r, u = self.for_second, self.second, self.second.u
        square, roundings = self._square(g)
        old, now = v.size, square.size
        had, has = old > 0, now > 0
        beta2, w2 = float(s.beta2.value), float(s.w2.value)
        terms = (u * s.beta2.roundings) * beta2 * old + (u * (s.w2.roundings + roundings)) * w2 * now
        near, weight = (s.w2.roundings, w2) if beta2 >= 0.5 else (s.beta2.roundings, beta2)
        lerp = (u * (near + counts.DIFFERENCE) * weight) * (square - v).size + (u * roundings * w2) * now
        total: Interval = v * s.beta2.value + square * s.w2.value
        error = np.where(had, np.maximum(terms, lerp) + (u * counts.SUM) * total.size, terms)
        ours = (s.beta2.error + r.own) * beta2 * old + (s.w2.error + r.own) * w2 * now
        products = r.tiny * had + r.tiny * (1 + w2 + g.size) * has
        box = total.widen(error * (1 + r.radius(4)) + ours + products + self._flush(r, had & has)).clipped()
        crossing = now > r.target.largest
        if crossing.any():
            box = Interval(box.lo, np.where(crossing, np.inf, box.hi))
        return box.overflowing(r.target)

    def _square(self, g: Interval) -> tuple[Interval, int]:
        square = g.squared()
        if self.dialect.complex_square == "modulus" and square.lo.ndim == 2:
            lo, hi = (np.broadcast_to(end.sum(-1, keepdims=True), end.shape) for end in (square.lo, square.hi))
            return Interval(lo, hi), counts.SQUARE + counts.MODULUS
        return square, counts.SQUARE

    def corrected(self, v: Interval, v_max: Interval) -> tuple[Interval, Interval]:
        """`v_hat` before any rounding of its own, and the maximum so far."""
        c2 = self.for_second.c2
        if not self.hyper.amsgrad:
            return v / c2.value, v_max
        if self.dialect.amsgrad == "raw":
            v_max = v_max.maximum(v)
            return v_max / c2.value, v_max
        v_hat = v / c2.value
        if not c2.is_one:
            v_hat = self.second.relative(v_hat, counts.CORRECTED_SQUARE, c2.error).clipped()
        v_max = v_max.maximum(v_hat.overflowing(self.second.target))
        return v_max, v_max

    def denominator(self, v_hat: Interval) -> Interval:
        """The root with the dialect's epsilon; 0 is in the box where epsilon may underflow and v_hat may be 0."""
        s, r = self.for_theta, self.theta
        inside = self.dialect.epsilon.startswith("inside")
        c2_error = 0.0 if self.hyper.amsgrad and self.dialect.amsgrad == "corrected" else s.c2.error
        correcting = 0 if s.c2.is_one else 1
        v_hat = v_hat.widen(r.tiny * correcting * (v_hat.size > 0))
        under = [self._epsilon(s.eps_root, folded=False)] if not s.eps_root.is_zero else []
        if inside:
            under.append(self._epsilon(s.eps, folded=self.dialect.epsilon == "inside-raw"))
        if under:
            v_hat = r.relative(v_hat, correcting * counts.CORRECTED_SQUARE, c2_error)
            for epsilon in under:
                v_hat = r.relative(v_hat + epsilon, counts.SUM)
            c2_error = 0.0
        folded = not under or self.dialect.epsilon == "inside-raw"
        roundings = counts.CORRECTED_ROOT if correcting and folded else counts.ROOT
        root = r.relative(v_hat.clipped().root(), roundings, c2_error)
        if inside or s.eps.is_zero:
            return root.clipped()
        return self._sum(root, self._epsilon(s.eps, folded=self.dialect.epsilon == "hat", root=True), root.size > 0)

    def _epsilon(self, eps: Scalar, *, folded: bool, root: bool = False) -> Interval:
        """Epsilon as the target may hold it, in the scale of the corrected denominator.

        `folded`: the dialect adds it before the correction, so that it is divided by c2 (`root`: by the root of c2).
        It is rounded in the format, where it may underflow, either as it is or times the correction (theorem T1).
        """
        r, c2 = self.theta, self.for_theta.c2
        scale = np.sqrt(c2.value) if root else c2.value
        subnormal = eps.value * scale < r.target.smallest_normal
        exact = eps.cast == 0 and (c2.is_one or not (folded or subnormal))
        box = Interval.point(eps.value / scale if folded else eps.value, self.work)
        error = eps.error + (c2.error if folded else 0.0)
        tiny = 0.0 if exact or not subnormal else float(r.tiny / scale) * (1 + c2.error) * ROUNDING_UP
        return r.relative(box, 0 if exact else 1, error).widen(np.asarray(tiny)).clipped()

    def step_size(self, m: Interval, denominator: Interval) -> Interval:
        """`lr * m_hat / D`: the corrections and lr folded or not, a quotient or a product with the reciprocal.

        A numerator that underflows is off by `tiny`.  With the root of c2 folded into it (theorem T1) the denominator
        is smaller by that root, and the error that much larger.  Where m is exactly zero so is the step, for every
        eps > 0: an eps that underflows to 0/0 is no admissible way to hold it (clause SPE-1).
        """
        s, r = self.for_theta, self.theta
        moving = m.size > 0
        corrected = 0 if s.c1.is_one else counts.MOMENT_CORRECTION
        scaled = max(s.lr.roundings, 0 if s.c2.is_one or corrected else counts.FOLDED)
        decaying = 0 if s.decay.is_zero else counts.DECAY_IN_STEP
        factor = float(s.lr.value / s.c1.value)
        numerator = m * (s.lr.value / s.c1.value)
        amplified = max(float(s.lr.value), 1 / float(s.c1.value)) + float(s.c2.value) ** -0.5
        numerator = numerator.widen(r.tiny * amplified * moving)
        step: Interval = numerator.divided(denominator)
        if not s.eps.is_zero:
            still = ~moving & (m.lo == m.hi)
            step = Interval(np.where(still, 0.0, step.lo), np.where(still, 0.0, step.hi)) if still.any() else step
        radius = r.radius(scaled + corrected + counts.QUOTIENT + decaying, s.lr.error + s.c1.error)
        step = step.widen(radius * step.size + r.tiny * (1 + factor + numerator.size) * moving)
        return step.overflowing(r.target)

    def parameter(self, theta: Interval, step: Interval) -> Interval:
        """`theta - step`, after decoupled or absolute decay of theta."""
        s, r = self.for_theta, self.theta
        present = theta.size > 0
        if not s.decay.is_zero:
            shrink = max(s.keep.roundings * float(s.keep.value), counts.DECAY_TERM * float(s.decay.value))
            error = s.keep.error * float(s.keep.value) + s.decay.error * float(s.decay.value)
            radius = r.radius(shrink, error) * theta.size + 2 * r.tiny * present
            theta = (theta * s.keep.value).widen(radius)
        return self._sum(theta, -step, present & (step.size > 0))

    def _sum(self, a: Interval, b: Interval, both: Array) -> Interval:
        """`a + b`, rounded where both are not exactly zero."""
        r = self.theta
        total = a + b
        radius = (r.radius(counts.SUM) * both + r.own) * total.size + (r.smallest * both + self._flush(r, both))
        return total.widen(radius).overflowing(r.target)

    def _flush(self, r: _Rounding, where: Array) -> Array | float:
        """Sums of normal numbers are exact in the subnormal range, except where it is flushed."""
        return np.asarray(r.tiny * where) if r.target.flush_to_zero else 0.0

    def _flushed(self, box: Interval) -> Interval:
        """Inputs too may be read as zero where they are subnormal."""
        small = box.size < self.theta.target.smallest_normal
        return Interval(np.where(small, np.minimum(box.lo, 0), box.lo), np.where(small, np.maximum(box.hi, 0), box.hi))
