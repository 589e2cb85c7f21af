"""What a finding says by itself: facts of a run that are no numbers of the update and need no candidate.

To add one: a function from an exhibit to a name and a sentence, and a line in `FACTS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from adam_ref.arrays import Array
from adam_ref.formats import named_format
from conformance.case import case_to_json
from conformance.diagnosis.evidence import Exhibit
from conformance.diagnosis.replay import disturbances
from conformance.diagnosis.result import FACT, Diagnosis
from conformance.diagnosis.widths import GRADIENT
from conformance.faults.adam import flat
from conformance.manners import MANNERS

VARIES = "results vary from run to run"

Fact = tuple[str, str]
"""A name, and a sentence with numbers."""


def stated(failing: Sequence[Exhibit]) -> tuple[list[Diagnosis], list[Exhibit]]:
    """What the findings say by themselves, and the failing cases that say nothing so."""
    found: dict[str, tuple[str, list[str]]] = {}
    left = []
    for exhibit in failing:
        fact = next(filter(None, (read(exhibit) for read in FACTS)), None)
        if fact is None:
            left.append(exhibit)
        else:
            found.setdefault(fact[0], (fact[1], []))[1].append(exhibit.check.id)
    said = [
        Diagnosis(name, FACT, tuple(dict.fromkeys(checks)), sentence, ()) for name, (sentence, checks) in found.items()
    ]
    return said, left


def _noticed(exhibit: Exhibit) -> Fact | None:
    """What the adapter saw go wrong beside the numbers; the name is without the numbers of this one case."""
    words = next((t.noticed[0] for run in exhibit.runs for t in run.trajectories if t.noticed), "")
    if not words:
        return None
    how = f", where {MANNERS[exhibit.manner].words}" if exhibit.manner in MANNERS else ""
    name = re.sub(r"^\d+ numbers", "numbers", re.sub(r" parameter \d+", " parameters", words)).partition(": ")[0]
    return name, f"{words[:1].upper()}{words[1:]}{how}; the finding says so by itself."


def _shared(exhibit: Exhibit) -> Fact | None:
    said = [words for run in exhibit.runs for t in run.trajectories for words in t.shared]
    if not said or not _is_a_rule(exhibit):
        return None
    kinds = re.sub(r"(?: of parameter)? \d+", "", said[0])
    return kinds, f"{'; '.join(said[:3])}."


def _late(exhibit: Exhibit) -> Fact | None:
    said = [words for run in exhibit.runs for t in run.trajectories for words in t.late]
    return ("a step is not over when it returns", f"{said[0][:1].upper()}{said[0][1:]}.") if said else None


def _disturbed(exhibit: Exhibit) -> Fact | None:
    said = sorted(disturbances(exhibit))
    return ("what belongs to the process is changed", f"After a run: {'; '.join(said)}.") if said else None


def _changed(exhibit: Exhibit) -> Fact | None:
    """What became of the gradients that steps changed, where that is one thing, and of the first of them."""
    changed = [
        (step, i, given, became)
        for run in exhibit.runs
        for case, seen in zip(run.cases, run.trajectories, strict=True)
        for (step, i), became in zip(seen.changed_gradients, seen.became, strict=True)
        if (given := case.gradients[step][i]) is not None
    ]
    if not changed or not _is_a_rule(exhibit):
        return None
    ways = {_into(given, became) for _, _, given, became in changed}
    step, i, given, became = changed[0]
    how = ways.pop() if len(ways) == 1 else ""
    return (
        f"gradients are {how or 'changed'} by the step",
        f"The gradient of parameter {i} is {_few(given)} before step {step + 1} and {_few(became)} after it.",
    )


def _into(given: Array, became: Array) -> str:
    """What was done to a gradient, where that is simple; empty where it is not."""
    if became.shape != given.shape or became.dtype != given.dtype:
        return "taken away"
    before, after = (flat(a).astype(np.float64) for a in (given, became))
    if not after.any():
        return "set to zero"
    telling = np.isfinite(before) & (before != 0)
    if not telling.any():
        return ""
    before, after = before[telling], after[telling]
    factor = float(np.median(after / before))
    width = GRADIENT * named_format(str(given.dtype)).roundoff * np.abs(after)
    if np.all(np.abs(after - factor * before) <= width):
        return "negated" if factor == -1 else f"multiplied by {factor:.6g}"
    return ""


def _few(array: Array) -> str:
    numbers = flat(np.asarray(array)).astype(np.float64)
    return f"[{', '.join(f'{x:.6g}' for x in numbers[:3])}{', ...' if numbers.size > 3 else ''}]"


def _varies(exhibit: Exhibit) -> Fact | None:
    """Whether the same run, made again alone, gave other numbers."""
    alone = [(r.cases[0], r.trajectories[0]) for r in exhibit.runs if len(r.cases) == 1]
    for (one, first), (other, second) in combinations(alone, 2):
        if one is not other and case_to_json(one) != case_to_json(other):
            continue
        for step, (a, b) in enumerate(zip(first.parameters, second.parameters, strict=False), 1):
            if any(x.tobytes() != y.tobytes() for x, y in zip(a, b, strict=True)):
                return (
                    VARIES,
                    f"The same run, made again with the same inputs, gives other parameters from step {step} on.",
                )
    return None


def _lost_elsewhere(exhibit: Exhibit) -> Fact | None:
    """Whether a run went on otherwise in another process, where that is what was looked at."""
    if "elsewhere" not in exhibit.check.needs or exhibit.case.checkpoint_after is None:
        return None
    return (
        "a checkpoint does not hold all that later steps depend on",
        f"Going on from what was saved after step {exhibit.case.checkpoint_after} gives other parameters in another "
        "process: something lies outside of it, in a class, a module or a table.",
    )


def _is_a_rule(exhibit: Exhibit) -> bool:
    """Whether it failed by a rule that is no interval of a number."""
    return exhibit.violation is not None and exhibit.violation.quantity == "rule"


FACTS: tuple[Callable[[Exhibit], Fact | None], ...] = (
    _noticed,
    _late,
    _disturbed,
    _shared,
    _changed,
    _varies,
    _lost_elsewhere,
)
"""What may be said, the plainest first."""
