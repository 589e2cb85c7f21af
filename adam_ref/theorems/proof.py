"""What is found when a theorem is run, as immutable plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What became of an obligation: `verified`, `refuted` (with the `point` that refutes it) or `undecided`.

    `witness` is the point in short decimals.
    """

    status: str
    engine: str
    detail: str = ""
    witness: dict[str, str] = field(default_factory=dict)
    point: Mapping[Any, Any] | None = None


@dataclass(frozen=True)
class StepResult:
    """What became of a step. `engines` did the verifying; `detail` and `witness` say why it failed.

    `left` and `right` are the sides of the statement at the witness, where it is false there.
    """

    rule: str
    statement: str
    why: str
    status: str
    engines: tuple[str, ...]
    obligations: int
    seconds: float
    detail: str = ""
    witness: dict[str, str] = field(default_factory=dict)
    left: str = ""
    right: str = ""

    @property
    def ok(self) -> bool:
        """Verified, or an argument in words (which is counted elsewhere)."""
        return self.status in ("verified", "in words")


@dataclass(frozen=True)
class AttackResult:
    """The claims at 50 digits: `points` looked at, `edges` included; the largest relative `residual` of an equality."""

    points: int
    residual: float
    failures: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class VariantResult:
    """A wrong variant, the step that refused it, and what the sides of that step are at the witness."""

    name: str
    words: str
    refused: bool
    step: int
    rule: str
    detail: str
    witness: dict[str, str] = field(default_factory=dict)
    left: str = ""
    right: str = ""


@dataclass(frozen=True)
class CounterexampleResult:
    """A dropped hypothesis and what the two sides of the claim are then. `ok`: the claim does fail there."""

    drops: str
    words: str
    left: str
    right: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True)
class ConfirmationResult:
    """z3's verdict on one statement."""

    words: str
    verdict: str


@dataclass(frozen=True)
class Proof:
    """Everything that was found when a theorem was run. `problems` says what is wrong; empty when it is proved."""

    theorem: str
    title: str
    steps: tuple[StepResult, ...]
    attack: AttackResult
    confirmations: tuple[ConfirmationResult, ...]
    variants: tuple[VariantResult, ...]
    counterexamples: tuple[CounterexampleResult, ...]
    problems: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """The theorem is proved and withstood every attack."""
        return not self.problems

    @property
    def in_words(self) -> int:
        """How many steps rest on words alone."""
        return sum(step.status == "in words" for step in self.steps)

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`."""
        return {**asdict(self), "ok": self.ok, "in_words": self.in_words}
