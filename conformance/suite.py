"""One generator of checks, and the loop that runs them; command line, `check_adam` and pytest all come here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, Phase, given, seed, settings

from adam_ref import ADAM, Dialect
from adam_ref.formats import COMPONENTS, FORMATS
from conformance.capabilities import DEVICES
from conformance.case import Case, Trajectory
from conformance.checks import CHECKS, PROFILES, Check, Context, Elsewhere, Examination, Runner
from conformance.commands import to_check
from conformance.compare import Violation, Worst
from conformance.diagnosis import Diagnosis
from conformance.diagnosis.evidence import Recorder
from conformance.isolation.another import resumed_elsewhere
from conformance.isolation.hosts import Host, environment
from conformance.protocol import NOT_RUN, TargetError
from conformance.report import ERROR, FAIL, PASS, SKIP, WARN, CheckResult, Finding, Report
from conformance.shrink import shrink
from conformance.specs import MUST
from conformance.strength import strongest_first
from conformance.usage import UsageError, near


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        dialect: the declared one.
        dtypes: names; parameters of these dtypes are tried one after the other.
        device: "cpu" or "cuda".
        profile: name of the profile.
        seed: every random choice follows from it.
        only: ids of checks, chapters or clauses to keep; empty keeps all.
        address: how the command line names the target, for the line that reproduces a finding.
        python: the interpreter that the target runs in, where it is not ours.

    Raises:
        UsageError: a profile, device, dtype, check, chapter or clause that does not exist.

    """

    dialect: Dialect = ADAM
    dtypes: tuple[str, ...] = ("float32", "float64")
    device: str = "cpu"
    profile: str = "standard"
    seed: int = 0
    only: tuple[str, ...] = ()
    address: str = ""
    python: str = ""

    def __post_init__(self) -> None:
        allowed = {"profile": tuple(PROFILES), "device": DEVICES, "dtype": (*FORMATS, *COMPONENTS)}
        for what, name in (("profile", self.profile), ("device", self.device), *(("dtype", d) for d in self.dtypes)):
            if name not in allowed[what]:
                raise UsageError(f"no {what} is called {name!r}: allowed are {', '.join(allowed[what])}")
        self.checks()

    def checks(self) -> list[Check]:
        """The checks that `only` keeps; raises `UsageError` on a name that is none."""
        known = dict.fromkeys(name for check in CHECKS.values() for name in _names(check))
        unknown = [name for name in self.only if name not in known]
        if unknown:
            hint = near(unknown[0], known, "adam-conformance list checks")
            raise UsageError(f"no check, chapter or clause is called {unknown[0]!r}; {hint}")
        return [c for c in CHECKS.values() if not self.only or set(self.only) & set(_names(c))]

    def context(self, host: Host, dtype: str, record: Callable[[Sequence[Case], list[Trajectory]], None]) -> Context:
        """What the checks get to know."""

        profile = PROFILES[self.profile]

        def recorded(run: Runner) -> Runner:
            def run_and_record(cases: Sequence[Case]) -> list[Trajectory]:
                trajectories = run(cases)
                record(cases, trajectories)
                return trajectories

            return run_and_record

        def missing() -> str:
            return (
                host.another.missing() if profile.elsewhere else f"the profile {self.profile} starts no second process"
            )

        elsewhere = Elsewhere(
            recorded(host.another.run), recorded(lambda cases: [resumed_elsewhere(host, c) for c in cases]), missing
        )
        run = recorded(host.run)
        return Context(run, self.dialect, host.capabilities, dtype, self.device, profile, self.seed, elsewhere)

    def reproduce(self, check: Check, dtype: str) -> str:
        """A line that runs this one check again."""
        return to_check(
            self.address,
            self.dialect,
            only=(check.id,),
            dtypes=(dtype,),
            device=self.device,
            profile=self.profile,
            seed=self.seed,
            python=self.python,
        )


def _names(check: Check) -> tuple[str, ...]:
    """What `only` may call it."""
    return check.id, check.chapter, *check.clauses


@dataclass
class Progress:
    """Called back as the run goes on; every method may be left as it is."""

    def planned(self, checks: int) -> None:
        """How many results there will be."""

    def begins(self, check: Check, dtype: str) -> None:
        """A check begins."""

    def ended(self, result: CheckResult) -> None:
        """A check has ended."""


def run(host: Host, plan: Plan, progress: Progress | None = None) -> Report:
    """Run the plan against a target; always returns a report, in the order of `iterate`.

    The strongest checks run first, each in every dtype, so that a defect shows as soon as it can.
    """
    progress = progress or Progress()
    results: dict[tuple[str, str], CheckResult] = {}
    recorder = Recorder()
    order = strongest_first(check.id for check in plan.checks())
    progress.planned(len(order) * len(plan.dtypes))
    fatal = ""
    for check in (CHECKS[name] for name in order):
        for dtype in plan.dtypes:
            progress.begins(check, dtype)
            result, fatal = _run_check(host, plan, check, dtype, recorder, fatal)
            results[check.id, dtype] = result
            progress.ended(result)
    listed = tuple(results[check.id, dtype] for check, dtype in iterate(plan))
    return Report(
        host.name,
        host.version,
        host.capabilities,
        plan.dialect,
        plan.profile,
        plan.seed,
        environment(),
        listed,
        _diagnosis(listed, recorder, plan),
        fatal,
    )


def not_run(plan: Plan, reason: str) -> Report:
    """The report on a target that could not even be started."""
    return Report(
        plan.address, "unknown", None, plan.dialect, plan.profile, plan.seed, environment(), checks=(), fatal=reason
    )


def _diagnosis(results: Sequence[CheckResult], recorder: Recorder, plan: Plan) -> tuple[Diagnosis, ...]:
    """What explains the findings; the catalogue is imported where there are any."""
    if not any(r.finding for r in results):
        return ()
    from conformance.diagnosis.judge import diagnose

    return tuple(diagnose(recorder.exhibits, plan.dialect))


def diagnosed(host: Host, plan: Plan, chapters: Sequence[str]) -> tuple[Diagnosis, ...]:
    """What explains what the checks of these chapters find, of which nothing else is reported."""
    from conformance.diagnosis.judge import diagnose

    recorder = Recorder()
    for check, dtype in iterate(plan):
        context = plan.context(host, dtype, recorder.ran)
        if check.chapter in chapters and check.missing(context) is None:
            try:
                Tally(check, context, recorder.examined).examine_all()
            except TargetError as error:
                if error.fatal:
                    raise
                recorder.forget()
    return tuple(diagnose(recorder.exhibits, plan.dialect))


def iterate(plan: Plan) -> Iterator[tuple[Check, str]]:
    """Every check of the plan with every dtype, as `list checks` has them."""
    for dtype in plan.dtypes:
        for check in plan.checks():
            yield check, dtype


def run_one(host: Host, plan: Plan, check: Check, dtype: str) -> CheckResult:
    """One check in one dtype."""
    return _run_check(host, plan, check, dtype, Recorder())[0]


def _run_check(
    host: Host, plan: Plan, check: Check, dtype: str, recorder: Recorder, fatal: str = ""
) -> tuple[CheckResult, str]:
    """What came of it, and why nothing more can be asked of the target, empty where it can; `fatal` says so before."""
    context = plan.context(host, dtype, recorder.ran)
    blank = CheckResult(check.id, check.clauses, dtype, plan.device, SKIP)
    began = time.perf_counter()
    if (reason := check.missing(context)) is not None:
        return replace(blank, reason=reason), fatal
    if fatal:
        return replace(blank, status=ERROR, reason=f"{NOT_RUN}{fatal}"), fatal
    tally = Tally(check, context, recorder.examined)
    try:
        tally.examine_all()
        violation = tally.violation
        result = tally.result(blank)
        if violation is not None:
            assert tally.failing_case is not None
            cheap = check.profile == "quick" and not context.walked(tally.failing_case)
            plain = cheap and recorder.findings <= context.profile.plain
            small = shrink(
                tally.failing_case, violation, lambda case: check.examine(case, context).violation, plain=plain
            )
            finding = Finding(check.id, check.clauses, small.violation, small.case, plan.reproduce(check, dtype))
            status = FAIL if check.level == MUST else WARN
            result = replace(result, status=status, reason=small.violation.message, finding=finding)
            recorder.forget()
        return replace(result, seconds=time.perf_counter() - began), ""
    except TargetError as error:
        result = replace(tally.result(blank), status=ERROR, reason=str(error), seconds=time.perf_counter() - began)
        return result, str(error) if error.fatal else ""


Examined = Callable[[Check, Context, Case, Examination], None]
"""Called with every case as it was examined."""


class Tally:
    """Examines the cases of one check, the pinned ones first, until one fails."""

    def __init__(self, check: Check, context: Context, examined: Examined | None = None) -> None:
        self.check, self.context, self.examined = check, context, examined
        self.cases = self.elements = self.undecided = self.steps = self.promised = 0
        self.classes: set[str] = set()
        self.worst = Worst()
        self.worst_case: Case | None = None
        self.unjudged: list[str] = []
        self.violation: Violation | None = None
        self.failing_case: Case | None = None

    def examine_all(self) -> None:
        """Pinned cases, then those that Hypothesis draws."""
        pinned = list(self.check.cases(self.context))
        self.promised = len(pinned)
        self._examine_each(pinned)
        if self.check.strategy is not None:
            self.promised += self.context.profile.explored
            self._explore()

    def _examine_each(self, cases: Iterable[Case]) -> None:
        for case in cases:
            if self.violation is not None:
                return
            self._examine(case)

    def _explore(self) -> None:
        assert self.check.strategy is not None
        remaining = self.context.profile.explored

        @seed(self.context.seed)
        @settings(
            max_examples=max(remaining, 1),
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(self.check.strategy(self.context))
        def explore(case: Case) -> None:
            self._examine_each([case])

        if remaining:
            explore()

    def _examine(self, case: Case) -> None:
        examination: Examination = self.check.examine(case, self.context)
        if self.examined is not None:
            self.examined(self.check, self.context, case, examination)
        self.cases += 1
        self.steps += case.steps
        self.elements += examination.decided
        self.undecided += examination.undecided
        if examination.accuracy:
            self.classes.add(examination.accuracy)
        if examination.unjudged:
            self.unjudged.append(examination.unjudged)
        if examination.worst.ratio > self.worst.ratio:
            self.worst, self.worst_case = examination.worst, case
        if examination.violation is not None:
            self.violation, self.failing_case = examination.violation, case

    def result(self, blank: CheckResult) -> CheckResult:
        """A pass only where everything promised was done and something was decided."""
        status, reason = PASS, ""
        if self.promised == 0:
            status, reason = SKIP, "no case applies to this target"
        elif self.violation is None and len(self.unjudged) == self.cases == self.promised:
            status, reason = SKIP, self.unjudged[0]
        elif self.violation is None and self.cases < self.promised:
            status, reason = ERROR, f"{self.promised} cases were promised and {self.cases} were run"
        elif self.violation is None and self.elements == 0:
            status, reason = ERROR, "nothing was decided: the enclosure says nothing about any number of these cases"
        return replace(
            blank,
            status=status,
            reason=reason,
            cases=self.cases,
            elements=self.elements,
            undecided=self.undecided,
            steps=self.steps,
            accuracy=max(self.classes) if self.classes else None,
            worst=self.worst,
            worst_case=self.worst_case,
        )
