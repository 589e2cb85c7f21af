"""Runs a theorem: verifies every step, attacks the claims with numbers, asks z3, lets the wrong variants fail."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import mpmath
import sympy as sp

from adam_ref.theorems import evaluate
from adam_ref.theorems.context import Context
from adam_ref.theorems.judge import Judge, pointwise
from adam_ref.theorems.model import Claim, Counterexample, Theorem, Variant
from adam_ref.theorems.plain import plain
from adam_ref.theorems.proof import (
    AttackResult,
    ConfirmationResult,
    CounterexampleResult,
    Outcome,
    Proof,
    StepResult,
    VariantResult,
)
from adam_ref.theorems.steps import Step

ATTACK_POINTS = 40
FAR = 10**12
"""The step count at which a limit is looked at by numbers."""


def prove(theorem: Theorem, *, on_step: Callable[[StepResult], None] = lambda _: None) -> Proof:
    """Run `theorem`. `on_step` is told of each step as it is verified."""
    began = time.perf_counter()
    with mpmath.workdps(evaluate.DIGITS + evaluate.GUARD):
        derivation = tuple(theorem.derive())
        steps = tuple(_told(result, on_step) for result in verify(theorem.context, derivation, seed=theorem.id))
        attack = _attack(theorem)
        known = tuple(zip(derivation, steps, strict=True))
        variants = tuple(_refuse(theorem, variant, known) for variant in theorem.variants)
        counterexamples = tuple(_counterexample(theorem, c) for c in theorem.counterexamples)
    confirmations = tuple(_confirm(theorem))
    established = [step for step, result in known if result.ok]
    problems = (
        *(f"step {n} ({s.rule}) {s.status}: {s.detail}" for n, s in enumerate(steps, 1) if not s.ok),
        *(
            f"no step establishes the claim {c.statement}"
            for c in theorem.claims
            if not any(establishes(step, c, theorem) for step in established)
        ),
        *(f"a claim fails at {failure}" for failure in attack.failures),
        *(f"z3 says {c.verdict}: {c.words}" for c in confirmations if c.verdict != "proved"),
        *(f"the wrong variant {v.name!r} was not refuted: {v.detail}" for v in variants if not v.refused),
        *(f"the counterexample without {c.drops} is none: {c.detail}" for c in counterexamples if not c.ok),
        *_incomplete(theorem),
    )
    seconds = time.perf_counter() - began
    return Proof(theorem.id, theorem.title, steps, attack, confirmations, variants, counterexamples, problems, seconds)


def _told(result: StepResult, on_step: Callable[[StepResult], None]) -> StepResult:
    on_step(result)
    return result


def _incomplete(theorem: Theorem) -> Iterator[str]:
    dropped = {c.drops for c in theorem.counterexamples}
    for hypothesis in theorem.hypotheses:
        if hypothesis.name not in dropped:
            yield f"no counterexample shows that {hypothesis.name} is needed"
    if not theorem.variants:
        yield "no wrong variant"
    if not theorem.confirmations and not theorem.no_confirmation:
        yield "neither a confirmation by z3 nor a reason why there is none"


def establishes(step: Step, claim: Claim, theorem: Theorem) -> bool:
    """`step` states just what `claim` states, in the same case."""
    stated, claimed = (theorem.context.expand(part.statement) for part in (step, claim))
    return bool(stated == claimed) and set(step.assuming) == set(claim.assuming)


# Steps


def verify(
    context: Context, steps: Iterable[Step], *, seed: str = "", known: Sequence[tuple[Step, StepResult]] = ()
) -> Iterator[StepResult]:
    """Verify `steps` in order under the conditions of `context`; those that hold may be used by the next.

    As long as the derivation is that of `known`, the results are taken from there.
    """
    established: list[Step] = []
    unchanged = True
    for n, step in enumerate(steps):
        unchanged = unchanged and n < len(known) and step == known[n][0]
        result = known[n][1] if unchanged else _verify(context, step, established, seed)
        if result.ok:
            established.append(step)
        yield result


def _verify(context: Context, step: Step, established: list[Step], seed: str) -> StepResult:
    began = time.perf_counter()
    usable = tuple(s.statement for s in established if set(s.assuming) <= set(step.assuming))
    judge = Judge(context.having(*step.assuming), usable, seed)
    outcomes: list[Outcome] = []
    for obligation in step.obligations:
        outcomes.append(judge.outcome(obligation))
        if outcomes[-1].status in ("refuted", "undecided"):
            break
    last = outcomes[-1]
    engines = tuple(dict.fromkeys(o.engine for o in outcomes))
    failed = last.status in ("refuted", "undecided")
    status = last.status if failed else ("in words" if "words" in engines else "verified")
    count, seconds = len(step.obligations), time.perf_counter() - began
    shown = (step.rule, plain(step.statement), step.why, status, engines, count, seconds)
    if not failed:
        return StepResult(*shown)
    sides = _unequal(judge.context.expand(step.statement), last.point)
    return StepResult(*shown, last.detail, last.witness, *sides)


def _unequal(statement: sp.Basic, point: Mapping[Any, Any] | None) -> tuple[str, str]:
    """The two sides of a statement at a point that refutes it; empty where it is not the statement that is refuted."""
    if point is None or not pointwise(statement):
        return "", ""
    try:
        if evaluate.holds(statement, point):
            return "", ""
    except (evaluate.UndefinedError, KeyError):
        return "", ""
    left, right = (_shown(side, point) for side in _ends(statement))
    return left, right


# Attacks


def _attack(theorem: Theorem) -> AttackResult:
    count, worst = 0, mpmath.mpf(0)
    failures: list[dict[str, str]] = []
    for n, claim in enumerate(theorem.claims):
        context = theorem.context.having(*claim.assuming)
        relation = context.expand(claim.statement)
        looked = [
            (p, _looked_at(relation, p)) for p in evaluate.points(context, relation, ATTACK_POINTS, f"{theorem.id}.{n}")
        ]
        if not looked:
            failures.append({"claim": str(claim.statement), "reason": "no admissible point was found"})
        count += len(looked)
        worst = max([worst, *(residual for _, (_, residual) in looked)])
        failures += [evaluate.describe(point) for point, (holds, _) in looked if not holds]
    return AttackResult(count, float(worst), tuple(failures))


def _looked_at(relation: sp.Basic, point: evaluate.Point) -> tuple[bool, Any]:
    """Whether the claim holds at the point, and the residual where it is an equality."""
    try:
        if isinstance(relation, sp.Eq) and isinstance(relation.lhs, sp.Limit):
            return _limit_at(relation, point)
        if not isinstance(relation, sp.Eq):
            return evaluate.holds(relation, point), mpmath.mpf(0)
        _, gap = evaluate.compared(relation, point)
    except evaluate.UndefinedError:
        return False, mpmath.mpf(0)
    return gap < mpmath.mpf(10) ** -evaluate.DIGITS, gap


def _limit_at(relation: sp.Basic, point: evaluate.Point) -> tuple[bool, Any]:
    """A limit against the function far out; a sum is looked at less far out, and less closely."""
    function, over = relation.lhs.args[:2]
    far, digits = (FAR, 6) if not function.has(sp.Sum, sp.Indexed) else (2000, 1)
    left, right = evaluate.value(function, {**point, over: far}), evaluate.value(relation.rhs, point)
    return bool(abs(left - right) <= (1 + abs(right)) * mpmath.mpf(10) ** -digits), mpmath.mpf(0)


def _refuse(theorem: Theorem, variant: Variant, known: Sequence[tuple[Step, StepResult]]) -> VariantResult:
    """Run the derivation with the wrong ingredients; a refuted step refuses it."""
    changed = theorem.derive(**variant.change)
    numbered = enumerate(verify(theorem.context, changed, seed=theorem.id, known=known), 1)
    n, result = next(((n, result) for n, result in numbered if not result.ok), (0, None))
    if result is None:
        return VariantResult(variant.name, variant.words, False, 0, "", "every step was verified")
    refused = result.status == "refuted"
    found = (result.detail, result.witness, result.left, result.right)
    return VariantResult(variant.name, variant.words, refused, n, result.rule, *found)


def _counterexample(theorem: Theorem, c: Counterexample) -> CounterexampleResult:
    point: evaluate.Point = {
        s: x if callable(x) else mpmath.mpf(x) if not s.is_integer else int(x) for s, x in c.at.items()
    }
    hypotheses = {h.name: h for h in theorem.hypotheses}
    claim = theorem.claims[c.claim]
    if c.drops not in hypotheses:
        return CounterexampleResult(c.drops, c.words, "", "", False, "there is no such hypothesis")
    if not evaluate.admissible(theorem.without(c.drops).having(*claim.assuming), point, partial=True):
        return CounterexampleResult(c.drops, c.words, "", "", False, "another hypothesis fails as well")
    if evaluate.admissible(theorem.context.having(*claim.assuming), point, partial=True):
        return CounterexampleResult(c.drops, c.words, "", "", False, "the dropped hypothesis holds here")
    relation = theorem.context.expand(claim.statement)
    left, right = (_shown(side, point) for side in _ends(relation))
    return CounterexampleResult(
        c.drops, c.words, left, right, not _looked_at(relation, point)[0], "the claim holds here"
    )


def _ends(relation: sp.Basic) -> tuple[sp.Basic, sp.Basic]:
    """What to show of a claim: the two sides of a relation, or the two parts of a combination."""
    first, *rest = relation.args[0].args if isinstance(relation, sp.Not) else relation.args
    return first, rest[0] if rest else sp.true


def _shown(side: sp.Basic, point: Mapping[Any, Any]) -> str:
    try:
        if isinstance(side, sp.logic.boolalg.Boolean) and not isinstance(side, sp.Symbol):
            return str(evaluate.holds(side, point)).lower()
        return str(mpmath.nstr(evaluate.value(_at_far(side), point), 10))
    except evaluate.UndefinedError as error:
        return f"undefined ({error})"


def _at_far(side: sp.Basic) -> sp.Basic:
    return side.args[0].subs(side.args[1], FAR) if isinstance(side, sp.Limit) else side


def _confirm(theorem: Theorem) -> Iterator[ConfirmationResult]:
    if theorem.confirmations:
        from adam_ref.theorems.smt import decide

        for c in theorem.confirmations:
            yield ConfirmationResult(c.words, decide(c.claim, c.given))
