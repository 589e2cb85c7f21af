"""How far a run is, on standard error while it lasts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from conformance.checks import Check
from conformance.rendering import console
from conformance.report import CheckResult
from conformance.suite import Progress


@contextlib.contextmanager
def progress(*, colour: bool = True) -> Iterator[Progress]:
    """Shows how far the run is where standard error is a terminal, and nothing elsewhere; gone when the run ends."""
    to = console(colour=colour, stderr=True)
    if not to.is_terminal:
        yield Progress()
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=to, transient=True, redirect_stdout=False) as bars:
        yield _Bar(bars, bars.add_task("importing the target", total=None))


class _Bar(Progress):
    """One bar, which moves with every check."""

    def __init__(self, bars: Bars, task: TaskID) -> None:
        self.bars, self.task = bars, task

    def planned(self, checks: int) -> None:
        """Now the bar has an end."""
        self.bars.update(self.task, total=checks)

    def begins(self, check: Check, dtype: str) -> None:
        """Name what is running."""
        self.bars.update(self.task, description=f"{check.id} in {dtype}")

    def ended(self, result: CheckResult) -> None:  # noqa: ARG002
        """Move on by one."""
        self.bars.advance(self.task)
