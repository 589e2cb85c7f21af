"""Run a candidate on what the target ran, and hold the target's numbers against the candidate's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adam_ref import Dialect, Hyperparameters
from adam_ref.arrays import Array
from adam_ref.enclosure import CLASS_A, AccuracyClass
from adam_ref.formats import named_format
from conformance.capabilities import Capabilities
from conformance.case import Case, Moments, Trajectory
from conformance.diagnosis.candidates import Candidate
from conformance.diagnosis.evidence import Exhibit, Together
from conformance.diagnosis.widths import Errors, Widths, Witnessed
from conformance.faults.adam import flat
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
    """A candidate at work; its account of errors goes on in the session that its checkpoint is loaded into."""

    def __init__(self, inner: Witnessed, widths: Widths) -> None:
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
    accuracy: AccuracyClass = CLASS_A
    random: np.random.Generator | None = None

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> _Session:
        """A session of its own."""
        dtype = str(parameters[0].dtype) if parameters else "float64"
        inner = self.optimizer(parameters, hyperparameters, self.dialect, self.random)
        return _Session(inner, Widths(dtype, self.accuracy))

    def seed(self, number: int) -> None:
        """What its sessions draw follows from this, as with the catalogue's own targets."""
        self.random = np.random.default_rng(number)

    def start_in(self, _: str, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> _Session:
        """The same: no manner changes what an Adam over flat arrays does."""
        return self.start(parameters, hyperparameters)


KNOWN = 1 / 4
"""The share of an exhibit's numbers about which a candidate must say something to be held against it at all."""


def stand_in(candidate: Candidate, exhibit: Exhibit, accuracy: AccuracyClass) -> Stand:
    """The candidate in the place of the exhibit's target: with its claims, under its dialect."""
    context = exhibit.context
    return Stand(candidate.name, candidate.optimizer(), context.dialect, context.capabilities, accuracy)


def match(candidate: Candidate, exhibit: Exhibit, accuracy: AccuracyClass = CLASS_A) -> Match:
    """Hold the target's trajectories of an exhibit against the candidate's; the first number outside ends it."""
    measure = stand_in(candidate, exhibit, accuracy)
    target = candidate.other() if candidate.other else None
    total, numbers, made = 0.0, 0, []
    with np.errstate(all="ignore"):
        for run in exhibit.runs:
            try:
                for distance, decided, digest in _distances(measure, target, run):
                    total, numbers = total + distance, numbers + decided
                    made.append(digest)
            except (_OutsideError, TargetError):
                return Match(False)
    return Match(numbers >= KNOWN * exhibit.numbers, total / max(numbers, 1), numbers, hash(tuple(made)))


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


def moves(case: Case, made: Trajectory) -> Array:
    """By how much each step moved each number of the first parameter, shape (steps, numbers), in float64."""
    rows = [case.parameters[0], *(parameters[0] for parameters in made.parameters)]
    return np.diff(np.stack([flat(np.asarray(row)).astype(np.float64) for row in rows]), axis=0)


def _target(candidate: Candidate, exhibit: Exhibit) -> Target:
    return candidate.other() if candidate.other else stand_in(candidate, exhibit, CLASS_A)


class _OutsideError(Exception):
    """A number lies outside."""


Distance = tuple[float, int, int]
"""Of one quantity: in widths, summed over its elements; how many those are; and a hash of the candidate's numbers."""


def _distances(measure: Stand, other: Target | None, run: Together) -> Iterator[Distance]:
    """The distance of each quantity of each step.

    The widths are those of `measure`, which is the candidate itself, or a correct Adam where that is another program.
    """
    cases = [replace(case, pause=0.0) for case in run.cases]
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
                yield from _step_distances(one, seen, made - 1, wide.session.widths.errors)
    for one, seen in zip(theirs, run.trajectories, strict=True):
        facts = bool(one.refused), bool(one.noticed)
        if (seen.shared and not one.shared) or facts != (bool(seen.refused), bool(seen.noticed)):
            raise _OutsideError
        if not _changed_alike(one, seen):
            raise _OutsideError
        yield 0.0, 0, hash((tuple(one.changed), bool(one.shared), facts))


def _changed_alike(one: Run, seen: Trajectory) -> bool:
    """Whether the same gradients were changed, to about the same: within what their dtype rounds to."""
    if tuple(one.changed) != seen.changed_gradients:
        return False
    return all(
        a.shape == b.shape
        and a.dtype == b.dtype
        and np.allclose(a.astype(np.complex128), b.astype(np.complex128), equal_nan=True, **_a_few_roundings(a))
        for a, b in zip(one.became, seen.became, strict=True)
    )


def _a_few_roundings(array: Array) -> dict[str, float]:
    fmt = named_format(str(array.dtype))
    return {"rtol": 8 * fmt.roundoff, "atol": 8 * fmt.underflow}


def _step_distances(one: Run, seen: Trajectory, step: int, errors: dict[int, Errors]) -> Iterator[Distance]:
    for i, (got, want) in enumerate(zip(seen.parameters[step], one.parameters[step], strict=True)):
        if got.tobytes() == want.tobytes():
            yield 0.0, got.size, hash(want.tobytes())
        else:
            yield _distance(got, want, errors[i].theta if i in errors else np.zeros(1))
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
            yield 0.0, got.size, hash(want.tobytes())
        elif errors is not None:
            size = np.abs(flat(np.asarray(want)), dtype=np.float64)
            yield _distance(got, want, np.fmax(getattr(errors, quantity), np.where(size, size * errors.relative, 0)))
    if shown.step is not None and ours.step is not None:
        if shown.step != ours.step:
            raise _OutsideError
        yield 0.0, 1, hash(ours.step)


def _distance(got: Array, want: Array, error: Array) -> Distance:
    """How many widths `got` is away from `want`, summed; raises `_OutsideError` where it is more than one."""
    a, b = flat(np.asarray(got)).astype(np.float64), flat(np.asarray(want)).astype(np.float64)
    apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    apart = np.where(np.isnan(a) != np.isnan(b), np.inf, apart)
    width = 2 * error
    known = np.isfinite(width) | ~np.isfinite(b)
    if np.any(known & ~((apart <= width) | (apart == 0))):
        raise _OutsideError
    ratios = np.where(apart > 0, apart / width, 0.0)
    return float(np.sum(ratios, where=known)), int(np.sum(np.broadcast_to(known, a.shape))), hash(want.tobytes())
