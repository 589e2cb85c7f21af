"""Families of candidates that are made for what was seen, where the catalogue has none that explains it.

To add one: a function from the evidence to candidates, in a module of its own, and a line in `FAMILIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from conformance.diagnosis.candidates import Candidate, catalogue
from conformance.diagnosis.conditions import conditional
from conformance.diagnosis.counters import counters
from conformance.diagnosis.formats import kept_states, rounded_scalars
from conformance.diagnosis.search import Evidence
from conformance.diagnosis.values import values

FAMILIES: tuple[Callable[[Evidence], Iterable[Candidate]], ...] = (
    lambda _: rounded_scalars(),
    kept_states,
    counters,
    values,
    lambda evidence: conditional(evidence, catalogue()),
)
"""In the order in which they are tried; the first that has an explanation ends it."""
