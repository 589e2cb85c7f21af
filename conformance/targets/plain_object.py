"""Objects of the plug-in protocol as targets: anything with `start` and `capabilities`."""

from __future__ import annotations

from typing import Any

from conformance.capabilities import Capabilities


class PlainObject:
    """A target made of an object, which is left as it is; claims that it gives as a mapping become `Capabilities`."""

    def __init__(self, thing: Any) -> None:
        self.name = str(getattr(thing, "name", f"{type(thing).__module__}:{type(thing).__qualname__}"))
        self.capabilities = Capabilities.of(thing.capabilities)
        self.start = thing.start
