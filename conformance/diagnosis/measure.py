"""How often the diagnosis is right: the catalogue with its names withheld, and pairs of its faults.

A fault that is a dialect is named right as the dialect that it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adam_ref import Dialect
from adam_ref.dialect import name_of
from conformance.checks import CHECKS
from conformance.compare import remembering
from conformance.diagnosis.evidence import Exhibit, Recorder
from conformance.diagnosis.judge import diagnose
from conformance.diagnosis.result import FACT, NONE, Diagnosis
from conformance.faults import subject_named
from conformance.faults.matrix import Drawn, Subject, Terms, with_time_for
from conformance.faults.pairs import JOINT
from conformance.isolation.hosts import InProcess, another
from conformance.protocol import TargetError
from conformance.suite import Plan, Tally

SCHEMA = "adam-conformance/diagnosis/1"

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


RIGHT, TIED, NOTHING, WRONG = OUTCOMES = ("right", "tied", "nothing fits", "wrong")
"""The right name comes first; it does not, and is one of those that nothing tells apart from the first; nothing fits,
or what was seen is stated and no cause named; another name comes first."""


@dataclass(frozen=True)
class Named:
    """What the diagnosis says about one subject, whose name it was not told.

    Attributes:
        subject: id of the fault, or of the two.
        found: the diagnosis.
        outcome: one of `OUTCOMES`; of two faults it is right to name one.
        seconds: of processor time that the diagnosis took.

    """

    subject: str
    found: tuple[Diagnosis, ...]
    outcome: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**vars(self), "found": [d.to_json() for d in self.found]}


@dataclass(frozen=True)
class Measure:
    """What became of all subjects that were tried."""

    terms: Terms
    named: tuple[Named, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many subjects have each outcome."""
        return {outcome: sum(n.outcome == outcome for n in self.named) for outcome in OUTCOMES}

    @property
    def ok(self) -> bool:
        """No subject is given a wrong name."""
        return not self.counts[WRONG]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        terms = {"profile": self.terms.profile, "dtypes": list(self.terms.dtypes), "seed": self.terms.seed}
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "terms": terms,
            "counts": self.counts,
            "named": [n.to_json() for n in self.named],
        }


def namer(terms: Terms) -> Callable[[str], Named]:
    """A function that diagnoses the subject of a name; what one has cost the next need not pay again."""
    drawn = Drawn()

    def name(subject_name: str) -> Named:
        subject = subject_named(subject_name)
        with remembering():
            exhibits = _exhibits(subject, drawn, terms)
            began = time.process_time()
            found = tuple(diagnose(exhibits, subject.dialect))
        return Named(subject.id, found, outcome(subject, found), time.process_time() - began)

    return name


def _exhibits(subject: Subject, drawn: Drawn, terms: Terms) -> list[Exhibit]:
    """What a run sees; where that finds nothing, what one does that starts a second process."""
    host, recorder = InProcess(subject.target(), another=another(subject.address, subject.dialect)), Recorder()
    for elsewhere in (False, True):
        for dtype in [d for d in terms.dtypes if d in subject.dtypes] or subject.dtypes:
            plan = Plan(dialect=subject.dialect, dtypes=(dtype,), profile=terms.profile, seed=terms.seed)
            context = plan.context(host, dtype, recorder.ran)
            if elsewhere:
                context = replace(context, elsewhere=replace(context.elsewhere, missing=host.another.missing))
            for check in (CHECKS[name] for name in terms.checks):
                enough = with_time_for(check, subject, context)
                if check.missing(enough) is None:
                    try:
                        Tally(drawn.once(check, enough), enough, recorder.examined).examine_all()
                    except TargetError:
                        recorder.forget()
        if recorder.findings:
            break
    return recorder.exhibits


def outcome(subject: Subject, found: Sequence[Diagnosis]) -> str:
    """One of `OUTCOMES`."""
    wanted = subject.id.split(JOINT)
    if wanted[1:]:
        return _of_two(set(wanted), found)
    changed = DIALECTS.get(subject.id)
    names = {subject.id, *([] if changed is None else [_name(subject.dialect, changed)])}
    if found and found[0].name in names:
        return RIGHT
    if found and names & set(found[0].same):
        return TIED
    return NOTHING if all(d.kind in (NONE, FACT) for d in found) else WRONG


def _of_two(wanted: set[str], found: Sequence[Diagnosis]) -> str:
    named = {name for d in found for name in d.name.split(" + ")}
    as_dialects = {name_of(Dialect(**DIALECTS[w])) for w in wanted if w in DIALECTS}
    if named & (wanted | as_dialects):
        return RIGHT
    if wanted & {name for d in found for same in d.same for name in same.split(" + ")}:
        return TIED
    return NOTHING if all(d.kind in (NONE, FACT) for d in found) else WRONG


def _name(dialect: Dialect, changed: Mapping[str, Any]) -> str:
    return name_of(dialect.with_(**changed))
