"""Decides the obligations of a step: by algebra, by signs, by logic, and against all of them by numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp
from sympy.logic.inference import satisfiable

from adam_ref.theorems import evaluate
from adam_ref.theorems.algebra import vanishes
from adam_ref.theorems.context import Context, on_sides
from adam_ref.theorems.proof import Outcome
from adam_ref.theorems.steps import Cited, Defined, Follows, Free, Obligation, Sign, Structural, Words, Zero

_INEQUALITIES = (sp.GreaterThan, sp.LessThan, sp.StrictGreaterThan, sp.StrictLessThan, sp.Ne)

REFUTING_POINTS = 24
"""Points at which each obligation is looked at before it is verified: what is false is refuted, not merely unproved."""


@dataclass(frozen=True)
class Judge:
    """Decides obligations under the hypotheses (`context`) and what is established (`usable`)."""

    context: Context
    usable: tuple[sp.Basic, ...]
    seed: str

    def outcome(self, obligation: Obligation) -> Outcome:
        """Verified; or refuted, if a point shows it; or undecided."""
        if isinstance(obligation, Words):
            return Outcome("verified", "words")
        if isinstance(obligation, Free):
            free = obligation.symbol not in self.context.depends_on(obligation.expression)
            return Outcome(
                "verified" if free else "undecided", "structure", f"{obligation.symbol} is in {obligation.expression}"
            )
        if isinstance(obligation, Structural):
            return Outcome("verified" if obligation.holds else "undecided", "structure", obligation.words)
        if isinstance(obligation, Defined):
            return self._defined(obligation)
        if isinstance(obligation, Zero):
            return self._zero(obligation)
        if isinstance(obligation, Sign):
            return self._sign(obligation)
        if isinstance(obligation, Follows):
            return self._follows(obligation)
        return self._cited(obligation)

    def _scope(self, o: Zero | Sign | Defined) -> tuple[Context, Context]:
        """The domain of the obligation, and the same with what is established."""
        facts = [s for s in self.usable if isinstance(s, _INEQUALITIES) and _plain(s)]
        if o.over is None:
            domain = self.context.having(*o.given)
        else:
            domain, complete = self.context.generalized(o.over, o.given)
            facts = [f for f in facts if complete or o.over not in self.context.expand(f).free_symbols]
        return domain, domain.having(*facts)

    def _defined(self, o: Defined) -> Outcome:
        domain, known = self._scope(o)
        part = known.undefined_part(o.expression)
        if part is None:
            return Outcome("verified", "domain")
        undefined = f"not shown to be defined: {part}"
        for point in evaluate.points(domain, o.expression, REFUTING_POINTS, self.seed):
            try:
                evaluate.value(domain.expand(o.expression), point)
            except evaluate.UndefinedError as error:
                return _refuted(f"{undefined} ({error})", point)
        return Outcome("undecided", "domain", undefined)

    def _zero(self, o: Zero) -> Outcome:
        if o.expression == 0:
            return Outcome("verified", "algebra")
        domain, known = self._scope(o)
        point = self._refuting(o.expression, domain, _nonzero_at)
        if point is not None:
            return _refuted(f"not zero: {o.expression}", point)
        if vanishes(o.expression, known):
            return Outcome("verified", "algebra")
        return Outcome("undecided", "algebra", f"not shown to be zero: {o.expression}")

    def _sign(self, o: Sign) -> Outcome:
        def fails(expression: sp.Expr, point: evaluate.Point) -> bool:
            return not evaluate.holds(o.relation.func(expression, 0, evaluate=False), point)

        domain, context = self._scope(o)
        point = self._refuting(o.expression, domain, fails)
        if point is not None:
            return _refuted(f"{o.kind} 0 fails for {o.expression}", point)
        form = o.expression if o.form is None else o.form
        if o.form is not None and not vanishes(o.expression - o.form, context):
            return self._zero(Zero(o.expression - o.form, o.given, o.over))
        if context.undefined_part(form) is not None:
            return Outcome("undecided", "domain", f"not shown to be defined: {form}")
        decide = {">": context.positive, ">=": context.nonnegative, "!=": context.nonzero}[o.kind]
        shown = decide(form) or decide(context.unrolled(form))
        return Outcome("verified" if shown else "undecided", "signs", f"{o.kind} 0 is not shown for {form}")

    def _follows(self, o: Follows) -> Outcome:
        statements = [self.context.expand(s) for s in self.usable]
        claim = self.context.expand(o.statement)
        if _joined(claim, statements) or _entailed(claim, statements):
            return Outcome("verified", "logic")
        return self._unsupported(o.statement, f"does not follow from the steps before: {o.statement}")

    def _unsupported(self, statement: sp.Basic, reason: str) -> Outcome:
        """Refuted where a point shows that the statement is false, else undecided for `reason`."""
        claim = self.context.expand(statement)
        for point in evaluate.points(self.context, statement, REFUTING_POINTS, self.seed) if pointwise(claim) else ():
            if not evaluate.holds(claim, point):
                return _refuted(f"fails: {statement}", point)
        return Outcome("undecided", "logic", reason)

    def _cited(self, o: Cited) -> Outcome:
        from adam_ref.theorems import THEOREMS

        cited = THEOREMS[o.theorem]
        for base in o.statement.atoms(sp.IndexedBase):
            theirs = cited.context.recursions.get(base)
            if self.context.recursions.get(base) != (theirs and theirs.subs(o.where)):
                return Outcome("undecided", "citation", f"{o.theorem} has another sequence {base}")

        def here(statement: sp.Basic) -> sp.Basic:
            return self.context.expand(on_sides(cited.context.expand(statement), lambda side: side.subs(o.where)))

        claims = {here(claim.statement): claim for claim in cited.claims}
        claim = claims.get(self.context.expand(o.statement))
        if claim is None:
            return self._unsupported(o.statement, f"{o.theorem} does not claim {o.statement}")
        for condition in (*cited.context.conditions, *claim.assuming):
            needed = here(condition)
            if not self.context.implies(needed):
                return Outcome("undecided", "citation", f"{o.theorem} needs {needed}")
        return Outcome("verified", f"citation of {o.theorem}")

    def _refuting(
        self, expression: sp.Expr, domain: Context, fails: Callable[[sp.Expr, evaluate.Point], bool]
    ) -> evaluate.Point | None:
        """A point of the domain where `fails` is true of `expression`."""
        written_out = domain.expand(expression)
        for point in evaluate.points(domain, expression, REFUTING_POINTS, self.seed):
            try:
                if fails(written_out, point):
                    return point
            except evaluate.UndefinedError:
                continue
        return None


def _refuted(detail: str, point: evaluate.Point) -> Outcome:
    return Outcome("refuted", "numbers", detail, evaluate.describe(point), point)


def _nonzero_at(expression: sp.Expr, point: evaluate.Point) -> bool:
    return not evaluate.holds(sp.Eq(expression, 0, evaluate=False), point)


def pointwise(statement: sp.Basic) -> bool:
    """The statement has a truth value at each point: it is not about a limit."""
    return not statement.has(sp.Limit)


def _plain(statement: sp.Basic) -> bool:
    """The statement is about values: not about a limit, a derivative or a substitution."""
    return not statement.has(sp.Limit, sp.Derivative, sp.Subs)


def _joined(claim: sp.Basic, statements: list[sp.Basic]) -> bool:
    """An equation whose sides are joined by a chain of established equations."""
    if not isinstance(claim, sp.Eq):
        return False
    reached, size = {claim.lhs}, 0
    while len(reached) > size:
        size = len(reached)
        for s in statements:
            if isinstance(s, sp.Eq) and reached & set(s.args):
                reached |= set(s.args)
    return claim.rhs in reached


def _entailed(claim: sp.Basic, statements: list[sp.Basic]) -> bool:
    """A consequence by propositional logic, relations taken as letters."""
    letters: dict[sp.Basic, sp.Symbol] = {}

    def lettered(s: sp.Basic) -> sp.Basic:
        if isinstance(s, sp.core.relational.Relational):
            return letters.setdefault(s, letters.get(s.reversed) or sp.Symbol(f"p{len(letters)}"))
        return s.func(*(lettered(a) for a in s.args)) if s.args else s

    return not satisfiable(sp.And(*(lettered(s) for s in statements), sp.Not(lettered(claim))))
