"""Chapter "layouts": how arrays lie in memory is the caller's affair, and nothing beside them is touched."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.case import Case
from conformance.checks.base import Check, Context
from conformance.checks.manners import constant_within, in_manners, shapes, steady


def constant_shapes(context: Context) -> Iterable[Case]:
    """The same tensors, each with one number throughout, as expanding needs it."""
    return map(constant_within, shapes(context))


CHECKS = [
    Check(
        id="layouts.transposed",
        title="axes in another order in memory change nothing",
        clauses=("LAY-1",),
        examine=steady,
        cases=in_manners("transposed", "transposed-parameters", "transposed-gradients", "channels-last", cases=shapes),
        needs=("manner:transposed",),
    ),
    Check(
        id="layouts.strided",
        title="elements that lie apart are stepped as if they lay together, and those between them are left alone",
        clauses=("LAY-2", "LAY-4"),
        examine=steady,
        cases=in_manners("strided", "strided-parameters", "strided-gradients", cases=shapes),
        needs=("manner:strided",),
    ),
    Check(
        id="layouts.views",
        title="parameters that are views of one buffer are stepped, and nothing else of the buffer",
        clauses=("LAY-2", "LAY-5"),
        examine=steady,
        cases=in_manners("views", cases=shapes),
        needs=("manner:views",),
    ),
    Check(
        id="layouts.expanded",
        title="where one number in memory stands for many elements, it is stepped right or refused",
        clauses=("LAY-2", "LAY-3"),
        examine=steady,
        cases=in_manners("expanded-parameters", "expanded-gradients", cases=constant_shapes),
        needs=("manner:expanded-gradients",),
    ),
]
