"""What a fault is, and how the chapters of the catalogue register theirs.

To add one: call the `fault` of its chapter's module with an id, a sentence that says what is wrong, and the pieces of
`conformance.faults.adam.Adam` that it replaces (of what `WHOLES` has for another framework).  A test runs the checks
that it names against it, and fails where one of them lets it through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from adam_ref import ADAM, Dialect
from conformance.checks import CHECKS
from conformance.faults import sharded_adam, torch_adam
from conformance.faults.adam import EVERYTHING, Adam, InPieces
from conformance.protocol import Target
from conformance.specs import level_of

Piece = Callable[..., Any]


WHOLES: dict[str, type[Any]] = {"": Adam, "torch": torch_adam.Pieces, "ranks": sharded_adam.Sharded}
"""The correct Adam of each framework, whose pieces faults replace."""


class CatalogueError(ValueError):
    """An entry that cannot be: a piece that does not exist, an id that is taken."""


@dataclass(frozen=True)
class Fault:
    """A named defect planted in a correct Adam.

    Attributes:
        id: its name.
        title: what is wrong, as a sentence.
        chapter: the part of the catalogue that it belongs to.
        pieces: what replaces which method of `Adam`, or of the torch Adam in pieces.
        regime: the regime that shows it, empty where something else than the history does.
        caught_by: ids of the checks that must catch it, each by itself, in each of its dtypes.
        stands_for: public cases of it, as "project #number".
        dialect: the declared one, which it fails to be.
        dtypes: the dtypes in which it is a fault and shows.
        claims: capabilities that differ from those of the correct Adam.
        framework: "torch" where the correct Adam is one for torch's tensors, "ranks" where several processes would run
            it, empty where it is NumPy's.

    """

    id: str
    title: str
    chapter: str
    pieces: Mapping[str, Piece]
    regime: str = ""
    caught_by: tuple[str, ...] = ()
    stands_for: tuple[str, ...] = ()
    dialect: Dialect = ADAM
    dtypes: tuple[str, ...] = ("float32", "float64")
    claims: Mapping[str, Any] | None = None
    framework: str = ""

    @property
    def level(self) -> str:
        """SHOULD where none of the checks that must catch it speaks for a MUST: no verdict turns on it."""
        return level_of(clause for check in self.caught_by for clause in CHECKS[check].clauses)

    @property
    def address(self) -> str:
        """The address of its target."""
        return f"conformance.faults:Faulty?fault={self.id}"

    def optimizer(self) -> type[Any]:
        """The correct Adam with the pieces replaced."""
        if self.framework == "torch":
            return torch_adam.optimizer(self.id, self.pieces)
        if self.framework == "ranks":
            return sharded_adam.sharded(self.id, self.pieces)
        return type(self.id, (Adam,), dict(self.pieces))

    def target(self) -> Target:
        """The defective Adam as a target."""
        if self.framework == "torch":
            return torch_adam.torch_target(self.address, self.optimizer(), self.dialect)
        if self.framework == "ranks":
            return sharded_adam.InShards(self.address, self.optimizer(), self.dialect)
        return InPieces(self.address, self.optimizer(), self.dialect, replace(EVERYTHING, **dict(self.claims or {})))


CATALOGUE: dict[str, Fault] = {}


@dataclass(frozen=True)
class Chapter:
    """Registers the faults of one chapter."""

    name: str

    def __call__(
        self,
        id: str,
        title: str,
        regime: str = "",
        *,
        caught_by: tuple[str, ...] = (),
        stands_for: tuple[str, ...] = (),
        dialect: Dialect = ADAM,
        dtypes: tuple[str, ...] = ("float32", "float64"),
        claims: Mapping[str, Any] | None = None,
        framework: str = "",
        **pieces: Piece,
    ) -> Fault:
        """Put a fault into the catalogue; where no check is named, the regime's own must catch it."""
        whole = WHOLES[framework]
        missing = [name for name in pieces if not hasattr(whole, name)]
        if missing or not pieces:
            raise CatalogueError(f"{id}: the Adam in pieces has no {', '.join(missing) or 'piece to replace'}")
        if id in CATALOGUE:
            raise CatalogueError(f"{id}: there is a fault of this name already")
        named = caught_by or (f"update.{regime}",)
        CATALOGUE[id] = Fault(
            id, title, self.name, pieces, regime, named, stands_for, dialect, dtypes, claims, framework
        )
        return CATALOGUE[id]
