"""Two faults of the catalogue in one Adam: a real implementation seldom has only one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from adam_ref import Dialect
from conformance.faults.adam import EVERYTHING, Adam, InPieces
from conformance.faults.catalogue import CATALOGUE, CatalogueError, Fault
from conformance.specs import MUST, SHOULD

JOINT = "+"
"""Between the names of two faults in the name of the pair."""


@dataclass(frozen=True)
class Pair:
    """Two faults that replace different pieces of one Adam."""

    first: Fault
    second: Fault

    @property
    def id(self) -> str:
        """Both names."""
        return f"{self.first.id}{JOINT}{self.second.id}"

    @property
    def title(self) -> str:
        """Both sentences."""
        return f"{self.first.title}; {self.second.title}"

    @property
    def address(self) -> str:
        """The address of its target."""
        return f"conformance.faults:Faulty?fault={self.first.id}&beside={self.second.id}"

    @property
    def dialect(self) -> Dialect:
        """The dialect that both are declared to be."""
        return self.first.dialect

    @property
    def level(self) -> str:
        """MUST where a verdict turns on one of them."""
        return MUST if MUST in (self.first.level, self.second.level) else SHOULD

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes that both concern."""
        return tuple(d for d in self.first.dtypes if d in self.second.dtypes)

    @property
    def caught_by(self) -> tuple[str, ...]:
        """The checks that must catch one of them."""
        return tuple(dict.fromkeys((*self.first.caught_by, *self.second.caught_by)))

    @property
    def claims(self) -> Mapping[str, Any]:
        """What both claim together."""
        return {**(self.first.claims or {}), **(self.second.claims or {})}

    def target(self) -> InPieces:
        """The Adam with both defects as a target."""
        optimizer = type(self.id, (Adam,), {**self.first.pieces, **self.second.pieces})
        return InPieces(self.address, optimizer, self.dialect, replace(EVERYTHING, **self.claims))


def paired(first: Fault, second: Fault) -> Pair | None:
    """Both in one Adam; `None` where they do not go together: one piece, a framework, two dialects or dtypes."""
    pair = Pair(first, second)
    one, other = (dict(f.claims or {}) for f in (first, second))
    agree = all(one[claim] == other[claim] for claim in one.keys() & other.keys())
    apart = not first.pieces.keys() & second.pieces.keys()
    plain = not (first.framework or second.framework)
    return pair if plain and apart and agree and first.dialect == second.dialect and pair.dtypes else None


def pair_named(name: str) -> Pair:
    """The pair called `first+second`; raises `CatalogueError` where there can be none."""
    names = name.split(JOINT)
    unknown = [n for n in names if n not in CATALOGUE]
    if unknown or len(names) != 2:
        raise CatalogueError(f"{name!r} names no two faults, as in epsilon-hat{JOINT}lr-squared")
    pair = paired(CATALOGUE[names[0]], CATALOGUE[names[1]])
    if pair is None:
        raise CatalogueError(
            f"{name!r}: they replace the same piece, differ in dialect, claims or dtypes, or are of a framework"
        )
    return pair


def random_pairs(count: int, seed: int) -> list[Pair]:
    """`count` different pairs that go together, each as likely as any other."""
    generator, faults = random.Random(seed), list(CATALOGUE.values())
    found: dict[frozenset[str], Pair] = {}
    while len(found) < count:
        first, second = generator.sample(faults, 2)
        pair = paired(first, second)
        if pair is not None:
            found.setdefault(frozenset((first.id, second.id)), pair)
    return list(found.values())
