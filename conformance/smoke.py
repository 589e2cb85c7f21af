"""Whether a program can be talked to at all, before anything is said about its numbers.

Each step is a short exchange, every answer is held against its schema, and what works is told in a sentence.  The
numbers sent are the awkward ones; what a step makes of them is nobody's business here.

To add a step: a generator of sentences, and a line in `STEPS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from adam_ref.formats import named_format
from conformance.case import dtype_named, from_numbers
from conformance.protocol import TargetError
from conformance.specs import protocol_schema
from conformance.targets.process import Process
from conformance.targets.program import PATIENCE, Answer, TalkError

Sentences = Iterator[str]


def examined(command: str, request: Answer, answer: Answer) -> str:  # noqa: ARG001 (the program gives all three)
    """Where the answer to `command` departs from its schema."""
    kind = "error" if "error" in answer or command == "unknown" else command
    errors = sorted(validator(f"{kind}.answer").iter_errors(answer), key=lambda error: error.json_path)
    error = best_match(iter(errors[:1]))
    return "" if error is None else f"at {error.json_path}: {_in_words(error)}"


def _in_words(error: ValidationError) -> str:
    """What is wrong, and what is allowed."""
    if error.validator == "pattern":
        return f"{error.instance!r} is no number in hexadecimal, as 0x1.8p+0 is, nor inf, -inf or nan"
    if error.validator == "additionalProperties" and isinstance(error.schema, Mapping):
        return f"{error.message}; allowed are {', '.join(error.schema['properties'])}"
    if error.validator == "oneOf":
        kinds = [str(inner.validator_value) for inner in error.context if inner.validator == "type"]
        return f"{error.instance!r} is neither {' nor '.join(kinds)}"
    return error.message


@cache
def validator(name: str) -> Draft202012Validator:
    """Of the messages called `name` in specs/protocol/messages.schema.json, such as `step.answer`."""
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": protocol_schema()["$defs"]})


def connected(
    command: str, weight_decay: str | None = None, device: str = "cpu", patience: float = PATIENCE
) -> Process:
    """The program as a target, talked to already; raises `TargetError` where that does not work."""
    process = Process(command, weight_decay, device, patience, examined)
    try:
        for _ in conversation(process):
            pass
    except TargetError:
        process.program.close()
        raise
    process.program.examine = lambda *_: ""
    return process


def conversation(process: Process) -> Sentences:
    """All steps but the last, which is `stop`."""
    for step in STEPS:
        yield from step(process)


def says_hello(process: Process) -> Sentences:
    """The answer has been read already."""
    yield f"hello: {process.called} {process.version} claims {', '.join(process.capabilities.dtypes) or 'no dtype'}"


def refuses_the_unknown(process: Process) -> Sentences:
    """So that what a later version of the protocol asks ends as a sentence, and not as a guess."""
    try:
        process.program.ask("unknown", lambda _: None)
    except TalkError:
        raise
    except TargetError:
        yield "unknown: a command that does not exist is answered with an error"


def holds_numbers(process: Process) -> Sentences:
    """Numbers arrive bit for bit: zeros, infinities, NaN, subnormals, the largest, and one with all its digits."""
    for dtype in process.capabilities.dtypes:
        process.start(awkward(process, dtype), _hypers(process, len(awkward(process, dtype))))
        yield f"start: numbers of {dtype} arrive bit for bit"


def steps(process: Process) -> Sentences:
    """As many numbers come back as are there, all of them numbers of the dtype; the state, where it is claimed."""
    claims = process.capabilities
    for dtype in claims.dtypes:
        session, gradients = _session(process, dtype)
        session.step(gradients)
        if claims.state or claims.counter:
            session.state()
        if claims.none_gradients and claims.several:
            session.step([*gradients[:-1], None])
        yield f"step: a step in {dtype} gives numbers of {dtype}" + (", and the state" if claims.state else "")


def changes_lr(process: Process) -> Sentences:
    """Where a schedule is claimed."""
    if process.capabilities.lr_schedule and process.capabilities.dtypes:
        session, gradients = _session(process, process.capabilities.dtypes[0])
        session.set_lr(0.5)
        session.step(gradients)
        yield "set_lr: the learning rate can be changed"


def goes_ahead(process: Process) -> Sentences:
    """Where it is claimed that the step counter can be written."""
    if process.capabilities.fast_forward and process.capabilities.dtypes:
        session, gradients = _session(process, process.capabilities.dtypes[0])
        session.fast_forward(1000)
        session.step(gradients)
        yield "fast_forward: the step counter can be written"


def saves_and_loads(process: Process) -> Sentences:
    """Where checkpoints are claimed, into a second session, the first one still being there."""
    if process.capabilities.checkpoint and process.capabilities.dtypes:
        first, gradients = _session(process, process.capabilities.dtypes[0])
        first.step(gradients)
        second, _ = _session(process, process.capabilities.dtypes[0])
        second.load(first.save())
        second.step(gradients)
        yield "save, load: what one session saves another one loads"


STEPS: Sequence[Callable[[Process], Sentences]] = (
    says_hello,
    refuses_the_unknown,
    holds_numbers,
    steps,
    changes_lr,
    goes_ahead,
    saves_and_loads,
)


def stops(process: Process) -> Sentences:
    """It ends by itself, with status 0."""
    process.program.stop()
    yield "stop: it ends with status 0"


def awkward(process: Process, dtype: str) -> list[Array]:
    """Parameters of every kind of number; where several are claimed, an empty one and one without an axis too."""
    fmt = named_format(dtype)
    tiny = max(fmt.smallest_normal * 2.0 ** (1 - fmt.precision), 5e-324)
    third = float(fmt.round(1 / 3))
    numbers = [0.0, -0.0, 1.0, -third, tiny, -fmt.smallest_normal, fmt.largest, np.inf, -np.inf, np.nan]
    arrays = [from_numbers(numbers, dtype)]
    return [*arrays, np.zeros((0, 3), dtype_named(dtype)), from_numbers([third] * 2, dtype)[0].reshape(())][
        : 3 if process.capabilities.several else 1
    ]


def _session(process: Process, dtype: str) -> tuple[Any, list[Array]]:
    """A session on ordinary numbers, and gradients for it."""
    parameters = [np.ones((2, 2), dtype_named(dtype)), np.ones(3, dtype_named(dtype))]
    parameters = parameters[: 2 if process.capabilities.several else 1]
    return process.start(parameters, _hypers(process, len(parameters))), [p / 2 for p in parameters]


def _hypers(process: Process, count: int) -> list[Hyperparameters]:
    return [Hyperparameters(**process.capabilities.pinned)] * count
