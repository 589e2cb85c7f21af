"""What a person found in the source of each target: specs/results/reasons.toml, one table a target.

    ["optax:adam"]
    source = "optax/_src/transform.py, scale_by_adam"
    reason = "what the source does, and why the verdicts are what they are"
    verdicts = {float32 = "conforms", float16 = "does-not-conform"}

    [["optax:adam".findings]]       # one for each defect
    title = "what is wrong, in a line"
    dtypes = ["float16"]
    checks = ["special.zero-gradient"]
    cause = "the lines that do it, and what would help"

The verdicts are those that the source lets one expect; the pages are made only where the records agree, and where every
finding has a cause.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.field.record import Record

FILE = "reasons.toml"


class ReasonError(ValueError):
    """Records and reasons do not agree, or a reason is missing."""


@dataclass(frozen=True)
class Defect:
    """A defect and its cause in the source; it accounts for the findings and errors of those checks in those dtypes."""

    title: str
    dtypes: tuple[str, ...]
    checks: tuple[str, ...]
    cause: str


@dataclass(frozen=True)
class Reason:
    """What the source of one target says."""

    source: str
    reason: str
    verdicts: dict[str, str]
    defects: tuple[Defect, ...] = ()


def read_reasons(folder: Path) -> dict[str, Reason]:
    """The reasons by address of the target; raises `ReasonError` where the file is not as it should be."""
    try:
        tables = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
        return {address: _reason(dict(table)) for address, table in tables.items()}
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise ReasonError(f"{folder / FILE} holds no reasons: {error}") from error


def _reason(table: dict[str, Any]) -> Reason:
    defects = tuple(_defect(dict(defect)) for defect in table.pop("findings", []))
    return Reason(**table, defects=defects)


def _defect(table: dict[str, Any]) -> Defect:
    return Defect(dtypes=tuple(table.pop("dtypes")), checks=tuple(table.pop("checks")), **table)


def disagreements(records: Iterable[Record], reasons: dict[str, Reason]) -> Iterator[str]:
    """Where records and reasons do not say the same, in sentences."""
    records = list(records)
    for found in records:
        if found.target not in reasons:
            yield f"{found.target} has no reason"
            continue
        reason = reasons[found.target]
        verdicts = {dtype: outcome["verdict"] for dtype, outcome in found.dtypes.items()}
        if verdicts != reason.verdicts:
            yield f"{found.target} was judged {verdicts}, and its source is said to give {reason.verdicts}"
        yield from _without_cause(found, reason)
    for address in reasons.keys() - {found.target for found in records}:
        yield f"{address} has a reason and was not judged"


def _without_cause(found: Record, reason: Reason) -> Iterator[str]:
    for dtype, outcome in found.dtypes.items():
        explained = {check for defect in reason.defects if dtype in defect.dtypes for check in defect.checks}
        failed = {finding["check"] for finding in outcome["findings"]} | set(outcome["errors"])
        for check in sorted(failed - explained):
            yield f"{found.target} in {dtype}: nothing is said about the cause of {check or 'not running at all'}"
        for defect in reason.defects:
            if dtype in defect.dtypes and not failed & set(defect.checks):
                yield f"{found.target} in {dtype}: no check shows {defect.title!r}"
