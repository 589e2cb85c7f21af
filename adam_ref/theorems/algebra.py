"""Deciding that an expression is zero: rational functions, roots, symbolic powers, sums of symbolic length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import sympy as sp

from adam_ref.theorems.context import Context


def vanishes(expression: sp.Expr, context: Context) -> bool:
    """`expression` is identically zero under the conditions. False means "not shown", not "wrong"."""
    if expression == 0 or context.zero(expression):
        return True
    forms = dict.fromkeys((expression, context.unrolled(context.expand(expression))))
    return any(_vanishes(form.subs(context.pinned), context) for form in forms)


def _vanishes(e: sp.Expr, context: Context) -> bool:
    e = _without_short_sums(e)
    letters = _letters(e, context)
    signed = context.with_signs(e.xreplace(letters))
    if _plainly(signed):
        return True
    if e.has(sp.Sum):
        return _sums_vanish(context.with_signs(e))
    meant = {letter: context.with_signs(part) for part, letter in letters.items()}
    return bool(letters) and _plainly(sp.expand(sp.numer(sp.together(signed))).xreplace(meant))


def _letters(e: sp.Expr, context: Context) -> dict[sp.Expr, sp.Symbol]:
    """A letter with the right sign for each sum, and for what is positive under a root."""
    under_roots = (
        factor for power in e.atoms(sp.Pow) if not power.exp.is_integer for factor in sp.Mul.make_args(power.base)
    )
    compound = {part for part in under_roots if isinstance(part, sp.Add) and context.nonnegative(part)}
    parts = sorted(compound | e.atoms(sp.Sum), key=sp.default_sort_key)
    kinds = ("positive" if context.nonnegative(part) else "real" for part in parts)
    return {part: sp.Dummy(f"L{n}", **{kind: True}) for n, (part, kind) in enumerate(zip(parts, kinds, strict=True))}


def _plainly(e: sp.Expr) -> bool:
    """Without sums: rewrite to a single literal zero."""
    return any(form == 0 for form in _rewritings(e))


def _rewritings(e: sp.Expr) -> Iterator[sp.Expr]:
    yield e
    yield sp.expand(e)
    numerator = sp.numer(sp.together(sp.powsimp(sp.expand_power_exp(e))))
    yield sp.expand(numerator)
    combined = sp.powsimp(sp.powdenest(sp.expand(numerator), force=False))
    yield combined
    yield sp.expand(sp.numer(sp.together(sp.expand(combined))))
    yield sp.cancel(sp.expand(e))


# Sums. Equal ranges are brought together under one sum; a product of two sums becomes a double sum, whose summand
# may be symmetrised because both indices run over the same range.


def _without_short_sums(e: sp.Expr) -> sp.Expr:
    """Write out sums of a fixed number of terms."""
    fixed = {s: s.doit() for s in e.atoms(sp.Sum) if all((hi - lo).is_number for _, lo, hi in s.limits)}
    return e.xreplace(fixed)


def _sums_vanish(e: sp.Expr) -> bool:
    e = _aligned(sp.expand(sp.numer(sp.together(e)), deep=False))
    atoms = sorted(e.atoms(sp.Sum), key=sp.default_sort_key)
    markers = {s: sp.Dummy(f"S{n}", real=True) for n, s in enumerate(atoms)}
    marked = sp.expand(e.xreplace(markers))
    if not markers or not marked.is_polynomial(*markers.values()):
        return _plainly(marked)
    summands: dict[tuple[sp.Basic, ...], list[sp.Expr]] = defaultdict(list)
    for powers, coefficient in sp.Poly(marked, *markers.values()).terms():
        factors = [s for s, power in zip(atoms, powers, strict=True) for _ in range(power)]
        ranges, summand = _merged(factors)
        summands[ranges].append(coefficient * summand)
    return all(_plainly(_symmetrised(ranges, sp.Add(*terms))) for ranges, terms in summands.items())


def _merged(factors: list[sp.Sum]) -> tuple[tuple[sp.Basic, ...], sp.Expr]:
    """A product of sums as one multiple sum: its ranges in order, and its summand in the indices n0, n1, ..."""
    ranges: list[sp.Basic] = []
    summand = sp.Integer(1)
    for factor in factors:
        renamed = {}
        for index, low, high in factor.limits:
            renamed[index] = _index(len(ranges), low)
            ranges.append(sp.Tuple(low, high))
        summand *= factor.function.xreplace(renamed)
    return tuple(ranges), summand


def _index(n: int, low: sp.Expr) -> sp.Symbol:
    sign = {"nonnegative": True} if low.is_nonnegative else {}
    return sp.Symbol(f"n{n}", integer=True, **sign)


def _symmetrised(ranges: tuple[sp.Basic, ...], summand: sp.Expr) -> sp.Expr:
    if len(ranges) != 2 or ranges[0] != ranges[1]:
        return summand
    first, second = (_index(n, ranges[0][0]) for n in (0, 1))
    return summand + summand.xreplace({first: second, second: first})


def _aligned(e: sp.Expr) -> sp.Expr:
    """Split last terms off until sums whose lengths differ by a number end at the same place."""
    single = [s for s in e.atoms(sp.Sum) if len(s.limits) == 1]
    return e.xreplace({s: _shortened(s, single) for s in single})


def _shortened(s: sp.Sum, others: list[sp.Sum]) -> sp.Expr:
    index, low, high = s.limits[0]
    gaps = [high - other.limits[0][2] for other in others if other.limits[0][1] == low]
    extra = max(int(gap) for gap in gaps if gap.is_Integer)
    if not (high - extra - low + 1).is_nonnegative:
        return s
    tail = [s.function.subs(index, high - n) for n in range(extra)]
    return sp.Sum(s.function, (index, low, high - extra)) + sp.Add(*tail)
