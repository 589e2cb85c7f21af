"""An optimizer that several processes run together, as a target: parameters go out to all, and come back gathered.

`torch.distributed:LAYOUT?processes=N&optimizer=CLASS&...`: LAYOUT says how the parameters are held (`layouts`), CLASS
is the name of a class of torch.optim or `package.module:Class`, and all other arguments are handed to its constructor.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

from adam_ref import Dialect, Hyperparameters
from adam_ref.arrays import Array
from conformance.capabilities import Capabilities
from conformance.case import Moments
from conformance.protocol import TargetError
from conformance.targets.distributed.pieces import Gathered, Piece, gathered_moments
from conformance.targets.distributed.ranks import Ranks
from conformance.targets.program import PATIENCE

PROCESSES = (1, 2, 4, 8)
"""How many there may be: an average over another number of processes would round, and be no fault of the optimizer."""


class Distributed:
    """A target made of a layout, an optimizer class and a number of processes.

    Args:
        layout: a name of `layouts.LAYOUTS`.
        processes: one of `PROCESSES`.
        optimizer: what the address calls it.
        checkpoint: "own" where each rank saves the state_dict of its optimizer (rank 0 for all, where that can be
            consolidated), "full" for `torch.distributed.checkpoint.state_dict`.
        patience: seconds that any one answer of the ranks may take.
        dialect: the declared one, where one is.
        ranks: a group that is there already; otherwise one is started.
        arguments: for the constructor; hyperparameters among them are pinned.

    Raises:
        TargetError: the ranks do not start, or there is no such class.

    """

    def __init__(
        self,
        layout: str,
        *,
        processes: int = 2,
        optimizer: str = "Adam",
        checkpoint: str = "own",
        patience: float = PATIENCE,
        dialect: Dialect | None = None,
        ranks: Ranks | None = None,
        **arguments: Any,
    ) -> None:
        if processes not in PROCESSES or isinstance(processes, bool):
            raise TargetError(f"processes={processes!r} is not possible: allowed are {', '.join(map(str, PROCESSES))}")
        self.name = f"torch.distributed:{layout}"
        self.processes, self.patience = processes, patience
        self.adopted = {
            "layout": layout,
            "checkpoint": checkpoint,
            "optimizer": str(optimizer),
            "arguments": arguments,
            "dialect": dialect,
        }
        self.sessions: WeakValueDictionary[int, DistributedSession] = WeakValueDictionary()
        self.ranks = ranks or Ranks(processes, patience)
        claims, *others = self.ranks.ask("adopt", self.adopted)
        if any(other != claims for other in others):
            raise TargetError("the ranks do not claim the same: does the optimizer look at its rank when it is made?")
        self.capabilities = Capabilities.of(claims)

    def close(self) -> None:
        """End all ranks."""
        self.ranks.close()

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> DistributedSession:
        """Start an optimizer on every rank."""
        return self.start_in("", parameters, hyperparameters)

    def start_in(
        self, manner: str, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]
    ) -> DistributedSession:
        """The same, for a session that is worked with in that manner; its number is the smallest that is free."""
        if self.ranks.ended is not None and not self.ranks.ended.fatal:
            self.ranks = Ranks(self.processes, self.patience)
            self.ranks.ask("adopt", self.adopted)
        number = next(n for n in range(len(self.sessions) + 1) if n not in self.sessions)
        session = DistributedSession(self.ranks, number, shows=self.capabilities.gradients)
        self.sessions[number] = session
        given = {"manner": manner, "parameters": list(parameters), "hyperparameters": list(hyperparameters)}
        self.ranks.ask("start", {"number": number, **given})
        return session


class DistributedSession:
    """One optimizer at work on all ranks."""

    def __init__(self, ranks: Ranks, number: int, *, shows: bool) -> None:
        self.ranks, self.number, self.shows = ranks, number, shows
        self.steps = 0
        self.given: list[Array | None] = []
        self.after: dict[str, list[Any]] = {}
        self.said: list[str] = []

    def _ask(self, method: str, *given: Any) -> list[Any]:
        return self.ranks.ask("ask", {"number": self.number, "method": method, "given": given})

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """One step on every rank; what the ranks have afterwards is put together."""
        self.given = list(gradients)
        answers = self._ask("stepped", self.given)
        self.steps += 1
        self.after = {name: [answer[name] for answer in answers] for name in answers[0]}
        return [array for array in self._gathered("parameter", self.after["parameters"]) if array is not None]

    def _gathered(self, what: str, answers: list[Any]) -> list[Array | None]:
        gathered = Gathered(what, answers)
        self._notice(gathered.differences)
        return gathered.arrays

    def _notice(self, differences: list[str]) -> None:
        """Keep the first of what was seen, with the step after which it was."""
        if differences and not self.said:
            self.said = [f"after step {self.steps} {words}" for words in differences]

    def held_gradients(self) -> list[Array | None]:
        """As the ranks had them right after the step; asked again, as they have them now; those given, where no rank
        has them as they are.
        """
        if not self.shows:
            return self.given
        return self._gathered("gradient", self.after.pop("gradients", []) or self._ask("gradients"))

    def held_parameters(self) -> list[Array | None]:
        """As the ranks have them now."""
        return self._gathered("parameter", self._ask("parameters"))

    def state(self) -> list[Moments]:
        """The moments after the step."""
        moments, differences = gathered_moments(self.after["state"])
        self._notice(differences)
        return moments

    def set_lr(self, lr: float) -> None:
        """From now on with this learning rate, on every rank."""
        self._ask("set_lr", lr)

    def save(self) -> list[bytes]:
        """What each rank saves."""
        return self._ask("save")

    def load(self, saved: list[bytes]) -> None:
        """Every rank may read what any of them saved."""
        self._ask("load", saved)

    def shared_memory(self) -> list[str]:
        """What shares memory on a rank."""
        answers = enumerate(self._ask("shared_memory"))
        return [f"on rank {rank}, {words}" for rank, answer in answers for words in answer]

    def noticed(self) -> list[str]:
        """Where the ranks did not hold the same, and what each saw go wrong."""
        broken = (words for answer in self._ask("noticed") for words in answer)
        wholes = [[Piece(True, array) for array in answer] for answer in self._ask("whole_parameters")]
        self._gathered("gathered parameter", wholes)
        self._notice(self._unlike_shards(wholes[0]))
        return [*self.said, *dict.fromkeys(broken)]

    def _unlike_shards(self, wholes: list[Piece]) -> list[str]:
        """Where the framework gathers something else than what the ranks hold."""
        shards = self._gathered("parameter", self._ask("parameters"))
        together = [[w, None if s is None else Piece(True, s)] for w, s in zip(wholes, shards, strict=True)]
        differences = (Gathered("", [[one], [other]]).differences for one, other in together)
        return [f"gathering parameter {i} gives other numbers than its shards" for i, d in enumerate(differences) if d]

    def disturbed(self) -> list[str]:
        """What the ranks did to their processes."""
        return [words for answer in self.ranks.ask("disturbed", {}) for words in answer]
