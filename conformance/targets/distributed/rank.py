"""One of the processes that run an optimizer together: answers what it is asked, in step with the others."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch._dynamo  # the first step of any optimizer imports it: better once, before the ranks are forked
import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from adam_ref import Dialect, Hyperparameters
from adam_ref.arrays import Array
from conformance.isolation.surroundings import Surroundings
from conformance.isolation.withheld import is_foreign, withhold
from conformance.protocol import raised
from conformance.targets import adapt
from conformance.targets.distributed.layouts import LAYOUTS, Replicated, require_checkpoint, way_of
from conformance.targets.torch_optim import STATE, TorchOptimizer, TorchSession

HOST = "127.0.0.1"

_LONGEST_WAIT = timedelta(hours=1)
"""For the others, within torch; whoever asks the ranks ends them long before."""


def serve(rank: int, count: int, asked: Connection) -> None:
    """Answer until there is nobody who asks."""
    torch.set_num_threads(1)
    served = Rank(rank, count)
    while True:
        try:
            command, fields = asked.recv()
        except (EOFError, OSError):
            return
        try:
            answer: Any = ("done", getattr(served, command)(**fields))
        except BaseException as error:
            answer = ("raised", [kind.__name__ for kind in type(error).__mro__], raised(error))
        asked.send(answer)


class Rank:
    """What one process of the group does; each method is a command."""

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count
        self.store: Any = None
        self.sessions: dict[int, RankSession] = {}

    def listen(self) -> int:
        """On the first rank: where the others find one another; the port, which the system chooses."""
        store = TCPStore(HOST, 0, self.count, is_master=True, wait_for_workers=False)
        self.store = store
        return store.port

    def join(self, port: int) -> None:
        """Become one of the group."""
        store = self.store or TCPStore(HOST, port, self.count, is_master=False)
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform == "linux" else "lo0")
        dist.init_process_group("gloo", store=store, rank=self.rank, world_size=self.count, timeout=_LONGEST_WAIT)

    def adopt(
        self, layout: str, checkpoint: str, optimizer: str, arguments: dict[str, Any], dialect: Dialect | None
    ) -> dict[str, Any]:
        """From now on run this class, with parameters held in that layout; returns its claims."""
        require_checkpoint(layout, checkpoint)
        if ":" in optimizer and is_foreign(optimizer):
            withhold()
        self.before = Surroundings.now()
        self.layout, self.checkpoint = layout, checkpoint
        self.sessions.clear()
        self.target = _target(optimizer, arguments, dialect)
        self.target.build = LAYOUTS[layout].build(self.target.cls)
        allowed, claims = LAYOUTS[layout], self.target.capabilities
        return replace(
            claims,
            dtypes=tuple(name for name in claims.dtypes if name in allowed.dtypes),
            manners=tuple(name for name in claims.manners if name in allowed.manners),
            any_shape=claims.any_shape and allowed.any_shape,
            gradients=claims.gradients and allowed.gradients,
            processes=True,
            fast_forward=False,
        ).to_json()

    def start(
        self, number: int, manner: str, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]
    ) -> None:
        """Begin the session of that number, in the place of an earlier one."""
        self.sessions.pop(number, None)
        way = way_of(self.layout, self.checkpoint, manner)
        tensors = way.hold(parameters)
        optimizer = way.made(self.target.grouped, tensors, hyperparameters)
        self.sessions[number] = RankSession(optimizer, tensors, way, shows=self.target.capabilities.state)

    def ask(self, number: int, method: str, given: Sequence[Any]) -> Any:
        """What a session answers."""
        return getattr(self.sessions[number], method)(*given)

    def disturbed(self) -> list[str]:
        """What of this process is not as it was before the optimizer was imported; it is put back."""
        return [f"on rank {self.rank}, {words}" for words in self.before.settle(long_ago=True)]


class RankSession(TorchSession):
    """One rank's part of an optimizer at work."""

    way: Replicated

    def __init__(self, optimizer: torch.optim.Optimizer, tensors: Any, way: Replicated, *, shows: bool) -> None:
        super().__init__(optimizer, tensors, way)
        self.shows = shows

    def stepped(self, gradients: Sequence[Array | None]) -> dict[str, Any]:
        """Step; returns what this rank has of parameters, gradients and state afterwards."""
        self.way.step(self, gradients)
        held = {"parameters": self.parameters(), "gradients": self.gradients()}
        return {**held, "state": self.shown_state()} if self.shows else held

    def parameters(self) -> list[Any]:
        """What this rank has of each."""
        return [self.way.piece(t) for t in self.tensors]

    def gradients(self) -> list[Any]:
        """What this rank has of each."""
        return [self.way.piece(t.grad) for t in self.tensors]

    def shown_state(self) -> list[dict[str, Any]]:
        """What this rank has of the moments of each parameter, and its counter."""
        return [self._shown(self.held_state(t)) for t in self.tensors]

    def _shown(self, state: dict[str, Any]) -> dict[str, Any]:
        step = state.get("step")
        pieces = {k: self.way.piece(state[name]) for k, name in STATE.items() if torch.is_tensor(state.get(name))}
        return {**pieces, "step": None if step is None else float(step)}

    def whole_parameters(self) -> list[Array]:
        """All of each parameter, gathered by the framework."""
        return [self.way.whole(t) for t in self.tensors]

    def held_state(self, tensor: Any) -> dict[str, Any]:
        """What this rank keeps for a parameter."""
        found: dict[str, Any] = self.way.state_of(self.optimizer).get(tensor, {})
        return found

    def in_memory(self, tensor: torch.Tensor) -> torch.Tensor:
        """This rank's part."""
        return self.way.in_memory(tensor)


def _target(optimizer: str, arguments: dict[str, Any], dialect: Dialect | None) -> TorchOptimizer:
    """The class as a target of this process alone; raises ValueError where there is no such class."""
    module, colon, name = optimizer.rpartition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found: Any = importlib.import_module(module if colon else "torch.optim")
    for part in name.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, torch.optim.Optimizer)):
        raise ValueError(
            f"optimizer={optimizer} is no torch optimizer: write the name of a class of torch.optim, as in "
            "optimizer=AdamW, or package.module:Class"
        )
    target = adapt(found, arguments, dialect=dialect)
    assert isinstance(target, TorchOptimizer)
    return target
