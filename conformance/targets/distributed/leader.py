"""Imports torch once and forks the ranks: `python -m conformance.targets.distributed.leader LIFELINE WORDS RANK ...`.

The arguments are file descriptors: the leader ends with all ranks when the lifeline is let go of; into WORDS goes a
line of JSON for each rank that has ended, with its status; and over each RANK one of the ranks is spoken to.  Nothing
of torch has run before the fork, so that no thread is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
from multiprocessing.connection import Connection

from conformance.isolation.warden import DEATH_SIGNAL, TICK, ask_kernel


def lead(lifeline: int, words: int, *connections: int) -> None:
    """Fork a rank for each connection, and stay until all have ended or the lifeline is let go of."""
    from conformance.targets.distributed.rank import serve

    ranks: dict[int, int] = {}
    for rank, connection in enumerate(connections):
        pid = os.fork()
        if pid == 0:
            ask_kernel(DEATH_SIGNAL, signal.SIGKILL)
            for other in {lifeline, words, *connections} - {connection}:
                os.close(other)
            try:
                serve(rank, len(connections), Connection(connection))
            finally:
                os._exit(0)
        ranks[pid] = rank
    for connection in connections:
        os.close(connection)
    _watch(ranks, lifeline, words)


def _watch(ranks: dict[int, int], lifeline: int, words: int) -> None:
    poller = select.poll()
    poller.register(lifeline, select.POLLIN)
    while ranks:
        if poller.poll(1000 * TICK):
            for pid in ranks:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            return
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in ranks:
            ended = {"rank": ranks.pop(pid), "status": status}
            with contextlib.suppress(OSError):
                os.write(words, json.dumps(ended).encode() + b"\n")


if __name__ == "__main__":
    lead(*map(int, sys.argv[1:]))
