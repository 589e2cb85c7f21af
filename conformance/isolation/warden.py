"""The keeper of a worker: `python -m conformance.isolation.warden REQUESTS ANSWERS WORDS LIFELINE MEMORY PROCESSES`.

It forks the worker before anything of weight is imported, and then watches it: ends it and all its descendants when it
uses more than it may, when it has ended itself, and when the harness lets go of the lifeline or dies.  Descendants that
leave their parents or their session come back to the warden, which asked the kernel to be their reaper.  The first four
arguments are file descriptors; into WORDS goes, as the last thing, how it ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

TICK = 0.05
"""Seconds between two looks at the worker."""

SWEEPS = 400
"""How often descendants are ended anew, for those that multiply meanwhile."""

DEATH_SIGNAL, _SUBREAPER = 1, 36
"""`PR_SET_PDEATHSIG` and `PR_SET_CHILD_SUBREAPER` of Linux."""


def keep(requests: int, answers: int, words: int, lifeline: int, memory: int, processes: int) -> None:
    """Start a worker and watch it to its end."""
    ask_kernel(_SUBREAPER, 1)
    worker = os.fork()
    if worker == 0:
        os.close(words)
        os.close(lifeline)
        _work(requests, answers, memory)
        return
    os.close(requests)
    os.close(answers)
    status, excess = _watch(worker, lifeline, memory, processes)
    left = end_all()
    with contextlib.suppress(OSError):
        os.write(words, json.dumps({"status": status, "excess": excess, "left": left}).encode())


def _work(requests: int, answers: int, memory: int) -> None:
    """Be the worker: in a session of its own, within limits that only the kernel can lift."""
    import resource

    os.setsid()
    ask_kernel(DEATH_SIGNAL, signal.SIGKILL)
    # RLIMIT_AS would count address space that torch, CUDA and JAX reserve and never touch; this counts what can be
    # written to and is nobody else's.
    for kind, most in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):  # a stricter limit is in force already
            resource.setrlimit(kind, (most, most))
    with contextlib.suppress(OSError):  # where the machine runs out of memory all the same, the worker goes first
        Path("/proc/self/oom_score_adj").write_text("1000")
    from conformance.isolation.worker import serve

    serve(os.fdopen(requests, "rb"), os.fdopen(answers, "wb"))


def ask_kernel(option: int, value: int) -> None:
    """`prctl`, where there is one."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _watch(worker: int, lifeline: int, memory: int, processes: int) -> tuple[int | None, str]:
    """The worker's status as `os.waitpid` gives it, or what it took too much of; neither where we are to end it."""
    poller = select.poll()
    poller.register(lifeline, select.POLLIN)
    while True:
        if poller.poll(1000 * TICK):
            return None, ""
        for pid, status in _reaped():
            if pid == worker:
                return status, ""
        family = descendants()
        if len(family) > processes:
            return None, "processes"
        if holds_more(family, memory):
            return None, "memory"


def _reaped() -> Iterable[tuple[int, int]]:
    """The children that have ended since the last look, with their statuses."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            yield ended


def end_all() -> int:
    """End every descendant, and those that they start meanwhile; returns how many would not go."""
    for _ in range(SWEEPS):
        family = descendants()
        for pid in family:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for _ in _reaped():
            pass
        if not family:
            return 0
        time.sleep(0.005)
    return len(descendants())


def descendants() -> list[int]:
    """The children of this process, their children, and so on; where there is no /proc, none are known."""
    found: list[int] = []
    generation = _children(os.getpid())
    while generation:
        found += generation
        generation = [child for pid in generation for child in _children(pid)]
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
    return found


def holds_more(family: Iterable[int], memory: int) -> bool:
    """Whether these processes hold more than `memory` bytes together; pages that they share are counted once."""
    each = {pid: _resident(pid) for pid in family}
    return sum(each.values()) > memory and sum(_proportional(pid, most) for pid, most in each.items()) > memory


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _proportional(pid: int, otherwise: int) -> int:
    """What a process holds, each page divided by how many share it; slow to find out, and not every kernel says it."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return otherwise


if __name__ == "__main__":
    keep(*map(int, sys.argv[1:]))
