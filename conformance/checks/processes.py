"""Chapter "processes": several processes that run one optimizer together are one optimizer."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.case import Case
from conformance.checks.base import Check, Context
from conformance.checks.groups import groups, missing
from conformance.checks.manners import steady


def of_all_kinds(context: Context) -> Iterable[Case]:
    """Several tensors in several groups; with gradients that are missing, where that is claimed."""
    claims = context.capabilities
    if claims.groups:
        yield from groups(context)
    if claims.none_gradients:
        yield from missing(context)


CHECKS = [
    Check(
        id="processes.agree",
        title="all processes hold the same parameters and count the same steps",
        clauses=("PRC-1",),
        examine=steady,
        cases=of_all_kinds,
        needs=("processes", "several"),
    ),
]
