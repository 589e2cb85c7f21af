"""Expressions and statements as LaTeX, in the paper's letters and in an order in which the paper is recognised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE

from adam_ref.theorems.context import Recursion, on_sides
from adam_ref.theorems.notation import lr

NAMES = {
    "epsilon": r"\varepsilon",
    "eps": r"\varepsilon",
    "alpha": r"\mathrm{lr}",
    "M": "m",
    "V": "v",
    "EM": r"\mathrm{E}[m]",
    "EV": r"\mathrm{E}[v]",
}
"""Symbols that are not called on the pages as they are in the code."""

WIDE = 60
"""Characters, on and under fraction lines alike, from which on a relation is broken before its sign."""

_SIGNS = {
    sp.Eq: "=",
    sp.Ne: r"\ne",
    sp.LessThan: r"\le",
    sp.StrictLessThan: r"\lt",
    sp.GreaterThan: r"\ge",
    sp.StrictGreaterThan: r"\gt",
}
GREEK = {
    "eps",
    "alpha",
    "beta",
    "gamma",
    "delta",
    "eta",
    "theta",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "rho",
    "sigma",
    "tau",
    "phi",
    "omega",
}

ShownAs = Mapping[sp.Basic, str]


def letters(name: str) -> str:
    """A symbol's name as LaTeX: `beta1` is beta with an index, `m_hat` has a hat, `h_k` an index, `Mprime` a prime."""
    if name in NAMES:
        return NAMES[name]
    if name.endswith("prime"):
        return f"{letters(name.removesuffix('prime'))}'"
    if name.endswith("bar"):
        return rf"\bar {letters(name.removesuffix('bar'))}"
    base, _, index = name.partition("_")
    hat = index.startswith("hat")
    index = index.removeprefix("hat").removeprefix("_") if hat else index
    if not index and (digits := base.lstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")) != base:
        base, index = base.removesuffix(digits) if digits else base, digits
    written = NAMES.get(base) or (rf"\{base}" if base in GREEK else base if len(base) == 1 else rf"\mathrm{{{base}}}")
    written = rf"\hat {written}" if hat else written
    return f"{written}_{index if len(index) == 1 else f'{{{index}}}'}" if index else written


class _Printer(LatexPrinter):  # type: ignore[misc]
    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:  # noqa: ARG002, N802
        return letters(expr.name)

    def _print_Indexed(self, expr: sp.Indexed) -> str:  # noqa: N802
        index = ",".join(self._print(i) for i in expr.indices)
        base = letters(str(expr.base.label))
        return f"{base}_{index if len(index) == 1 else f'{{{index}}}'}"

    def _print_Pow(self, expr: sp.Pow) -> str:  # noqa: N802
        """Exponents on one line; a root is a root, and a negative exponent a fraction."""
        base, exponent = expr.args
        if _is_reciprocal(expr):
            return self._print_Mul(sp.Mul(1, expr, evaluate=False))
        if exponent == sp.Rational(1, 2):
            return rf"\sqrt{{{self._print(base)}}}"
        return f"{self.parenthesize(base, PRECEDENCE['Pow'])}^{{{self._flat(exponent)}}}"

    def _flat(self, expr: sp.Expr) -> str:
        """A quotient with a slash, for exponents."""
        numerator, denominator = sp.fraction(expr)
        if denominator == 1:
            return str(self._print(expr))
        return f"{self.parenthesize(numerator, PRECEDENCE['Mul'])}/{self.parenthesize(denominator, PRECEDENCE['Pow'])}"

    def _print_Mul(self, expr: sp.Mul) -> str:  # noqa: N802
        """One fraction, its factors in the order in which people write them; a sum stands behind the fraction."""
        above, below = _fraction(expr)
        sign = "-" if above and above[0] == -1 else ""
        above = above[1:] if sign and len(above) > 1 else above
        if above and above[0].is_Number and above[0].is_negative:
            sign, above = "-", [-above[0], *above[1:]]
        behind = above[-1:] if below and above and _rank(above[-1]) == _SUMS else []
        above = above[:-1] if behind else above
        product = self._product(above) or "1"
        fraction = rf"\frac{{{product}}}{{{self._product(below)}}}" if below else product
        return " ".join((f"{sign} {fraction}" if sign else fraction, *(self._print(b) for b in behind)))

    def _product(self, factors: list[sp.Expr]) -> str:
        if len(factors) == 1:
            return str(self._print(factors[0]))
        written = [self._factor(f, last=n == len(factors)) for n, f in enumerate(factors, 1)]
        return r" \, ".join(written).replace(r" \, \left(", r" \left(")

    def _factor(self, factor: sp.Expr, *, last: bool) -> str:
        if isinstance(factor, sp.Sum):
            return str(self._print(factor) if last else self._add_parens(self._print(factor)))
        return str(self.parenthesize(factor, PRECEDENCE["Mul"], strict=True))

    def _print_Abs(self, expr: sp.Abs, exp: str | None = None) -> str:  # noqa: N802
        written = rf"\left\lvert {self._print(expr.args[0])} \right\rvert"
        return f"{written}^{{{exp}}}" if exp else written

    def _print_Sum(self, expr: sp.Sum) -> str:  # noqa: N802
        signs = "".join(
            rf"\sum_{{{self._print(i)}={self._print(low)}}}^{{{self._print(high)}}} " for i, low, high in expr.limits
        )
        summand = self._print(expr.function)
        return f"{signs}{self._add_parens(summand) if isinstance(expr.function, sp.Add) else summand}"

    def _print_Limit(self, expr: sp.Limit) -> str:  # noqa: N802
        function, over, to, _ = expr.args
        written = self._print(function)
        written = self._add_parens(written) if isinstance(function, sp.Add) else written
        return rf"\lim_{{{self._print(over)} \to {self._print(to)}}} {written}"

    def _as_ordered_terms(self, expr: sp.Expr, order: Any = None) -> list[sp.Expr]:
        """What is subtracted stands last, and before it epsilon, as in every denominator of the paper."""
        terms = super()._as_ordered_terms(expr, order)
        return sorted(terms, key=lambda term: (bool(term.could_extract_minus_sign()), _has_epsilon(term)))

    def _print_Relational(self, expr: sp.Basic) -> str:  # noqa: N802
        return f"{self._print(expr.lhs)} {_SIGNS[type(expr)]} {self._print(expr.rhs)}"

    def _print_Not(self, expr: sp.Not) -> str:  # noqa: N802
        inner = expr.args[0]
        if isinstance(inner, sp.And) and len(inner.args) == 2:
            first, second = sorted(map(self._print, inner.args), key=len)
            return rf"\text{{not both }} {first} \text{{ and }} {second}"
        return rf"\text{{not }} {self._print(inner)}"

    def _print_And(self, expr: sp.And) -> str:  # noqa: N802
        return " ".join(_joined(expr))

    def _print_Or(self, expr: sp.Or) -> str:  # noqa: N802
        return r" \text{ or } ".join(map(self._print, _ordered(expr)))

    def _print_Equivalent(self, expr: sp.Equivalent) -> str:  # noqa: N802
        first, second = sorted(map(self._print, expr.args), key=len, reverse=True)
        return rf"{first} \iff {second}"


_NUMBERS, _RATE, _WEIGHTS, _LETTERS, _ROOTS, _BRACKETS, _SIZES, _SUMS = range(8)


def _rank(factor: sp.Expr) -> int:
    """Where a factor stands in a product: numbers first, sums last."""
    base, exponent = factor.as_base_exp()
    if factor.is_Number:
        return _NUMBERS
    if isinstance(base, (sp.Sum, sp.Limit, sp.Derivative)):
        return _SUMS
    if isinstance(base, sp.Add):
        named = {s.name for s in base.free_symbols}
        return _ROOTS if exponent == sp.Rational(1, 2) else _WEIGHTS if named <= {"beta1", "beta2"} else _BRACKETS
    if isinstance(base, sp.Abs):
        return _SIZES
    return _RATE if base == lr else _ROOTS if exponent == sp.Rational(1, 2) else _LETTERS


def _is_reciprocal(expr: sp.Expr) -> bool:
    return isinstance(expr, sp.Pow) and expr.exp.is_Rational and bool(expr.exp.is_negative)


def _fraction(product: sp.Mul) -> tuple[list[sp.Expr], list[sp.Expr]]:
    """The factors above and below the line. What is not evaluated stays as it is."""
    above: list[sp.Expr] = []
    below: list[sp.Expr] = []
    for factor in _factors(product):
        if factor.is_Rational:
            above += [sp.Integer(factor.p)] if factor.p != 1 else []
            below += [sp.Integer(factor.q)] if factor.q != 1 else []
        elif _is_reciprocal(factor):
            below += _factors(factor.base) if factor.exp == -1 else [sp.Pow(factor.base, -factor.exp)]
        else:
            above.append(factor)
    return tuple(sorted(sorted(side, key=sp.default_sort_key), key=_rank) for side in (above, below))  # type: ignore[return-value]


def _factors(product: sp.Expr) -> list[sp.Expr]:
    """The factors, those of products inside included."""
    return [f for part in product.args for f in _factors(part)] if isinstance(product, sp.Mul) else [product]


def _has_epsilon(term: sp.Expr) -> bool:
    return bool({s.name for s in term.free_symbols if isinstance(s, sp.Symbol)} & {"epsilon", "e"})


def _joined(expr: sp.And) -> list[str]:
    """The parts of a conjunction, with the words that join them.

    An expression that is computed as it stands (T15: its roundings are factors in it) is shown once, and what is said
    of it follows.
    """
    parts = _ordered(expr)
    computed = [latex(part.lhs) for part in parts if _is_itself(part)]
    said = _from_both_sides([part for part in parts if not _is_itself(part)])
    if computed:
        computed = [r" \text{ and } ".join(computed), *(rf"\text{{ where }} {one}" for one in said[:1])]
    return [*(computed or said[:1]), *(rf"\text{{ and }} {one}" for one in said[1:])]


def _is_itself(part: sp.Basic) -> bool:
    return isinstance(part, sp.Eq) and latex(part.lhs) == latex(part.rhs)


def _from_both_sides(parts: list[sp.Basic]) -> list[str]:
    """Each part; two that bound the same number from above and from below are one."""
    shown: list[str] = []
    while parts:
        part = parts.pop(0)
        opposite = next((other for other in parts if _opposite(part, other)), None)
        if opposite is None:
            shown.append(latex(part))
            continue
        parts.remove(opposite)
        inner = opposite.lhs if part.lhs.could_extract_minus_sign() else part.lhs
        shown.append(rf"\left\lvert {latex(inner)} \right\rvert \le {latex(part.rhs)}")
    return shown


def _opposite(part: sp.Basic, other: sp.Basic) -> bool:
    """Whether they are `x <= y` and `-x <= y`."""
    both = isinstance(part, sp.LessThan) and isinstance(other, sp.LessThan)
    return bool(both and part.rhs == other.rhs and part.lhs + other.lhs == 0)


def _ordered(expr: sp.Basic) -> list[sp.Basic]:
    return sorted(expr.args, key=sp.default_sort_key)


_PRINTER = _Printer()


def latex(expression: sp.Basic, shown_as: ShownAs | None = None) -> str:
    """`expression` on one line; the parts in `shown_as` by the names they have there."""
    return str(_PRINTER.doprint(named(expression, shown_as or {})))


def named(expression: sp.Basic, shown_as: ShownAs) -> sp.Basic:
    """`expression` with a symbol in the place of every part that has a name of its own, the largest parts first."""
    for part in sorted(shown_as, key=lambda p: -p.count_ops(visual=False)):
        symbol = _Named(shown_as[part])
        expression = on_sides(expression, lambda side, new={part: symbol, -part: -symbol}: side.xreplace(new))  # type: ignore[misc]
    return expression


class _Named(sp.Symbol):  # type: ignore[misc]
    """A symbol whose name is LaTeX already."""

    def _latex(self, _: LatexPrinter) -> str:
        return str(self.name)


def display(statement: sp.Basic, shown_as: ShownAs | None = None) -> str:
    """`statement` for a line of its own; what is wide is broken before its sign."""
    statement = named(statement, shown_as or {})
    whole = latex(statement)
    if _width(whole) <= WIDE:
        return whole
    if isinstance(statement, sp.core.relational.Relational):
        left, right = latex(statement.lhs), latex(statement.rhs)
        return _lines(left, f"{_SIGNS[type(statement)]} {right}")
    if isinstance(statement, sp.Equivalent):
        first, second = sorted(map(latex, statement.args), key=len, reverse=True)
        return _lines(first, rf"\iff {second}")
    if isinstance(statement, sp.And):
        return _lines(*_joined(statement))
    if isinstance(statement, sp.Not) and isinstance(statement.args[0], sp.And):
        first, *others = sorted(map(latex, statement.args[0].args), key=len)
        return _lines(rf"\text{{not both }} {first}", *(rf"\text{{and }} {other}" for other in others))
    return whole


def _width(written: str) -> int:
    return len(
        re.sub(r"[\s{}^_]", "", re.sub(r"\\[a-zA-Z]+", "x", re.sub(r"\\(left|right|frac|sqrt)\b|\\,", "", written)))
    )


def _lines(first: str, *others: str) -> str:
    rest = "".join(rf" \\ & \qquad {line}" for line in others)
    return rf"\begin{{aligned}} & {first}{rest} \end{{aligned}}"


def conditions(relations: Iterable[sp.Basic], shown_as: ShownAs | None = None) -> str:
    """Relations side by side; `0 <= x` and `x < 1` as one chain."""
    shown: list[str] = []
    waiting = [named(r, shown_as or {}) for r in relations]
    while waiting:
        first = waiting.pop(0)
        upper = next((r for r in waiting if _is_range(first, r)), None)
        if upper is None:
            shown.append(latex(first))
            continue
        waiting.remove(upper)
        below, above = (r"\lt" if _is_strict(r) else r"\le" for r in (first, upper))
        shown.append(f"{latex(first.rhs)} {below} {latex(first.lhs)} {above} {latex(upper.rhs)}")
    return r",\; ".join(shown)


def _is_range(lower: sp.Basic, upper: sp.Basic) -> bool:
    return (
        isinstance(lower, (sp.GreaterThan, sp.StrictGreaterThan))
        and isinstance(upper, (sp.LessThan, sp.StrictLessThan))
        and lower.lhs == upper.lhs
    )


def _is_strict(relation: sp.Basic) -> bool:
    return isinstance(relation, (sp.StrictLessThan, sp.StrictGreaterThan))


def recursion(base: sp.IndexedBase, rule: Recursion) -> str:
    """A sequence by recursion: its first term, and the next from the one before."""
    first, following = latex(base[0]), latex(base[rule.index + 1])
    return rf"{first} = {latex(rule.first)},\quad {following} = {latex(rule.following)}"
