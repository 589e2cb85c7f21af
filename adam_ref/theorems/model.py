"""What a theorem consists of: immutable data, and functions that make steps, rows and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sympy as sp

from adam_ref.theorems.context import Context, Recursion
from adam_ref.theorems.steps import Step


@dataclass(frozen=True)
class Hypothesis:
    """A named hypothesis: in words, and as conditions on symbols (relations, or `Or` of relations)."""

    name: str
    words: str
    conditions: tuple[sp.Basic, ...]


@dataclass(frozen=True)
class Claim:
    """Part of the statement. It has to appear, exactly so, among the steps. `assuming` confines it to a case."""

    statement: sp.Basic
    words: str = ""
    assuming: tuple[sp.Basic, ...] = ()
    latex: str | None = None


@dataclass(frozen=True)
class Variant:
    """A wrong version: the derivation with the ingredients `change`. It has to be refuted, at a step, by a point."""

    name: str
    words: str
    change: Mapping[str, Any]


@dataclass(frozen=True)
class Counterexample:
    """A point where every hypothesis but `drops` holds and a claim (number `claim`) is false or has no value.

    `at` gives exact values for symbols, and functions of the index for sequences.
    """

    drops: str
    words: str
    at: Mapping[sp.Basic, Any]
    claim: int = 0


@dataclass(frozen=True)
class Confirmation:
    """A statement over the reals for z3: `given` implies `claim`. Roots are introduced as new reals."""

    words: str
    claim: sp.Basic
    given: tuple[sp.Basic, ...] = ()


@dataclass(frozen=True)
class Table:
    """Numbers for the page, computed from the theorem's own objects when `rows` is called."""

    name: str
    caption: str
    header: tuple[str, ...]
    rows: Callable[[], Iterable[Sequence[Any]]]


@dataclass(frozen=True)
class Figure:
    """A picture for the page: `draw` gets a matplotlib `Axes`."""

    name: str
    caption: str
    draw: Callable[[Any], None]


@dataclass(frozen=True)
class Theorem:
    """A theorem with its derivation and everything that puts it to the test. `summary` is for `explain`.

    `shown_as` gives parts of the formulas the names (LaTeX) that the pages show them by; the engine never sees these.
    """

    id: str
    name: str
    title: str
    words: str
    hypotheses: tuple[Hypothesis, ...]
    claims: tuple[Claim, ...]
    derive: Callable[..., Iterable[Step]]
    variants: tuple[Variant, ...]
    counterexamples: tuple[Counterexample, ...]
    summary: str
    definitions: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)
    recursions: Mapping[sp.IndexedBase, Recursion] = field(default_factory=dict)
    shown_as: Mapping[sp.Expr, str] = field(default_factory=dict)
    confirmations: tuple[Confirmation, ...] = ()
    no_confirmation: str = ""
    uses: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()

    @cached_property
    def context(self) -> Context:
        """The hypotheses and abbreviations as the engine reads them."""
        return self.without("")

    def without(self, hypothesis: str) -> Context:
        """The context with one hypothesis dropped."""
        kept = (h.conditions for h in self.hypotheses if h.name != hypothesis)
        return Context((), self.definitions, self.recursions).having(
            *(condition for conditions in kept for condition in conditions)
        )
