"""The record of one target, a JSON document under specs/results: in each dtype the verdict and what it rests on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adam_ref import __version__
from conformance.report import ERROR, SKIP, Report, suite_hash
from conformance.targets.registry import Listed

SCHEMA = "adam-conformance/result/1"

MOST_STEPS = 64
"""Steps of the longest case that a record holds."""


class RecordError(ValueError):
    """A file among the results that is no record."""


@dataclass(frozen=True)
class Record:
    """What a target was found to be.

    Attributes:
        target: its address.
        what: what it is, in a line.
        dialect: name of the one that it was held to.
        versions: of Python and of the packages that it ran on.
        suite: what judged: version and hash.
        profile: name of the profile.
        seed: from which every choice follows.
        dtypes: by name of the dtype, what `outcome` gives, and the worst deviations that were searched for.

    """

    target: str
    what: str
    dialect: str
    versions: dict[str, str]
    suite: dict[str, str]
    profile: str
    seed: int
    dtypes: dict[str, dict[str, Any]]

    @property
    def file(self) -> str:
        """The name of its file."""
        return re.sub(r"[^a-z0-9.]+", "-", self.target.lower()).strip("-") + ".json"

    def to_text(self) -> str:
        """As a JSON document."""
        return json.dumps({"schema": SCHEMA, **vars(self)}, indent=1, allow_nan=False) + "\n"


def record(
    listed: Listed, versions: dict[str, str], profile: str, seed: int, dtypes: dict[str, dict[str, Any]]
) -> Record:
    """The record of a target from its outcomes by dtype."""
    suite = {"version": __version__, "hash": suite_hash()}
    return Record(listed.address, listed.what, listed.dialect, versions, suite, profile, seed, dtypes)


def outcome(report: Report) -> dict[str, Any]:
    """Of a report in one dtype: the verdict, the closest call with its input, findings, errors with their reasons."""
    closest = max(report.checks, key=lambda check: check.worst.ratio, default=None)
    called = None if closest is None or not closest.worst.step else closest.to_json()["worst"]
    (accuracy,) = report.accuracy_class.values() or (None,)
    errors = {check.id: check.reason for check in report.checks if check.status == ERROR}
    return {
        "verdict": report.verdict,
        "accuracy_class": accuracy,
        "counts": report.counts(),
        "closest": None if called is None or closest is None else {"check": closest.id, **_short(called, "input")},
        "findings": [_short(finding.to_json(), "case") for finding in report.findings],
        "errors": {"": report.fatal} if report.fatal else errors,
        "skipped": [check.id for check in report.checks if check.status == SKIP],
        "diagnosis": [diagnosis.to_json() for diagnosis in report.diagnosis],
    }


def _short(entry: dict[str, Any], name: str) -> dict[str, Any]:
    """The entry without its case where that has very many steps: the checks make such cases anew."""
    case = entry[name]
    return entry if case is None or len(case["gradients"]) <= MOST_STEPS else {**entry, name: None}


def write(found: Record, folder: Path) -> Path:
    """Write the record into the folder; returns its file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / found.file
    path.write_text(found.to_text(), encoding="utf-8")
    return path


def read_all(folder: Path) -> list[Record]:
    """The records in the folder, by address; raises `RecordError` on a JSON file that is none."""
    return sorted(map(_read, folder.glob("*.json")), key=lambda found: found.target.casefold())


def _read(path: Path) -> Record:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("schema") != SCHEMA:
            raise RecordError(f"{path} is no record: its schema is not {SCHEMA}")
        return Record(**data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RecordError(f"{path} is no record: {error}") from error
