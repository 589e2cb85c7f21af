"""Many subjects at once, in processes that each remember what they have computed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any, TypeVar

from adam_ref.theorems.parallel import cores
from conformance.compare import remembering
from conformance.faults import subject_named
from conformance.faults.matrix import Cell, Terms, Trial

T = TypeVar("T")


def trials(names: Sequence[str], terms: Terms, jobs: int | None = None) -> Iterator[list[Cell]]:
    """The cells of each subject, as `spread` gives them."""
    return spread(names, partial(_trial, terms), jobs)


def _trial(terms: Terms) -> Callable[[str], list[Cell]]:
    trial = Trial(terms)
    return lambda name: list(trial.cells(subject_named(name)))


def spread(names: Sequence[str], make: Callable[[], Callable[[str], T]], jobs: int | None = None) -> Iterator[T]:
    """What a function gives for each name, in the order of `names`, as soon as it and those before it are done.

    `make` makes the function, once in each process.  `jobs` processes at most, by default one a core that this process
    may use.  One job runs here.
    """
    jobs = min(jobs or cores(), len(names))
    if jobs <= 1:
        function = make()
        with remembering():
            yield from map(function, names)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (make,)) as pool:
        try:
            yield from pool.map(_one, names)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Process:
    """What one process of the pool keeps between subjects."""

    function: Callable[[str], Any]
    memory: contextlib.ExitStack


def _begin(make: Callable[[], Callable[[str], Any]]) -> None:
    _Process.function = staticmethod(make())
    _Process.memory = contextlib.ExitStack()
    _Process.memory.enter_context(remembering())
    with contextlib.suppress(ModuleNotFoundError):
        import torch

        torch.set_num_threads(1)  # the processes share the cores already


def _one(name: str) -> Any:
    return _Process.function(name)
