"""The order in which a run takes its checks: those first that find most for what they cost.

`STRONGEST_FIRST` is read off the kill matrix: each next check is the one that catches most of what is left a second
(`conformance.faults.evidence.strongest_first`).  `adam-conformance faults --format json` gives the list by that
name; to renew it, put it here.  The order decides how soon a defect shows, and nothing else; what is not listed comes
last.
"""

from __future__ import annotations

from collections.abc import Iterable

STRONGEST_FIRST: tuple[str, ...] = (
    "special.lr-zero",
    "special.first-step",
    "special.not-a-number",
    "state.maximum",
    "purity.memory",
    "groups.missing-gradients",
    "special.eps-zero",
    "metamorphic.resume",
    "metamorphic.lr-scale",
    "state.counter",
    "update.exact-zeros",
    "purity.gradients",
    "update.subnormals",
    "update.maximize",
    "groups.hyperparameters",
    "groups.weight-decay",
    "purity.sessions",
    "special.extreme-lr",
    "state.moments",
    "groups.flags",
    "update.schedule",
    "update.beyond-2048",
    "metamorphic.arrangement",
    "special.zero-gradient",
    "update.near-epsilon",
    "update.extreme-squares",
    "update.mixed-scales",
    "update.zeros-then-spike",
    "update.few-roundings",
    "update.weight-decay",
    "groups.tensors",
    "update.spike-then-decay",
    "update.ordinary",
    "update.alternating-signs",
    "update.amsgrad",
    "metamorphic.gradient-scale",
    "update.constant",
    "update.extremal",
    "metamorphic.sign",
    "update.beyond-256",
    "purity.repeatable",
)


def strongest_first(checks: Iterable[str]) -> list[str]:
    """Ids of checks in the order in which they are best run."""
    rank = {check: i for i, check in enumerate(STRONGEST_FIRST)}
    return sorted(checks, key=lambda check: rank.get(check, len(rank)))
