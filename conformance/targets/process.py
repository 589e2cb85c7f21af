"""Programs in any language as targets, `process:COMMAND LINE`: JSON lines over standard input and output.

specs/protocol/README.md is the page for whoever writes such a program.  To add a command: its request and answer in
specs/protocol/messages.schema.json, an answer in `program.EXPECTED`, a method of the session here, and a step of
`conformance.smoke`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from adam_ref.formats import COMPONENTS, named_format
from conformance.capabilities import Capabilities, CapabilityError
from conformance.case import Moments, from_numbers, hyper_to_json, to_hex, to_numbers
from conformance.targets.program import PATIENCE, Answer, Examine, Program, TalkError

PROTOCOL = "adam-conformance/process/1"

SESSIONS = 8
"""How many optimizers are at work at once, at the most."""

_NUMBER = re.compile(r"[+-]?(0x[0-9a-f]+(\.[0-9a-f]*)?(p[+-]?[0-9]{1,5})?|inf(inity)?|nan)", re.IGNORECASE)


class Process:
    """A target made of a program that runs.

    Args:
        command: its command line.
        weight_decay: the kind that is declared, or `None`; the program is told this much of the dialect.
        device: "cpu" or "cuda"; the program is told.
        patience: seconds that an answer may take.
        examine: looks at each answer before it is used.

    Raises:
        TalkError: it cannot be started, does not say hello as it should, or claims what makes no sense.

    """

    def __init__(
        self,
        command: str,
        weight_decay: str | None = None,
        device: str = "cpu",
        patience: float = PATIENCE,
        examine: Examine = lambda *_: "",
    ) -> None:
        self.program = Program(command, patience, examine)
        self.sessions: WeakValueDictionary[int, _Session] = WeakValueDictionary()
        hello = self.program.ask("hello", _hello, protocol=PROTOCOL, device=device, weight_decay=weight_decay)
        self.called, self.version, self.capabilities = hello
        self.name = f"process:{command}"

    def close(self) -> None:
        """End the program and everything it started."""
        self.program.close()

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> _Session:
        """Start an optimizer in the program; its number is the smallest that no session at work has."""
        number = next((n for n in range(SESSIONS) if n not in self.sessions), None)
        if number is None:
            raise TalkError("too-many-sessions", f"the protocol has numbers for {SESSIONS} sessions at once")
        held = self.program.ask(
            "start",
            lambda answer: _arrays(answer, "parameters", parameters),
            session=number,
            dtype=str(parameters[0].dtype),
            shapes=[list(p.shape) for p in parameters],
            parameters=[to_hex(p) for p in parameters],
            hyperparameters=[hyper_to_json(h) for h in hyperparameters],
        )
        for i, (sent, back) in enumerate(zip(parameters, held, strict=True)):
            self._require_same(i, sent, back)
        session = _Session(self.program, number, parameters, shows=self.capabilities.gradients)
        self.sessions[number] = session
        return session

    def _require_same(self, i: int, sent: Array, back: Array) -> None:
        """Raise unless the program holds what it was sent, so that what it later gets wrong is not its reading."""
        ones, others = (np.array(to_numbers(array)) for array in (sent, back))
        same = (ones == others) & (np.signbit(ones) == np.signbit(others)) | np.isnan(ones) & np.isnan(others)
        if self.capabilities.flush_to_zero:
            same |= (np.abs(ones) < named_format(str(sent.dtype)).smallest_normal) & (others == 0.0)
        for e in np.flatnonzero(~same)[:1]:
            raise TalkError(
                "not-echoed",
                f"start: number {e} of parameter {i} was sent as {ones[e].hex()} and came back as {others[e].hex()}; "
                "numbers have to be read and written without any loss, the sign of zero included",
            )


class _Session:
    """One optimizer at work in a program."""

    def __init__(self, program: Program, number: int, parameters: Sequence[Array], *, shows: bool) -> None:
        self.program, self.number, self.shows = program, number, shows
        self.like = [np.empty_like(p) for p in parameters]
        self.gradients: list[Array | None] = []

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """One line out, one line in."""
        sent = [None if g is None else to_hex(g) for g in gradients]
        self.gradients = list(gradients)
        return self.program.ask("step", self._stepped, session=self.number, gradients=sent)

    def _stepped(self, answer: Answer) -> list[Array]:
        if self.shows:
            if "gradients" not in answer:
                raise ValueError("there are no gradients, which its claim of gradients promises")
            self.gradients = _arrays_or_none(answer, "gradients", self.gradients)
        return _arrays(answer, "parameters", self.like)

    def held_gradients(self) -> list[Array | None]:
        """As the program shows them; those given, where it does not claim to."""
        return self.gradients

    def state(self) -> list[Moments]:
        """The moments, each in the dtype that the program says it keeps them in."""

        def read(answer: Answer) -> list[Moments]:
            states = answer["state"]
            if not isinstance(states, list) or len(states) != len(self.like):
                raise ValueError(f"state has to be a list of as many entries as there are parameters, {len(self.like)}")
            return [_moments(f"state {i}", s, p) for i, (s, p) in enumerate(zip(states, self.like, strict=True))]

        return self.program.ask("state", read, session=self.number)

    def set_lr(self, lr: float) -> None:
        """From now on every parameter is stepped with this learning rate."""
        self.program.ask("set_lr", lambda _: None, session=self.number, lr=lr.hex())

    def fast_forward(self, steps: int) -> None:
        """Before the first step: be where so many steps with zero gradients lead."""
        self.program.ask("fast_forward", lambda _: None, session=self.number, steps=steps)

    def save(self) -> Any:
        """Whatever the program makes of it."""
        return self.program.ask("save", lambda answer: answer["saved"], session=self.number)

    def load(self, saved: Any) -> None:
        """Give it back what it made."""
        self.program.ask("load", lambda _: None, session=self.number, saved=saved)


def _hello(answer: Answer) -> tuple[str, str, Capabilities]:
    if answer["protocol"] != PROTOCOL:
        raise ValueError(f"it speaks {answer['protocol']!r}")
    claims = {"gradients": False, **answer["capabilities"]}
    pinned = claims.get("pinned", {})
    try:
        claims["pinned"] = {k: _number(v) if isinstance(v, str) else v for k, v in pinned.items()}
        return str(answer["name"]), str(answer["version"]), Capabilities.of(claims)
    except (CapabilityError, AttributeError) as error:
        raise ValueError(f"the capabilities make no sense: {error}") from error


def _arrays(answer: Answer, name: str, like: Sequence[Array]) -> list[Array]:
    """The arrays under `name`, of the shapes and dtypes of `like`."""
    return [_array(f"{name}[{i}]", one, p, str(p.dtype)) for i, one, p in _each(answer, name, like)]


def _arrays_or_none(answer: Answer, name: str, like: Sequence[Array | None]) -> list[Array | None]:
    """The same where some of `like` are none; NaN stays the NaN that was sent, since only its being one crosses."""
    found: list[Array | None] = []
    for i, one, sent in _each(answer, name, like):
        if sent is None:
            found.append(None if one is None else np.array(one))
        else:
            got = _array(f"{name}[{i}]", one, sent, str(sent.dtype))
            found.append(np.where(np.isnan(got) & np.isnan(sent), sent, got).astype(sent.dtype))
    return found


def _each(answer: Answer, name: str, like: Sequence[Any]) -> list[tuple[int, Any, Any]]:
    given = answer[name]
    if not isinstance(given, list) or len(given) != len(like):
        length = f" of length {len(given)}" if isinstance(given, list) else ""
        raise ValueError(f"{name} is a {type(given).__name__}{length}; a list of {len(like)} is expected")
    return [(i, one, other) for i, (one, other) in enumerate(zip(given, like, strict=True))]


def _array(where: str, given: Any, like: Array, dtype: str) -> Array:
    """Numbers of a dtype as an array of the shape of `like`; raises ValueError where they are none, or not so many."""
    size = like.size * (2 if dtype in COMPONENTS else 1)
    if not isinstance(given, list) or len(given) != size:
        length = f" of length {len(given)}" if isinstance(given, list) else ""
        raise ValueError(f"{where} is a {type(given).__name__}{length}; a list of {size} numbers is expected")
    numbers = np.array(_numbers(given, where), np.float64)
    array = from_numbers(numbers, dtype)
    held = np.array(to_numbers(array))
    for e in np.flatnonzero((numbers != held) & ~np.isnan(numbers))[:1]:
        raise ValueError(f"{where}[{e}] is {given[e]}, which is no number of {dtype}; has it been rounded to it?")
    return array.reshape(like.shape)


def _numbers(given: list[Any], where: str) -> list[float]:
    """All of them; where each has an x, or is a NaN or infinity, Python reads nothing but hexadecimal."""
    try:
        if all("x" in text or "n" in text for text in given):
            return list(map(float.fromhex, given))
    except (TypeError, ValueError, OverflowError):
        pass  # the first that is none is looked for one by one
    return [_number(text, where, e) for e, text in enumerate(given)]


def _number(given: Any, where: str = "a number", e: int = 0) -> float:
    if not isinstance(given, str) or not _NUMBER.fullmatch(given):
        raise ValueError(f"{where}[{e}] is {given!r}; a hexadecimal number in quotes is expected")
    try:
        return float.fromhex(given)
    except OverflowError as error:
        raise ValueError(f"{where}[{e}] is {given}, which is larger than any float64") from error


def _moments(where: str, given: Any, like: Array) -> Moments:
    if not isinstance(given, dict):
        raise ValueError(f"{where} is a {type(given).__name__}; an object with m and v is expected")
    dtype = str(given.get("dtype", like.dtype))
    held = {
        name: _array(f"{name} of {where}", given[name], like, dtype)
        for name in ("m", "v", *({"v_max"} & given.keys()))
        if given[name] is not None
    }
    step = given.get("step")
    if step is not None and (isinstance(step, bool) or not isinstance(step, int | float)):
        raise ValueError(f"step of {where} is {step!r}; a number is expected")
    return Moments(**held, step=step)
