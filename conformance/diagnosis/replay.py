"""Run a candidate on what the target ran, and hold the target's numbers against the candidate's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adam_ref import Dialect, Hyperparameters
from adam_ref.arrays import Array
from adam_ref.enclosure import CLASS_A, AccuracyClass
from conformance.capabilities import Capabilities
from conformance.case import Case, Moments, Trajectory
from conformance.compare import PARAMETER
from conformance.diagnosis.candidates import Candidate
from conformance.diagnosis.evidence import Exhibit, Together
from conformance.diagnosis.widths import Errors, Widths, Witnessed
from conformance.faults.adam import flat
from conformance.isolation.surroundings import Surroundings
from conformance.protocol import Run, Target, TargetError, run_together, seed, stepwise


@dataclass(frozen=True)
class Match:
    """What holding a target against a candidate gave.

    Attributes:
        explains: every number lies within the width of the candidate's.
        nearness: the mean distance in widths; 0 where the two agree to the bit.
        numbers: how many numbers the widths said something about.
        made: a hash of what the candidate made of the exhibit; only where it explains it.

    """

    explains: bool
    nearness: float = float("inf")
    numbers: int = 0
    made: int = 0


class _Session:
    """A candidate at work; its account of errors, if any, goes on in the session that its checkpoint is loaded into."""

    def __init__(self, inner: Witnessed, widths: Widths | None) -> None:
        self.inner, self.widths = inner, widths
        inner.widths = widths

    def step(self, gradients: Sequence[Array | None]) -> Sequence[Array]:
        return self.inner.step(gradients)

    def set_lr(self, lr: float) -> None:
        self.inner.set_lr(lr)

    def state(self) -> list[Moments]:
        return self.inner.state()

    def shared_memory(self) -> list[str]:
        return self.inner.shared_memory()

    def fast_forward(self, steps: int) -> None:
        self.inner.fast_forward(steps)

    def save(self) -> Any:
        return self.widths, self.inner.save()

    def load(self, saved: Any) -> None:
        self.widths, held = saved
        self.inner.widths = self.widths
        self.inner.load(held)


@dataclass
class Stand:
    """A candidate in the target's place."""

    name: str
    optimizer: type[Witnessed]
    dialect: Dialect
    capabilities: Capabilities
    accuracy: AccuracyClass | None = CLASS_A
    """`None` where no account of errors is kept."""

    manners: tuple[str, ...] = ()
    """Those in which alone it has a defect; empty where it has it in whatever manner."""

    random: np.random.Generator | None = None

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> _Session:
        """A session of its own."""
        return self.start_in("", parameters, hyperparameters)

    def seed(self, number: int) -> None:
        """What its sessions draw follows from this, as with the catalogue's own targets."""
        self.random = np.random.default_rng(number)

    def begun(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> _Session:
        """A session of this very optimizer."""
        dtype = str(parameters[0].dtype) if parameters else "float64"
        widths = None if self.accuracy is None else Widths(dtype, self.accuracy)
        return _Session(self.optimizer(parameters, hyperparameters, self.dialect, self.random), widths)

    def start_in(
        self, manner: str, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]
    ) -> _Session:
        """The same: no manner changes what an Adam over flat arrays does, but one that has a defect in it alone."""
        stand = self if not self.manners or manner in self.manners else replace(self, optimizer=Witnessed, manners=())
        return stand.begun(parameters, hyperparameters)


KNOWN = 1 / 4
"""The share of an exhibit's parameters about which a candidate must say something to be held against it at all."""


def stand_in(candidate: Candidate, exhibit: Exhibit, accuracy: AccuracyClass | None) -> Stand:
    """The candidate in the place of the exhibit's target: with its claims, under its dialect.

    What the target must walk to is written into the candidate's counter.
    """
    context = exhibit.context
    return Stand(
        candidate.name,
        candidate.optimizer(),
        context.dialect,
        replace(context.capabilities, fast_forward=True),
        accuracy,
        candidate.manners,
    )


def match(candidate: Candidate, exhibit: Exhibit, accuracy: AccuracyClass = CLASS_A) -> Match:
    """Hold the target's trajectories of an exhibit against the candidate's; the first number outside ends it."""
    measure = stand_in(candidate, exhibit, accuracy)
    target = candidate.other() if candidate.other else None
    total, numbers, told, made = 0.0, 0, 0, []
    disturbed = disturbances(exhibit)
    before = Surroundings.now() if disturbed else None
    with np.errstate(all="ignore"):
        for run in exhibit.runs:
            try:
                for quantity, distance, decided, digest in _distances(measure, target, run):
                    total, numbers = total + distance, numbers + decided
                    told += decided if quantity == PARAMETER else 0
                    made.append(digest)
            except (_OutsideError, TargetError):
                return Match(False)
    if before is not None and set(before.settle()) != disturbed:
        return Match(False)
    return Match(told >= KNOWN * exhibit.numbers, total / max(numbers, 1), numbers, hash(tuple(made)))


Record = tuple[list[tuple[Trajectory, ...]], Match]
"""What a candidate makes of each run of an exhibit, and how that matches."""


def recorded(candidate: Candidate, exhibit: Exhibit, accuracy: AccuracyClass) -> Record:
    """Everything that the candidate makes of an exhibit, for `same_as` to compare others with."""
    made: list[tuple[Trajectory, ...]] = []
    stand = stand_in(candidate, exhibit, None)
    with np.errstate(all="ignore"):
        for run in exhibit.runs:
            try:
                cases = _unpaused(run)
                seed(stand, cases)
                made.append(tuple(run_together(stand, cases)))
            except TargetError:
                return [], Match(False)
    return made, match(candidate, exhibit, accuracy)


def same_as(record: Record, candidate: Candidate, exhibit: Exhibit) -> bool:
    """Whether a candidate makes, to the bit, what was recorded; the first difference ends it.

    Most faults do nothing in most cases, and telling that costs a small part of what measuring them does.
    """
    if candidate.other or not record[0] or disturbances(exhibit) or any(run.late for run in exhibit.runs):
        return False
    stand = stand_in(candidate, exhibit, None)
    with np.errstate(all="ignore"):
        for run, right in zip(exhibit.runs, record[0], strict=True):
            try:
                cases = _unpaused(run)
                seed(stand, cases)
                for made, runs in enumerate(stepwise(stand, cases)):
                    if made and not all(_same_step(one, want, made - 1) for one, want in zip(runs, right, strict=True)):
                        return False
            except TargetError:
                return False
            if not all(_same_facts(one.trajectory(), want) for one, want in zip(runs, right, strict=True)):
                return False
    return True


def _unpaused(run: Together) -> list[Case]:
    return [replace(case, pause=0.0) for case in run.cases]


def _same_step(one: Run, want: Trajectory, step: int) -> bool:
    if len(one.parameters) != min(step + 1, len(want.parameters)):
        return False
    if step >= len(want.parameters):
        return True
    if any(a.tobytes() != b.tobytes() for a, b in zip(one.parameters[step], want.parameters[step], strict=True)):
        return False
    if not want.moments:
        return True
    return all(_same_moments(a, b) for a, b in zip(one.moments[step], want.moments[step], strict=True))


def _same_moments(a: Moments, b: Moments) -> bool:
    pairs = ((getattr(a, name), getattr(b, name)) for name in ("m", "v", "v_max"))
    return a.step == b.step and all(
        (x is None) == (y is None) and (x is None or x.tobytes() == y.tobytes()) for x, y in pairs
    )


def _same_facts(one: Trajectory, want: Trajectory) -> bool:
    names = ("changed_gradients", "shared", "noticed", "refused")
    return all(getattr(one, name) == getattr(want, name) for name in names)


def disturbances(exhibit: Exhibit) -> set[str]:
    """In words, what of the process was not left as it was, where the finding of an exhibit is that."""
    found = {words for run in exhibit.runs for seen in run.trajectories for words in seen.disturbed}
    looked = any(case.pause for run in exhibit.runs for case in run.cases)
    return found if looked and exhibit.violation is not None else set()


def outcome(candidate: Candidate, exhibit: Exhibit) -> bool:
    """Whether the exhibit's check comes to the same result with the candidate in the target's place."""

    def run(cases: Sequence[Case]) -> list[Trajectory]:
        target = _target(candidate, exhibit)
        seed(target, cases)
        with np.errstate(all="ignore"):
            return run_together(target, cases)

    context = replace(exhibit.context, run=run, elsewhere=replace(exhibit.context.elsewhere, run=run, resume=run))
    try:
        violation = exhibit.check.examine(exhibit.case, context).violation
    except TargetError:
        return False
    return (violation is None) == (exhibit.violation is None)


def replayed(candidate: Candidate, exhibit: Exhibit) -> Trajectory | None:
    """What the candidate makes of the first case of an exhibit, `None` where it raises."""
    target, cases = _target(candidate, exhibit), exhibit.runs[0].cases
    try:
        seed(target, cases)
        with np.errstate(all="ignore"):
            return run_together(target, cases)[0]
    except TargetError:
        return None


def moved(candidate: Candidate, exhibit: Exhibit) -> Array | None:
    """By how much the candidate's steps move the first parameter, as `moves` has it; `None` where it cannot be run."""
    run = replayed(candidate, exhibit)
    return None if run is None else moves(exhibit.runs[0].cases[0], run)


@dataclass(frozen=True)
class Rows:
    """The first parameter of an exhibit's first case, step by step: arrays of float64, shape (steps, numbers).

    Attributes:
        seen: of the target.
        parameters: of the candidate.
        widths: how far each number of the candidate's may be off.

    """

    seen: Array
    parameters: Array
    widths: Array


def rows(candidate: Candidate, exhibit: Exhibit) -> Rows | None:
    """The target's numbers beside the candidate's; `None` where the candidate cannot be run."""
    case, seen = exhibit.runs[0].cases[0], exhibit.runs[0].trajectories[0]
    widths: list[Array] = []
    try:
        with np.errstate(all="ignore"):
            for made, (run, *_) in enumerate(stepwise(stand_in(candidate, exhibit, CLASS_A), [case])):
                if made:
                    widths.append(run.session.widths.of(run.session.inner.slots[0]).theta)
    except TargetError:
        return None
    if run.refused:
        return None
    theirs, ours = (
        np.stack([flat(np.asarray(row[0])).astype(np.float64) for row in t.parameters]) for t in (seen, run)
    )
    return Rows(theirs, ours, np.stack(widths))


def moves(case: Case, made: Trajectory) -> Array:
    """By how much each step moved each number of the first parameter, shape (steps, numbers), in float64."""
    rows = [case.parameters[0], *(parameters[0] for parameters in made.parameters)]
    with np.errstate(all="ignore"):
        return np.diff(np.stack([flat(np.asarray(row)).astype(np.float64) for row in rows]), axis=0)


def _target(candidate: Candidate, exhibit: Exhibit) -> Target:
    return candidate.other() if candidate.other else stand_in(candidate, exhibit, None)


class _OutsideError(Exception):
    """A number lies outside."""


Distance = tuple[str, float, int, int]
"""Of a quantity: in widths, summed over its elements; how many those are; and a hash of the candidate's numbers."""


def _distances(measure: Stand, other: Target | None, run: Together) -> Iterator[Distance]:
    """The distance of each quantity of each step.

    The widths are those of `measure`, which is the candidate itself, or a correct Adam where that is another program;
    such a one may take elements for one another, and is given the largest width of a tensor throughout.
    """
    cases = run.cases if run.late else _unpaused(run)
    for target in filter(None, (measure, other)):
        seed(target, cases)
    measured = stepwise(measure, cases)
    ours = measured if other is None else stepwise(other, cases)
    for made, widths in enumerate(measured):
        theirs = widths if other is None else next(ours)
        if not made:
            continue
        for one, wide, seen in zip(theirs, widths, run.trajectories, strict=True):
            if made <= len(seen.parameters):
                if made > len(one.parameters):
                    raise _OutsideError
                errors = wide.session.widths.errors
                errors = errors if other is None else {i: e.largest() for i, e in errors.items()}
                yield from _step_distances(one, seen, made - 1, errors)
                _require_same_changes(one, seen, made - 1, errors)
    for one, seen in zip(theirs, run.trajectories, strict=True):
        facts = bool(one.refused), tuple(one.noticed)
        if (seen.shared and not _kinds(seen) & _kinds(one)) or facts != (bool(seen.refused), seen.noticed):
            raise _OutsideError
        if seen.late and not one.late:
            raise _OutsideError
        yield "", 0.0, 0, hash((tuple(one.changed), bool(one.shared), facts, bool(one.late)))


def _require_same_changes(one: Run, seen: Trajectory, step: int, errors: dict[int, Errors]) -> None:
    """Raises `_OutsideError` unless this step changed the same gradients, to the same within the width of rounding."""
    theirs = {i: a for (s, i), a in zip(seen.changed_gradients, seen.became, strict=True) if s == step}
    ours = {i: a for (s, i), a in zip(one.changed, one.became, strict=True) if s == step}
    if theirs.keys() != ours.keys():
        raise _OutsideError
    for i, got in theirs.items():
        given, hyper = one.case.gradients[step][i], one.case.hyperparameters[i]
        assert given is not None
        if got.shape != ours[i].shape or got.dtype != ours[i].dtype:
            raise _OutsideError
        if got.size:
            _distance(got, ours[i], errors[i].of_gradient(flat(given), flat(ours[i]), hyper.weight_decay))


def _step_distances(one: Run, seen: Trajectory, step: int, errors: dict[int, Errors]) -> Iterator[Distance]:
    for i, (got, want) in enumerate(zip(seen.parameters[step], one.parameters[step], strict=True)):
        if got.tobytes() == want.tobytes():
            yield PARAMETER, 0.0, got.size, hash(want.tobytes())
        else:
            yield PARAMETER, *_distance(got, want, errors[i].theta if i in errors else np.zeros(1))
    if seen.moments and one.moments:
        for i, (shown, ours) in enumerate(zip(seen.moments[step], one.moments[step], strict=True)):
            yield from _moment_distances(shown, ours, errors.get(i))


def _moment_distances(shown: Moments, ours: Moments, errors: Errors | None) -> Iterator[Distance]:
    for quantity in ("m", "v", "v_max"):
        got, want = getattr(shown, quantity), getattr(ours, quantity)
        if got is None or want is None:
            if (got is None) != (want is None) and errors is not None:
                raise _OutsideError
        elif errors is not None and got.tobytes() == want.tobytes():
            yield quantity, 0.0, got.size, hash(want.tobytes())
        elif errors is not None:
            size = np.abs(flat(np.asarray(want)), dtype=np.float64)
            error = np.fmax(getattr(errors, quantity), np.where(size, size * errors.relative, 0))
            yield quantity, *_distance(got, want, error)
    if shown.step is not None and ours.step is not None:
        if shown.step != ours.step:
            raise _OutsideError
        yield "step", 0.0, 1, hash(ours.step)


def _kinds(seen: Run | Trajectory) -> set[int]:
    """What shares memory: how many of the two arrays of each sentence are gradients."""
    return {words.count("gradient ") for words in seen.shared}


def _distance(got: Array, want: Array, error: Array) -> tuple[float, int, int]:
    """How many widths `got` is away from `want`, summed; raises `_OutsideError` where it is more than one."""
    a, b = flat(np.asarray(got)).astype(np.float64), flat(np.asarray(want)).astype(np.float64)
    apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    apart = np.where(np.isnan(a) != np.isnan(b), np.inf, apart)
    width = np.where(np.isnan(b) & ~np.isnan(a), 0.0, 2 * error)
    known = np.isfinite(width) | (~np.isfinite(b) & (apart == 0))
    if np.any(known & ~((apart <= width) | (apart == 0))):
        raise _OutsideError
    ratios = np.where(apart > 0, apart / width, 0.0)
    return float(np.sum(ratios, where=known)), int(np.sum(known)), hash(want.tobytes())
