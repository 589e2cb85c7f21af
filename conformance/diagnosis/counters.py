"""The count of steps that the bias corrections take, read off the steps that the target makes.

For each step of a failing case the moments are those of a correct Adam, so that every count whose corrections give the
numbers seen can be told by trying.  A count that follows the number of the step in a simple way, or starts afresh at a
checkpoint in one, is a candidate; besides, there are the counts of narrow formats, which stop or wrap where no quick
case comes to.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from adam_ref.arrays import Array
from adam_ref.enclosure import CLASS_A
from conformance.case import Case
from conformance.checks.base import LONG
from conformance.diagnosis.candidates import HONEST, Candidate
from conformance.diagnosis.evidence import Exhibit
from conformance.diagnosis.replay import stand_in
from conformance.diagnosis.result import VALUE
from conformance.diagnosis.search import Evidence
from conformance.diagnosis.widths import DENOMINATOR, PARAMETER, STEP, Witnessed
from conformance.faults.adam import Adam, Slot, Step, flat, rounded_scalar
from conformance.faults.catalogue import Piece
from conformance.protocol import TargetError, stepwise

Count = Callable[[int], float]
"""From a count of steps another one."""

READ, ENDS, BEYOND = 3, 4, 3
"""Failing cases that counts are read off, so many steps at both ends of each, from 0 to so far beyond the last step."""


def counters(evidence: Evidence) -> Iterator[Candidate]:
    """Counters that run otherwise."""
    yield from _of_narrow_formats()
    plain = [e for e in evidence.failing if _readable(e) and e.alone is not None]
    resumed = [e for e in evidence.failing if _readable(e) and _checkpoint(e)]
    made = [c for e in plain[:READ] for c in _from_a_run(e)] + [c for e in resumed[:READ] for c in _from_a_load(e)]
    yield from {c.title: c for c in made}.values()


def _readable(exhibit: Exhibit) -> bool:
    if exhibit.refused or exhibit.manner or not exhibit.runs:
        return False
    cases = exhibit.runs[-1].cases
    return len(cases) == 1 and len(cases[0].parameters) == 1 and not cases[0].skipped


def _checkpoint(exhibit: Exhibit) -> int:
    return exhibit.runs[-1].cases[0].checkpoint_after or 0


# Counters of few bits.


def _of_narrow_formats() -> Iterator[Candidate]:
    for fmt in ("bfloat16", "float16", "float32"):
        stops = f"the counter is kept in {fmt}, where it stops once adding 1 is rounded away"
        yield _counter(f"counter in {fmt}", stops, partial(_next_in_format, fmt))
    for bits in (8, 16):
        whole, half = 1 << bits, 1 << (bits - 1)
        for words, least, most in (
            (f"is unsigned and goes from {whole - 1} to 0", 0, whole - 1),
            (f"is signed and goes from {half - 1} to {-half}", -half, half - 1),
        ):
            yield _counter(f"counter of {bits} bits", f"the counter {words}", partial(_wrapping, least, most))
        for most in (whole - 1, half - 1):
            yield _counter(f"counter of {bits} bits", f"the counter stops at {most}", partial(_stopping, most))


def _next_in_format(fmt: str, t: int) -> float:
    return rounded_scalar(t + 1, fmt)


def _wrapping(least: int, most: int, t: int) -> float:
    """What follows `t` where `least` follows `most`."""
    return (t + 1 - least) % (most + 1 - least) + least


def _stopping(most: int, t: int) -> float:
    return min(t + 1, most)


def _counter(name: str, title: str, following: Count) -> Candidate:
    """A counter that the update and its reader see alike."""
    return Candidate(name, title, VALUE, {"counted": lambda _, x: following(x.slot.t)})


def _corrected(which: int, count: Count) -> Mapping[str, Piece]:
    beta, corrects = f"beta{which}", ("correct_m", "correct_v")[which - 1]

    def correction(a: Adam, x: Step) -> float:
        power: float = getattr(x, beta) ** count(x.t)
        return 1 - power if getattr(a.dialect, corrects) else 1.0

    return {f"correction{which}": correction}


# What a run says.


@dataclass(frozen=True)
class Rule:
    """A count of steps that is not the right one: what it is at the step of a number, and what comes after a count."""

    words: str
    count: Count
    following: Count


def _straight(factor: int, ahead: int) -> Rule:
    words = (f"{factor}*t" if factor > 1 else "t") + (f" {'+' if ahead > 0 else '-'} {abs(ahead)}" if ahead else "")
    return Rule(words, lambda t: factor * t + ahead, lambda t: t + factor if t else factor + ahead)


def _constant(count: int) -> Rule:
    return Rule(f"{count}", lambda _: count, lambda _: count)


def _capped(most: int) -> Rule:
    return Rule(f"the smaller of t and {most}", lambda t: min(t, most), partial(_stopping, most))


def _periodic(least: int, most: int) -> Rule:
    words = f"a count that goes on with {least} after {most}"
    return Rule(words, lambda t: (t - least) % (most + 1 - least) + least, partial(_wrapping, least, most))


def _rules(told: Mapping[int, frozenset[int]]) -> Iterator[Rule]:
    """The simple rules that give for each step one of the counts that it may have been."""
    first, last = min(told), max(told)
    found = [_straight(f, d) for f in (1, 2, 3) for d in sorted((t - f * first for t in told[first]), key=abs)]
    for end in sorted(told[last]):
        periods = [d for d in range(max(end, 1), last - end + 1) if (last - end) % d == 0]
        found += [_constant(end), _capped(end), *(_periodic(i, p - 1 + i) for p in periods for i in (1, 0))]
    for rule in found:
        if any(rule.count(t) != t for t in told) and all(rule.count(t) in told[t] for t in told):
            yield rule


def _from_a_run(exhibit: Exhibit) -> Iterator[Candidate]:
    reader = Reader(exhibit)
    for which, words in (((1, 2), "both corrections"), ((1,), "the correction of m"), ((2,), "the correction of v")):
        told = reader.told(which)
        for rule in _rules(told) if told else ():
            title = f"{words} {'take' if which[1:] else 'takes'} for t {rule.words}"
            if which[1:]:
                yield _counter(f"counter: {rule.words}", f"{title}, as the counter does", rule.following)
            made = {name: piece for i in which for name, piece in _corrected(i, rule.count).items()}
            yield Candidate(f"{words}: {rule.words}", f"{title}, the counter itself is right", VALUE, made)


def _from_a_load(exhibit: Exhibit) -> Iterator[Candidate]:
    saved = _checkpoint(exhibit)
    told = {t: counts for t, counts in Reader(exhibit).told((1, 2)).items() if t > saved}
    if not told:
        return
    first = min(told)
    for count in sorted(told[first], key=lambda t: abs(t - first)):
        ahead, start = count - first, count - (first - saved)
        if not ahead or any(t + ahead not in told[t] for t in told):
            continue
        many = "one" if abs(ahead) == 1 else str(abs(ahead))
        words = f"counter {many} {'ahead' if ahead > 0 else 'behind'} after loading"
        yield _loaded(words, partial(operator.add, ahead))
        yield _loaded(f"counter set to {start} by loading", partial(_always, start))
        if start and start % saved == 0:
            yield _loaded(f"counter times {start // saved} after loading", partial(operator.mul, start // saved))


def _always(count: int, _: int) -> int:
    return count


def _loaded(name: str, count: Count) -> Candidate:
    def restore(a: Adam, slot: Slot, entry: dict[str, Any]) -> None:
        Adam.restore(a, slot, {**entry, "t": count(entry["t"])})

    return Candidate(name, f"the {name}", VALUE, {"restore": restore})


class Reader:
    """The counts that each step of an exhibit's last run may have been made with."""

    def __init__(self, exhibit: Exhibit) -> None:
        run = exhibit.runs[-1]
        self.exhibit = exhibit
        self.case, self.seen = run.cases[0], run.trajectories[0]
        self.steps = _steps_of(exhibit, self.case)

    def told(self, which: Sequence[int]) -> dict[int, frozenset[int]]:
        """By the number of the step, where its numbers depend on the count and some count gives them."""
        if not self.steps:
            return {}
        told: dict[int, frozenset[int]] = {}
        with np.errstate(all="ignore"):
            ends = self._ends()
            counts = range((BEYOND if self.case.steps < LONG else 1) * self.case.steps + BEYOND)
            for one in ends:
                found = [t for t in counts if one.gives(t, which, self._moved(one))]
                if not found:
                    return {}
                if len(found) < len(counts):
                    told[one.number] = frozenset(found)
        return told

    def _ends(self) -> list[Made]:
        """The steps that move the parameter and come first and last, of a run with a checkpoint those behind it."""
        moving = [one for one in self.steps if one.number > (self.case.checkpoint_after or 0) and one.moves]
        return moving if len(moving) <= 2 * ENDS else moving[:ENDS] + moving[-ENDS:]

    def _moved(self, one: Made) -> tuple[Array, Array]:
        """The parameter before and after a step of the target's, in float64."""
        step = one.number - 1
        before = self.case.parameters[0] if not step else self.seen.parameters[step - 1][0]
        return tuple(flat(np.asarray(a)).astype(np.float64) for a in (before, self.seen.parameters[step][0]))  # type: ignore[return-value]


@dataclass(frozen=True)
class Made:
    """A step that a correct Adam has made, whose corrections can be changed; `relative` is how far it may be off."""

    adam: Adam
    step: Step
    number: int
    relative: Array
    roundoff: float

    @property
    def moves(self) -> bool:
        """Whether the step depends on the corrections at all."""
        return bool(np.any(self.step.change))

    def gives(self, t: int, which: Sequence[int], moved: tuple[Array, Array]) -> bool:
        """Whether the count `t` in these corrections moves the parameter as it was seen to move."""
        x, (before, after) = copy.copy(self.step), moved
        for i in which:
            if (self.adam.dialect.correct_m, self.adam.dialect.correct_v)[i - 1]:
                setattr(x, f"c{i}", 1 - (x.beta1, x.beta2)[i - 1] ** t)
        if not (x.c1 and x.c2):
            return False
        x.m_hat, x.v_hat = self.adam.corrected_m(x), self.adam.corrected_v(x)
        x.root = self.adam.rooted(x)
        x.denominator = self.adam.divisor(x)
        change = np.asarray(self.adam.difference(x), dtype=np.float64)
        stored = PARAMETER * self.roundoff * (np.abs(before) + np.abs(after))
        width = 2 * (stored + np.abs(change) * self.relative)
        return bool(np.all((np.abs(before - after - change) <= width) | ~np.isfinite(width)))


def _steps_of(exhibit: Exhibit, case: Case) -> list[Made]:
    """The steps of a correct Adam in a case, without decay, which would mix them; none where it cannot be run."""
    if any(h.weight_decay for h in case.hyperparameters):
        return []
    made: list[Made] = []

    class Kept(Witnessed):
        def witnessed(self, x: Step) -> None:
            super().witnessed(x)
            assert self.widths is not None
            u = self.widths.u
            made.append(Made(self, x, x.t, self.widths.errors[x.slot.index].relative + (DENOMINATOR + STEP) * u, u))

    stand = replace(stand_in(HONEST, exhibit, CLASS_A), optimizer=Kept)
    try:
        for _ in stepwise(stand, [replace(case, pause=0.0)]):
            pass
    except TargetError:
        return []
    return made
