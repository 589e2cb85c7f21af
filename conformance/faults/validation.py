"""Faults of what is refused: invalid hyperparameters accepted, or refused too late or in the wrong way."""

from __future__ import annotations

from functools import partial
from typing import Any

from adam_ref import Hyperparameters
from conformance.faults.adam import Adam
from conformance.faults.catalogue import Chapter
from conformance.faults.torch_adam import Pieces

fault = partial(Chapter("validation"), caught_by=("hyperparameters.invalid",))


def _nothing_refused(_a: Adam, _hyper: Hyperparameters) -> None:
    pass


fault(
    "invalid-accepted",
    "no hyperparameter is checked, and a negative lr steps uphill",
    require_valid=_nothing_refused,
)
fault(
    "beta-of-one-accepted",
    "the range of the betas includes 1, where a moment never moves and its correction is 0",
    allows=lambda a, name, value: value == 1 or Adam.allows(a, name, value),
)
fault(
    "nan-accepted",
    "what lies outside a range is refused, which NaN does not",
    allows=lambda _, name, value: not (value < 0 or (name.startswith("beta") and value >= 1)),
)
fault(
    "negative-decay-accepted",
    "a negative weight decay is accepted, and parameters grow",
    allows=lambda a, name, value: name == "weight_decay" or Adam.allows(a, name, value),
)


def _asserted(a: Adam, hyper: Hyperparameters) -> None:
    try:
        Adam.require_valid(a, hyper)
    except ValueError as error:
        raise AssertionError(str(error)) from None


fault(
    "refused-by-assertion",
    "invalid hyperparameters are refused by an assertion, which Python leaves out when asked to optimize",
    require_valid=_asserted,
)


def _checked_afterwards(o: Any, group: dict[str, Any], p: Any, g: Any) -> None:
    Pieces.one(o, group, p, g)
    Pieces.require_valid(o, group)


fault(
    "refused-when-stepped",
    "hyperparameters are checked when the first parameter has been stepped with them",
    framework="torch",
    require_valid=lambda _o, _group: None,
    one=_checked_afterwards,
)
