"""Two more kinds of step: what holds from a point on because it grows, and claims that need each other in an induction.

Like those of `steps.py` they rest on the eight kinds of obligation alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from adam_ref.theorems.steps import Defined, Free, Obligation, Sign, Step, Structural, Zero, at_least


def grows(function: sp.Expr, by: sp.Symbol, why: str, *, start: sp.Expr = sp.S.Zero) -> Step:
    """`function >= 0` for every real `by >= start`: it is at `start`, and its derivative is not negative from there on.

    Shown for all such `by`, and stated where the hypotheses keep `by >= start`.
    """
    slope = sp.diff(function, by)
    others = sorted(function.free_symbols - {by}, key=str)
    shown: tuple[Obligation, ...] = (
        Structural(bool(by.is_real and not by.is_integer), f"{by} is a real symbol"),
        *(Free(other, by) for other in others),
        Sign(by - start, ">="),
        Defined(function, (by >= start,), by),
        Defined(slope, (by >= start,), by),
        Sign(function.subs(by, start), ">=", over=by),
        Sign(slope, ">=", given=(by >= start,), over=by),
    )
    return Step("grows", at_least(function, 0), why, shown)


def induct_together(
    claims: Sequence[sp.Basic],
    over: sp.Symbol,
    why: str,
    *,
    start: int,
    carries: Sequence[Sequence[sp.Expr]],
    rests: Sequence[sp.Expr],
) -> Step:
    """Several `claims`, each `x <= y` or `x >= y`, for every integer `over >= start`; each step may use all of them.

    With `D_i(n)` the larger side of claim i minus the smaller, `D_i(n+1)` is `sum_j carries[i][j]*D_j(n) + rests[i]`:
    no carry and no rest is negative. Hypotheses that say more of `over` than `over >= start` may not be used.
    """
    gaps = [claim.gts - claim.lts for claim in claims]
    given = (over >= start,)
    hidden = set().union(*(gap.free_symbols | gap.atoms(sp.IndexedBase) for gap in gaps)) - {over}
    shown: list[Obligation] = [
        Structural(bool(over.is_integer), f"{over} is an integer"),
        Structural(all(isinstance(c, (sp.LessThan, sp.GreaterThan)) for c in claims), "weak inequalities"),
        Structural(len(claims) == len(carries) == len(rests), "one rest and one row of carries for each claim"),
        Sign(over - start, ">="),
        *(Free(part, over) for part in sorted(hidden, key=str) if not isinstance(part, sp.Indexed)),
    ]
    for claim, gap, row, rest in zip(claims, gaps, carries, rests, strict=True):
        carried = sum((carry * other for carry, other in zip(row, gaps, strict=True)), sp.S.Zero)
        shown += [Defined(claim.lhs, given, over), Defined(claim.rhs, given, over)]
        shown += [Sign(gap.subs(over, start), ">=", over=over)]
        shown += [Zero(gap.subs(over, over + 1) - carried - rest, given, over)]
        shown += [Sign(part, ">=", given=given, over=over) for part in (*row, rest)]
    return Step("induct_together", sp.And(*claims, evaluate=False), why, tuple(shown))
