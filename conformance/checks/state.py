"""Chapter "state": where the moments can be read, they lie inside their own enclosures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from conformance.case import Case
from conformance.cases.build import pinned_cases
from conformance.cases.regimes import REGIMES
from conformance.checks.base import Check, Context, Examination, broken, inside_enclosure


def _from(*names: str):  # type: ignore[no-untyped-def]
    def cases(context: Context) -> Iterable[Case]:
        for name in names:
            yield from pinned_cases(
                REGIMES[name], context.capabilities, context.dtype, context.seed, context.device, context.profile.pinned
            )

    return cases


def moments(case: Case, context: Context) -> Examination:
    """The first and the second moment against their enclosures."""
    return inside_enclosure(case, context, ("m", "v"))


def maximum(case: Case, context: Context) -> Examination:
    """AMSGrad's maximum against its enclosure."""
    seen = context.trajectory(case)
    if all(m.v_max is None for step in seen.moments for m in step):
        return Examination.rule(broken("AMSGrad is on, and the state holds no maximum"), 1)
    return inside_enclosure(case, context, ("v_max",), seen)


def counter(case: Case, context: Context) -> Examination:
    """The counter, where there is one, says how many steps were made."""
    seen = context.trajectory(case)
    for made, step in enumerate(seen.moments, 1):
        for i, moment in enumerate(step):
            if moment.step is not None and moment.step != made:
                return Examination.rule(
                    broken(f"after {made} steps the counter says {moment.step:g}", made, i, got=moment.step), made
                )
    return Examination.rule(None, len(seen.moments))


def starts_at_zero(case: Case, context: Context) -> Examination:
    """A first gradient of zero leaves moments that are exactly zero."""
    seen = context.trajectory(case)
    for name in ("m", "v", "v_max"):
        for i, moment in enumerate(seen.moments[0]):
            array = getattr(moment, name)
            if array is not None and np.any(array != 0):
                return Examination.rule(broken(f"{name} did not start at zero", 1, i), 1)
    return Examination.rule(None, 1)


CHECKS = [
    Check(
        id="state.moments",
        title="the moments stay inside their enclosures",
        clauses=("STA-1", "STA-2"),
        examine=moments,
        cases=_from("ordinary", "mixed-scales", "zeros-then-spike", "constant"),
        needs=("state",),
        theorems=("T6", "T7", "T15"),
    ),
    Check(
        id="state.maximum",
        title="AMSGrad's maximum is stored, and stays inside its enclosure",
        clauses=("STA-3",),
        examine=maximum,
        cases=_from("amsgrad"),
        needs=("state", "settable:amsgrad"),
        theorems=("T13",),
    ),
    Check(
        id="state.counter",
        title="the step counter counts steps",
        clauses=("STA-4",),
        examine=counter,
        cases=_from("ordinary", "beyond-256"),
        needs=("state",),
    ),
]
