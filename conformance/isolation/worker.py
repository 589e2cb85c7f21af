"""What an isolated target runs in: the warden forks it, and it answers what it is asked over its pipes."""

from __future__ import annotations

import contextlib
import traceback
from typing import Any, BinaryIO

from adam_ref import Dialect
from conformance.isolation import wire
from conformance.isolation.hosts import InProcess
from conformance.isolation.surroundings import Surroundings, reseed
from conformance.isolation.withheld import is_foreign, withhold
from conformance.protocol import CheckpointError, TargetError, raised
from conformance.targets import load_target

_OTHER_SEED = 20_240_817
"""Of the random generators of a second worker, which are in all others as their libraries leave them."""


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Introduce the target, then answer requests until there are no more."""
    host: InProcess | None = None
    while True:
        try:
            message = wire.receive(requests)
        except EOFError:
            return
        try:
            if host is None:
                host = _host(message)
                answer: Any = {"capabilities": host.capabilities.to_json(), "version": host.version}
            else:
                answer = _answer(host, message)
        except CheckpointError as error:
            answer = {"error": str(error), "of_checkpoint": True}
        except TargetError as error:
            answer = {"error": str(error)}
        except BaseException as error:
            with contextlib.suppress(Exception):  # its words may be such that they cannot be printed
                traceback.print_exc()
            answer = {"error": f"the target {raised(error)}"}
        wire.send(answers, {**answer, "number": message["number"]})


def _answer(host: InProcess, message: dict[str, Any]) -> dict[str, Any]:
    if "begin" in message:
        seen, checkpoint = host.begin(wire.case_from_message(message["begin"]))
        return {"trajectories": [wire.trajectory_message(seen)], "checkpoint": checkpoint}
    if "go_on" in message:
        seen = host.go_on(wire.case_from_message(message["go_on"]), message["checkpoint"])
        return {"trajectories": [wire.trajectory_message(seen)]}
    runs = host.run([wire.case_from_message(c) for c in message["run"]])
    return {"trajectories": [wire.trajectory_message(t) for t in runs]}


def _host(hello: dict[str, Any]) -> InProcess:
    if is_foreign(hello["address"]):
        withhold()
    before = Surroundings.now()
    dialect = Dialect(**hello["dialect"]) if hello["dialect"] else None
    patience = hello["seconds"] / 2  # so that whoever waits for the target here can say what it waited for
    target = load_target(hello["address"], dialect=dialect, device=hello["device"], patience=patience)
    if hello["second"]:
        reseed(_OTHER_SEED)
    return InProcess(target, before)
