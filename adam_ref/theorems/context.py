"""What may be assumed while a step is verified: hypotheses, abbreviations, and the ranges that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, reduce
from operator import add, mul
from typing import Any

import sympy as sp

from adam_ref.theorems.intervals import ALL, NONNEGATIVE, POSITIVE, UNIT, End, Range, point

_CONTINUOUS = (sp.Add, sp.Mul, sp.Pow, sp.Abs, sp.exp, sp.log, sp.Sum, sp.Indexed, sp.Symbol, sp.Number, sp.Max, sp.Min)

_STRICT = (sp.StrictGreaterThan, sp.StrictLessThan)


@dataclass(frozen=True)
class Recursion:
    """A sequence `x` by recursion: `x[0] = first`, and `x[index + 1] = following`, written with `x[index]`."""

    first: sp.Expr
    index: sp.Symbol
    following: sp.Expr

    def subs(self, where: Mapping[sp.Basic, sp.Basic]) -> Recursion:
        """The same with symbols replaced."""
        return Recursion(self.first.subs(where), self.index, self.following.subs(where))


@dataclass(frozen=True, eq=False)
class Context:
    """Conditions (relations, or `Or` of relations) on plain real symbols, abbreviations, sequences by recursion."""

    conditions: tuple[sp.Basic, ...]
    definitions: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)
    recursions: Mapping[sp.IndexedBase, Recursion] = field(default_factory=dict)

    def having(self, *conditions: sp.Basic) -> Context:
        """The same context with more conditions."""
        flat = [part for condition in conditions for part in _conjuncts(condition)]
        if not flat:
            return self
        if (key := tuple(flat)) not in self._extended:
            self._extended[key] = self._with((*self.conditions, *flat))
        return self._extended[key]

    def _with(self, conditions: tuple[sp.Basic, ...]) -> Context:
        """Other conditions; what is known of the abbreviations is shared."""
        other = replace(self, conditions=conditions)
        other.__dict__["_expanded"] = self._expanded
        return other

    def generalized(self, over: sp.Symbol, given: tuple[sp.Basic, ...]) -> tuple[Context, bool]:
        """What is assumed for every `over` that meets `given`: no other condition on it, and whether one was lost."""
        about = [c for c in self.conditions if over in self.expand(c).free_symbols]
        free = self._with(tuple(c for c in self.conditions if c not in about)).having(*given)
        implied = [c for c in about if free.implies(c)]
        return free.having(*implied), len(implied) == len(about)

    def implies(self, condition: sp.Basic) -> bool:
        """The conditions imply `condition`."""
        if condition == sp.true or condition in self.conditions:
            return True
        if isinstance(condition, sp.And):
            return all(self.implies(c) for c in condition.args)
        if isinstance(condition, sp.Or):
            return all(any(case.implies(c) for c in condition.args) for case in self._cases)
        if isinstance(condition, sp.Ne):
            return self.nonzero(condition.lhs - condition.rhs)
        if isinstance(condition, sp.Eq):
            return bool(sp.expand(self.expand(condition.lhs - condition.rhs)) == 0)
        return (self.positive if isinstance(condition, _STRICT) else self.nonnegative)(condition.gts - condition.lts)

    def unrolled(self, expression: sp.Expr) -> sp.Expr:
        """Terms such as `x[0]`, `x[1]` and `x[t + 1]` of sequences by recursion, written out."""
        while terms := {
            x: following for x in expression.atoms(sp.Indexed) if (following := self._unrolled(x)) is not None
        }:
            expression = expression.xreplace(terms)
        return expression

    def _unrolled(self, term: sp.Indexed) -> sp.Expr | None:
        recursion, position = self.recursions.get(term.base), term.indices[0]
        if recursion is None:
            return None
        if position == 0:
            return recursion.first
        ahead = position.is_Integer or (isinstance(position, sp.Add) and position.as_coeff_Add()[0] > 0)
        if not ahead or not self.nonnegative(position - 1):
            return None
        return recursion.following.subs(recursion.index, position - 1)

    def expand(self, expression: sp.Basic) -> sp.Basic:
        """Write out the abbreviations."""
        if expression not in self._expanded:
            written = expression
            while written.free_symbols & self.definitions.keys():
                written = on_sides(written, lambda side: side.subs(self.definitions))
            self._expanded[expression] = written
        return self._expanded[expression]

    def depends_on(self, expression: sp.Basic) -> set[sp.Basic]:
        """The symbols in `expression`, and in the abbreviations and recursions it uses."""
        found: set[sp.Basic] = set(self.expand(expression).free_symbols)
        for base in expression.atoms(sp.IndexedBase) & self.recursions.keys():
            used = self.recursions[base]
            found |= self.depends_on(used.first) | self.expand(used.following).free_symbols - {used.index}
        return found

    # What follows from the conditions

    def positive(self, expression: sp.Expr) -> bool:
        """The conditions imply `expression > 0`."""
        return all(case._known(expression).positive or case.range(expression).positive for case in self._cases)

    def nonnegative(self, expression: sp.Expr) -> bool:
        """The conditions imply `expression >= 0`."""
        return all(case._known(expression).nonnegative or case.range(expression).nonnegative for case in self._cases)

    def nonzero(self, expression: sp.Expr) -> bool:
        """The conditions imply that `expression` is not zero."""
        return all(case._nonzero(expression) for case in self._cases)

    def zero(self, expression: sp.Expr) -> bool:
        """One of the conditions says `expression = 0`."""
        equations = (c.lhs - c.rhs for c in self.conditions if isinstance(c, sp.Eq))
        return any(expression in (equation, -equation) for equation in equations)

    def undefined_part(self, expression: sp.Expr) -> sp.Basic | None:
        """The first part not shown to be a continuous real function on the whole domain, or None.

        Continuity lets an identity that is verified inside a closed range hold on its edge: `0**0 = 1` for integer
        exponents `>= 0` (a polynomial), no denominator zero, no root of a negative number.
        """
        if isinstance(expression, sp.Sum):
            return (
                expression if (inner := self._inside(expression)) is None else inner.undefined_part(expression.function)
            )
        if expression.is_number:
            return None if expression.is_real else expression
        if isinstance(expression, sp.Indexed):
            return None
        if not isinstance(expression, _CONTINUOUS):
            return expression
        if isinstance(expression, sp.Pow) and not self._power_defined(expression.base, expression.exp):
            return expression
        if isinstance(expression, sp.log) and not self.positive(expression.args[0]):
            return expression
        parts = (self.undefined_part(part) for part in expression.args)
        return next((part for part in parts if part is not None), None)

    def range(self, expression: sp.Expr) -> Range:
        """An interval that holds every value of `expression`."""
        if expression not in self._ranges:
            self._ranges[expression] = self._refined(expression, self._known(expression))
        return self._ranges[expression]

    def _known(self, expression: sp.Expr) -> Range:
        """The same as it is read, without rewriting `expression` as a whole."""
        if expression in self._ranges:
            return self._ranges[expression]
        return self._structural(expression) & self._fact(expression) & self._bounds.get(expression, ALL)

    def with_signs(self, expression: sp.Basic) -> sp.Basic:
        """Replace the plain symbols by symbols that carry the sign the conditions give.

        A real that is `>= 0` becomes positive: `undefined_part` has shown that the edge follows by continuity.
        """
        free = variables(expression) - _indices(expression)
        return expression.xreplace({s: self._signed(s) for s in free if not isinstance(s, sp.Dummy)})

    @cached_property
    def pinned(self) -> dict[sp.Symbol, sp.Expr]:
        """What conditions `symbol = expression` say."""
        equations = (c for c in self.conditions if isinstance(c, sp.Eq) and c.lhs.is_Symbol)
        return {c.lhs: c.rhs for c in equations if not c.rhs.has(c.lhs)}

    @cached_property
    def points(self) -> dict[Any, list[Any]]:
        """Admissible points drawn so far (`evaluate.points`)."""
        return {}

    @cached_property
    def plain_conditions(self) -> tuple[sp.Basic, ...]:
        """The conditions with the abbreviations written out."""
        return tuple(self.expand(condition) for condition in self.conditions)

    # How it is found out

    @cached_property
    def _extended(self) -> dict[tuple[sp.Basic, ...], Context]:
        return {}

    @cached_property
    def _expanded(self) -> dict[sp.Basic, sp.Basic]:
        return {}

    @cached_property
    def _ranges(self) -> dict[sp.Expr, Range]:
        return {}

    @cached_property
    def _bounds(self) -> dict[sp.Expr, Range]:
        """What conditions such as `expression > number` say."""
        bounds: dict[sp.Expr, Range] = {}
        for bounded, known in (pair for condition in self.conditions for pair in _bound(condition)):
            for form in {bounded, self.expand(bounded)}:
                bounds[form] = bounds.get(form, ALL) & known
        return bounds

    @cached_property
    def _signed_symbols(self) -> dict[sp.Symbol, sp.Symbol]:
        return {}

    @cached_property
    def _cases(self) -> tuple[Context, ...]:
        """One context for each alternative of the first `Or`, recursively."""
        for index, condition in enumerate(self.conditions):
            if isinstance(condition, sp.Or):
                rest = self.conditions[:index] + self.conditions[index + 1 :]
                split = [self._with((*rest, *_conjuncts(one))) for one in condition.args]
                return tuple(case for part in split for case in part._cases)
        return (self,)

    @cached_property
    def _facts(self) -> dict[sp.Expr, Range]:
        facts: dict[sp.Expr, Range] = {}
        for condition in self.conditions:
            if (fact := _fact_of(condition)) is None:
                continue
            difference, known = fact
            for form in (difference, self.expand(difference)):
                key = _primitive(form)
                facts[key] = facts.get(key, ALL) & known
        return facts

    @cached_property
    def _nonzeros(self) -> frozenset[sp.Expr]:
        unequal = [c.lhs - c.rhs for c in self.conditions if isinstance(c, sp.Ne)]
        return frozenset(_primitive(s * form) for d in unequal for form in (d, self.expand(d)) for s in (1, -1))

    def _fact(self, expression: sp.Expr) -> Range:
        if not isinstance(expression, sp.Add):
            return self._facts.get(expression, ALL)
        key = _primitive(expression)
        return self._facts.get(key, ALL) & -self._facts.get(_primitive(-expression), ALL)

    def _structural(self, e: sp.Expr) -> Range:
        if e.is_number:
            return point(e)
        if isinstance(e, sp.Symbol):
            return self.range(self.definitions[e]) if e in self.definitions else ALL
        if isinstance(e, sp.Add):
            return (NONNEGATIVE if _beyond_extreme(e) else ALL) & reduce(add, (self.range(a) for a in e.args))
        if isinstance(e, sp.Mul):
            return reduce(mul, (self.range(a) for a in e.args))
        if isinstance(e, sp.Pow):
            return self._power(e.base, e.exp)
        if isinstance(e, sp.Abs):
            return POSITIVE if self._nonzero(e.args[0]) else NONNEGATIVE
        if isinstance(e, sp.exp):
            return self._exponential(e.args[0])
        if isinstance(e, sp.log):
            return self._logarithm(e.args[0])
        if isinstance(e, sp.Sum):
            return self._sum(e)
        return ALL

    def _refined(self, e: sp.Expr, known: Range) -> Range:
        """Where the plain reading leaves the sign open: write out abbreviations, then factor."""
        if not isinstance(e, sp.Add) or known.nonzero:
            return known
        for other in (self.expand(e), _factored(e)):
            if other != e and not (isinstance(other, sp.Add) and other.free_symbols == e.free_symbols):
                known = known & self.range(other)
        return known

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> Range:
        known = self.range(base)
        if exponent.is_number:
            squared = POSITIVE if exponent.is_even and not known.nonzero and self._nonzero(base) else ALL
            return squared & known.power(exponent)
        if known.positive or (known.nonnegative and self.range(exponent).positive):
            sign = POSITIVE if known.positive else NONNEGATIVE
            return sign & self._at_most_one(known, self.range(exponent))
        if known.nonnegative and self.range(exponent).nonnegative:
            return NONNEGATIVE & self._at_most_one(known, self.range(exponent))
        return NONNEGATIVE if exponent.is_even else ALL

    @staticmethod
    def _at_most_one(base: Range, exponent: Range) -> Range:
        if base.high.value > 1 or not exponent.nonnegative:
            return ALL
        strict = exponent.positive and (base.high.value < 1 or base.high.open)
        return UNIT & Range(UNIT.low, End(sp.Integer(1), strict))

    def _logarithm(self, argument: sp.Expr) -> Range:
        excess = self.range(argument - 1)
        if excess.positive:
            return POSITIVE
        return NONNEGATIVE if excess.nonnegative else (-POSITIVE if excess.negative else ALL)

    def _exponential(self, exponent: sp.Expr) -> Range:
        known = self.range(exponent)
        if known.nonnegative:
            return Range(End(sp.Integer(1), known.positive), POSITIVE.high)
        return POSITIVE & (Range(POSITIVE.low, End(sp.Integer(1), known.negative)) if (-known).nonnegative else ALL)

    def _sum(self, e: sp.Sum) -> Range:
        inner = self._inside(e)
        if inner is None or not (term := inner.range(e.function)).nonnegative:
            return ALL
        filled = all(self.range(high - low).nonnegative for _, low, high in e.limits)
        return POSITIVE if term.positive and filled else NONNEGATIVE

    def _inside(self, e: sp.Sum) -> Context | None:
        """The context of the summand; None if something is known of a symbol by the name of an index."""
        if any(condition.free_symbols & set(e.variables) for condition in self.conditions):
            return None
        return self.having(*(c for index, low, high in e.limits for c in (index >= low, index <= high)))

    def _nonzero(self, e: sp.Expr) -> bool:
        if self.range(e).nonzero or _primitive(e) in self._nonzeros:
            return True
        if isinstance(e, sp.Mul):
            return all(self._nonzero(a) for a in e.args)
        if isinstance(e, (sp.Pow, sp.Abs)):
            return self._nonzero(e.args[0])
        if isinstance(e, sp.Symbol) and e in self.definitions:
            return self._nonzero(self.definitions[e])
        if isinstance(e, sp.Add):
            other = _factored(self.expand(e))
            return not isinstance(other, sp.Add) and self._nonzero(other)
        return False

    def _power_defined(self, base: sp.Expr, exponent: sp.Expr) -> bool:
        if exponent.is_number and exponent.is_integer:
            return bool(exponent >= 0) or self.nonzero(base)
        if self.positive(base):
            return True
        if exponent.is_integer:
            return self.nonnegative(exponent)
        return self.nonnegative(base) and self.positive(exponent)

    def _signed(self, symbol: sp.Symbol) -> sp.Symbol:
        if symbol not in self._signed_symbols:
            assumptions = {"integer": True} if symbol.is_integer else {"real": True}
            beyond = self.positive if symbol.is_integer else self.nonnegative
            signs = {"positive": beyond(symbol), "negative": beyond(-symbol), "nonnegative": self.nonnegative(symbol)}
            assumptions |= {next((sign for sign, holds in signs.items() if holds), "real"): True}
            self._signed_symbols[symbol] = sp.Symbol(symbol.name, **assumptions)
        return self._signed_symbols[symbol]


def on_sides(statement: sp.Basic, change: Callable[[sp.Basic], sp.Basic]) -> sp.Basic:
    """Apply `change` to the sides of the relations in `statement`, which are kept as written."""
    if isinstance(statement, (sp.core.relational.Relational, sp.logic.boolalg.BooleanFunction)):
        return statement.func(*(on_sides(part, change) for part in statement.args), evaluate=False)
    return change(statement)


def variables(expression: sp.Basic) -> set[sp.Symbol]:
    """The free real symbols, without the names of sequences."""
    names = {base.label for base in expression.atoms(sp.IndexedBase)}
    return {s for s in expression.free_symbols - names if isinstance(s, sp.Symbol) and s.is_real}


def _indices(expression: sp.Basic) -> set[sp.Symbol]:
    return {index for s in expression.atoms(sp.Sum) for index in s.variables}


def _conjuncts(condition: sp.Basic) -> Iterable[sp.Basic]:
    return condition.args if isinstance(condition, sp.And) else (condition,)


def _beyond_extreme(e: sp.Add) -> bool:
    """`e` is `x - min(x, ...)` or `max(x, ...) - x`."""
    return any(
        (isinstance(one, sp.Max) and one - e in one.args) or (isinstance(-one, sp.Min) and e - one in (-one).args)
        for one in e.args
    )


@lru_cache(maxsize=4096)
def _factored(expression: sp.Expr) -> sp.Expr:
    return sp.factor(sp.together(expression))


@lru_cache(maxsize=4096)
def _primitive(expression: sp.Expr) -> sp.Expr:
    return sp.expand(expression).primitive()[1]


def _fact_of(condition: sp.Basic) -> tuple[sp.Expr, Range] | None:
    if isinstance(condition, sp.Eq):
        return condition.lhs - condition.rhs, point(sp.Integer(0))
    if isinstance(condition, _STRICT):
        return condition.gts - condition.lts, POSITIVE
    if isinstance(condition, (sp.GreaterThan, sp.LessThan)):
        return condition.gts - condition.lts, NONNEGATIVE
    return None


def _bound(condition: sp.Basic) -> Iterator[tuple[sp.Expr, Range]]:
    if isinstance(condition, sp.Eq) and condition.rhs.is_number:
        yield condition.lhs, point(condition.rhs)
    if not isinstance(condition, (sp.StrictGreaterThan, sp.StrictLessThan, sp.GreaterThan, sp.LessThan)):
        return
    strict = isinstance(condition, _STRICT)
    if condition.lts.is_number:
        yield condition.gts, Range(End(condition.lts, strict), End(sp.oo, True))
    if condition.gts.is_number:
        yield condition.lts, Range(End(-sp.oo, True), End(condition.gts, strict))
