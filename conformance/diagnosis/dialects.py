"""The dialects that would have fitted everything seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from adam_ref import CLASS_A, CLASS_B, Dialect
from adam_ref.dialect import AXES, name_of
from conformance.capabilities import Capabilities
from conformance.case import Case, Trajectory
from conformance.compare import NO_CLAIMS, compare, relevant_dialect_axes
from conformance.diagnosis.result import Diagnosis

Seen = tuple[Case, Trajectory]

FAMILIES = {
    "hat": "TensorFlow, Keras, PyTorch's SparseAdam, scikit-learn and labml's optimized update",
    "outside": "PyTorch, optax, PaddlePaddle and most others",
    "inside-corrected": "optax with eps_root instead of eps",
    "inside-raw": "implementations that add eps to v before the correction",
}


def fitting_dialects(seen: Sequence[Seen], claims: Capabilities = NO_CLAIMS) -> list[tuple[Dialect, str]]:
    """The dialects, nearest to `adam` first, whose enclosure contains every trajectory, with the class that holds.

    Dialects that cannot differ on these cases count once, under the values of `adam`.
    """
    if not seen:
        return []
    fitting = []
    for dialect in _candidates(case for case, _ in seen):
        accuracy = class_of(seen, dialect, claims)
        if accuracy is not None:
            fitting.append((dialect, accuracy))
    return fitting


def _candidates(cases: Iterable[Case]) -> list[Dialect]:
    varying = {axis for case in cases for axis, relevant in relevant_dialect_axes(case).items() if relevant}
    choices = [AXES[axis] if axis in varying else AXES[axis][:1] for axis in AXES]
    dialects = [Dialect(**dict(zip(AXES, values, strict=True))) for values in product(*choices)]
    return sorted(dialects, key=lambda d: len(d.differences(Dialect())))


def class_of(seen: Sequence[Seen], dialect: Dialect, claims: Capabilities) -> str | None:
    """The best class in which everything lies inside, and something was decided; the first one outside ends it."""
    for accuracy in (CLASS_A, CLASS_B):
        decided = 0
        for case, trajectory in seen:
            comparison = compare(case, trajectory, dialect, accuracy, claims=claims)
            if comparison.violation is not None:
                break
            decided += comparison.decided
        else:
            return accuracy.name if decided else None
    return None


def other_dialects(
    failing: Sequence[tuple[str, Seen]], passing: Sequence[Seen], declared: Dialect, claims: Capabilities = NO_CLAIMS
) -> list[Diagnosis]:
    """Dialects that explain every finding and contradict nothing that passed."""
    seen = [s for _, s in failing] + list(passing)
    if not failing:
        return []
    found = []
    for dialect, accuracy in fitting_dialects(seen, claims):
        if dialect.differences(declared):
            found.append(_explain(dialect, accuracy, failing, len(seen), declared))
    return found


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
