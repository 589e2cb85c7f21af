"""Values to 50 digits and admissible points. Shares no code with the symbolic side: mpmath and plain recursion."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mpmath
import sympy as sp
from sympy.logic.boolalg import BooleanAtom

from adam_ref.theorems.context import Context, Recursion, variables

DIGITS = 50
GUARD = 40
"""Digits carried beyond `DIGITS`, for cancellation."""
SMALLEST = mpmath.mpf(10) ** -30
"""Points where a power such as `beta2**t` is smaller, but not 0, are passed over: 1 minus it has to show."""

Point = dict[sp.Basic, Any]
"""Values of symbols (mpf, or int for integer symbols) and of sequences (a function of the index)."""


class UndefinedError(ArithmeticError):
    """The expression has no real value at the point: a zero denominator, a root of a negative number."""


def value(expression: sp.Expr, point: Mapping[sp.Basic, Any]) -> Any:
    """The value of `expression` at `point` as an mpf. Raises `UndefinedError` where there is none."""
    if expression in point:
        return point[expression]
    if isinstance(expression, sp.Rational):
        return mpmath.mpf(int(expression.p)) / int(expression.q)
    if isinstance(expression, sp.Add):
        return mpmath.fsum(value(a, point) for a in expression.args)
    if isinstance(expression, sp.Mul):
        return mpmath.fprod([value(a, point) for a in expression.args])
    if isinstance(expression, sp.Pow):
        return _power(value(expression.base, point), value(expression.exp, point))
    if isinstance(expression, sp.Sum):
        return _sum(expression.function, expression.limits, dict(point))
    if isinstance(expression, sp.Indexed):
        return point[expression.base](int(value(expression.indices[0], point)))
    if isinstance(expression, sp.Derivative):
        return _slope(expression.expr, *expression.variables, point=point)
    if isinstance(expression, sp.Subs):
        return value(expression.expr, {**point, **_values(expression.variables, expression.point, point)})
    if type(expression) in _FUNCTIONS:
        return _FUNCTIONS[type(expression)](*(value(a, point) for a in expression.args))
    if expression.is_number:
        return mpmath.mpf(expression.evalf(DIGITS + GUARD))
    raise UndefinedError(f"no value for {expression}")


def _slope(function: sp.Expr, by: sp.Symbol, *, point: Mapping[sp.Basic, Any]) -> Any:
    return mpmath.diff(lambda x: value(function, {**point, by: x}), point[by])


def _values(symbols: Iterable[sp.Basic], meanings: Iterable[sp.Expr], point: Mapping[sp.Basic, Any]) -> Point:
    return {symbol: value(meaning, point) for symbol, meaning in zip(symbols, meanings, strict=True)}


def _log(x: Any) -> Any:
    if x <= 0:
        raise UndefinedError("logarithm of a number that is not positive")
    return mpmath.log(x)


_FUNCTIONS: dict[Any, Callable[..., Any]] = {sp.Abs: abs, sp.exp: mpmath.exp, sp.log: _log, sp.Max: max, sp.Min: min}


def _power(base: Any, exponent: Any) -> Any:
    if base == 0 and exponent < 0:
        raise UndefinedError("division by zero")
    if base < 0 and exponent != int(exponent):
        raise UndefinedError("root of a negative number")
    return mpmath.power(base, int(exponent) if exponent == int(exponent) else exponent)


def _sum(function: sp.Expr, limits: tuple[sp.Tuple, ...], point: Point) -> Any:
    *inner, (index, low, high) = limits
    terms = []
    for n in range(int(value(low, point)), int(value(high, point)) + 1):
        point[index] = n
        terms.append(_sum(function, tuple(inner), point) if inner else value(function, point))
    return mpmath.fsum(terms)


def holds(relation: sp.Basic, point: Mapping[sp.Basic, Any]) -> bool:
    """Whether a relation, or a propositional combination of relations, is true at `point`."""
    if isinstance(relation, sp.Not):
        return not holds(relation.args[0], point)
    if isinstance(relation, (sp.And, sp.Or)):
        return (all if isinstance(relation, sp.And) else any)(holds(a, point) for a in relation.args)
    if isinstance(relation, sp.Equivalent):
        return len({holds(a, point) for a in relation.args}) == 1
    if isinstance(relation, sp.Implies):
        return not holds(relation.args[0], point) or holds(relation.args[1], point)
    if isinstance(relation, BooleanAtom):
        return bool(relation)
    return bool(violation(relation, point) <= 0)


def violation(relation: sp.Basic, point: Mapping[sp.Basic, Any]) -> Any:
    """By how much a relation fails, relative to its largest term; zero or less where it holds to `DIGITS` digits."""
    difference, gap = compared(relation, point)
    tolerance = mpmath.mpf(10) ** -DIGITS
    if isinstance(relation, sp.Eq):
        return gap - tolerance
    if isinstance(relation, sp.Ne):
        return tolerance - gap
    over = difference if isinstance(relation, (sp.GreaterThan, sp.StrictGreaterThan)) else -difference
    if isinstance(relation, (sp.GreaterThan, sp.LessThan)):
        return -gap if over >= 0 else gap - tolerance
    return -gap if over > 0 and gap > tolerance else max(gap, tolerance)


def compared(relation: sp.Basic, point: Mapping[sp.Basic, Any]) -> tuple[Any, Any]:
    """Left minus right, and its size relative to the largest term on either side."""
    left, right = (_terms(side, point) for side in (relation.lhs, relation.rhs))
    difference = mpmath.fsum(left) - mpmath.fsum(right)
    scale = max(abs(term) for term in (*left, *right))
    return difference, abs(difference) / scale if scale else mpmath.mpf(0)


def _terms(side: sp.Expr, point: Mapping[sp.Basic, Any]) -> list[Any]:
    return [value(term, point) for term in sp.Add.make_args(side)]


# Admissible points


def points(context: Context, expression: sp.Basic, count: int, seed: str) -> Iterator[Point]:
    """Up to `count` points where every condition holds: first the edges, one symbol at a time, then random ones.

    Each has a value for every symbol and sequence in `expression`; the same call gives the same points.
    """
    scope = _scope_of(context, expression)
    full = sp.Tuple(*scope.parts)
    symbols = sorted(variables(full) - context.definitions.keys(), key=str)
    bases = sorted(full.atoms(sp.IndexedBase) - context.recursions.keys(), key=str)
    powers = [p for p in full.atoms(sp.Pow) if p.exp.free_symbols and p.free_symbols <= set(symbols)]
    key = (tuple(symbols), tuple(bases), frozenset(powers), full.has(sp.Sum, sp.Indexed), count, seed)
    if key not in context.points:
        long = not full.has(sp.Sum, sp.Indexed)
        sampler = _Sampler(context, scope, symbols, bases, powers, random.Random(seed), long)
        context.points[key] = list(sampler.points(count))
    return iter(context.points[key])


@dataclass(frozen=True)
class _Scope:
    """The conditions, abbreviations and recursions of a context that have to do with an expression.

    The others are about other symbols, on which neither the expression nor these depend. Of an expression without
    symbols that is all of them.
    """

    expression: sp.Basic
    conditions: tuple[sp.Basic, ...]
    definitions: tuple[sp.Symbol, ...]
    recursions: Mapping[sp.IndexedBase, Recursion]
    meanings: tuple[sp.Expr, ...]

    @property
    def parts(self) -> Iterator[sp.Basic]:
        """Everything that needs values."""
        yield from (self.expression, *self.conditions, *self.meanings)
        for recursion in self.recursions.values():
            yield from (recursion.first, recursion.following)


def _scope_of(context: Context, expression: sp.Basic) -> _Scope:
    written = context.expand(expression)
    meanings = {symbol: context.expand(symbol) for symbol in context.definitions}
    recursions = {
        base: (r, (base.free_symbols | r.first.free_symbols | context.expand(r.following).free_symbols) - {r.index})
        for base, r in context.recursions.items()
    }
    groups = [c.free_symbols for c in context.plain_conditions]
    reached = set(written.free_symbols) or set().union(*groups)
    size = -1
    while len(reached) > size:
        size = len(reached)
        reached |= set().union(*(group for group in groups if group & reached))
        reached |= set().union(*(names for base, (_, names) in recursions.items() if base.free_symbols & reached))
    defined = {symbol: meaning for symbol, meaning in meanings.items() if meaning.free_symbols <= reached}
    return _Scope(
        written,
        tuple(c for c in context.plain_conditions if c.free_symbols & reached or not c.free_symbols),
        tuple(defined),
        {base: r for base, (r, _) in recursions.items() if base.free_symbols & reached},
        tuple(defined.values()),
    )


@dataclass(frozen=True)
class _Sampler:
    context: Context
    scope: _Scope
    symbols: list[sp.Symbol]
    bases: list[sp.IndexedBase]
    powers: list[sp.Pow]
    source: random.Random
    long: bool

    def points(self, count: int) -> Iterator[Point]:
        edges = [(symbol, edge) for symbol in self.symbols for edge in _edges(self.context, symbol)]
        for n in range(40 * count):
            point = self._point(dict([edges[n]] if n < len(edges) else []))
            if not any(_faint(power, point) for power in self.powers) and self._admissible(point):
                yield point
                count -= 1
            if not count:
                return

    def _admissible(self, point: Point) -> bool:
        scope = self.scope
        return _met_all(self.context, point, self.conditions, scope.definitions, scope.recursions, partial=False)

    @cached_property
    def conditions(self) -> tuple[sp.Basic, ...]:
        """Those that are not met by drawing each symbol from its range."""
        free = {s for s in self.symbols if s not in self.context.pinned and _is_drawn_within(s, self.ranges[s])}
        return tuple(c for c in self.scope.conditions if not (_is_bound(c) and c.free_symbols <= free))

    @cached_property
    def ranges(self) -> dict[sp.Symbol, tuple[Any, Any]]:
        """The ends of the range of each symbol; None where there is none."""
        return {s: _ends_of(self.context, s) for s in self.symbols}

    def _point(self, fixed: Point) -> Point:
        drawn = {s: _draw(s, self.ranges[s], self.source, long=self.long) for s in self.symbols} | fixed
        sequences = {base: _Sequence(self.source.random()) for base in self.bases}
        pinned = {s: value(form, drawn) for s, form in self.context.pinned.items() if s in drawn}
        return drawn | sequences | pinned


def _is_bound(condition: sp.Basic) -> bool:
    """`symbol >= number` and its like."""
    order = (sp.GreaterThan, sp.LessThan, sp.StrictGreaterThan, sp.StrictLessThan)
    return isinstance(condition, order) and condition.lhs.is_Symbol and condition.rhs.is_number


def _is_drawn_within(symbol: sp.Symbol, ends: tuple[Any, Any]) -> bool:
    """Whether what `_draw` gives lies in the range; integers are drawn from their lower end on, however far."""
    low, high = ends
    return high is None or ((low is None or low < high) and not symbol.is_integer)


def _faint(power: sp.Pow, point: Point) -> bool:
    try:
        return bool(0 < abs(value(power, point)) < SMALLEST)
    except UndefinedError:
        return False


class _Sequence:
    """A sequence of random numbers of mixed scale, some of them zero; made as it is read."""

    def __init__(self, seed: float) -> None:
        self._source = random.Random(seed)
        self._values: dict[int, Any] = {}
        self._read: set[int] = set()

    def __call__(self, index: int) -> Any:
        for n in range(len(self._values), abs(index) + 1):
            self._values[n] = mpmath.mpf(self._source.choice([0, 1, 1, 1]) * self._source.gauss(0, 1))
        self._read.add(abs(index))
        return self._values[abs(index)]

    def first(self, count: int) -> dict[int, Any]:
        """The first of the terms that were read, by index."""
        return {n: self._values[n] for n in sorted(self._read)[:count]}


class _Recursive:
    """A sequence by recursion at a point; computed as far as it is read."""

    def __init__(self, recursion: Recursion, point: Point) -> None:
        self._recursion, self._point = recursion, point
        self._values: list[Any] = []

    def __call__(self, index: int) -> Any:
        if index < 0:
            raise UndefinedError("a sequence starts at 0")
        if not self._values:
            self._values.append(value(self._recursion.first, self._point))
        for n in range(len(self._values) - 1, index):
            self._values.append(value(self._recursion.following, {**self._point, self._recursion.index: n}))
        return self._values[index]


def admissible(context: Context, point: Point, *, partial: bool = False) -> bool:
    """Every condition holds at `point`; adds the values of the abbreviations to it.

    With `partial`, conditions that have no value at the point are passed over.
    """
    everything = (context.plain_conditions, tuple(context.definitions), context.recursions)
    return _met_all(context, point, *everything, partial=partial)


def _met_all(
    context: Context,
    point: Point,
    conditions: Iterable[sp.Basic],
    definitions: Iterable[sp.Symbol],
    recursions: Mapping[sp.IndexedBase, Recursion],
    *,
    partial: bool,
) -> bool:
    for base, recursion in recursions.items():
        point[base] = _Recursive(recursion, point)
    for symbol in definitions:
        try:
            point.setdefault(symbol, value(context.expand(symbol), point))
        except UndefinedError:
            if not partial:
                return False
    return all(_met(condition, point, partial) for condition in conditions)


def _met(condition: sp.Basic, point: Point, otherwise: bool) -> bool:
    try:
        return holds(condition, point)
    except UndefinedError:
        return otherwise


def describe(point: Mapping[sp.Basic, Any]) -> dict[str, str]:
    """The point in short decimals, for people; of a sequence the first few terms that mattered."""
    terms = {f"{base}[{n}]": x for base, s in point.items() if isinstance(s, _Sequence) for n, x in s.first(4).items()}
    plain = {str(s): x for s, x in point.items() if not callable(x)}
    return {name: mpmath.nstr(mpmath.mpf(x), 8) for name, x in sorted((plain | terms).items())}


def _edges(context: Context, symbol: sp.Symbol) -> list[Any]:
    """The ends of its range that it may take, and zero."""
    known = context.range(symbol)
    ends = [_number(end.value, symbol) for end in (known.low, known.high) if not end.open and end.value.is_finite]
    return ends if known.nonzero or 0 in ends else [*ends, _number(sp.S.Zero, symbol)]


def _number(number: sp.Expr, symbol: sp.Symbol) -> Any:
    return int(number) if symbol.is_integer else mpmath.mpf(number.evalf(DIGITS + GUARD))


def _ends_of(context: Context, symbol: sp.Symbol) -> tuple[Any, Any]:
    known = context.range(symbol)
    low, high = (_number(end.value, symbol) if end.value.is_finite else None for end in (known.low, known.high))
    return low, high


def _draw(symbol: sp.Symbol, ends: tuple[Any, Any], source: random.Random, *, long: bool) -> Any:
    low, high = ends
    if symbol.is_integer:
        start = -6 if low is None else low
        return start + source.choice([0, 1, source.randint(0, 9), source.randint(0, 2000 if long else 12)])
    if low is not None and high is not None:
        share = source.choice([source.random(), 1 - 10 ** source.uniform(-6, -1), 10 ** source.uniform(-6, -1)])
        return low + (high - low) * mpmath.mpf(share)
    size = mpmath.mpf(10) ** mpmath.mpf(source.uniform(-9, 4))
    if low is not None:
        return low + size
    if high is not None:
        return high - size
    return source.choice([-1, 1]) * size
