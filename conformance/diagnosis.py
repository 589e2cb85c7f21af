"""What the target does instead: the dialect that would have fitted everything seen, or a defect known by its mark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from adam_ref import CLASS_A, CLASS_B, Dialect
from adam_ref.dialect import AXES, name_of
from adam_ref.formats import named_format
from conformance.case import Case, Trajectory
from conformance.compare import compare, relevant_dialect_axes

Seen = tuple[Case, Trajectory]

FAMILIES = {
    "hat": "TensorFlow, Keras, PyTorch's SparseAdam, scikit-learn and labml's optimized update",
    "outside": "PyTorch, optax, PaddlePaddle and most others",
    "inside-corrected": "optax with eps_root instead of eps",
    "inside-raw": "implementations that add eps to v before the correction",
}


@dataclass(frozen=True)
class Diagnosis:
    """One explanation of all that was seen.

    Attributes:
        name: of the dialect or the fault.
        kind: "dialect" or "fault".
        explains: ids of the checks whose findings it explains.
        evidence: a sentence with numbers.
        references: where to read on.

    """

    name: str
    kind: str
    explains: tuple[str, ...]
    evidence: str
    references: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**vars(self), "explains": list(self.explains), "references": list(self.references)}


def fitting_dialects(seen: Sequence[Seen], *, flush_to_zero: bool = False) -> list[tuple[Dialect, str]]:
    """The dialects, nearest to `adam` first, whose enclosure contains every trajectory, with the class that holds.

    Dialects that cannot differ on these cases count once, under the values of `adam`.
    """
    if not seen:
        return []
    fitting = []
    for dialect in _candidates(case for case, _ in seen):
        accuracy = class_of(seen, dialect, flush_to_zero=flush_to_zero)
        if accuracy is not None:
            fitting.append((dialect, accuracy))
    return fitting


def _candidates(cases: Iterable[Case]) -> list[Dialect]:
    varying = {axis for case in cases for axis, relevant in relevant_dialect_axes(case).items() if relevant}
    choices = [AXES[axis] if axis in varying else AXES[axis][:1] for axis in AXES]
    dialects = [Dialect(**dict(zip(AXES, values, strict=True))) for values in product(*choices)]
    return sorted(dialects, key=lambda d: len(d.differences(Dialect())))


def class_of(seen: Sequence[Seen], dialect: Dialect, *, flush_to_zero: bool) -> str | None:
    """The best class in which everything lies inside, and something was decided; the first one outside ends it."""
    for accuracy in (CLASS_A, CLASS_B):
        decided = 0
        for case, trajectory in seen:
            comparison = compare(case, trajectory, dialect, accuracy, flush_to_zero=flush_to_zero)
            if comparison.violation is not None:
                break
            decided += comparison.decided
        else:
            return accuracy.name if decided else None
    return None


def diagnose(
    failing: Sequence[tuple[str, Seen]], passing: Sequence[Seen], declared: Dialect, *, flush_to_zero: bool = False
) -> list[Diagnosis]:
    """Dialects that explain every finding and contradict nothing that passed."""
    seen = [s for _, s in failing] + list(passing)
    if not failing:
        return []
    found = []
    for dialect, accuracy in fitting_dialects(seen, flush_to_zero=flush_to_zero):
        if dialect.differences(declared):
            found.append(_explain(dialect, accuracy, failing, len(seen), declared))
    return found


def underflowing_epsilon(failing: Sequence[tuple[str, Case, float]]) -> list[Diagnosis]:
    """The one defect that needs no search: `eps` is 0 in the format, and the step 0/0 or m/0.

    Args:
        failing: id, smallest case and value found of every finding.

    """
    caught: dict[tuple[str, float], list[str]] = {}
    for check, case, got in failing:
        eps = case.hyperparameters[0].eps
        if eps and not math.isfinite(got) and float(named_format(case.dtype).round(eps)) == 0.0:
            caught.setdefault((case.dtype, eps), []).append(check)
    return [
        Diagnosis(
            "eps-underflows",
            "fault",
            tuple(checks),
            f"eps = {eps:g} rounds to 0 in {dtype}, whose smallest positive number is "
            f"{named_format(dtype).ulp(0.0):.3g}; where v is 0 as well, a zero gradient gives 0/0 = NaN and any other "
            "an infinity",
            ("clause SPE-1", "optax #1754", "chainer #6299", "Optimisers.jl #167"),
        )
        for (dtype, eps), checks in caught.items()
    ]


def _explain(
    dialect: Dialect, accuracy: str, failing: Sequence[tuple[str, Seen]], cases: int, declared: Dialect
) -> Diagnosis:
    changed = ", ".join(f"{axis} is {value!r}" for axis, value in dialect.differences(declared).items())
    seen = "the one trajectory seen lies" if cases == 1 else f"all {cases} trajectories seen lie"
    evidence = f"{seen} inside this dialect's enclosure (class {accuracy}); where it differs: {changed}"
    if "epsilon" in dialect.differences(declared):
        evidence += f"; so do {FAMILIES[dialect.epsilon]}"
        if {dialect.epsilon, declared.epsilon} == {"hat", "outside"}:
            hyper = failing[0][1][0].hyperparameters[0]
            ratio = (1 - hyper.beta2) ** -0.5
            evidence += (
                f". At step 1 eps = {hyper.eps:g} acts as {hyper.eps * ratio:.3g}, {ratio:.3g} times larger (T5)"
                if dialect.epsilon == "hat"
                else f". At step 1 eps = {hyper.eps:g} acts {ratio:.3g} times smaller than declared (T5)"
            )
    ids = tuple(dict.fromkeys(check for check, _ in failing))
    return Diagnosis(name_of(dialect), "dialect", ids, evidence, _references(dialect, declared))


def _references(dialect: Dialect, declared: Dialect) -> tuple[str, ...]:
    by_axis = {
        "epsilon": ("theorem T1", "theorem T5", "tensorflow #9047"),
        "correct_m": ("mlx #1640",),
        "correct_v": ("mlx #1640",),
        "weight_decay": ("theorem T12", "arXiv 1711.05101"),
        "amsgrad": ("theorem T13", "pytorch #142323", "optax #1423"),
        "complex_square": ("pytorch #59998",),
    }
    return tuple(dict.fromkeys(r for axis in dialect.differences(declared) for r in by_axis[axis]))
