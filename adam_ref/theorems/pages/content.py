"""What the page of a theorem says: the theorem and its proof as strings for the template, formulas as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

import mpmath
import sympy as sp

from adam_ref.theorems import THEOREMS
from adam_ref.theorems.engine import establishes
from adam_ref.theorems.model import Claim, Counterexample, Table, Theorem
from adam_ref.theorems.notation import V, g
from adam_ref.theorems.pages.latex import conditions, display, latex, letters, recursion
from adam_ref.theorems.pages.prose import inline, markdown
from adam_ref.theorems.proof import CounterexampleResult, Proof, StepResult, VariantResult
from adam_ref.theorems.steps import Step

INDEX = "README.md"
_DIGITS = 4
_SHOWN = 4
"""Terms of a sequence that a table has room for."""


def file_name(theorem: str) -> str:
    """The page of a theorem, such as `T04-they-merge.md`."""
    slug = THEOREMS.modules[theorem].partition("_")[2].replace("_", "-")
    return f"T{int(theorem[1:]):02d}-{slug}.md"


def picture_name(theorem: str, figure: str) -> str:
    """The file of a picture."""
    return f"T{int(theorem[1:]):02d}-{figure}.svg"


def link(theorem: str) -> str:
    """To the page of a theorem, from another page."""
    return f"[{theorem}]({file_name(theorem)})"


def words(plain: str) -> str:
    """Plain words as Markdown, other theorems linked."""
    return markdown(plain, THEOREMS, link)


def content(theorem: Theorem, proof: Proof) -> dict[str, Any]:
    """By the names that the template uses."""
    return {
        "theorem": theorem,
        "index": INDEX,
        "claims": list(_claims(theorem)),
        "meanings": _meanings(theorem),
        "hypotheses": list(_hypotheses(theorem)),
        "derivation": list(_derivation(theorem, proof)),
        "trust": _trust(proof),
        "counterexamples": list(_counterexamples(theorem, proof)),
        "variants": [_variant(theorem, v) for v in proof.variants],
        "attack": _attack(proof),
        "tables": [_table(table) for table in theorem.tables],
        "pictures": list(_pictures(theorem)),
        "uses": _links(theorem.uses),
        "used_by": _links(name for name in THEOREMS if theorem.id in THEOREMS[name].uses),
        "checks": ", ".join(f"`{check}`" for check in theorem.checks),
    }


def _links(theorems: Iterable[str]) -> str:
    return ", ".join(f"{link(name)} ({THEOREMS[name].name})" for name in theorems)


def _claims(theorem: Theorem) -> Iterator[dict[str, Any]]:
    for number, claim in enumerate(theorem.claims, 1):
        formula = claim.latex or display(claim.statement, theorem.shown_as)
        case = f"for {_case(theorem, claim.assuming)}" if claim.assuming else ""
        said = words(claim.words)
        title = ", ".join(part for part in (said.removesuffix(".") if case else said, case) if part)
        yield {"title": f"**({number})** {title}".rstrip(), "formula": formula}


def _case(theorem: Theorem, assuming: Iterable[sp.Basic]) -> str:
    parts = (sorted(a.args, key=sp.default_sort_key) if isinstance(a, sp.And) else [a] for a in assuming)
    flat = [part for several in parts for part in several]
    return inline(conditions(flat, theorem.shown_as)) if flat else ""


def _meanings(theorem: Theorem) -> str:
    """Parts that go by a name, abbreviations, and sequences by recursion, one a line."""
    rows = [rf"{name} &= {_explained(theorem, part)}" for part, name in theorem.shown_as.items()]
    rows += [rf"{letters(symbol.name)} &= {latex(meaning)}" for symbol, meaning in theorem.definitions.items()]
    spoken_of = sp.Tuple(*(step.statement for step in theorem.derive())).atoms(sp.IndexedBase)
    rules = ((base, rule) for base, rule in theorem.recursions.items() if base in spoken_of)
    rows += [recursion(base, rule).replace("=", "&=", 1) for base, rule in rules]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}" if rows else ""


def _explained(theorem: Theorem, part: sp.Basic) -> str:
    """A part, with the names of the smaller ones in it."""
    return latex(part, {other: name for other, name in theorem.shown_as.items() if other != part})


def _hypotheses(theorem: Theorem) -> Iterator[dict[str, str]]:
    for hypothesis in theorem.hypotheses:
        formula = inline(conditions(hypothesis.conditions, theorem.shown_as))
        yield {"name": hypothesis.name, "words": hypothesis.words, "formula": formula}


def _derivation(theorem: Theorem, proof: Proof) -> Iterator[dict[str, Any]]:
    """The steps, those of one case together; a heading where a case begins, and where it ends."""
    numbered = enumerate(zip(theorem.derive(), proof.steps, strict=True), 1)
    final = _final(theorem)
    for assuming, members in groupby(numbered, key=lambda item: item[1][0].assuming):
        steps = [_step(theorem, number, step, result, final) for number, (step, result) in members]
        opens = steps[0]["number"] == 1
        title = f"In the case {_case(theorem, assuming)}" if assuming else "" if opens else "In every case"
        yield {"title": title, "steps": steps}


def _final(theorem: Theorem) -> dict[int, int]:
    """By number of the claim, the number of the last step that establishes it."""
    numbered = [*enumerate(theorem.derive(), 1)]
    return {
        n: number for n, c in enumerate(theorem.claims, 1) for number, step in numbered if establishes(step, c, theorem)
    }


def _step(theorem: Theorem, number: int, step: Step, result: StepResult, final: Mapping[int, int]) -> dict[str, Any]:
    shown = [f"({claim})" for claim, last in final.items() if last == number]
    verified = f"verified by {', '.join(result.engines)}" if result.status == "verified" else "an argument in words"
    return {
        "number": number,
        "why": step.why,
        "formula": step.latex or display(step.statement, theorem.shown_as),
        "rule": step.rule.replace("_", " "),
        "verified": verified,
        "establishes": " and ".join(shown),
    }


def _trust(proof: Proof) -> str:
    if not proof.in_words:
        return f"All {len(proof.steps)} steps are verified; none rests on words alone."
    return f"Of {len(proof.steps)} steps {proof.in_words} rest on an argument in words, which nothing verifies."


def _counterexamples(theorem: Theorem, proof: Proof) -> Iterator[dict[str, str]]:
    for counterexample, result in zip(theorem.counterexamples, proof.counterexamples, strict=True):
        yield _counterexample(theorem, counterexample, result)


def _counterexample(theorem: Theorem, c: Counterexample, result: CounterexampleResult) -> dict[str, str]:
    claim = theorem.claims[c.claim]
    return {
        "drops": c.drops,
        "words": c.words,
        "at": _point(_values(c), _symbols(theorem, claim)),
        "left": _side(result.left),
        "right": _side(result.right),
        "claim": f"({c.claim + 1})",
    }


def _values(c: Counterexample) -> dict[str, str]:
    """The numbers of a counterexample by name; of a sequence the first terms."""
    plain = {str(symbol): mpmath.nstr(mpmath.mpf(x), _DIGITS) for symbol, x in c.at.items() if not callable(x)}
    for base, terms in c.at.items():
        if callable(terms):
            first = 1 if base in (g, V) else 0
            count = next((int(x) for symbol, x in c.at.items() if str(symbol) == "t" and not callable(x)), _SHOWN)
            for n in range(first, first + min(count, _SHOWN)):
                plain[f"{base}[{n}]"] = mpmath.nstr(terms(n), _DIGITS)
    return plain


def _symbols(theorem: Theorem, claim: Claim) -> set[str]:
    """Names of the symbols and sequences that a claim and the hypotheses are about."""
    conditions = [c for h in theorem.hypotheses for c in h.conditions]
    everything = (theorem.context.expand(part) for part in (claim.statement, *claim.assuming, *conditions))
    return {str(symbol) for part in everything for symbol in part.free_symbols}


def _variant(theorem: Theorem, v: VariantResult) -> dict[str, str]:
    derived = {str(symbol) for symbol in theorem.definitions}
    numbers = {name: x for name, x in v.witness.items() if name not in derived}
    known = set(numbers) | {name.partition("[")[0] for name in numbers}
    left, right = (_side(v.left), _side(v.right)) if v.left else ("none: a condition of the step fails", "none")
    step = f"{v.step} ({v.rule.replace('_', ' ')})"
    return {"name": v.name, "words": v.words, "step": step, "at": _point(numbers, known), "left": left, "right": right}


def _point(numbers: Mapping[str, str], known: set[str]) -> str:
    """Numbers in a table cell, `t` first."""
    shown = {name: x for name, x in numbers.items() if name.partition("[")[0] in known}
    ordered = sorted(shown, key=lambda name: (name != "t", name.startswith(("g[", "h[")), name))
    return ", ".join(inline(f"{_letter(name)} = {_number(shown[name])}") for name in ordered)


def _letter(name: str) -> str:
    base, _, index = name.rstrip("]").partition("[")
    return f"{letters(base)}_{{{index}}}" if index else letters(base)


def _number(decimal: str, digits: int = _DIGITS) -> str:
    """A decimal in few digits, powers of ten as such; what lies just below 1 as 1 less something."""
    number = mpmath.mpf(decimal)
    if number < 1 == mpmath.mpf(mpmath.nstr(number, digits)):
        return f"1 - {_number(mpmath.nstr(1 - number, digits), digits)}"
    mantissa, _, exponent = mpmath.nstr(number, digits).partition("e")
    mantissa = re.sub(r"\.0$", "", mantissa)
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def _side(value: str) -> str:
    """One side of a claim at a point: a number with a few more digits, a truth value, or why there is none."""
    if re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", value):
        return inline(_number(value, digits=6))
    return value


def _attack(proof: Proof) -> str:
    residual = "equal to 50 digits" if proof.attack.residual < 1e-50 else f"equal to {proof.attack.residual:.0e}"
    return (
        f"Every part of the statement was evaluated at admissible points, {proof.attack.points} in all: every symbol "
        f"at each end of its range and at zero, where it may be, and at random of all sizes. The inequalities held, "
        f"and the two sides of the equations were {residual}."
    )


def _table(table: Table) -> dict[str, Any]:
    rows = [[words(str(cell)) for cell in row] for row in table.rows()]
    return {"caption": table.caption, "header": [words(name) for name in table.header], "rows": rows}


def _pictures(theorem: Theorem) -> Iterator[dict[str, str]]:
    for figure in theorem.figures:
        alt = re.sub(r"[\[\]]", "", figure.caption)
        yield {"file": picture_name(theorem.id, figure.name), "alt": alt, "caption": figure.caption}
