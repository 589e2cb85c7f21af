"""What a check is, and what it is given.

To add a check: write a function `examine(case, context) -> Examination` in the module of its chapter, wrap it in a
`Check` with the clauses of specs/adam.md that it tests, and register it.  Forgetting the clause, the check of a clause,
or a fault that the check catches, fails a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from adam_ref import Dialect, Format, named_format
from adam_ref.arrays import Array
from conformance.capabilities import Capabilities
from conformance.case import Case, Trajectory
from conformance.cases.build import pinned_cases
from conformance.cases.regimes import REGIMES
from conformance.compare import PARAMETER, Comparison, Violation, Worst, best_class
from conformance.specs import level_of

Runner = Callable[[Sequence[Case]], list[Trajectory]]


@dataclass(frozen=True)
class Profile:
    """How much a run does.  What it promises is checked at the end: less is never green.

    Attributes:
        name: "quick", "standard" or "thorough".
        pinned: sets of pinned hyperparameters a regime.
        explored: further cases a regime that Hypothesis chooses.
        plain: how many findings, the first ones, have their numbers made plain as well as being made small.
        elsewhere: whether the target is started in a second process too, which may take seconds.

    """

    name: str
    pinned: int
    explored: int
    plain: int = 1000
    elsewhere: bool = True


PROFILES = {
    p.name: p
    for p in (Profile("quick", 3, 2, 4, elsewhere=False), Profile("standard", 8, 25, 20), Profile("thorough", 8, 200))
}


@dataclass(frozen=True)
class Elsewhere:
    """The same target in a second process.

    Attributes:
        run: runs cases together there.
        resume: runs each case up to its checkpoint in the first process, and on from that checkpoint in the second.
        missing: why there is no second process, empty where there is one; it is started when this is first asked.

    """

    run: Runner
    resume: Runner
    missing: Callable[[], str]

    def trajectory(self, case: Case) -> Trajectory:
        """The trajectory of one case there."""
        return self.run((case,))[0]

    def resumed(self, case: Case) -> Trajectory:
        """The trajectory of one case that changes process at its checkpoint."""
        return self.resume((case,))[0]


NOWHERE = Elsewhere(lambda _: [], lambda _: [], lambda: "there is one process only")


@dataclass(frozen=True)
class Context:
    """What a check knows while it runs.

    Attributes:
        run: runs cases together, a step of each in turn, and returns their trajectories.
        dialect: the declared one.
        capabilities: the target's claims.
        dtype: of the parameters.
        device: "cpu" or "cuda".
        profile: how much to do.
        seed: from which every random choice follows.
        elsewhere: the same target in a second process.

    """

    run: Runner
    dialect: Dialect
    capabilities: Capabilities
    dtype: str
    device: str
    profile: Profile
    seed: int
    elsewhere: Elsewhere = NOWHERE

    @property
    def format(self) -> Format:
        """The format of the parameters (of their parts, where they are complex)."""
        return named_format(self.dtype)

    @property
    def at_random(self) -> bool:
        """Whether the target rounds parameters of this dtype at random."""
        return self.capabilities.rounds_at_random(self.dtype)

    def walked(self, case: Case) -> int:
        """Steps that the target must really make before the first one of the case."""
        return 0 if self.capabilities.fast_forward else case.skipped

    def trajectory(self, case: Case) -> Trajectory:
        """The trajectory of one case."""
        return self.run((case,))[0]


@dataclass(frozen=True)
class Examination:
    """What examining one case gave.

    Attributes:
        violation: what is wrong, `None` where nothing is.
        accuracy: the best accuracy class that holds; `None` where it does not apply.
        decided: numbers or facts that were really compared.
        undecided: numbers about which the enclosure says nothing.
        worst: the closest call.
        unjudged: why the case could not be judged (whole), as where the target refuses it; empty where it was.

    """

    violation: Violation | None = None
    accuracy: str | None = None
    decided: int = 0
    undecided: int = 0
    worst: Worst = field(default_factory=Worst)
    unjudged: str = ""

    @classmethod
    def of(cls, comparison: Comparison, accuracy: str | None = None) -> Examination:
        """From a comparison with the enclosure."""
        return cls(comparison.violation, accuracy, comparison.decided, comparison.undecided, comparison.worst)

    @classmethod
    def rule(cls, violation: Violation | None, facts: int) -> Examination:
        """From a rule that held for `facts` facts, or was broken."""
        return cls(violation, None, facts)


@dataclass(frozen=True)
class Check:
    """An executable test of one or more clauses.

    Attributes:
        id: chapter, a dot, and a name.
        title: what holds when it passes, as a sentence.
        clauses: ids of the clauses of specs/adam.md that it tests.
        examine: examines one case.
        cases: the cases that every run covers.
        strategy: further cases; `None` where the pinned ones are all there is.
        needs: capabilities without which it is skipped, by attribute name; `settable:NAME` where that
            hyperparameter must be settable or pinned to something, `free:NAME` where the check must vary it,
            `manner:NAME` where the target must be worked with in that manner, `elsewhere` where a second process is
            needed; `at_random` where it must round parameters of the dtype at random, `to_nearest` where it must not.
        theorems: ids of the theorems it rests on.
        regime: the regime it draws from, if one.
        profile: name of the least profile that runs it: "standard" where a single case takes as long as a quick run may
            take for a whole chapter.

    """

    id: str
    title: str
    clauses: tuple[str, ...]
    examine: Callable[[Case, Context], Examination]
    cases: Callable[[Context], Iterable[Case]]
    strategy: Callable[[Context], st.SearchStrategy[Case]] | None = None
    needs: tuple[str, ...] = ()
    theorems: tuple[str, ...] = ()
    regime: str = ""
    profile: str = "quick"

    @property
    def chapter(self) -> str:
        """The chapter of the spec that it belongs to."""
        return self.id.split(".")[0]

    @property
    def level(self) -> str:
        """SHOULD where none of its clauses is a MUST: what it finds then changes no verdict."""
        return level_of(self.clauses)

    def runs_in(self, profile: Profile) -> bool:
        """Whether that profile has the time for it; one that is not on the list leaves nothing out."""
        names = list(PROFILES)
        return profile.name not in names or names.index(profile.name) >= names.index(self.profile)

    def missing(self, context: Context) -> str | None:
        """Why the check does not apply to this target, `None` where it does."""
        claims = context.capabilities
        if context.dtype not in claims.dtypes:
            return f"the target does not claim dtype {context.dtype}"
        if context.device not in claims.devices:
            return f"the target does not claim device {context.device}"
        for need in self.needs:
            kind, _, name = need.partition(":")
            if kind == "settable" and not claims.offers(name):
                return f"the target does not let {name} be set"
            if kind == "free" and not claims.varies(name):
                return f"the target does not let {name} vary"
            if kind == "weight_decay" and context.dialect.weight_decay not in claims.weight_decay:
                return f"the target does not claim {context.dialect.weight_decay} weight decay"
            if kind == "manner" and name not in claims.manners:
                return f"the target does not claim the manner {name}" if claims.manners else NO_MANNERS
            if kind == "at_random" and not context.at_random:
                return f"the target does not claim stochastic rounding of {context.dtype}"
            if kind == "to_nearest" and context.at_random:
                return f"the target rounds {context.dtype} at random; the chapter on stochastic rounding holds instead"
            if kind not in _NAMED and not getattr(claims, kind):
                return f"the target does not claim {kind}"
        if not self.runs_in(context.profile):
            return f"it takes seconds a case, and the profile {context.profile.name} leaves it out"
        return (context.elsewhere.missing() or None) if "elsewhere" in self.needs else None


NO_MANNERS = "the target does not claim other manners of working with it than the plain one"

_NAMED = ("settable", "free", "weight_decay", "manner", "elsewhere", "at_random", "to_nearest")
"""Kinds of needs that are no capability by themselves."""

LONG = 100
"""Regimes with more steps than this are run with the first pinned hyperparameters only: their point is their length."""


def from_regimes(*names: str, at_most: int | None = None) -> Callable[[Context], list[Case]]:
    """The pinned cases of these regimes, for `at_most` sets of hyperparameters (the profile's number by default)."""

    def cases(context: Context) -> list[Case]:
        found = []
        for name in names:
            sets = 1 if REGIMES[name].steps > LONG else at_most or context.profile.pinned
            found += pinned_cases(
                REGIMES[name], context.capabilities, context.dtype, context.seed, context.device, sets
            )
        return found

    return cases


def inside_enclosure(
    case: Case, context: Context, quantities: Sequence[str] = (PARAMETER,), trajectory: Trajectory | None = None
) -> Examination:
    """The numbers of a run against their enclosure, in the best accuracy class that holds."""
    seen = trajectory if trajectory is not None else context.trajectory(case)
    if seen.refused and len(seen.parameters) < case.steps:
        return refusal(seen)
    accuracy, comparison = best_class(case, seen, context.dialect, quantities, context.capabilities)
    return Examination.of(comparison, accuracy)


def refusal(seen: Trajectory) -> Examination:
    """That the target refused, in its own words; or what is wrong with the way in which it did."""
    if seen.noticed:
        return Examination.rule(broken(seen.noticed[0], len(seen.parameters)), 1)
    return Examination(unjudged=f"the target refuses this: {seen.refused}")


def broken(message: str, step: int = 0, parameter: int = 0, element: int = 0, got: float = float("nan")) -> Violation:
    """A violation of a rule that is not an interval."""
    nan = float("nan")
    return Violation("rule", step, parameter, element, nan, nan, got, float("inf"), message)


def first_difference(
    first: Trajectory, second: Trajectory, when: str, expect: Callable[[Array], Array] = lambda a: a
) -> Violation | None:
    """The first parameter element of `second` that is not what `expect` makes of that of `first`, to the bit.

    Only the steps that both have are compared.  NaN is as good as NaN, and zero as good as its negative.
    """
    for step, (ones, others) in enumerate(zip(first.parameters, second.parameters, strict=False), 1):
        for i, (one, other) in enumerate(zip(ones, others, strict=True)):
            want = expect(one)
            differs = (want != other) & ~(np.isnan(want) & np.isnan(other))
            if differs.any():
                e = int(np.flatnonzero(differs.reshape(-1))[0])
                got, expected = (np.asarray(a).reshape(-1)[e] for a in (other, want))
                message = f"{when} the parameter is {got!s} instead of {expected!s}"
                return broken(message, step, i, e, float(np.real(got)))
    return None
