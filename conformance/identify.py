"""What a target is, where nothing is declared: a dialect, from the parameters of a few probes, or one with a fault.

Where no dialect fits, the checks are run as if each of those that are left were declared, until the diagnosis has a
name for what they find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from adam_ref import Dialect
from adam_ref.dialect import AXES, DIALECTS, name_of
from adam_ref.formats import COMPONENTS
from conformance.capabilities import Capabilities
from conformance.case import Case
from conformance.cases.build import pinned_cases
from conformance.cases.regimes import REGIMES
from conformance.diagnosis import FAMILIES, Diagnosis, Seen, class_of
from conformance.diagnosis.result import COMBINATION, FAULT, VALUE
from conformance.isolation.hosts import Host
from conformance.protocol import TargetError
from conformance.suite import Plan, diagnosed
from conformance.targets.registry import everything

SCHEMA = "adam-conformance/identification/1"


@dataclass(frozen=True)
class Probe:
    """Cases that tell the values of some axes apart.

    Attributes:
        axes: the axes.
        regimes: from which the cases are taken, the most telling first.
        missing: from the claims and a dtype, why the probe does not apply; empty where it does.
        dtype: from the dtype that was asked for, the one that the cases have.

    """

    axes: tuple[str, ...]
    regimes: tuple[str, ...]
    missing: Callable[[Capabilities, str], str] = lambda _, __: ""
    dtype: Callable[[str], str] = lambda dtype: dtype

    def cases(self, claims: Capabilities, dtype: str, device: str, seed: int) -> list[Case]:
        """The cases in that dtype."""
        return [
            case
            for name in self.regimes
            for case in pinned_cases(REGIMES[name], claims, self.dtype(dtype), seed, device, at_most=3)
        ]


def _complex(dtype: str) -> str:
    """The complex dtype whose parts have `dtype`, or `dtype` where there is none."""
    return next((c for c, part in COMPONENTS.items() if part == dtype), dtype)


def _no_decay(claims: Capabilities, _: str) -> str:
    return "" if claims.weight_decay else "the target does not take weight_decay"


def _no_amsgrad(claims: Capabilities, _: str) -> str:
    offered = claims.pinned.get("amsgrad", "amsgrad" in claims.settable)
    return "" if offered else "the target does not take amsgrad"


def _no_complex(claims: Capabilities, dtype: str) -> str:
    return "" if _complex(dtype) != dtype and _complex(dtype) in claims.dtypes else "the target takes no complex dtype"


PROBES = (
    Probe(("epsilon", "correct_m", "correct_v"), ("near-epsilon", "zeros-then-spike", "ordinary", "few-roundings")),
    Probe(("weight_decay",), ("weight-decay",), _no_decay),
    Probe(("amsgrad",), ("amsgrad",), _no_amsgrad),
    Probe(("complex_square",), ("ordinary",), _no_complex, _complex),
)
"""What is asked, one after the other: each goes on with the dialects that fitted so far."""


SEARCHED = ("update", "state", "groups", "metamorphic")
"""Chapters whose checks are run where no dialect fits."""


@dataclass(frozen=True)
class Fit:
    """A dialect that contains everything that was seen, and the accuracy class in which it does, by dtype."""

    dialect: Dialect
    accuracy: dict[str, str]


@dataclass(frozen=True)
class Flawed:
    """A dialect, and what is wrong with the target if that is what it means to be."""

    dialect: Dialect
    diagnosis: Diagnosis


@dataclass(frozen=True)
class Identification:
    """What the probes tell.

    Attributes:
        target: its address or name.
        version: of the target.
        fits: the dialects that remain, nearest to `adam` first.
        untold: the axes of which the probes say nothing, and why; the dialects have the values of `adam` there.
        refuted: the axes no value of which fits; only the first such ones, for with them the search ends.
        flawed: where none fits, the first dialect of which it is a faulty one, and the fault.
        dtypes: those that were tried.
        cases: how many were run.
        fatal: why the target could not be run, empty where it could.

    """

    target: str
    version: str = "unknown"
    fits: tuple[Fit, ...] = ()
    untold: tuple[tuple[str, str], ...] = ()
    refuted: tuple[str, ...] = ()
    flawed: tuple[Flawed, ...] = ()
    dtypes: tuple[str, ...] = ()
    cases: int = 0
    fatal: str = ""

    @property
    def exit_code(self) -> int:
        """0 where a dialect fits, 1 where none does, 3 where the target could not be run, 5 where nothing was."""
        if self.fatal:
            return 3
        if not self.cases:
            return 5
        return 0 if self.fits else 1

    @property
    def undistinguished(self) -> tuple[str, ...]:
        """The axes on which the remaining dialects differ: nothing that the target lets us vary tells these apart."""
        if not self.fits:
            return ()
        first = self.fits[0].dialect
        return tuple(axis for axis in AXES if any(axis in f.dialect.differences(first) for f in self.fits))

    @property
    def told(self) -> tuple[str, ...]:
        """The axes of which the probes say something."""
        return tuple(axis for axis in AXES if axis not in dict(self.untold))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "schema": SCHEMA,
            "target": {"name": self.target, "version": self.version},
            "dialects": [
                {
                    "name": name_of(f.dialect),
                    **vars(f.dialect),
                    "accuracy_class": f.accuracy,
                    "family": family(f.dialect),
                    "listed": listed_as(f.dialect, self.told),
                }
                for f in self.fits
            ],
            "untold": dict(self.untold),
            "undistinguished": list(self.undistinguished),
            "refuted": list(self.refuted),
            "flawed": [
                {"dialect": name_of(f.dialect), "family": family(f.dialect), "diagnosis": f.diagnosis.to_json()}
                for f in self.flawed
            ],
            "dtypes": list(self.dtypes),
            "cases": self.cases,
            "fatal": self.fatal,
        }


def family(dialect: Dialect) -> str:
    """Who else puts epsilon there."""
    return FAMILIES[dialect.epsilon]


def listed_as(dialect: Dialect, told: Sequence[str]) -> list[str]:
    """The targets that have a name here and are declared to be such a dialect, as far as the axes that are told say."""
    try:
        names = everything()
    except TargetError:  # an entry point of somebody else's that cannot be loaded
        return []
    same = (r for r in names if not set(told) & r.dialect.differences(dialect).keys())
    return list(dict.fromkeys(r.target.address for r in same))


def identify(host: Host, dtypes: Sequence[str], device: str = "cpu", seed: int = 0) -> Identification:
    """Run the probes; raises `TargetError` where the target cannot even run the first."""
    search = _Search(host, tuple(d for d in dtypes if d in host.capabilities.dtypes), device, seed)
    if search.dtypes and device in host.capabilities.devices:
        for probe in PROBES:
            search.ask(probe)
        search.find_fault()
    return Identification(
        host.name,
        host.version,
        tuple(search.fits),
        tuple(search.untold),
        search.refuted,
        search.flawed,
        search.dtypes,
        search.cases,
    )


class _Search:
    """The dialects that are left, and what the search has cost so far."""

    def __init__(self, host: Host, dtypes: tuple[str, ...], device: str, seed: int) -> None:
        self.host, self.dtypes, self.device, self.seed = host, dtypes, device, seed
        self.fits = [Fit(Dialect(), dict.fromkeys(dtypes, "A"))]
        self.untold: list[tuple[str, str]] = []
        self.refuted: tuple[str, ...] = ()
        self.last: list[Dialect] = []
        self.flawed: tuple[Flawed, ...] = ()
        self.cases = 0

    def ask(self, probe: Probe) -> None:
        """Keep the dialects that fit this probe too, one for each value of its axes."""
        if self.refuted:
            return
        seen, reason = self._seen(probe)
        if not any(seen.values()):
            self.untold += [(axis, reason) for axis in probe.axes]
            return
        self.last = [fit.dialect for fit in self.fits]
        self.fits = [fit for before in self.fits for fit in self._fitting(before, probe, seen)]
        self.fits.sort(key=lambda fit: len(fit.dialect.differences(Dialect())))
        self.refuted = () if self.fits else probe.axes

    def _seen(self, probe: Probe) -> tuple[dict[str, list[Seen]], str]:
        """What the target makes of the probe's cases, by dtype; or nothing, and why."""
        seen: dict[str, list[Seen]] = {}
        reason = ""
        for dtype in self.dtypes:
            if missing := probe.missing(self.host.capabilities, dtype):
                reason = missing
                continue
            cases = probe.cases(self.host.capabilities, dtype, self.device, self.seed)
            try:
                seen[dtype] = [(case, self.host.run((case,))[0]) for case in cases]
            except TargetError as error:
                if error.fatal or probe is PROBES[0]:
                    raise
                return {}, str(error)
            self.cases += len(cases)
        return seen, reason

    def _fitting(self, before: Fit, probe: Probe, seen: dict[str, list[Seen]]) -> Iterator[Fit]:
        for values in product(*(AXES[axis] for axis in probe.axes)):
            dialect = before.dialect.with_(**dict(zip(probe.axes, values, strict=True)))
            accuracy = dict(before.accuracy)
            for dtype, those in seen.items():
                found = class_of(those, dialect, self.host.capabilities)
                if found is None:
                    break
                accuracy[dtype] = max(accuracy[dtype], found)
            else:
                yield Fit(dialect, accuracy)

    def find_fault(self) -> None:
        """Where no dialect fits, what is wrong with the first one that leaves a diagnosis."""
        for dialect in self._left() if self.refuted else ():
            plan = Plan(dialect, self.dtypes, self.device, "quick", self.seed)
            found = diagnosed(self.host, plan, SEARCHED)
            self.flawed = tuple(Flawed(dialect, d) for d in found if d.kind in (FAULT, VALUE, COMBINATION))
            if self.flawed:
                return

    def _left(self) -> list[Dialect]:
        """The named dialects that differ on the refuted axes alone from one that fitted what came before."""
        values = [dict(zip(self.refuted, v, strict=True)) for v in product(*(AXES[axis] for axis in self.refuted))]
        dialects = [dialect.with_(**changes) for dialect in self.last for changes in values]
        named = [d for d in dict.fromkeys(dialects) if d in DIALECTS.values()]
        return sorted(named, key=lambda d: len(d.differences(Dialect())))
