"""Where a target runs: in this process, or in a worker of its own that may hang or die without taking us along."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import select
import signal
import subprocess
import sys
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from adam_ref import Dialect
from conformance.answers import MOST_OF_A_CHECKPOINT, most_bytes, wrong_trajectory
from conformance.capabilities import Capabilities, CapabilityError
from conformance.case import Case, Trajectory
from conformance.isolation import wire
from conformance.isolation.another import Another
from conformance.isolation.interpreters import SearchPath
from conformance.isolation.limits import GIB, Limits
from conformance.isolation.pipes import THEIR_PYTHONPATH, WORKER, Channel, FloodError
from conformance.isolation.surroundings import Surroundings
from conformance.protocol import (
    CheckpointError,
    Target,
    TargetError,
    begin,
    go_on,
    printable,
    raised,
    run_together,
    seed,
)

_T = TypeVar("_T")

_PATIENCE = 5.0
"""Seconds for a warden to end its worker and to say how that went."""

_UNASKED = "the worker answered what it was not asked; does the target fork, or write where it should not?"

_HASH_SEED = "PYTHONHASHSEED"
"""Environment variable: on it depends the order of sets, which is the same in every run of ours."""

_LONGEST_VERSION = 100
"""Characters of what a target may call its version."""


class Host(Protocol):
    """What the suite needs of a target, wherever it runs."""

    name: str
    version: str
    capabilities: Capabilities
    another: Another

    def run(self, cases: Sequence[Case]) -> list[Trajectory]:
        """Run cases together; raises `TargetError`."""
        ...

    def begin(self, case: Case) -> tuple[Trajectory, bytes]:
        """Run a case and write down what is saved after its last step; raises `CheckpointError`, `TargetError`."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class InProcess:
    """The target in this very process: no protection, no overhead.

    Args:
        target: which one.
        before: how everything was before the target was imported, where this process is the target's alone.
        another: the same target in a second process, which ends with this host.

    """

    def __init__(self, target: Target, before: Surroundings | None = None, another: Another | None = None) -> None:
        self.target, self.before = target, before
        self.another = another or Another("the target is an object of one process")
        weakref.finalize(self, self.another.close)
        self.name, self.capabilities = target.name, target.capabilities
        self.version = str(getattr(target, "version", "")) or version_of(target.name)
        self.disturbed: dict[str, None] = {}
        self._settle(before)

    @classmethod
    def made(cls, make: Callable[[], Target], another: Another | None = None) -> InProcess:
        """The target that `make` gives, in a process that others use too; what making it changed is put back."""
        here = Surroundings.now()
        try:
            target = make()
        finally:
            said = here.settle()
        host = cls(target, another=another)
        host.disturbed |= dict.fromkeys(said)
        return host

    def run(self, cases: Sequence[Case]) -> list[Trajectory]:
        """Run cases together, NumPy's warnings about what they do to numbers switched off.

        What belongs to the process is put back afterwards: all of it where a case asks for a second look, otherwise
        what takes no time.  There one kind of error is told to nobody instead of ignored, so that who has all of them
        ignored is seen.
        """
        watched = any(case.pause for case in cases)
        trajectories = self._tidily(cases, lambda: run_together(self.target, cases), watched=watched)
        return [self._with_what_it_disturbed(t) for t in trajectories]

    def begin(self, case: Case) -> tuple[Trajectory, bytes]:
        """Run a case and write down what is saved after its last step."""
        seen, checkpoint = self._tidily((case,), lambda: begin(self.target, case))
        return self._with_what_it_disturbed(seen), checkpoint

    def go_on(self, case: Case, checkpoint: bytes) -> Trajectory:
        """Run a case from what `begin` of any host wrote down, which is unpickled here."""
        seen = self._tidily((case,), lambda: go_on(self.target, case, checkpoint))
        return self._with_what_it_disturbed(seen)

    def _tidily(self, cases: Sequence[Case], function: Callable[[], _T], *, watched: bool = False) -> _T:
        under: Literal["call", "ignore"] = "call" if watched else "ignore"
        with np.errstate(all="ignore", under=under, call=lambda *_: None), self._seeded(cases):
            here = Surroundings.now(quick=not watched)
            try:
                made = function()
            finally:
                self._settle(here)
        self._settle(self.before if watched else None, long_ago=True)
        return made

    def _with_what_it_disturbed(self, seen: Trajectory) -> Trajectory:
        return replace(seen, disturbed=(*self.disturbed, *seen.disturbed))

    @contextlib.contextmanager
    def _seeded(self, cases: Sequence[Case]) -> Iterator[None]:
        """Within it, what a target that rounds at random draws follows from the cases; the generators are put back."""
        if not any(self.capabilities.rounds_at_random(case.dtype) for case in cases):
            yield
            return
        outside = Surroundings.drawn_from()
        try:
            seed(self.target, cases)
            yield
        finally:
            outside.put_back()

    def _settle(self, since: Surroundings | None, *, long_ago: bool = False) -> None:
        if since is not None:
            self.disturbed |= dict.fromkeys(since.settle(long_ago=long_ago))

    def close(self) -> None:
        """Let go of what the target holds, where it can be let go of, and of the second process."""
        self.another.close()
        getattr(self.target, "close", lambda: None)()


class Isolated:
    """The target in a worker process, spoken to over pipes of its own.

    Args:
        address: of the target, as in `conformance.targets.load_target`.
        dialect: the declared one, or `None`.
        device: "cpu" or "cuda".
        limits: what the worker may use up.
        python: the interpreter that the worker runs in, with NumPy and ml_dtypes; ours where it is None.
        second: whether it is to differ from the first worker of its target in all that is random about a process.

    Raises:
        TargetError: importing or adapting the target failed, hung or killed the worker, or it went past a limit.

    """

    def __init__(
        self,
        address: str,
        *,
        dialect: Dialect | None,
        device: str,
        limits: Limits | None = None,
        python: str | None = None,
        second: bool = False,
    ) -> None:
        self.limits = limits or Limits()
        self.asked, self.waited, self.over = 0, 0.0, ""
        self.another = Another(
            "this is the second process" if second else lambda: self._second(address, dialect, device, python)
        )
        self.mark = f"{WORKER}={uuid.uuid4().hex}"
        self.path = SearchPath(python)
        (their_requests, requests), (answers, their_answers) = os.pipe(), os.pipe()
        (output, their_output), (self.words, their_words), (their_lifeline, self.lifeline) = (
            os.pipe() for _ in range(3)
        )
        theirs = (their_requests, their_answers, their_words, their_lifeline)
        most = (self.limits.memory, self.limits.processes)
        self.process = subprocess.Popen(
            [python or sys.executable, "-m", "conformance.isolation.warden", *map(str, (*theirs, *most))],
            stdin=subprocess.DEVNULL,
            stdout=their_output,
            stderr=their_output,
            pass_fds=theirs,
            start_new_session=True,
            env={
                # Threads that spin while they wait make a busy machine many times slower; the arithmetic is the same.
                "OMP_WAIT_POLICY": "PASSIVE",
                _HASH_SEED: "0",
                **os.environ,
                **({_HASH_SEED: _other_hash_seed()} if second else {}),
                "PYTHONPATH": self.path.value,
                THEIR_PYTHONPATH: os.environ.get("PYTHONPATH", ""),
                **dict([self.mark.split("=")]),
            },
        )
        for descriptor in (*theirs, their_output):
            os.close(descriptor)
        self.channel = Channel(requests, answers, output, self.limits.output)
        self.name = address
        # As much of the dialect as somebody who uses the target has to choose.
        told = {"weight_decay": dialect.weight_decay} if dialect else None
        hello = {"address": address, "dialect": told, "device": device, "seconds": self.limits.answer}
        self._send({**hello, "second": second})

    def wait_until_ready(self) -> Isolated:
        """Wait for the target's claims; its import has been running since the worker was started."""
        what = "starting the target (its import, or a first step)"
        ready = self._await(what, most_bytes(()))
        try:
            self.capabilities = Capabilities.of(ready["capabilities"])
            self.version = printable(str(ready["version"]), _LONGEST_VERSION)
        except (CapabilityError, KeyError) as error:
            raise self._given_up(f"{what}: the worker's answer makes no sense ({error})") from error
        return self

    def run(self, cases: Sequence[Case]) -> list[Trajectory]:
        """Run cases together in the worker."""
        what = "running a case"
        asked = [_unnamed(c) for c in cases]
        answer = self._ask({"run": asked}, what, most_bytes(cases))
        return self._seen(answer, cases, what)

    def begin(self, case: Case) -> tuple[Trajectory, bytes]:
        """Run a case and write down what is saved after its last step; to us, it is no more than bytes."""
        what = "saving after a case"
        answer = self._ask({"begin": _unnamed(case)}, what, most_bytes((case,)) + MOST_OF_A_CHECKPOINT)
        (seen,) = self._seen(answer, (case,), what)
        if not isinstance(checkpoint := answer.get("checkpoint"), bytes):
            raise self._given_up(f"{what}: the worker's answer has no checkpoint")
        return seen, checkpoint

    def go_on(self, case: Case, checkpoint: bytes) -> Trajectory:
        """Run a case from what `begin` of any host wrote down."""
        what = "going on from a checkpoint"
        answer = self._ask({"go_on": _unnamed(case), "checkpoint": checkpoint}, what, most_bytes((case,)))
        return self._seen(answer, (case,), what)[0]

    def _second(self, address: str, dialect: Dialect | None, device: str, python: str | None) -> Isolated:
        """Another worker for the same target, which has the time that is left."""
        left = replace(self.limits, total=self.limits.total - self.waited)
        return Isolated(address, dialect=dialect, device=device, limits=left, python=python, second=True)

    def _seen(self, answer: dict[str, Any], cases: Sequence[Case], what: str) -> list[Trajectory]:
        """The trajectories of an answer, one for each case."""
        try:
            trajectories = [wire.trajectory_from_message(t) for t in answer["trajectories"]]
            state = self.capabilities.state
            wrong = [wrong_trajectory(c, t, state=state) for c, t in zip(cases, trajectories, strict=True)]
        except (KeyError, TypeError, ValueError, wire.WireError) as error:
            raise self._given_up(f"{what}: the worker's answer is none to this ({raised(error)})") from error
        if any(wrong):
            raise self._given_up(f"{what}: {next(filter(None, wrong))}")
        return [_in_print(t) for t in trajectories]

    def _ask(self, message: dict[str, Any], what: str, most: int) -> dict[str, Any]:
        if self.over:
            raise TargetError(self.over, fatal=True)
        if self.channel.waiting():
            raise self._given_up(f"{what}: {_UNASKED}")
        self._timely(what, lambda: self._send(message))
        return self._await(what, most)

    def _send(self, message: dict[str, Any]) -> None:
        self.asked += 1
        self._set_deadline()
        with contextlib.suppress(BrokenPipeError):  # a worker that is dead already shows when its answer is awaited
            wire.send(self.channel, {**message, "number": self.asked})

    def _await(self, what: str, most: int) -> dict[str, Any]:
        self._set_deadline()
        answer = self._timely(what, lambda: wire.receive(self.channel, most))
        if not isinstance(answer, dict) or answer.get("number") != self.asked:
            raise self._given_up(f"{what}: {_UNASKED}")
        if "error" in answer:
            kind = CheckpointError if answer.get("of_checkpoint") else TargetError
            raise kind(f"{answer['error']}{self._hint(str(answer['error']))}")
        return answer

    def _set_deadline(self) -> None:
        self.channel.deadline = time.monotonic() + min(self.limits.answer, self.limits.total - self.waited)

    def _timely(self, what: str, function: Callable[[], Any]) -> Any:
        began = time.monotonic()
        try:
            return function()
        except TimeoutError:
            raise self._given_up(f"{what} {self._how_long(began)}") from None
        except FloodError:
            most = self.limits.output >> 20
            raise self._given_up(f"{what}: the target prints without end; {most} MiB of output are allowed") from None
        except wire.WireError as error:
            raise self._given_up(f"{what}: the worker's answer is no message ({error})") from error
        except (EOFError, OSError) as error:
            raise self._given_up(f"{what}: {self._obituary()}") from error
        finally:
            self.waited += time.monotonic() - began

    def _how_long(self, began: float) -> str:
        if self.waited + time.monotonic() - began < self.limits.total:
            return f"took more than {self.limits.answer:g} s: the target hangs, or needs a larger --timeout"
        together = f"was not done when all answers together had taken {self.limits.total:g} s"
        return f"{together}: the target hangs, or needs a larger --total-timeout"

    def _hint(self, error: str) -> str:
        return f" ({self._allowed()})" if "MemoryError" in error or "allocate memory" in error else ""

    def _allowed(self) -> str:
        return f"{self.limits.memory / GIB:g} GiB of memory are allowed, see --memory"

    def _given_up(self, reason: str) -> TargetError:
        """The worker is ended, and nothing more will be asked of it."""
        self.close()
        self.over = reason
        return TargetError(reason, fatal=True)

    def _obituary(self) -> str:
        """What became of the worker, in the words of its warden, and its own last ones."""
        how = self._last_words()
        said = self.channel.said()
        return f"the worker {how}" + (f"; it said:\n{said}" if said else "")

    def _last_words(self) -> str:
        told = _read_all(self.words, _PATIENCE)
        if told is None:
            return "closed its channel and goes on"
        if not told:
            return "took its warden with it"
        end = json.loads(told)
        if end["excess"] == "memory":
            return f"uses too much memory: {self._allowed()}"
        if end["excess"] == "processes":
            return f"has too many processes: {self.limits.processes} are allowed"
        code = os.waitstatus_to_exitcode(end["status"])
        return f"was killed by {_signal(-code)}" if code < 0 else f"exited with status {code}"

    def close(self) -> None:
        """End the worker and everything it started, and the second one."""
        self.another.close()
        if self.over:
            return
        self.over = "the worker was closed"
        os.close(self.lifeline)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_PATIENCE)
        if self.process.returncode != 0:
            self._end_without_warden()
        self.channel.close()
        os.close(self.words)
        self.path.close()

    def _end_without_warden(self) -> None:
        """Where the warden is gone: end what is known by its environment, if there is a /proc."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)


def _unnamed(case: Case) -> dict[str, Any]:
    """A case as a message that does not say which regime it is of."""
    return wire.case_message(replace(case, regime=""))


def _other_hash_seed() -> str:
    """A seed of Python's hashes that is not the first worker's."""
    return "2" if os.environ.get(_HASH_SEED) == "1" else "1"


def another(
    address: str, dialect: Dialect | None, device: str = "cpu", limits: Limits | None = None, python: str | None = None
) -> Another:
    """A second process for the target of that address, as `Isolated` has it; a worker has none."""
    if WORKER in os.environ:
        return Another("a worker starts no other")
    return Another(lambda: Isolated(address, dialect=dialect, device=device, limits=limits, python=python, second=True))


def _in_print(seen: Trajectory) -> Trajectory:
    """The trajectory with its words such that they can be shown."""

    def shown(words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(printable, words))

    return replace(
        seen,
        shared=shown(seen.shared),
        noticed=shown(seen.noticed),
        refused=printable(seen.refused),
        late=shown(seen.late),
        disturbed=shown(seen.disturbed),
    )


def _signal(number: int) -> str:
    known = {s.value: s.name for s in signal.Signals}
    return known.get(number, f"signal {number}")


def _read_all(descriptor: int, seconds: float) -> bytes | None:
    """What is read until the end of the stream; `None` where that does not come in time."""
    deadline, found = time.monotonic() + seconds, b""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    while poller.poll(1000 * max(0.0, deadline - time.monotonic())):
        if not (piece := os.read(descriptor, 1 << 16)):
            return found
        found += piece
    return None


def version_of(address: str) -> str:
    """The version of the distribution that the address's top-level package belongs to, or "unknown"."""
    package = address.partition(":")[0].partition(".")[0]
    for name in _distributions().get(package, ()):
        return importlib.metadata.version(name)
    return str(getattr(sys.modules.get(package), "__version__", "unknown"))


@lru_cache(maxsize=1)
def _distributions() -> Mapping[str, list[str]]:
    """Which distributions each top-level package belongs to; looking through all of them takes a tenth of a second."""
    return importlib.metadata.packages_distributions()


def environment() -> dict[str, str]:
    """What a figure depends on beside the target: versions and machine."""
    found = {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()}
    found["system"] = platform.system()
    for name in ("torch", "ml_dtypes", "hypothesis"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
