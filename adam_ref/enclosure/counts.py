"""How many roundings an admissible evaluation may take, and where: the constants of the enclosure, each justified.

Theorem T15 proves that the recursion with these counts contains every admissible evaluation; it takes them from here.
One rounding is a factor `1 + d` with `abs(d) <= u`, and where the result is subnormal an absolute error of at most
`Format.underflow`.  Exact operations take none: products with 0, 1 and powers of two, sums with an exact 0, casting a
scalar that the format holds.  "cast" and "product" below are `Scalar.cast` and `Scalar.product`, each 0 or 1.
"""

from __future__ import annotations

SUM = 1
"""Adding two terms that are not exactly zero: one rounding of the result."""

SQUARE = 1
"""Forming g*g, or the second of the two products in (w*g)*g."""

DIFFERENCE = 1
"""The inner difference of the lerp form `m + w*(g - m)`."""

MODULUS = 2
"""Forming re^2 + im^2: the square is `SQUARE`, the sum one more, and `abs(g)` squared (hypot within 1 ulp) two more."""

ROOT = 1
"""A correctly rounded square root."""

CORRECTED_ROOT = 3
"""sqrt(v_hat) where v is corrected.

Through the root: sqrt(v), the cast of sqrt(c2), the quotient: 3.  Through the square: the cast of c2 (or of 1/c2) and
the quotient (or product) count half under the root, the root one: 2.
"""

CORRECTED_SQUARE = 2
"""v_hat = v/c2 itself (AMSGrad on v_hat, epsilon under the root): the cast of c2 or 1/c2, the quotient or product."""

MOMENT_CORRECTION = 2
"""m/c1: the cast of c1 or 1/c1, the quotient or product.  Folded into lr/c1 the cast is that of the folded number."""

FOLDED = 1
"""lr*sqrt(c2) folded into one number where nothing else is folded with it: its cast, on top of that of the root."""

QUOTIENT = 2
"""Numerator over denominator: one rounding as a quotient, two as a product with the rounded reciprocal."""

DECAY_IN_STEP = 1
"""Decay added to the step before lr multiplies both: lr*(m_hat/D + lambda*theta) takes one more sum."""

DECAY_TERM = 4
"""That decay term by itself: the cast of lambda, its product with theta, the sum, the product with lr."""

OWN = 8
"""Roundings of our own arithmetic in the longest formula that one widening pays for, in the working dtype."""
