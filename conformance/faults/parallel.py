"""Many subjects at once, in processes that each remember what they have computed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from adam_ref.theorems.parallel import cores
from conformance.compare import remembering
from conformance.faults import subject_named
from conformance.faults.matrix import Cell, Terms, Trial


def trials(names: Sequence[str], terms: Terms, jobs: int | None = None) -> Iterator[list[Cell]]:
    """The cells of each subject, as in the order of `names`, as soon as it and those before it are done.

    `jobs` processes at most, by default one a core that this process may use.  One job runs here.
    """
    jobs = min(jobs or cores(), len(names))
    if jobs <= 1:
        trial = Trial(terms)
        with remembering():
            yield from (list(trial.cells(subject_named(name))) for name in names)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (terms,)) as pool:
        try:
            yield from pool.map(_cells, names)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Process:
    """What one process of the pool keeps between subjects."""

    trial: Trial
    memory: contextlib.ExitStack


def _begin(terms: Terms) -> None:
    _Process.trial = Trial(terms)
    _Process.memory = contextlib.ExitStack()
    _Process.memory.enter_context(remembering())
    with contextlib.suppress(ModuleNotFoundError):
        import torch

        torch.set_num_threads(1)  # the processes share the cores already


def _cells(name: str) -> list[Cell]:
    return list(_Process.trial.cells(subject_named(name)))
