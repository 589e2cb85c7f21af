"""Statements as plain text, for a terminal and for JSON."""

from __future__ import annotations

import sympy as sp
from sympy.printing.str import StrPrinter

_SIGNS = {
    sp.Eq: "=",
    sp.Ne: "!=",
    sp.LessThan: "<=",
    sp.StrictLessThan: "<",
    sp.GreaterThan: ">=",
    sp.StrictGreaterThan: ">",
}


class _Printer(StrPrinter):  # type: ignore[misc]
    def _print_Relational(self, expr: sp.Basic) -> str:  # noqa: N802
        return f"{self._print(expr.lhs)} {_SIGNS[type(expr)]} {self._print(expr.rhs)}"

    def _print_Equivalent(self, expr: sp.Equivalent) -> str:  # noqa: N802
        first, second = sorted(map(self._print, expr.args), key=len, reverse=True)
        return f"{first}  <=>  {second}"

    def _print_Not(self, expr: sp.Not) -> str:  # noqa: N802
        return f"not ({self._print(expr.args[0])})"

    def _print_And(self, expr: sp.And) -> str:  # noqa: N802
        return " and ".join(sorted(map(self._print, expr.args), key=len))

    def _print_Limit(self, expr: sp.Limit) -> str:  # noqa: N802
        function, over, to, _ = expr.args
        return f"lim({self._print(over)} -> {self._print(to)}) {self._print(function)}"

    def _print_Derivative(self, expr: sp.Derivative) -> str:  # noqa: N802
        return f"d/d{self._print(expr.variables[0])} {self._print(expr.expr)}"


_PRINTER = _Printer()


def plain(statement: sp.Basic) -> str:
    """`statement` in a line, relations and logic with the usual signs; the learning rate is `lr`, powers `^`."""
    return str(_PRINTER.doprint(statement)).replace("**", "^").replace("alpha", "lr").replace("epsilon", "eps")
