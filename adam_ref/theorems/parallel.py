"""Several theorems at once, each in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from adam_ref.theorems import prove
from adam_ref.theorems.proof import Proof


def prove_all(theorems: Sequence[str], jobs: int | None = None) -> Iterator[Proof]:
    """The proofs in the order of `theorems`, each as soon as it and those before it are done.

    `jobs` processes at most, by default one a core that this process may use. One theorem, or one job, runs here.
    """
    jobs = min(jobs or cores(), len(theorems))
    if jobs <= 1:
        yield from map(prove, theorems)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(prove, theorems)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
