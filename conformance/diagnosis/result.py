"""What a diagnosis is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DIALECT, FAULT, COMBINATION, VALUE, FACT, NONE = KINDS = ("dialect", "fault", "combination", "value", "fact", "none")
"""A legitimate variant; one defect; several at once; a number or a state that acts as another; what a
finding says by itself; nothing fits."""


@dataclass(frozen=True)
class Diagnosis:
    """One explanation of what was seen.

    Attributes:
        name: of the dialect, the fault or the faults (joined by " + "), or what acts as another number.
        kind: one of `KINDS`.
        explains: ids of the checks whose findings it explains.
        evidence: sentences with numbers.
        references: where to read on.
        same: names of other explanations that no evidence tells apart from this one.

    """

    name: str
    kind: str
    explains: tuple[str, ...]
    evidence: str
    references: tuple[str, ...]
    same: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        lists = {name: list(getattr(self, name)) for name in ("explains", "references", "same")}
        return {**vars(self), **lists}
