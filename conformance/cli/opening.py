"""A target on its way up: its worker starts at once and imports the target while we import our own things."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from conformance.usage import UsageError

if TYPE_CHECKING:
    from adam_ref import Dialect
    from conformance.isolation.hosts import Host, InProcess, Isolated
    from conformance.isolation.limits import Limits


class Opening:
    """A target that was asked for and may not be there yet.

    Args:
        address: of the target.
        dialect: the declared one, `None` where none is.
        device: "cpu" or "cuda".
        limits: what its worker may use up.
        in_process: run the target here and not in a worker.
        python: the interpreter of the worker, ours where it is None.

    Raises:
        UsageError: another interpreter and no worker.

    """

    def __init__(
        self,
        address: str,
        dialect: Dialect | None,
        device: str,
        limits: Limits,
        *,
        in_process: bool,
        python: str | None = None,
    ) -> None:
        if in_process and python is not None:
            raise UsageError("--in-process leaves no choice of --python: name one of the two")
        self.address, self.dialect, self.device, self.limits = address, dialect, device, limits
        self.worker: Isolated | None = None
        self.here: InProcess | None = None
        if not in_process:
            from conformance.isolation.hosts import Isolated

            self.worker = Isolated(address, dialect=dialect, device=device, limits=limits, python=python)

    def wait(self) -> Host:
        """The target, ready to run; raises `TargetError` where it cannot be."""
        if self.worker is not None:
            return self.worker.wait_until_ready()
        from conformance.isolation.hosts import InProcess, another
        from conformance.targets import load_target

        self.here = InProcess.made(
            lambda: load_target(self.address, dialect=self.dialect, device=self.device),
            another=another(self.address, self.dialect, self.device, self.limits),
        )
        return self.here

    def close(self) -> None:
        """End what was started: the worker, the target, and its second process."""
        host = self.worker or self.here
        if host is not None:
            host.close()


@contextlib.contextmanager
def opening(
    address: str,
    dialect: Dialect | None,
    device: str,
    limits: Limits,
    *,
    in_process: bool,
    python: str | None = None,
) -> Iterator[Opening]:
    """Start a target and end it whatever happens; what it prints meanwhile stays out of our standard output."""
    begun = Opening(address, dialect, device, limits, in_process=in_process, python=python)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield begun
    finally:
        begun.close()
