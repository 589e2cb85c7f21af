"""The same target in a second process, for what only another process shows: with other hashes, seeds and addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from conformance.case import Case, Trajectory
from conformance.protocol import CheckpointError, TargetError

if TYPE_CHECKING:
    from conformance.isolation.hosts import Host, Isolated

_T = TypeVar("_T")


class Another:
    """A worker that is started when it is first asked for, and then kept.

    Args:
        start: starts it, or why there can be none.

    """

    def __init__(self, start: Callable[[], Isolated] | str) -> None:
        self.start = start
        self.worker: Isolated | None = None
        self.why_not = ""

    def missing(self) -> str:
        """Why there is none, empty where there is one: it has been started then."""
        if isinstance(self.start, str):
            return self.start
        if self.worker is None:
            self.worker = self.start()
            try:
                self.worker.wait_until_ready()
            except TargetError as error:
                self.why_not = f"the target cannot be started in a second process: {error}"
                self.close()
        return self.why_not

    def run(self, cases: Sequence[Case]) -> list[Trajectory]:
        """Run cases together there; raises `TargetError`, which is never fatal to the first process."""
        return self._there(lambda worker: worker.run(cases))

    def go_on(self, case: Case, checkpoint: bytes) -> Trajectory:
        """Run a case there from what `begin` of any host wrote down; raises `CheckpointError`, `TargetError`."""
        return self._there(lambda worker: worker.go_on(case, checkpoint))

    def _there(self, function: Callable[[Isolated], _T]) -> _T:
        if (why_not := self.missing()) or self.worker is None:
            raise TargetError(why_not)
        try:
            return function(self.worker)
        except CheckpointError:
            raise
        except TargetError as error:
            raise TargetError(f"in a second process: {error}") from error

    def close(self) -> None:
        """End it, where it was started."""
        if self.worker is not None:
            self.worker.close()


def resumed_elsewhere(host: Host, case: Case) -> Trajectory:
    """The trajectory of a case that begins in `host` and goes on from its checkpoint in the second process.

    That a checkpoint cannot be written down is a refusal.  One that can, and that the second process cannot go on from,
    is noticed: it ends there.  Raises `TargetError` where the target cannot be run.
    """
    made = min(case.checkpoint_after or 0, case.steps)
    try:
        first, checkpoint = host.begin(replace(case.up_to(made), checkpoint_after=None))
    except CheckpointError as error:
        return Trajectory((), refused=str(error))
    if first.refused:
        return first
    held = first.parameters[-1] if first.parameters else case.parameters
    gradients, lrs = case.gradients[made:], case.lrs[made:]
    rest = replace(case, parameters=held, gradients=gradients, lrs=lrs, checkpoint_after=None, skipped=0)
    try:
        return first.followed_by(host.another.go_on(rest, checkpoint))
    except CheckpointError as error:
        return replace(first, noticed=(*first.noticed, f"in another process {error}"))
