"""Chapter "processes": several processes that run one optimizer together are one optimizer."""

from __future__ import annotations

from conformance.checks.base import Check
from conformance.checks.groups import of_several
from conformance.checks.manners import steady

CHECKS = [
    Check(
        id="processes.agree",
        title="all processes hold the same parameters and count the same steps",
        clauses=("PRC-1",),
        examine=steady,
        cases=of_several,
        needs=("processes", "several"),
    ),
]
