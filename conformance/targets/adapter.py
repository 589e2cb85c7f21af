"""A target of a framework, made of the function that starts a session.

`session(parameters, hyper, **arguments)` gets NumPy arrays and the one set of hyperparameters that they are stepped
with, and returns an object with `step(gradients)` and whatever else is claimed (`conformance.protocol.Target`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.capabilities import SETTABLE, Capabilities
from conformance.protocol import Session


class Adapter:
    """A framework's optimizer as a target.

    Args:
        name: how the report calls it.
        session: starts one; see above.
        arguments: those of the address; hyperparameters among them are pinned, the others handed to `session`.
        claims: what is claimed beyond the defaults of `Capabilities`.

    """

    def __init__(self, name: str, session: Callable[..., Session], arguments: dict[str, Any], **claims: Any) -> None:
        self.name, self.session = name, session
        self.arguments = {k: v for k, v in arguments.items() if k not in SETTABLE}
        pinned = {k: v for k, v in arguments.items() if k in SETTABLE}
        self.capabilities = Capabilities(**{**claims, "pinned": {**claims.get("pinned", {}), **pinned}})

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        """Without groups all parameters have the same hyperparameters."""
        return self.session(parameters, hyperparameters[0], **self.arguments)
