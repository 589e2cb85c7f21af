"""Where a target runs: in this process, or in a worker of its own that may hang or die without taking us along."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import selectors
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from adam_ref import Dialect
from conformance import wire
from conformance.capabilities import Capabilities
from conformance.case import Case, Trajectory
from conformance.protocol import Target, TargetError, run_together

_TAIL = 2000
"""Characters of a dead worker's standard error that its error message keeps."""


class Host(Protocol):
    """What the suite needs of a target, wherever it runs."""

    name: str
    version: str
    capabilities: Capabilities

    def run(self, cases: Sequence[Case]) -> list[Trajectory]:
        """Run cases together; raises `TargetError`."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class InProcess:
    """The target in this very process: no protection, no overhead."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.name, self.capabilities = target.name, target.capabilities
        self.version = version_of(target.name)

    def run(self, cases: Sequence[Case]) -> list[Trajectory]:
        """Run cases together, NumPy's warnings about what they do to numbers switched off."""
        with np.errstate(all="ignore"):
            return run_together(self.target, cases)

    def close(self) -> None:
        """Nothing to let go of."""


class Isolated:
    """The target in a worker process, spoken to over pipes of its own.

    Args:
        address: of the target, as in `conformance.targets.load_target`.
        dialect: the declared one, or `None`.
        device: "cpu" or "cuda".
        timeout: seconds that any one answer may take, the import included.

    Raises:
        TargetError: importing or adapting the target failed, hung or killed the worker.

    """

    def __init__(self, address: str, *, dialect: Dialect | None, device: str, timeout: float) -> None:
        self.timeout = timeout
        self.asked = 0
        self.mark = f"ADAM_CONFORMANCE_WORKER={uuid.uuid4().hex}"
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the worker)
        their_requests, requests = os.pipe()
        answers, their_answers = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "conformance.worker", str(their_requests), str(their_answers)],
            stdin=subprocess.DEVNULL,
            stdout=self.errors,
            stderr=self.errors,
            pass_fds=(their_requests, their_answers),
            start_new_session=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                **dict([self.mark.split("=")]),
            },
        )
        os.close(their_requests)
        os.close(their_answers)
        self.requests = _Timed(requests, selectors.EVENT_WRITE)
        self.answers = _Timed(answers, selectors.EVENT_READ)
        self.name = address
        self._send({"address": address, "dialect": vars(dialect) if dialect else None, "device": device})

    def wait_until_ready(self) -> Isolated:
        """Wait for the target's claims; its import has been running since the worker was started."""
        ready = self._await("starting the target (its import, or a first step)")
        self.capabilities = Capabilities.of(ready["capabilities"])
        self.version = ready["version"]
        return self

    def run(self, cases: Sequence[Case]) -> list[Trajectory]:
        """Run cases together in the worker."""
        answer = self._ask({"run": [wire.case_message(c) for c in cases]}, "running a case")
        return [wire.trajectory_from_message(t) for t in answer["trajectories"]]

    def _ask(self, message: dict[str, Any], what: str) -> Any:
        if self.process.poll() is not None:
            raise TargetError(self._obituary(what), fatal=True)
        self._timely(what, lambda: self._send(message))
        return self._await(what)

    def _send(self, message: dict[str, Any]) -> None:
        self.asked += 1
        self.requests.deadline = time.monotonic() + self.timeout
        with contextlib.suppress(BrokenPipeError):  # a worker that is dead already shows when its answer is awaited
            wire.send(self.requests, {**message, "number": self.asked})  # type: ignore[arg-type]

    def _await(self, what: str) -> Any:
        try:
            answer = self._timely(what, self._answer)
        except (EOFError, OSError, wire.WireError) as error:
            self._await_end()
            if self.process.poll() is None:
                self.close()
                raise TargetError(f"{what}: the worker's answer is no message ({error})", fatal=True) from error
            raise TargetError(self._obituary(what), fatal=True) from error
        if "error" in answer:
            raise TargetError(answer["error"])
        return answer

    def _timely(self, what: str, function: Callable[[], Any]) -> Any:
        try:
            return function()
        except TimeoutError:
            self.close()
            raise TargetError(f"{what} took more than {self.timeout:g} s: the target hangs", fatal=True) from None

    def _answer(self) -> Any:
        self.answers.deadline = time.monotonic() + self.timeout
        answer = wire.receive(self.answers)  # type: ignore[arg-type]
        if not isinstance(answer, dict) or answer.get("number") != self.asked:
            raise wire.WireError("it is no answer to what was asked last; did the target fork?")
        return answer

    def _await_end(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)

    def _obituary(self, what: str) -> str:
        code = self.process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
        size = self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, size - _TAIL))
        said = self.errors.read().decode(errors="replace").strip()
        return f"{what}: the worker {how}" + (f"; it said:\n{said}" if said else "")

    def close(self) -> None:
        """End the worker and everything it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self._end_strays()
        self._await_end()
        self.requests.close()
        self.answers.close()

    def _end_strays(self) -> None:
        """End what has left the worker's group of processes; where there is a /proc, it is known by its environment."""
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)


class _Timed:
    """One end of a pipe, with a deadline."""

    def __init__(self, descriptor: int, event: int) -> None:
        self.descriptor = descriptor
        self.deadline = 0.0
        self.open = True
        self.selector = selectors.DefaultSelector()
        self.selector.register(descriptor, event)
        os.set_blocking(descriptor, False)

    def _await_turn(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0 or not self.selector.select(left):
            raise TimeoutError

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; raises TimeoutError at the deadline."""
        self._await_turn()
        return os.read(self.descriptor, min(size, 1 << 20))

    def write(self, data: bytes) -> None:
        """All of `data`; raises TimeoutError at the deadline, for whoever does not read what it is told."""
        rest = memoryview(data)
        while rest:
            self._await_turn()
            rest = rest[os.write(self.descriptor, rest) :]

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Close the pipe."""
        if self.open:
            self.open = False
            self.selector.close()
            os.close(self.descriptor)


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
