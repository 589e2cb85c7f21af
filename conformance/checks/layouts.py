"""Chapter "layouts": how arrays lie in memory is the caller's affair, and nothing beside them is touched."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.case import Case
from conformance.checks.base import Check, Context
from conformance.checks.manners import constant_within, in_manners, large, shapes, steady


def tensors(context: Context) -> Iterable[Case]:
    """Small tensors, and larger ones."""
    yield from shapes(context)
    yield from large(context)


def constant_tensors(context: Context) -> Iterable[Case]:
    """The same tensors, each with one number throughout, as expanding needs it."""
    return map(constant_within, tensors(context))


CHECKS = [
    Check(
        id="layouts.transposed",
        title="axes in another order in memory change nothing",
        clauses=("LAY-1",),
        examine=steady,
        cases=in_manners("transposed", "transposed-parameters", "transposed-gradients", "channels-last", cases=tensors),
        needs=("manner:transposed",),
    ),
    Check(
        id="layouts.strided",
        title="elements that lie apart are stepped as if they lay together, and those between them are left alone",
        clauses=("LAY-2", "LAY-4"),
        examine=steady,
        cases=in_manners("strided", "strided-parameters", "strided-gradients", cases=tensors),
        needs=("manner:strided",),
    ),
    Check(
        id="layouts.views",
        title="parameters that are views of one buffer are stepped, and nothing else of the buffer",
        clauses=("LAY-2", "LAY-5"),
        examine=steady,
        cases=in_manners("views", cases=tensors),
        needs=("manner:views",),
    ),
    Check(
        id="layouts.expanded",
        title="where one number in memory stands for many elements, it is stepped right or refused",
        clauses=("LAY-2", "LAY-3"),
        examine=steady,
        cases=in_manners("expanded-parameters", "expanded-gradients", cases=constant_tensors),
        needs=("manner:expanded-gradients",),
    ),
]
