"""The operations of `adam_ref.enclosure.interval` on boxes, and the weights of the moments and of decay.

Each radius is a formula here, which tests compare with what the code computes. A lemma says that it is enough for every
value in the boxes, and that there are values for which nothing less would be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import sympy as sp

from adam_ref.theorems.soundness.symbols import A, K, L, Y, b, d, e, eta, excess, o, p, q, r, s, share, sigma, w
from adam_ref.theorems.steps import Defined, Sign, Step, at_least, at_most, bound, equals, rewrite, square_root, total

X = A * sigma
"""A middle of size A."""

Formula = Callable[..., sp.Expr]

# Radii, as the enclosure computes them


def scaled(size_: sp.Expr, radius: sp.Expr, weight: sp.Expr, off: sp.Expr) -> sp.Expr:
    """`Interval.scaled`; `Interval.relative` with weight 1."""
    return radius * (weight + off) + size_ * off


def squared(size_: sp.Expr, radius: sp.Expr) -> sp.Expr:
    """`Interval.squared`."""
    return (2 * size_ + radius) * radius


def rooted(middle: sp.Expr, lower: sp.Expr, radius: sp.Expr) -> sp.Expr:
    """`Interval.root`: `middle` is the root of the middle, `lower` that of the lower end, or 0."""
    return radius / (middle + lower)


def divided(size_: sp.Expr, radius: sp.Expr, divisor: sp.Expr, reach: sp.Expr) -> sp.Expr:
    """`Interval.divided`, of boxes that reach equally far to both sides."""
    return (radius + size_ / divisor * reach) / (divisor - reach)


def after_sum(weight: sp.Expr, off: sp.Expr, e: sp.Expr) -> sp.Expr:
    """`Step._weights`: how far a weight may be off after a sum that rounds by `e`."""
    return off + e * (weight + off)


def of_new(weight: sp.Expr, e: sp.Expr, new: sp.Expr) -> sp.Expr:
    """`Step._weights`: of the new term, whose weight is off by `e` and which itself is by `new`."""
    return weight * e * (1 + new) + weight * new


def of_lerp(keep: sp.Expr, e: sp.Expr, new: sp.Expr) -> sp.Expr:
    """`Step._weights`: of the new term in `new - keep*(new - old)`."""
    return keep * e * (1 + new) + (1 - keep) * new


def of_complement(keep: sp.Expr, e: sp.Expr, cast: sp.Expr) -> sp.Expr:
    """`Step._weights`: of `keep` computed as 1 - take, where take is off by `cast`, the product by `e`."""
    return keep * e + (1 - keep) * cast * (1 + e)


def of_decay(keep: sp.Expr, e: sp.Expr, after: sp.Expr) -> sp.Expr:
    """`Step.keep`: of theta - decay*theta, whose term is off by `e` and whose sum rounds by `after`."""
    return (1 - keep) * e * (1 + after) + keep * after


FORMULAS: dict[str, Formula] = {
    "scaled": scaled,
    "squared": squared,
    "rooted": rooted,
    "divided": divided,
    "after_sum": after_sum,
    "of_new": of_new,
    "lerp": of_lerp,
    "of_complement": of_complement,
    "of_decay": of_decay,
}
"""The formulas by name, as variants change them."""


def between(
    value: sp.Expr,
    middle: sp.Expr,
    radius: sp.Expr,
    why: str,
    *,
    above: sp.Expr,
    below: sp.Expr,
    reached: Mapping[sp.Symbol, sp.Expr],
) -> Step:
    """`middle - radius <= value <= middle + radius`, and at the positions `reached` the value is an end of that.

    What is left at the two ends is shown on `above` and `below`.
    """
    high, lowest = middle + radius, middle - radius
    there = equals(value.subs(reached), high.subs(reached))
    shown = (
        Defined(value),
        Defined(high),
        Defined(lowest),
        Sign(there.rhs - there.lhs, ">=", sp.S.Zero),
        Sign(high - value, ">=", above),
        Sign(value - lowest, ">=", below),
    )
    within = (at_least(value, lowest), at_most(value, high))
    said = within if there.lhs == there.rhs else (*within, there)
    return Step("between", sp.And(*said, evaluate=False), why, shown)


def gap(p: sp.Expr, q: sp.Expr) -> sp.Expr:
    """`1 - p*q`, written so that one sees that it is not negative for p and q between -1 and 1."""
    return ((1 - p) * (1 + q) + (1 + p) * (1 - q)) / 2


def operations(formulas: Mapping[str, Formula]) -> Iterator[Step]:
    """One lemma for each operation on boxes."""
    yield between(
        (w + o * q) * (X + r * p),
        w * X,
        formulas["scaled"](A, r, w, o),
        "Interval.scaled: a product with a weight that may be off, of a value in its box.",
        above=total(A * o * gap(sigma, q), r * w * (1 - p), r * o * gap(p, q)),
        below=total(A * o * gap(sigma, -q), r * w * (1 + p), r * o * gap(p, -q)),
        reached={p: 1, q: 1, sigma: 1},
    )
    yield between(
        (X + r * p) + (Y + s * q),
        X + Y,
        r + s,
        "Interval.__add__ and plus: radii add. A difference is the sum with the other negated.",
        above=total(r * (1 - p), s * (1 - q)),
        below=total(r * (1 + p), s * (1 + q)),
        reached={p: 1, q: 1},
    )
    yield between(
        (X + r * p) ** 2,
        X**2,
        formulas["squared"](A, r),
        "Interval.squared.",
        above=total(2 * A * r * gap(sigma, p), r**2 * gap(p, p)),
        below=total(2 * A * r * gap(sigma, -p), r**2 * (1 + p**2)),
        reached={p: 1, sigma: 1},
    )
    yield from _quotient(formulas["divided"])
    yield from _root(formulas["rooted"])
    yield from _maximum()


def _quotient(divided: Formula) -> Iterator[Step]:
    divisor = L + s
    value = L + s * (1 + q)
    held_back = total(r * (1 - p), s / divisor * A * gap(sigma, -q))
    let_through = total(r * (1 + p), s / divisor * A * gap(sigma, q))
    slack = (r + A / divisor * s) * s * (1 + q)
    yield between(
        (X + r * p) / value,
        X / divisor,
        divided(A, r, divisor, s),
        "Interval.divided: m/d - M/D = ((m - M) + (M/D)*(D - d))/d, and d is at least D less its radius.",
        above=(slack + L * held_back) / (L * value),
        below=(slack + L * let_through) / (L * value),
        reached={p: 1, q: -1, sigma: 1},
    )


def _root(rooted: Formula) -> Iterator[Step]:
    inside = b**2 * (1 - share**2)
    value = b * sp.sqrt(1 + (1 - share**2) * p)
    radius = rooted(b, b * share, inside)
    lower = bound(
        at_most((b - radius) ** 2, value**2),
        "For sqrt(x) - sqrt(x - r) = r/(sqrt(x) + sqrt(x - r)), and no argument is less than the lower end.",
        form=inside * (1 + p),
    )
    upper = bound(
        at_most(value**2, (b + radius) ** 2),
        "The root of the upper end is nearer than that of the lower: the root is concave.",
        form=total(2 * b**2 * (1 - share) ** 2, inside * (1 - p)),
    )
    yield rewrite(b - radius, b * share, "Interval.root: the lower end is the root of the lower end.")
    yield lower
    yield square_root(at_most(b - radius, value), lower.statement, "Take roots: the lower end.")
    yield upper
    yield square_root(at_most(value, b + radius), upper.statement, "Take roots: the upper end.")
    wide = b**2 * (1 + excess)
    value = b * sp.sqrt((2 + excess) * share)
    radius = rooted(b, sp.S.Zero, wide)
    square = bound(
        at_most(value**2, (b + radius) ** 2),
        "Where the box reaches 0 the lower root is 0; the argument is a part l of its upper end, 2 + k times b^2.",
        form=b**2 * (2 + excess) * total(1 - share, 1 + excess),
    )
    yield square
    yield square_root(at_most(value, b + radius), square.statement, "Take roots.")
    yield bound(at_most(b - radius, value), "The lower end is not above 0.", form=total(b * excess, value))
    x, lost = A, eta
    square = bound(
        at_most(x + lost, (sp.sqrt(x) + sp.sqrt(lost)) ** 2),
        "What underflow takes from the argument.",
        form=2 * sp.sqrt(x) * sp.sqrt(lost),
    )
    yield square
    yield square_root(
        at_most(sp.sqrt(x + lost), sp.sqrt(x) + sp.sqrt(lost)), square.statement, "It moves the root by its own root."
    )


def _maximum() -> Iterator[Step]:
    """Of a box with middle X and one whose middle is less by o."""
    one, other = X + r * p, X - o + s * q
    top = X + sp.Max(r, s - o)
    yield bound(
        at_most(sp.Max(one, one - excess), top),
        "Interval.maximum: where the value in the first box is the larger, it is not above that box.",
        form=total(sp.Max(r, s - o) - r, r * (1 - p)),
    )
    yield bound(
        at_most(sp.Max(other - excess, other), top),
        "Where it is the other one, it is not above that other box.",
        form=total(sp.Max(r, s - o) - (s - o), s * (1 - q)),
    )
    both = sp.Max(one, other)
    for low_end, value, rest in ((X - r, one, r * (1 + p)), (X - o - s, other, s * (1 + q))):
        yield bound(
            at_most(low_end, both),
            "And the maximum is not below the lower end of either box.",
            form=total(both - value, rest),
        )


# Weights of the moments and of decay


def weights(formulas: Mapping[str, Formula]) -> Iterator[Step]:
    """One lemma for each weight in each order of evaluation."""
    take = 1 - K
    yield between(
        K * (1 + e * p),
        K,
        K * e,
        "The weight of the old value in a multiply-add.",
        above=K * e * (1 - p),
        below=K * e * (1 + p),
        reached={p: 1},
    )
    yield between(
        take * (1 + e * p) * (1 + d * q),
        take,
        formulas["of_new"](take, e, d),
        "That of the new one, also in a lerp from the old: its own rounding, e, and that of forming it, d.",
        above=total(take * e * (1 - p), take * d * (1 - q), take * e * d * gap(p, q)),
        below=total(take * e * (1 + p), take * d * (1 + q), take * e * d * gap(p, -q)),
        reached={p: 1, q: 1},
    )
    yield between(
        1 - take * (1 + e * p),
        K,
        take * e,
        "The weight of the old value in old + (1 - K)*(new - old).",
        above=take * e * (1 + p),
        below=take * e * (1 - p),
        reached={p: -1},
    )
    yield between(
        (1 - K * (1 + e * p)) * (1 + d * q),
        take,
        formulas["lerp"](K, e, d),
        "The weight of the new value in new - K*(new - old).",
        above=total(K * e * (1 + p), take * d * (1 - q), K * e * d * gap(p, -q)),
        below=total(K * e * (1 - p), take * d * (1 + q), K * e * d * gap(p, q)),
        reached={p: -1, q: 1},
    )
    yield between(
        (1 - take * (1 + d * q)) * (1 + e * p),
        K,
        formulas["of_complement"](K, e, d),
        "The same with K computed as 1 less the other weight.",
        above=total(K * e * (1 - p), take * d * (1 + q), take * d * e * gap(p, -q)),
        below=total(K * e * (1 + p), take * d * (1 - q), take * d * e * gap(p, q)),
        reached={p: 1, q: -1},
    )
    yield between(
        (w + o * p) * (1 + e * q),
        w,
        formulas["after_sum"](w, o, e),
        "The sum rounds both terms, so both weights.",
        above=total(o * (1 - p), e * w * (1 - q), o * e * gap(p, q)),
        below=total(o * (1 + p), e * w * (1 + q), o * e * gap(p, -q)),
        reached={p: 1, q: 1},
    )
    yield between(
        (1 - take * (1 + e * p)) * (1 + d * q),
        K,
        formulas["of_decay"](K, e, d),
        "theta - lambda*theta: the term is off by e, the sum rounds by d.",
        above=total(take * e * (1 + p), K * d * (1 - q), take * e * d * gap(p, -q)),
        below=total(take * e * (1 - p), K * d * (1 + q), take * e * d * gap(p, q)),
        reached={p: -1, q: 1},
    )
