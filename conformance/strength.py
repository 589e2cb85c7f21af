"""The order in which a run takes its checks: those first that find most for what they cost.

`STRONGEST_FIRST` is read off the kill matrix: each next check is the one that catches most of what is left a second
(`conformance.faults.evidence.strongest_first`).  `adam-conformance faults --format json` gives the list by that
name; to renew it, put it here.  This one is of every fourth fault, in float32.  The order decides how soon a defect
shows, and nothing else; what is not listed comes last.
"""

from __future__ import annotations

from collections.abc import Iterable

STRONGEST_FIRST: tuple[str, ...] = (
    "special.not-a-number",
    "update.schedule",
    "hyperparameters.invalid",
    "groups.any-shape",
    "gradients.sparse",
    "purity.memory",
    "metamorphic.lr-scale",
    "special.eps-zero",
    "groups.flags",
    "state.far",
    "gradients.scaler",
    "metamorphic.resume",
    "purity.repeatable",
    "update.subnormals",
    "metamorphic.threads",
    "gradients.closure",
    "state.counter",
    "layouts.expanded",
    "groups.apart-in-one",
    "update.weight-decay",
    "purity.gradients",
    "metamorphic.arrangement",
    "groups.missing-gradients",
    "checkpoints.another-process",
    "hyperparameters.rewritten",
    "state.moments",
    "metamorphic.every-step",
    "update.mixed-scales",
    "update.near-epsilon",
    "update.maximize",
    "state.maximum",
    "update.extreme-squares",
    "update.few-roundings",
    "special.lr-zero",
    "update.zeros-then-spike",
    "update.exact-zeros",
    "special.extreme-lr",
    "update.amsgrad",
    "update.ordinary",
    "update.spike-then-decay",
    "update.alternating-signs",
    "groups.hyperparameters",
    "groups.tensors",
    "groups.weight-decay",
    "update.extremal",
    "update.constant",
    "metamorphic.gradient-scale",
    "update.beyond-256",
    "special.zero-gradient",
    "update.beyond-2048",
    "hyperparameters.scheduler",
    "checkpoints.any-step",
    "groups.added-later",
    "purity.sessions",
    "checkpoints.hyperparameters",
    "layouts.transposed",
    "layouts.strided",
    "purity.another-process",
    "purity.settled",
    "purity.process",
    "metamorphic.sign",
    "special.first-step",
    "graphs.replayed",
    "checkpoints.copies",
    "layouts.views",
    "checkpoints.taken-back",
    "gradients.two-dtypes",
    "hyperparameters.tensor-lr",
)


def strongest_first(checks: Iterable[str]) -> list[str]:
    """Ids of checks in the order in which they are best run."""
    rank = {check: i for i, check in enumerate(STRONGEST_FIRST)}
    return sorted(checks, key=lambda check: rank.get(check, len(rank)))
