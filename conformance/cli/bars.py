"""The bar that shows how far something is, on a terminal while it lasts, and nowhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Told = Callable[[str], None]
"""Is told what is being done; told "" when that is done."""


@contextlib.contextmanager
def bars(to: Console, *, redirect_stdout: bool = True) -> Iterator[Progress | None]:
    """Room for a bar below what is printed, gone at the end; None where `to` is no terminal."""
    if not to.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=to, transient=True, redirect_stdout=redirect_stdout) as shown:
        yield shown


@contextlib.contextmanager
def watching(to: Console, total: int) -> Iterator[Told]:
    """A bar that moves on with each of `total` things that is done."""
    with bars(to) as shown:
        if shown is None:
            yield lambda _: None
            return
        task = shown.add_task("", total=total)
        yield lambda words: shown.update(task, description=words) if words else shown.advance(task)
