"""Objects of the plug-in protocol as targets: anything with `start` and `capabilities`."""

from __future__ import annotations

from typing import Any

from conformance.capabilities import Capabilities
from conformance.protocol import TargetError

FURTHER = ("start_in", "close", "version", "seed")
"""What an object may offer beside `name`, `capabilities` and `start`."""


class PlainObject:
    """A target made of an object, which is left as it is; claims that it gives as a mapping become `Capabilities`.

    Raises:
        TargetError: the object claims manners and does not say how it is worked with in them.

    """

    def __init__(self, thing: Any) -> None:
        self.name = str(getattr(thing, "name", f"{type(thing).__module__}:{type(thing).__qualname__}"))
        self.capabilities = Capabilities.of(thing.capabilities)
        self.start = thing.start
        for name in FURTHER:
            if hasattr(thing, name):
                setattr(self, name, getattr(thing, name))
        if self.capabilities.manners and not hasattr(self, "start_in"):
            raise TargetError(
                f"{self.name} claims the manners {', '.join(self.capabilities.manners)} and has no start_in(manner, "
                "parameters, hyperparameters); add it, or leave the claim out"
            )
