"""What a kill matrix says about the suite: what gets past it, whom it wrongs, and which checks it could do without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.checks import CHECKS
from conformance.faults.catalogue import CATALOGUE
from conformance.faults.matrix import Cell, Matrix, Terms, Trial
from conformance.faults.panel import HONEST

SCHEMA = "adam-conformance/faults/1"


@dataclass(frozen=True)
class Evidence:
    """A matrix of faults and honest forms, and the questions that the suite has to answer.

    Attributes:
        terms: what every subject was put through.
        matrix: all cells.
        judged: faults that were put through every check, so that the need for each check can be told; where only a part
            of the catalogue was of interest, `None`.
        costs: seconds of each check on a correct target; given where the order of the checks is of interest.

    """

    terms: Terms
    matrix: Matrix
    judged: Matrix | None = None
    costs: Mapping[str, float] = field(default_factory=dict)

    @property
    def survivors(self) -> list[tuple[str, str]]:
        """(fault, dtype) of every fault that gets past the suite."""
        return [(subject, dtype) for subject, dtype in self.matrix.survivors() if subject not in HONEST]

    @property
    def flagged(self) -> list[Cell]:
        """The first cell in which each honest form is caught that is."""
        first = (self.matrix.first(subject) for subject in self.matrix.subjects if subject in HONEST)
        return [cell for cell in first if cell is not None]

    @property
    def redundant(self) -> list[str]:
        """The checks that catch nothing that others do not, and have no clause of their own."""
        if self.judged is None:
            return []
        alone = self.judged.only_killed_by()
        return [check for check in self.terms.checks if not alone.get(check) and not own_clauses(check)]

    @property
    def ok(self) -> bool:
        """No fault survives, no honest form is flagged, and no check is there for nothing."""
        return not (self.survivors or self.flagged or self.redundant)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "terms": {**vars(self.terms), "checks": list(self.terms.checks), "dtypes": list(self.terms.dtypes)},
            **self.matrix.to_json(),
            "survivors": [list(pair) for pair in self.survivors],
            "flagged": [[cell.subject, cell.check, cell.dtype] for cell in self.flagged],
            "redundant": self.redundant,
            "costs": dict(self.costs),
            "strongest_first": strongest_first(self.matrix, self.costs),
        }


def own_clauses(check: str) -> list[str]:
    """The clauses that no other check speaks to."""
    others = {clause for other in CHECKS.values() if other.id != check for clause in other.clauses}
    return [clause for clause in CHECKS[check].clauses if clause not in others]


def witnesses() -> list[str]:
    """The faults that show the need for checks without a clause of their own: each names such a check alone."""
    named = ((fault.id, fault.caught_by) for fault in CATALOGUE.values())
    return [fault for fault, checks in named if len(checks) == 1 and not own_clauses(checks[0])]


CORRECT = ("in-pieces", "torch-adam-loop")
"""The forms that tell what checks cost: the second is asked what only a framework's optimizer can be asked."""


def costs(terms: Terms) -> dict[str, float]:
    """The seconds that each check takes on a correct Adam, everything computed afresh; none where it is skipped."""
    taken: dict[str, float] = {}
    for form in CORRECT:
        cells = list(Trial(terms).cells(HONEST[form]))
        new = {cell.check for cell in cells if cell.seconds} - taken.keys()
        taken |= {check: sum(cell.seconds for cell in cells if cell.check == check) for check in new}
    return taken


def strongest_first(matrix: Matrix, costs: Mapping[str, float]) -> list[str]:
    """The checks that cost something in the order that finds faults soonest.

    Next comes what catches most of the rest for its cost.
    """
    killed = {
        check: {(c.subject, c.dtype) for c in matrix.cells if c.check == check and c.kills and c.subject not in HONEST}
        for check in costs
    }
    left = set().union(*killed.values())
    order: list[str] = []
    while len(order) < len(costs):
        rest = [check for check in costs if check not in order]
        order.append(max(rest, key=lambda c: (len(killed[c] & left) / costs[c], len(killed[c]) / costs[c])))
        left -= killed[order[-1]]
    return order
