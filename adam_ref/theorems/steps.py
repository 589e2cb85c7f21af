"""Steps of a derivation and what each has to show.

A rule is a function that makes a `Step`: the statement it establishes, the reason for the reader, and *obligations*,
which the engine verifies (`engine.py`). There are eight kinds of obligation; every rule rests on these alone.

    Zero       an expression is identically zero            algebra.py
    Sign       an expression is > 0, >= 0 or not zero       context.py; by the difference itself or a given `form`
    Defined    an expression is real and continuous         context.py
    Free       an expression does not depend on a symbol
    Structural a syntactic side condition, computed already
    Follows    a statement follows from those before by logic and transitivity alone
    Cited      a statement is a claim of another theorem, whose hypotheses hold here
    Words      an argument in words: verified by nobody, counted
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import sympy as sp

from adam_ref.theorems.context import on_sides
from adam_ref.theorems.notation import beta2, u


@dataclass(frozen=True)
class Zero:
    """`expression` vanishes, where also `given` holds; with `over`, for every value of it that meets `given`."""

    expression: sp.Expr
    given: tuple[sp.Basic, ...] = ()
    over: sp.Symbol | None = None


@dataclass(frozen=True)
class Sign:
    """`expression` is `kind`; shown on `form`, which must equal it, when one is given."""

    expression: sp.Expr
    kind: str  # ">", ">=", "!="
    form: sp.Expr | None = None
    given: tuple[sp.Basic, ...] = ()
    over: sp.Symbol | None = None

    @property
    def relation(self) -> sp.Basic:
        """The obligation as a relation."""
        make = {">": sp.StrictGreaterThan, ">=": sp.GreaterThan, "!=": sp.Ne}[self.kind]
        return make(self.expression, 0, evaluate=False)


@dataclass(frozen=True)
class Defined:
    """`expression` is a continuous real function on the whole domain."""

    expression: sp.Expr
    given: tuple[sp.Basic, ...] = ()
    over: sp.Symbol | None = None


@dataclass(frozen=True)
class Free:
    """`expression` does not depend on `symbol`, nor do the abbreviations and recursions in it."""

    expression: sp.Expr
    symbol: sp.Symbol


@dataclass(frozen=True)
class Structural:
    """A condition on the form of the step, not on values."""

    holds: bool
    words: str


@dataclass(frozen=True)
class Follows:
    """`statement` follows from what is established, by propositional logic and transitivity of equality."""

    statement: sp.Basic


@dataclass(frozen=True)
class Cited:
    """`statement` is a claim of `theorem` after substituting `where`."""

    theorem: str
    statement: sp.Basic
    where: Mapping[sp.Basic, sp.Basic]


@dataclass(frozen=True)
class Words:
    """Nothing is verified."""

    argument: str


Obligation = Zero | Sign | Defined | Free | Structural | Follows | Cited | Words


@dataclass(frozen=True)
class Step:
    """One step: the `rule`, the `statement` it establishes, `why` in words, and what has to be verified.

    `assuming` confines the step to a case (`case`). `latex` replaces sympy's rendering of the statement on the page.
    """

    rule: str
    statement: sp.Basic
    why: str
    obligations: tuple[Obligation, ...]
    latex: str | None = None
    assuming: tuple[sp.Basic, ...] = ()


def case(assuming: sp.Basic, *steps: Step) -> Iterator[Step]:
    """`steps`, each under one more assumption; their statements count in that case only."""
    for step in steps:
        yield replace(step, assuming=(*step.assuming, assuming))


def at_most(left: sp.Basic, right: sp.Basic) -> sp.Basic:
    """`left <= right`, kept as written."""
    return sp.LessThan(left, right, evaluate=False)


def at_least(left: sp.Basic, right: sp.Basic) -> sp.Basic:
    """`left >= right`, kept as written."""
    return sp.GreaterThan(left, right, evaluate=False)


def more_than(left: sp.Basic, right: sp.Basic) -> sp.Basic:
    """`left > right`, kept as written."""
    return sp.StrictGreaterThan(left, right, evaluate=False)


def tends_to(function: sp.Expr, over: sp.Symbol, value: sp.Expr) -> sp.Basic:
    """`function -> value` as `over -> oo`."""
    return equals(sp.Limit(function, over, sp.oo, "-"), value)


def both_or_neither(first: sp.Basic, second: sp.Basic) -> sp.Basic:
    """`first` exactly when `second`."""
    return sp.Equivalent(first, second, evaluate=False)


def total(*parts: sp.Expr) -> sp.Expr:
    """The sum of `parts`, not simplified, so that the sign of each part is looked up by itself."""
    return sp.Add(*parts, evaluate=False)


def equals(left: sp.Basic, right: sp.Basic) -> sp.Basic:
    """`left = right`, kept as written."""
    return sp.Eq(left, right, evaluate=False)


def rewrite(left: sp.Expr, right: sp.Expr, why: str, *, latex: str | None = None) -> Step:
    """`left = right` by algebra: both sides defined, their difference rewritten to zero."""
    return Step("rewrite", equals(left, right), why, _identity(left, right), latex)


def substitute(expression: sp.Expr, where: Mapping[sp.Basic, sp.Basic], result: sp.Expr, why: str) -> Step:
    """Replacing symbols in `expression` as `where` says gives `result`."""
    replaced = expression.subs(where, simultaneous=True)
    shown = equals(sp.Subs(expression, tuple(where), tuple(where.values())), result)
    seen = (obligation for symbol in where for obligation in _in_sight(expression, symbol))
    return Step("substitute", shown, why, (*seen, *_identity(replaced, result)))


def differentiate(function: sp.Expr, by: sp.Symbol, result: sp.Expr, why: str) -> Step:
    """The derivative of `function` by `by` is `result`."""
    shown = equals(sp.Derivative(function, by), result)
    slope = _identity(sp.diff(function, by), result)
    return Step("differentiate", shown, why, (*_in_sight(function, by), Defined(function), *slope))


def bound(claim: sp.Basic, why: str, *, form: sp.Expr | None = None, latex: str | None = None) -> Step:
    """An inequality: the larger side minus the smaller equals `form`, whose sign the conditions give.

    Inside `form`, the difference of the sides of an earlier inequality counts as known to be `>= 0` or `> 0`.
    """
    both = (Defined(claim.lhs), Defined(claim.rhs))
    return Step("bound", claim, why, (*both, _sign(claim, form)), latex)


def monotone(function: sp.Expr, by: sp.Symbol, direction: str, why: str, *, form: sp.Expr | None = None) -> Step:
    """`function` is strictly `"increasing"` or `"decreasing"` in `by`: an integer symbol, or a real one.

    For an integer the difference of neighbours is shown to be positive, for a real the derivative.
    """
    up = {"increasing": 1, "decreasing": -1}[direction]
    if by.is_integer:
        growth, claim = function.subs(by, by + 1) - function, (function.subs(by, by + 1), function)
    else:
        growth, claim = sp.diff(function, by), (sp.Derivative(function, by), sp.Integer(0))
    relation = (sp.StrictGreaterThan if up > 0 else sp.StrictLessThan)(*claim, evaluate=False)
    defined = (*_in_sight(function, by), Defined(function), Defined(growth))
    return Step("monotone", relation, why, (*defined, Sign(up * growth, ">", form)))


def induct(
    claim: sp.Basic,
    over: sp.Symbol,
    why: str,
    *,
    start: int = 1,
    carry: sp.Expr = sp.S.One,
    rest: sp.Expr = sp.S.Zero,
) -> Step:
    """`claim` for every integer `over >= start`.

    Base: the claim at `start`. Step: with `D(n)` the difference of the two sides, `D(n+1) = carry*D(n) + rest`. For an
    equality `rest` must be zero; for an inequality `carry >= 0` (positive if strict) and `rest >= 0`. Hypotheses that
    say more of `over` than `over >= start` may not be used.
    """
    difference = _difference(claim)
    base = difference.subs(over, start).doit()
    following = difference.subs(over, over + 1)
    every = {"given": (over >= start,), "over": over}
    reach = (Structural(bool(over.is_integer), f"{over} is an integer"), Sign(over - start, ">="))
    defined = (*_in_sight(difference, over), Defined(claim.lhs, **every), Defined(claim.rhs, **every))
    step = Zero(following - carry * difference - rest, **every)
    if isinstance(claim, sp.Eq):
        shown: tuple[Obligation, ...] = (
            Structural(rest == 0, "an equality leaves no rest"),
            Zero(base, over=over),
            step,
        )
    else:
        kind = ">" if _strict(claim) else ">="
        grows = (Sign(carry, kind, **every), Sign(rest, ">=", **every))
        shown = (Sign(base, kind, over=over), step, *grows)
    return Step("induct", claim, why, (*reach, *defined, *shown))


def cauchy_schwarz(
    a: sp.Expr,
    b: sp.Expr,
    over: tuple[sp.Symbol, sp.Expr, sp.Expr],
    claim: sp.Basic,
    why: str,
) -> tuple[Step, Step]:
    """`(sum a*b)^2 <= sum a^2 * sum b^2`, shown by Lagrange's identity; `a`, `b` in the index `over[0]`.

    `claim` is that inequality as the theorem writes it. Two steps: the identity, which writes the difference as a sum
    of squares `(a_i b_j - a_j b_i)^2 / 2` over all pairs, and the inequality that follows.
    """
    index, low, high = over
    i, j = sp.symbols("i j", integer=True)
    swap = a.subs(index, i) * b.subs(index, j) - a.subs(index, j) * b.subs(index, i)
    squares = sp.Sum(swap**2, (i, low, high), (j, low, high)) / 2
    identity = equals(_difference(claim), squares)
    written = sp.Sum(a**2, over) * sp.Sum(b**2, over) - sp.Sum(a * b, over) ** 2
    defined = (Defined(claim.lhs), Defined(claim.rhs), Defined(squares))
    lagrange = Step(
        "cauchy_schwarz",
        identity,
        why,
        (*defined, Zero(written - squares), Zero(_difference(claim) - written)),
    )
    return lagrange, bound(claim, "A sum of squares is not negative.", form=squares)


def square_root(claim: sp.Basic, squared: sp.Basic, why: str) -> Step:
    """`|x| <= y` from the established `x^2 <= y^2` (`squared`) and `y >= 0`. `claim` is written `x <= y`, `x >= 0`."""
    small, large = _sides(claim)
    small2, large2 = _sides(squared)
    values = (Defined(small), Defined(large), Sign(small, ">="), Sign(large, ">="))
    return Step(
        "square_root", claim, why, (*values, Follows(squared), Zero(small**2 - small2), Zero(large**2 - large2))
    )


def logarithm(claim: sp.Basic, logs: sp.Basic, why: str) -> Step:
    """`x <= y` exactly when `log x <= log y`, for positive x and y; `logs` is the second as the theorem writes it."""
    sides, images = _sides(claim), _sides(logs)
    alike = Structural(
        isinstance(claim, _ORDER) and _strict(claim) == _strict(logs), "both are inequalities of one kind"
    )
    signs = (Sign(side, ">") for side in sides)
    values = (Zero(sp.log(side) - image) for side, image in zip(sides, images, strict=True))
    defined = (Defined(part) for part in (*sides, *images))
    return Step("logarithm", both_or_neither(claim, logs), why, (alike, *defined, *signs, *values))


def one_term(whole: sp.Sum, at: Mapping[sp.Symbol, sp.Expr], why: str) -> Step:
    """A sum of non-negative terms is at least any one of them."""
    limits = tuple(c for index, low, high in whole.limits for c in (index >= low, index <= high))
    inside = [s for index, low, high in whole.limits for s in (at[index] - low, high - at[index])]
    term = whole.function.subs(at, simultaneous=True)
    claim = sp.GreaterThan(whole, term, evaluate=False)
    signs = (Sign(whole.function, ">=", given=limits), *(Sign(s, ">=") for s in inside))
    return Step("one_term", claim, why, (Defined(whole), Defined(term), *signs))


def equivalent(first: sp.Basic, second: sp.Basic, cofactor: sp.Expr, why: str) -> Step:
    """`first` holds exactly when `second` does: one difference of sides is `cofactor` times the other.

    Two equations need a `cofactor` that is not zero, two inequalities of one kind a positive one.
    """
    alike = isinstance(first, sp.Eq) == isinstance(second, sp.Eq) and _strict(first) == _strict(second)
    sign = Sign(cofactor, "!=" if isinstance(first, sp.Eq) else ">")
    defined = tuple(Defined(e) for e in (_difference(first), _difference(second), cofactor))
    shown = (
        Structural(alike, "the two relations are of one kind"),
        Zero(_difference(first) - cofactor * _difference(second)),
    )
    return Step("equivalent", both_or_neither(first, second), why, (*defined, *shown, sign))


def apart(left: sp.Basic, right: sp.Basic, why: str, *, form: sp.Expr | None = None) -> Step:
    """Two equations `x = a`, `x = b` with `a > b` do not hold together."""
    claim = sp.Not(sp.And(left, right), evaluate=False)
    same = Structural(left.lhs == right.lhs, "both equations are about the same quantity")
    shown = Sign(left.rhs - right.rhs, ">", form)
    return Step("apart", claim, why, (Defined(left.rhs), Defined(right.rhs), same, shown))


def vanishing(
    function: sp.Expr, over: sp.Symbol, value: sp.Expr, within: sp.Expr, why: str, forms: tuple[sp.Expr, sp.Expr]
) -> Step:
    """`function -> value` as `over -> oo`, because `|function - value| <= within/over`, `within` free of `over`.

    `forms` show the two halves of it: `within/over - (function - value)` and `within/over + (function - value)`.
    """
    gap = function - value
    free = (Free(within, over), Free(value, over))
    halves = (Sign(within / over - gap, ">=", forms[0]), Sign(within / over + gap, ">=", forms[1]))
    return Step("limit", tends_to(function, over, value), why, (*free, Defined(function), Defined(within), *halves))


def limit(function: sp.Expr, over: sp.Symbol, value: sp.Expr, why: str, *, null: tuple[sp.Expr, ...]) -> Step:
    """`function -> value` as `over -> oo`, by continuity in the powers `null`, each of which tends to 0 (T4).

    Each of `null` is `b**over` with `0 <= b < 1`; put in their places, symbols near 0 leave a function that is
    continuous at 0 and takes `value` there.
    """
    markers = {power: sp.Symbol(f"x{n}", real=True) for n, power in enumerate(null)}
    replaced = function.xreplace(markers)
    at_zero = replaced.subs(dict.fromkeys(markers.values(), 0))
    powers = Structural(
        all(p.is_Pow and p.exp == over for p in null), f"each of {null} is a power with exponent {over}"
    )
    cited = tuple(Cited("T4", tends_to(p, over, sp.S.Zero), {beta2: p.base, u: sp.S.Half}) for p in null)
    all_zero = tuple(sp.Eq(marker, 0, evaluate=False) for marker in markers.values())
    shown: tuple[Obligation, ...] = (
        powers,
        *cited,
        Free(replaced, over),
        Free(value, over),
        Defined(function),
        Defined(replaced, all_zero),
    )
    return Step("limit", tends_to(function, over, value), why, (*shown, Zero(at_zero - value)))


def reindex(whole: sp.Sum, place: sp.Expr, result: sp.Sum, why: str) -> Step:
    """The same terms counted differently: the index of `whole` is `place`, that of `result` shifted or mirrored."""
    (old, low, high), (new, first, last) = whole.limits[0], result.limits[0]
    shift = sp.expand(place - place.coeff(new) * new)
    ends = [place.subs(new, end) for end in ((first, last) if place.coeff(new) == 1 else (last, first))]
    form = (
        Structural(len(whole.limits) == len(result.limits) == 1, "both sums have one index"),
        Structural(bool(old.is_integer and new.is_integer), "the indices are integers"),
        Structural(place.coeff(new) in (1, -1) and not shift.has(new), f"{place} is {new} shifted or mirrored"),
        Structural(new not in whole.free_symbols | result.free_symbols, f"{new} is not in use outside"),
    )
    same = Zero(whole.function.subs(old, place) - result.function, (new >= first, new <= last), over=new)
    shown = (Defined(whole), Defined(result), same, Zero(low - ends[0]), Zero(high - ends[1]))
    return Step("reindex", equals(whole, result), why, (*form, *shown))


def pinched(first: sp.Basic, second: sp.Basic, why: str) -> Step:
    """`a = b` from the established `a <= b` (`first`) and `b <= a` (`second`)."""
    (small, large), (other_small, other_large) = _sides(first), _sides(second)
    opposed = Structural(
        (small, large) == (other_large, other_small), "the two inequalities say the opposite of each other"
    )
    return Step("pinched", equals(small, large), why, (opposed, Follows(first), Follows(second)))


def put(claim: sp.Basic, equation: sp.Basic, why: str) -> Step:
    """Equals for equals: the established `claim` with the left side of the established `equation` replaced."""
    replaced = on_sides(claim, lambda side: side.xreplace({equation.lhs: equation.rhs}))
    return Step("put", replaced, why, (_uncaught(claim, equation), Follows(claim), Follows(equation)))


def both_sides(equation: sp.Basic, of: sp.Symbol, function: sp.Expr, why: str) -> Step:
    """`f(a) = f(b)` from the established `equation` `a = b`, where `function` is `f(of)`."""
    claim = on_sides(equation, lambda side: function.xreplace({of: side}))
    defined = (Defined(claim.lhs), Defined(claim.rhs))
    return Step("both_sides", claim, why, (_uncaught(function, equation), Follows(equation), *defined))


def _uncaught(into: sp.Basic, equation: sp.Basic) -> Structural:
    indices = {index for total in into.atoms(sp.Sum) for index in total.variables}
    return Structural(not indices & equation.free_symbols, "no index of a sum is free in the equation")


def cite(theorem: str, claim: sp.Basic, why: str, *, where: Mapping[sp.Basic, sp.Basic] | None = None) -> Step:
    """`claim` is one of the claims of `theorem` (its symbols replaced as `where` says), whose hypotheses hold here."""
    return Step("cite", claim, why, (Cited(theorem, claim, where or {}),))


def conclude(claim: sp.Basic, why: str, *, latex: str | None = None) -> Step:
    """`claim` follows from the statements before it by propositional logic or by transitivity of equality."""
    return Step("conclude", claim, why, (Follows(claim),), latex)


def in_words(claim: sp.Basic, why: str) -> Step:
    """`claim` rests on the argument `why` alone. Counted and printed; the aim is none."""
    return Step("in_words", claim, why, (Words(why),))


def _in_sight(expression: sp.Expr, symbol: sp.Symbol) -> tuple[Obligation, ...]:
    """`expression` depends on `symbol` only where it is written: no abbreviation or recursion hides it."""
    others = (expression.free_symbols | expression.atoms(sp.IndexedBase)) - {symbol}
    return tuple(Free(part, symbol) for part in sorted(others, key=str) if not isinstance(part, sp.Indexed))


def _identity(left: sp.Expr, right: sp.Expr) -> tuple[Obligation, ...]:
    return (Defined(left), Defined(right), Zero(left - right))


def _sides(claim: sp.Basic) -> tuple[sp.Expr, sp.Expr]:
    """The smaller and the larger side."""
    return claim.lts, claim.gts


def _difference(claim: sp.Basic) -> sp.Expr:
    """Zero for an equation that holds, not negative for an inequality that holds."""
    return claim.lhs - claim.rhs if isinstance(claim, sp.Eq) else claim.gts - claim.lts


def _sign(claim: sp.Basic, form: sp.Expr | None) -> Sign:
    return Sign(_difference(claim), ">" if _strict(claim) else ">=", form)


_ORDER = (sp.GreaterThan, sp.LessThan, sp.StrictGreaterThan, sp.StrictLessThan)


def _strict(claim: sp.Basic) -> bool:
    return isinstance(claim, (sp.StrictGreaterThan, sp.StrictLessThan))
