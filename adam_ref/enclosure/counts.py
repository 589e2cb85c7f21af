"""How many roundings an admissible evaluation may take, and where: the constants of the enclosure, each justified.

Theorem T15 proves that the recursion with these counts contains every admissible evaluation; it takes them from here.
Three things can round, and a `Count` says how often each does:

* an operation on tensors: a factor `1 + d` with `abs(d) <= u` of the target's format, and where the result is
  subnormal an absolute error of at most `Format.underflow`;
* the cast of a scalar to the target's format, another such factor; none where the format holds the scalar exactly;
* an operation between scalars, in the format of the accuracy class (sqrt(c2), lr/c1, 1/c1, eps*sqrt(c2)).

Exact operations take none: products with 0, 1 and powers of two, sums with an exact 0.  Fused multiply-add and wider
intermediates round less often than what is counted.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Count:
    """Roundings of operations on tensors, of casts of scalars, and of operations between scalars.

    Of those on tensors, `quotients` are divisions and `roots` are square roots: fast-math has those less exactly.
    """

    tensor: float = 0
    cast: float = 0
    scalar: float = 0
    quotients: float = 0
    roots: float = 0

    def __add__(self, other: Count) -> Count:
        return Count(
            self.tensor + other.tensor,
            self.cast + other.cast,
            self.scalar + other.scalar,
            self.quotients + other.quotients,
            self.roots + other.roots,
        )


NOTHING = Count()

SUM = Count(1)
"""Adding two terms that are not exactly zero."""

PRODUCT = Count(1)
"""Multiplying by a scalar that is not 0, 1 or another power of two (its cast is counted with the scalar)."""

SQUARE = Count(1)
"""Forming g*g, or the second of the two products in (w*g)*g."""

MODULUS = Count(5)
"""The square of a complex gradient: re^2 + im^2 takes 2; abs(g)*abs(g) twice the 2 of a hypot within 1 ulp, and 1."""

DIFFERENCE = Count(1)
"""The inner difference of the lerp form `m + w*(g - m)`."""

ROOT = Count(1, roots=1)
"""A correctly rounded square root."""

CORRECTED_SQUARE = Count(1, 1, 1, quotients=1)
"""v_hat = v/c2 (AMSGrad on v_hat, epsilon under the root): the cast of c2 or 1/c2, the quotient or product."""

CORRECTED_ROOT = Count(2, 1.5, 2, quotients=1, roots=1)
"""sqrt(v_hat).

Through the root: sqrt(v) and the quotient by sqrt(c2), 2.  For sqrt(c2): its cast, 1; or the root in the target's
format of c2 cast, 1 and half of 1; or both it and its reciprocal between scalars.  Through the square:
`CORRECTED_SQUARE` counts half under the root, the root 1: less.
"""

MOMENT_CORRECTION = Count(1, 1, 1, quotients=1)
"""m/c1: the cast of c1 or 1/c1, the quotient or product.

Folded, (lr/c1)*m takes less: one quotient between scalars, then a cast and a product for both.
"""

FOLDED_ROOT = Count(1, 1, 2)
"""lr*sqrt(c2) in the place of lr (theorem T1): a root and a product between scalars, a cast, a product."""

FOLDED_EPSILON = Count(0, 1, 1)
"""eps*sqrt(c2) (theorem T1), or eps/sqrt(c2): one operation between scalars; then as epsilon alone."""

EPSILON = Count(0, 1)
"""Epsilon rounded in the format: its cast, or the sum 0 + eps."""

QUOTIENT = Count(2, quotients=1)
"""Numerator over denominator: one rounding as a quotient, two as a product with the rounded reciprocal."""

DECAY_IN_STEP = Count(1)
"""Decay added to the step before lr multiplies both, lr*(m_hat/D + lambda*theta): the sum, as it rounds the step."""

DECAY_IN_STEP_TERM = Count(1)
"""The same sum, as it rounds the decay."""

NARROWED = Count(1)
"""Storing a moment in a narrower format than the gradient's (or casting the gradient to it): no term is exact then."""

FAST_QUOTIENT = 3
"""Roundings more that a quotient takes in fast-math: CUDA's manual states 2 ulps, 4 roundings in the place of 1."""

FAST_ROOT = 1
"""Roundings more that a root takes in fast-math: CUDA's manual states 2^-23 in float32, 2 in the place of 1."""

UNDERFLOWS_FIRST = 2
"""Results in m' that may be subnormal: the products beta1*m and w1*g (of the lerp form only one)."""

UNDERFLOWS_SECOND = 4
"""Results in v' that may be subnormal: beta2*v, g*g (then times w2 <= 1), its product with w2; or (w2*g)*g, whose inner
product comes with a factor abs(g) <= (1 + g^2)/2.  The half of g^2 is `UNDERFLOW_SQUARE`."""

UNDERFLOW_SQUARE = 0.5
"""See `UNDERFLOWS_SECOND`."""

FLUSHES_FIRST = 5
"""Where subnormals flush: both products, the sum, the difference of the lerp form, and g read as 0."""

FLUSHES_SECOND = 6
"""Where subnormals flush: as `UNDERFLOWS_SECOND`, the sum, and the difference of the lerp form.

Of these two counts, a complex gradient that is squared by its modulus takes twice as many: one for each part, and the
sum or the hypot less than one of those.
"""

UNDERFLOWS_DECAY = 4
"""Results in the decay of theta that may be subnormal: lambda*theta (times lr, which may be above 1),
lr*(lambda*theta), and sums where they flush."""

OWN = 8
"""Roundings of our own arithmetic in the longest formula that one widening pays for, in the working dtype."""
