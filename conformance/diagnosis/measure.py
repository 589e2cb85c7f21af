"""How often the diagnosis is right: the catalogue with its names withheld, and pairs of its faults.

    python -m conformance.diagnosis.measure [--pairs N] [FAULT ...]

A fault that is a dialect is named right as the dialect that it is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adam_ref import Dialect
from adam_ref.dialect import name_of
from conformance.checks import CHECKS
from conformance.compare import remembering
from conformance.diagnosis.evidence import Exhibit, Recorder
from conformance.diagnosis.judge import diagnose
from conformance.diagnosis.result import DIALECT, NONE, Diagnosis
from conformance.faults import CATALOGUE
from conformance.faults.matrix import Drawn, Subject
from conformance.faults.pairs import JOINT, random_pairs
from conformance.isolation.hosts import InProcess
from conformance.protocol import TargetError
from conformance.suite import Plan, Tally

UNCORRECTED = {"correct_m": False, "correct_v": False}
DIALECTS: dict[str, Mapping[str, Any]] = {
    "epsilon-hat": {"epsilon": "hat"},
    "epsilon-unscaled-where-hat-was-declared": {"epsilon": "outside"},
    "epsilon-inside-the-root": {"epsilon": "inside-corrected"},
    "epsilon-inside-the-root-of-raw-v": {"epsilon": "inside-raw"},
    "no-bias-correction": UNCORRECTED,
    "m-uncorrected": {"correct_m": False},
    "v-uncorrected": {"correct_v": False},
    "corrected-where-no-correction-was-declared": {"correct_m": True, "correct_v": True},
    "decay-coupled-where-decoupled-was-asked": {"weight_decay": "coupled"},
    "decay-decoupled-where-coupled-was-asked": {"weight_decay": "decoupled"},
    "decay-not-scaled-by-lr": {"weight_decay": "absolute"},
    "absolute-decay-scaled-by-lr": {"weight_decay": "decoupled"},
    "maximum-of-the-corrected": {"amsgrad": "corrected"},
    "maximum-of-the-raw": {"amsgrad": "raw"},
    "complex-square-of-the-modulus": {"complex_square": "modulus"},
}
"""The faults that are another dialect than the one declared, and on which axes."""


@dataclass(frozen=True)
class Named:
    """What the diagnosis says about one subject, whose name it was not told.

    Attributes:
        subject: id of the fault, or of the two.
        found: the diagnosis.
        right: the right name comes first; of two faults, one of them is named.
        seconds: of processor time that the diagnosis took.

    """

    subject: str
    found: tuple[Diagnosis, ...]
    right: bool
    seconds: float

    @property
    def silent(self) -> bool:
        """It says that nothing fits."""
        return all(d.kind == NONE for d in self.found)

    @property
    def tied(self) -> bool:
        """The right name does not come first, and is one of those that nothing tells apart from the first."""
        return not self.right and any(self.subject in d.same for d in self.found[:1])


def named(subjects: Iterable[Subject], dtypes: tuple[str, ...] = ("float32", "float64")) -> Iterator[Named]:
    """Diagnose faults of the catalogue, or pairs of them, one after the other, in this process at quick profile."""
    drawn = Drawn()
    with remembering():
        for subject in subjects:
            exhibits = _exhibits(subject, drawn, tuple(d for d in dtypes if d in subject.dtypes) or subject.dtypes)
            began = time.process_time()
            found = tuple(diagnose(exhibits, subject.dialect))
            yield Named(subject.id, found, _right(subject, found), time.process_time() - began)


def _exhibits(subject: Subject, drawn: Drawn, dtypes: tuple[str, ...]) -> list[Exhibit]:
    host, recorder = InProcess(subject.target()), Recorder()
    for dtype in dtypes:
        context = Plan(dialect=subject.dialect, dtypes=(dtype,), profile="quick").context(host, dtype, recorder.ran)
        for check in CHECKS.values():
            if check.missing(context) is None:
                try:
                    Tally(drawn.once(check, context), context, recorder.examined).examine_all()
                except TargetError:
                    recorder.forget()
    return recorder.exhibits


def _right(subject: Subject, found: tuple[Diagnosis, ...]) -> bool:
    if JOINT in subject.id:
        return bool({n for d in found for n in d.name.split(" + ")} & set(subject.id.split(JOINT)))
    first = found[0] if found else None
    if first is None:
        return False
    changed = DIALECTS.get(subject.id)
    as_dialect = changed is not None and first.kind == DIALECT and first.name == _name(subject.dialect, changed)
    return first.name == subject.id or as_dialect


def _name(dialect: Dialect, changed: Mapping[str, Any]) -> str:
    return name_of(dialect.with_(**changed))


def main(arguments: list[str]) -> int:
    """Print what each subject is taken for, and the rates."""
    if arguments[:1] == ["--pairs"]:
        subjects: list[Subject] = list(random_pairs(int(arguments[1]), 0))
    else:
        subjects = [f for f in CATALOGUE.values() if not arguments or f.id in arguments]
    right = silent = tied = total = 0
    for one in named(subjects):
        right, silent, tied, total = right + one.right, silent + one.silent, tied + one.tied, total + 1
        words = "right" if one.right else "nothing" if one.silent else "tied" if one.tied else "WRONG"
        says = ", ".join(d.name for d in one.found)
        print(f"{words:8}{one.subject:60}{one.seconds:7.2f} s  {says}", flush=True)  # noqa: T201
    wrong = total - right - silent - tied
    print(f"{right} of {total} right, {tied} tied, {silent} said that nothing fits, {wrong} wrong")  # noqa: T201
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
