"""The checks, one module a chapter of specs/adam.md."""

from __future__ import annotations

from conformance.checks import (
    checkpoints,
    gradients,
    graphs,
    groups,
    hyperparameters,
    layouts,
    metamorphic,
    processes,
    purity,
    special_values,
    state,
    stochastic,
    update,
)
from conformance.checks.base import PROFILES, Check, Context, Elsewhere, Examination, Profile, Runner

CHECKS: dict[str, Check] = {
    check.id: check
    for chapter in (
        update,
        state,
        metamorphic,
        special_values,
        purity,
        groups,
        hyperparameters,
        gradients,
        layouts,
        checkpoints,
        processes,
        stochastic,
        graphs,
    )
    for check in chapter.CHECKS
}

__all__ = ["CHECKS", "PROFILES", "Check", "Context", "Elsewhere", "Examination", "Profile", "Runner"]
