"""The processes that run an optimizer together, as whoever asks them sees them.

They are started once and asked one thing after the other, all of them the same.  A rank that raises while others wait
for it, dies or hangs is named; after that there are no ranks any more, and a new group of them has to be started.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from conformance.protocol import TargetError

GRACE = 5.0
"""Seconds that the others have for an answer when one rank has raised: they may wait for it in a collective."""

_LAST_WORDS = 2.0
"""Seconds for the leader to say how a rank ended."""


class RankError(TargetError):
    """Some rank raised, died or hung; the group is at its end."""


class Ranks:
    """A group of processes.

    Args:
        count: how many.
        patience: seconds that an answer may take, the start included.

    Raises:
        RankError: they do not start.

    """

    def __init__(self, count: int, patience: float) -> None:
        self.count, self.patience = count, patience
        self.ended: RankError | None = None
        pairs = [socket.socketpair() for _ in range(count)]
        (their_lifeline, lifeline), (self.words, their_words) = os.pipe(), os.pipe()
        theirs = [their_lifeline, their_words, *(other.detach() for _, other in pairs)]
        leader = subprocess.Popen(
            [sys.executable, "-m", "conformance.targets.distributed.leader", *map(str, theirs)],
            stdin=subprocess.DEVNULL,
            stdout=2,  # what they print is no answer of ours
            pass_fds=theirs,
            start_new_session=True,
            env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        for descriptor in theirs:
            os.close(descriptor)
        self.connections = [Connection(ours.detach()) for ours, _ in pairs]
        self.close = weakref.finalize(self, _end, leader, lifeline, self.words, self.connections)

        (port,) = self.ask("listen", {}, only=0)
        self.ask("join", {"port": port})

    def ask(self, command: str, fields: Mapping[str, Any], *, only: int | None = None) -> list[Any]:
        """What the ranks (or only one of them) answer to a command with its arguments, in their order.

        Raises:
            RankError: one has died or hangs, or not all of them raised the same.
            Exception: all raised the same, and can go on; of the built-in kind that it is.

        """
        if self.ended is not None:
            raise self.ended
        asked = range(self.count) if only is None else [only]
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its death shows when it does not answer
            for rank in asked:
                self.connections[rank].send((command, dict(fields)))
        answers = self._answers(asked)
        if all(kind == "done" for kind, *_ in answers.values()):
            return [answer for _, answer in answers.values()]
        raised = {rank: answer for rank, answer in answers.items() if answer[0] == "raised"}
        words = "; ".join(f"rank {rank} {answer[2]}" for rank, answer in raised.items())
        same = len({tuple(answer[1]) for answer in raised.values()}) == 1
        if same and len(raised) == len(asked):
            names, said = raised[asked[0]][1:]
            raise _built_in(names)(f"every rank {said}" if len(asked) > 1 else said)
        silent = [str(rank) for rank in asked if rank not in answers]
        waiting = f"; no answer from rank {', '.join(silent)}" if silent else "; the other ranks went on"
        raise self._over(words + (waiting if len(raised) < len(asked) else ""), fatal=False)

    def _answers(self, asked: Sequence[int]) -> dict[int, Any]:
        """By rank; without those that do not answer where another has raised."""
        missing = {self.connections[rank]: rank for rank in asked}
        answers: dict[int, Any] = {}
        deadline = time.monotonic() + self.patience
        while missing:
            ready = wait(list(missing), max(0.0, deadline - time.monotonic()))
            if not ready and any(kind == "raised" for kind, *_ in answers.values()):
                break
            if not ready:
                hanging = ", ".join(map(str, missing.values()))
                raise self._over(f"rank {hanging} did not answer within {self.patience:g} s: the target hangs")
            for connection in ready:
                assert isinstance(connection, Connection)
                rank = missing.pop(connection)
                try:
                    answers[rank] = connection.recv()
                except (EOFError, OSError):
                    raise self._over(f"rank {rank} {self._end_of(rank)}") from None
                if answers[rank][0] == "raised":
                    deadline = min(deadline, time.monotonic() + GRACE)
        return dict(sorted(answers.items()))

    def _end_of(self, rank: int) -> str:
        """How a rank ended, as its leader says."""
        deadline, told = time.monotonic() + _LAST_WORDS, b""
        poller = select.poll()
        poller.register(self.words, select.POLLIN)
        while poller.poll(1000 * max(0.0, deadline - time.monotonic())):
            if not (piece := os.read(self.words, 1 << 12)):
                break
            told += piece
            for line in told.splitlines(keepends=True):
                if line.endswith(b"\n") and (end := json.loads(line))["rank"] == rank:
                    code = os.waitstatus_to_exitcode(end["status"])
                    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
        return "is gone"

    def _over(self, reason: str, *, fatal: bool = True) -> RankError:
        self.close()
        self.ended = RankError(reason, fatal=fatal)
        return self.ended


def _built_in(names: Sequence[str]) -> type[Exception]:
    """The nearest built-in kind of exception of a class, given by the names of its ancestors."""
    kinds = (getattr(builtins, name, None) for name in names)
    return next((k for k in kinds if isinstance(k, type) and issubclass(k, Exception)), RuntimeError)


def _end(leader: subprocess.Popen[bytes], lifeline: int, words: int, connections: Sequence[Connection]) -> None:
    """Let go of the leader, which ends its ranks, and end what is left of its group."""
    for connection in connections:
        connection.close()
    os.close(words)
    os.close(lifeline)
    for _ in range(2):
        with contextlib.suppress(subprocess.TimeoutExpired):
            leader.wait(_LAST_WORDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader.pid, signal.SIGKILL)
