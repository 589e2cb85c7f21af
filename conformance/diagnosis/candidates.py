"""What a target may be doing instead: programs to compare it with.

To add a candidate, add a fault to the catalogue; to add a family of them, see `conformance.diagnosis.families`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from adam_ref import ADAM, Dialect
from conformance.diagnosis.result import FAULT
from conformance.diagnosis.widths import Witnessed
from conformance.faults.catalogue import CATALOGUE, Fault, Piece
from conformance.protocol import Target

NEEDS = {"": "", "torch": "manners", "ranks": "processes"}
"""By the framework of a fault, what a target must claim that may have it."""


@dataclass(frozen=True)
class Candidate:
    """A defective Adam.

    Attributes:
        name: of the fault, or of the faults joined by " + ".
        title: what is wrong, as a sentence.
        kind: one of `conformance.diagnosis.result.KINDS`.
        pieces: what replaces which method of `Adam`, empty where it is none in pieces.
        references: public cases of it.
        caught_by: ids of checks that are known to catch it, where it is declared to be `dialect`, in `dtypes`.
        other: makes it as a target, where it is no NumPy Adam in pieces.
        needs: the capability without which a target cannot have it, empty where any target can.
        manners: those in which alone it has the defect; empty where it has it in whatever manner.

    """

    name: str
    title: str
    kind: str
    pieces: Mapping[str, Piece]
    references: tuple[str, ...] = ()
    caught_by: tuple[str, ...] = ()
    other: Callable[[], Target] | None = None
    needs: str = ""
    dialect: Dialect = ADAM
    dtypes: tuple[str, ...] = ()
    manners: tuple[str, ...] = ()

    def optimizer(self) -> type[Witnessed]:
        """A class of its own, so that nothing which the candidate keeps globally is left from a run before."""
        return type(self.name, (Witnessed,), dict(self.pieces))


HONEST = Candidate("none", "nothing is wrong", FAULT, {})


@lru_cache(maxsize=1)
def catalogue() -> tuple[Candidate, ...]:
    """The faults of the catalogue."""
    return tuple(map(_of, CATALOGUE.values()))


def _of(fault: Fault) -> Candidate:
    pieces, other = ({}, fault.target) if fault.framework else (fault.pieces, None)
    return Candidate(
        fault.id,
        fault.title,
        FAULT,
        pieces,
        fault.stands_for,
        fault.caught_by,
        other,
        NEEDS[fault.framework],
        fault.dialect,
        fault.dtypes,
    )
