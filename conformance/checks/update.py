"""Chapter "update": the parameters after every step lie inside the enclosure.  One check for each regime."""

from __future__ import annotations

from functools import partial

from hypothesis.strategies import SearchStrategy

from conformance.case import Case
from conformance.cases.build import drawn_cases
from conformance.cases.regimes import REGIMES, Regime
from conformance.checks.base import LONG, Check, Context, from_regimes, inside_enclosure

CLAUSES: dict[str, tuple[str, ...]] = {
    "ordinary": ("UPD-1", "UPD-2"),
    "near-epsilon": ("UPD-1", "UPD-4"),
    "zeros-then-spike": ("UPD-1", "UPD-14"),
    "spike-then-decay": ("UPD-1", "UPD-16"),
    "mixed-scales": ("UPD-1", "UPD-5"),
    "alternating-signs": ("UPD-1", "UPD-15"),
    "extremal": ("UPD-1", "UPD-6"),
    "extreme-squares": ("UPD-1", "UPD-7"),
    "subnormals": ("UPD-1", "UPD-13"),
    "exact-zeros": ("UPD-1", "UPD-17"),
    "constant": ("UPD-1", "UPD-3"),
    "few-roundings": ("UPD-1", "UPD-8"),
    "beyond-256": ("UPD-1", "UPD-18"),
    "beyond-2048": ("UPD-1", "UPD-19"),
    "weight-decay": ("UPD-1", "UPD-9"),
    "amsgrad": ("UPD-1", "UPD-10"),
    "maximize": ("UPD-1", "UPD-11"),
    "schedule": ("UPD-1", "UPD-12"),
}
"""Which clauses each regime speaks to."""

THEOREMS: dict[str, tuple[str, ...]] = {
    "ordinary": ("T6", "T7", "T15"),
    "near-epsilon": ("T1", "T2", "T3", "T5"),
    "zeros-then-spike": ("T4", "T16"),
    "extremal": ("T9", "T10"),
    "constant": ("T8",),
    "few-roundings": ("T14",),
    "weight-decay": ("T12",),
    "amsgrad": ("T13",),
    "beyond-256": ("T4",),
    "beyond-2048": ("T4",),
}

_NEEDS = {
    "weight-decay": ("weight_decay",),
    "amsgrad": ("settable:amsgrad",),
    "maximize": ("settable:maximize",),
    "schedule": ("lr_schedule",),
}


def _strategy(regime: Regime, context: Context) -> SearchStrategy[Case]:
    return drawn_cases(regime, context.capabilities, context.dtype, context.device)


def _check(regime: Regime) -> Check:
    return Check(
        id=f"update.{regime.name}",
        title=f"parameters stay inside the enclosure: {regime.reason}",
        clauses=CLAUSES[regime.name],
        examine=inside_enclosure,
        cases=from_regimes(regime.name),
        strategy=None if regime.steps > LONG else partial(_strategy, regime),
        needs=_NEEDS.get(regime.name, ()),
        theorems=THEOREMS.get(regime.name, ()),
        regime=regime.name,
    )


CHECKS = [_check(regime) for regime in REGIMES.values()]
