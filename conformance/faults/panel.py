"""What an honest form is, and how the panel registers them.

To add one: call `honest` with an id, a sentence, and the pieces of `conformance.faults.adam.Adam` that it replaces by
others that are equally right, or put an `Honest` that makes some other target into `HONEST`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from adam_ref import ADAM, Dialect
from conformance.faults.adam import EVERYTHING, Adam, InPieces
from conformance.faults.catalogue import CatalogueError, Piece
from conformance.protocol import Target
from conformance.specs import SHOULD


@dataclass(frozen=True)
class Honest:
    """A correct Adam in another style or order of operations, which no check may catch.

    Attributes:
        id: its name.
        title: what is particular about it, as a sentence.
        make: makes the target.
        dialect: the declared one, which it is.
        dtypes: the dtypes that it offers.
        accuracy: the accuracy class that it reaches.

    """

    id: str
    title: str
    make: Callable[[], Target]
    dialect: Dialect = ADAM
    dtypes: tuple[str, ...] = ("float32", "float64")
    accuracy: str = "A"

    @property
    def level(self) -> str:
        """It follows every SHOULD as well: a warning is a false alarm."""
        return SHOULD

    @property
    def address(self) -> str:
        """The address of its target."""
        return f"conformance.faults:HonestForm?form={self.id}"

    @property
    def caught_by(self) -> tuple[str, ...]:
        """No check may catch it."""
        return ()

    def target(self) -> Target:
        """The correct Adam as a target."""
        return self.make()


HONEST: dict[str, Honest] = {}


def honest(
    id: str,
    title: str,
    *,
    dialect: Dialect = ADAM,
    dtypes: tuple[str, ...] = ("float32", "float64"),
    accuracy: str = "A",
    claims: Mapping[str, Any] | None = None,
    **pieces: Piece,
) -> Honest:
    """Put a form made of pieces into the panel."""
    missing = [name for name in pieces if not hasattr(Adam, name)]
    if missing:
        raise CatalogueError(f"{id}: the Adam in pieces has no {', '.join(missing)}")
    optimizer = type(id, (Adam,), pieces)
    capabilities = replace(EVERYTHING, **dict(claims or {}))
    name = f"conformance.faults:HonestForm?form={id}"
    return enlist(
        Honest(id, title, lambda: InPieces(name, optimizer, dialect, capabilities), dialect, dtypes, accuracy)
    )


def enlist(form: Honest) -> Honest:
    """Put any form into the panel."""
    if form.id in HONEST:
        raise CatalogueError(f"{form.id}: there is a form of this name already")
    HONEST[form.id] = form
    return form
