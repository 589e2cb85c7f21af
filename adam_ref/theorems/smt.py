"""The second engine: statements over the reals decided by z3, sharing nothing with the algebra of the first."""

from __future__ import annotations

from typing import Any

import sympy as sp

EFFORT = 20_000_000
"""z3's resource limit: an effort, not a time, so that a verdict does not depend on the machine."""


def decide(claim: sp.Basic, given: tuple[sp.Basic, ...]) -> str:
    """`"proved"`, `"refuted"` or `"unknown"`: does `given` imply `claim` for all reals?"""
    import z3

    translation = _Translation(z3)
    goal = translation.statement(claim)
    premises = [translation.statement(condition) for condition in given]
    solver = z3.Solver()
    solver.set("rlimit", EFFORT)
    solver.add(*premises, *translation.side_conditions, z3.Not(goal))
    return {"unsat": "proved", "sat": "refuted"}.get(str(solver.check()), "unknown")


class _Translation:
    """sympy to z3; a root becomes a new non-negative real with its defining equation."""

    def __init__(self, z3: Any) -> None:
        self._z3 = z3
        self._known: dict[sp.Basic, Any] = {}
        self.side_conditions: list[Any] = []

    def statement(self, s: sp.Basic) -> Any:
        z3 = self._z3
        if isinstance(s, (sp.And, sp.Or, sp.Not)):
            make = {sp.And: z3.And, sp.Or: z3.Or, sp.Not: z3.Not}[type(s)]
            return make(*(self.statement(a) for a in s.args))
        if isinstance(s, sp.Implies):
            return z3.Implies(*(self.statement(a) for a in s.args))
        if isinstance(s, sp.Equivalent):
            first, *others = [self.statement(a) for a in s.args]
            return z3.And(*(first == other for other in others))
        if s in (sp.true, sp.false):
            return z3.BoolVal(bool(s))
        left, right = self.term(s.lhs), self.term(s.rhs)
        return {
            sp.Eq: lambda: left == right,
            sp.Ne: lambda: left != right,
            sp.StrictLessThan: lambda: left < right,
            sp.LessThan: lambda: left <= right,
            sp.StrictGreaterThan: lambda: left > right,
            sp.GreaterThan: lambda: left >= right,
        }[type(s)]()

    def term(self, e: sp.Expr) -> Any:
        if e not in self._known:
            self._known[e] = self._term(e)
        return self._known[e]

    def _term(self, e: sp.Expr) -> Any:
        z3 = self._z3
        if isinstance(e, sp.Symbol):
            return z3.Real(e.name)
        if isinstance(e, sp.Rational):
            return z3.Q(int(e.p), int(e.q))
        if isinstance(e, sp.Add):
            return z3.Sum([self.term(a) for a in e.args])
        if isinstance(e, sp.Mul):
            return z3.Product([self.term(a) for a in e.args])
        if isinstance(e, sp.Abs):
            inner = self.term(e.args[0])
            return z3.If(inner >= 0, inner, -inner)
        if isinstance(e, sp.Pow) and isinstance(e.exp, sp.Rational):
            return self._power(e.base, e.exp)
        raise ValueError(f"z3 gets polynomials, quotients and roots; {e} is none: put a symbol in its place")

    def _power(self, base: sp.Expr, exponent: sp.Rational) -> Any:
        z3 = self._z3
        if exponent < 0:
            return z3.Q(1, 1) / self.term(base**-exponent)
        if exponent.q == 1:
            return z3.Product([self.term(base)] * int(exponent.p))
        inner, root = self.term(base), z3.Real(f"root{len(self.side_conditions)}")
        self._known[base ** sp.Rational(1, exponent.q)] = root
        self.side_conditions.append(
            z3.Implies(inner >= 0, z3.And(root >= 0, z3.Product([root] * int(exponent.q)) == inner))
        )
        return z3.Product([root] * int(exponent.p))
