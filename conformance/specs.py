"""The normative files: specs/adam.md cut into clauses, and the schemas of the report and the process protocol.

In a checkout they lie in specs/, in an installed wheel in conformance/_specs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_PLACES = (_HERE / "_specs", _HERE.parent / "specs")
_CLAUSE = re.compile(r"\*\*([A-Z]+-\d+)\*\*\s+\((MUST|SHOULD)\)\s+(.+)", re.DOTALL)


class SpecError(ValueError):
    """A normative file is missing, or is not written as it has to be."""


@dataclass(frozen=True)
class Clause:
    """One numbered normative sentence.

    Attributes:
        id: as in `UPD-1`.
        level: "MUST" or "SHOULD".
        text: the sentence, on one line.
        chapter: the heading it stands under.

    """

    id: str
    level: str
    text: str
    chapter: str


MUST, SHOULD = "MUST", "SHOULD"


def level_of(names: Iterable[str]) -> str:
    """The level of a finding that violates one of these clauses: SHOULD where none of them is a MUST."""
    return MUST if any(clauses()[name].level == MUST for name in names) else SHOULD


def spec_file(name: str) -> Path:
    """Where the normative file `name` lies; raises `SpecError` where it is nowhere."""
    for place in _PLACES:
        if (place / name).is_file():
            return place / name
    raise SpecError(f"{name} is missing; it was looked for in {' and '.join(map(str, _PLACES))}")


@lru_cache(maxsize=1)
def clauses() -> dict[str, Clause]:
    """The clauses of specs/adam.md by id, in the order of the text."""
    return parse_clauses(spec_file("adam.md").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def report_schema() -> dict[str, Any]:
    """The JSON Schema of the report."""
    schema: dict[str, Any] = json.loads(spec_file("report.schema.json").read_text(encoding="utf-8"))
    return schema


@lru_cache(maxsize=1)
def protocol_schema() -> dict[str, Any]:
    """The JSON Schema of what crosses between the harness and a program."""
    schema: dict[str, Any] = json.loads(spec_file("protocol/messages.schema.json").read_text(encoding="utf-8"))
    return schema


def parse_clauses(text: str) -> dict[str, Clause]:
    """Every paragraph that begins with `**ID** (MUST)` or `**ID** (SHOULD)`, under the `## Chapter` it stands in."""
    found: dict[str, Clause] = {}
    chapter = ""
    for paragraph in re.split(r"\n\s*\n|\n(?=#)", text):
        lines = paragraph.strip().splitlines()
        if lines and lines[0].startswith("## "):
            chapter = lines.pop(0).removeprefix("## ").strip()
        match = _CLAUSE.fullmatch(" ".join(line.strip() for line in lines))
        if match is None:
            continue
        clause = Clause(match[1], match[2], match[3].strip(), chapter)
        if clause.id in found:
            raise SpecError(f"clause {clause.id} is there twice, in {found[clause.id].chapter!r} and in {chapter!r}")
        found[clause.id] = clause
    return found
