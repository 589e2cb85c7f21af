"""Proofs for people, in a terminal of 80 columns or more: one in full, or many with a few lines each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from adam_ref.theorems.proof import CounterexampleResult, Proof, StepResult, VariantResult
from conformance.rendering.terminal import two_columns

_MOVED = ("alpha", "lr"), ("epsilon", "eps")


def brief(proof: Proof) -> RenderableType:
    """What was shown in a line or two, and what went wrong."""
    title = Text.assemble((f"{proof.theorem:<4}", "bold"), _status(proof), f"  {proof.title}")
    return Group(title, Padding(Text(_counts(proof), "dim"), (0, 0, 0, 4)), *_problems(proof))


def in_full(proof: Proof, words: str, hypotheses: Iterable[str]) -> Iterator[RenderableType]:
    """Statement, steps, attacks, and what became of every wrong version and every dropped hypothesis."""
    yield Text.assemble((proof.theorem, "bold"), f"  {proof.title}")
    yield Padding(two_columns([("", words), *(("where", h) for h in hypotheses)]), (0, 0, 1, 2))
    for number, result in enumerate(proof.steps, 1):
        yield step(number, result)
    yield _section(
        "Attacked", [("points", _attack(proof)), *((c.verdict, f"by z3: {c.words}") for c in proof.confirmations)]
    )
    yield _section("Wrong versions", [row for v in proof.variants for row in _variant(v)])
    yield _section("Without a hypothesis", [row for c in proof.counterexamples for row in _counterexample(c)])
    yield from _problems(proof)
    yield Text.assemble((f"{proof.theorem} ", "bold"), _status(proof), f": {_counts(proof)}")


def step(number: int, result: StepResult) -> RenderableType:
    """One step: what it states, why, and by whom it was verified."""
    colour = "green" if result.status == "verified" else "yellow" if result.ok else "bold red"
    by = f"{result.rule.replace('_', ' ')}: {result.status} by {', '.join(result.engines)}, {result.seconds:.2f} s"
    rows = [("", result.statement), ("", result.why)]
    return Group(Text.assemble(f"{number:>3}  ", (by, colour)), Padding(two_columns(rows), (0, 0, 0, 3)))


def summary(proofs: Sequence[Proof]) -> Text:
    """All in one sentence."""
    steps, words = sum(len(p.steps) for p in proofs), sum(p.in_words for p in proofs)
    refused, variants = sum(v.refused for p in proofs for v in p.variants), sum(len(p.variants) for p in proofs)
    proved = sum(p.ok for p in proofs)
    done = f"{proved} of {len(proofs)} theorems proved: {steps} steps, {words} in words alone; "
    return Text(
        f"{done}{refused} of {variants} wrong versions refused.", "bold green" if proved == len(proofs) else "bold red"
    )


def _status(proof: Proof) -> tuple[str, str]:
    return ("proved", "green") if proof.ok else ("not proved", "bold red")


def _counts(proof: Proof) -> str:
    refused, needed = sum(v.refused for v in proof.variants), sum(c.ok for c in proof.counterexamples)
    confirmed = sum(c.verdict == "proved" for c in proof.confirmations)
    parts = (
        f"{len(proof.steps)} steps, {proof.in_words} in words",
        f"{proof.attack.points} points",
        f"z3 {confirmed}/{len(proof.confirmations)}",
        f"{refused}/{len(proof.variants)} wrong versions refused",
        f"{needed}/{len(proof.counterexamples)} counterexamples",
        f"{proof.seconds:.1f} s",
    )
    return ", ".join(parts)


def _problems(proof: Proof) -> Iterator[RenderableType]:
    for problem in proof.problems:
        yield Padding(Text(problem, "red"), (0, 0, 0, 4))


def _section(title: str, rows: Iterable[tuple[str, str]]) -> RenderableType:
    return Group("", Text(title, "bold"), Padding(two_columns(rows), (0, 0, 0, 2)))


def _attack(proof: Proof) -> str:
    failed = f"{len(proof.attack.failures)} failures" if proof.attack.failures else "no failure"
    return f"{proof.attack.points} at 50 digits, edges included: {failed}; equations off by {proof.attack.residual:.1e}"


def _variant(v: VariantResult) -> Iterator[tuple[str, str]]:
    yield ("refused" if v.refused else "NOT REFUSED"), f"{v.name}: {v.words}"
    sides = f"{v.left} against {v.right}" if v.left else _renamed(v.detail)
    yield "", f"step {v.step} ({v.rule.replace('_', ' ')}) at {_point(v.witness)}: {sides}"


def _counterexample(c: CounterexampleResult) -> Iterator[tuple[str, str]]:
    yield c.drops, f"{c.words}: {c.left} against {c.right}" if c.ok else f"NO COUNTEREXAMPLE: {c.words}: {c.detail}"


def _point(witness: Mapping[str, str]) -> str:
    return ", ".join(f"{_renamed(name)} = {value}" for name, value in witness.items())


def _renamed(text: str) -> str:
    for old, new in _MOVED:
        text = text.replace(old, new)
    return text
