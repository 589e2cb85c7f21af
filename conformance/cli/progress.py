"""How far a run is, on standard error while it lasts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.progress import Progress as Bars
from rich.progress import TaskID

from conformance.checks import Check
from conformance.cli.bars import bars
from conformance.rendering.terminal import console
from conformance.report import CheckResult
from conformance.suite import Progress


@contextlib.contextmanager
def progress(*, colour: bool = True) -> Iterator[Progress]:
    """Shows how far the run is where standard error is a terminal, and nothing elsewhere; gone when the run ends."""
    with bars(console(colour=colour, stderr=True), redirect_stdout=False) as shown:
        yield Progress() if shown is None else _Bar(shown, shown.add_task("importing the target", total=None))


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
