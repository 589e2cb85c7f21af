"""A program that is spoken to in lines of JSON over its standard input and output, with a deadline for each answer.

Whatever it does instead of answering ends in a `TalkError` that has a name, and says what was sent, what came back and
what is expected.  specs/protocol/README.md lists the names; `EXPECTED` has an answer to each command.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from conformance.isolation.pipes import THEIR_PYTHONPATH, Channel, FloodError
from conformance.protocol import NOT_RUN, TargetError
from conformance.targets.addresses import words_of

_T = TypeVar("_T")

PATIENCE = 30.0
"""Seconds that an answer may take."""

_LOOK = 0.5
"""Seconds between two looks at whether the program is still there."""

_LONGEST, _MOST_WORDS = 1 << 28, 1 << 26
"""Bytes of one answer (three moments of a million complex numbers fit), and of all words on standard error."""

_QUOTED, _NEAR, _FIRST_WORDS, _LAST_WORDS = 240, 20, 3, 10
"""Characters of a line and around its first fault, and the first and last lines of standard error, that are quoted.

Python says what went wrong in the last line, Java and Go in the first.
"""

EXPECTED = {
    "hello": '{"number":N,"protocol":"adam-conformance/process/1","name":"...","version":"...","capabilities":{...}}',
    "start": '{"number":N,"parameters":[["0x1.8p+0",...],...]}',
    "step": '{"number":N,"parameters":[["0x1.8p+0",...],...]}',
    "state": '{"number":N,"state":[{"m":["0x1.8p+0",...],"v":[...]},...]}',
    "set_lr": '{"number":N}',
    "fast_forward": '{"number":N}',
    "save": '{"number":N,"saved":...}',
    "load": '{"number":N}',
    "stop": '{"number":N}, and an end with status 0',
    "unknown": '{"number":N,"error":{"kind":"unknown-command","message":"..."}}',
}
"""What an answer to each command looks like, N being the number of the request."""

CLAIMED_BY = {
    "state": "state",
    "set_lr": "lr_schedule",
    "fast_forward": "fast_forward",
    "save": "checkpoint",
    "load": "checkpoint",
}
"""The capability without which a command is not sent."""

Answer = Mapping[str, Any]
Examine = Callable[[str, Answer, Answer], str]
"""From a command, the request and the answer, what is wrong with the answer, "" where nothing is."""


class TalkError(TargetError):
    """The program does not speak the protocol, or cannot be spoken to any more.  Says nothing about its numbers.

    Attributes:
        name: of what went wrong, as specs/protocol/README.md lists them.

    """

    def __init__(self, name: str, message: str, *, fatal: bool = False) -> None:
        super().__init__(f"{name}: {message}", fatal=fatal)
        self.name = name

    def again(self) -> TalkError:
        """For whatever is asked of the program afterwards; what was said and is expected has been told once."""
        error = TalkError(self.name, "", fatal=True)
        error.args = (f"{NOT_RUN}{str(self).partition('; sent ')[0]}",)
        return error


class Program:
    """A running program.

    Args:
        command: its command line, taken apart as a shell would, but run without one.
        patience: seconds that an answer may take.
        examine: looks at each answer before it is used.

    Raises:
        TalkError: it cannot be started.

    """

    def __init__(self, command: str, patience: float = PATIENCE, examine: Examine = lambda *_: "") -> None:
        self.command, self.patience, self.examine = command, patience, examine
        self.asked = 0
        self.rest = b""
        self.ended: TalkError | None = None
        self.process, self.channel = _started(command)
        self.close = weakref.finalize(self, _end, self.process, self.channel)

    def ask(self, command: str, read: Callable[[Answer], _T], /, **fields: Any) -> _T:
        """Send a request, and give what `read` makes of the answer.

        Raises:
            TalkError: there is no answer, or `read` raises ValueError because of what it says.
            TargetError: the answer is an error; its cause is a ValueError where the program refuses what is asked.

        """
        if self.ended is not None:
            raise self.ended.again()
        self.asked += 1
        request = {"number": self.asked, "command": command, **fields}
        exchange = _Exchange(command, json.dumps(request, separators=(",", ":")))
        exchange.line = self._exchanged(exchange)
        answer = self._message(exchange)
        if wrong := self.examine(command, request, answer):
            raise TalkError("wrong-answer", exchange.words(wrong))
        if "error" in answer:
            words, refused = _read(exchange, lambda: _refusal(command, answer["error"]))
            raise TargetError(words) from (ValueError(words) if refused else None)
        return _read(exchange, lambda: read(answer))

    def _exchanged(self, exchange: _Exchange) -> bytes:
        """Write the request, and read a line."""
        self.channel.deadline = time.monotonic() + self.patience
        took = f"took more than {self.patience:g} s"
        try:
            with contextlib.suppress(BrokenPipeError):  # that it is dead shows when its answer is awaited
                self.channel.write(exchange.sent.encode() + b"\n")
        except TimeoutError:
            self._give_up("not-read", exchange, f"reading that {took}")
        except FloodError:
            self._give_up("flood", exchange, f"it wrote more than {_MOST_WORDS} bytes to standard error")
        try:
            return self._line()
        except TimeoutError:
            exchange.line = self.rest
            end = "end the line, and " if self.rest else ""
            hint = f"does it {end}flush its output? If it is only slow, a larger --timeout helps"
            self._give_up("no-answer", exchange, f"its answer {took}; {hint}")
        except FloodError:
            in_words = f"{_MOST_WORDS} bytes to standard error"
            what = f"{_LONGEST} bytes without an end of line" if len(self.rest) > _LONGEST else in_words
            exchange.line, self.rest = self.rest, b""
            self._give_up("flood", exchange, f"it wrote more than {what}")
        except EOFError:
            exchange.line = self.rest
            self._give_up("ended", exchange, f"the program {self._how_it_ended()} instead of answering")

    def _line(self) -> bytes:
        """The next line of its output; raises EOFError, TimeoutError, FloodError with what there is left in `rest`."""
        pieces = [self.rest]
        size = len(self.rest)
        try:
            while b"\n" not in pieces[-1]:
                piece = self._piece()
                if not piece:
                    raise EOFError
                pieces.append(piece)
                size += len(piece)
                if size > _LONGEST:
                    raise FloodError
        except (EOFError, TimeoutError, FloodError):
            self.rest = b"".join(pieces)
            raise
        line, _, self.rest = b"".join(pieces).partition(b"\n")
        return line

    def _piece(self) -> bytes:
        """Some of its output, nothing once it has ended, be it that a child of its own still holds the pipe."""
        final = self.channel.deadline
        while True:
            ended = self.process.poll() is not None
            self.channel.deadline = min(final, time.monotonic() + _LOOK)
            try:
                return self.channel.read(_LONGEST)
            except TimeoutError:
                if ended:
                    return b""
                if time.monotonic() >= final:
                    raise
            finally:
                self.channel.deadline = final

    def _message(self, exchange: _Exchange) -> dict[str, Any]:
        try:
            answer = json.loads(exchange.line)
        except (ValueError, RecursionError) as error:
            hint = "nothing but answers may go to standard output; what is for people goes to standard error"
            where = _fault_of(error) if exchange.line.lstrip().startswith(b"{") else ""
            self._give_up("not-json", exchange, f"that is no JSON{where or f': {hint}'}")
        if not isinstance(answer, dict):
            self._give_up("not-json", exchange, "that is no JSON object")
        number = answer.get("number")
        if number != self.asked or isinstance(number, bool):
            said = f"says {number!r}" if "number" in answer else "has no number"
            whole = isinstance(number, int) and not isinstance(number, bool)
            hint = "is there one answer a request?" if whole else f'"number":{self.asked} is expected'
            self._give_up("wrong-number", exchange, f"the answer to number {self.asked} {said}; {hint}")
        return answer

    def _how_it_ended(self) -> str:
        try:
            code = self.process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "closed its standard output"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"

    def _give_up(self, name: str, exchange: _Exchange, what: str) -> NoReturn:
        """End the program, for nothing that it writes from now on would be an answer to what is asked."""
        self.close()
        said = _words(self.channel.said().splitlines())
        words = exchange.words(what) + (f"; on standard error it said:\n{said}" if said else "")
        self.ended = TalkError(name, words, fatal=True)
        raise self.ended

    def stop(self) -> None:
        """Ask it to end, and see that it does."""
        self.ask("stop", lambda _: None)
        exchange = _Exchange("stop", json.dumps({"number": self.asked, "command": "stop"}, separators=(",", ":")))
        try:
            status = self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self._give_up("not-stopped", exchange, f"{self.patience:g} s after its answer it had not ended")
        if status != 0:
            self._give_up("not-stopped", exchange, f"it {self._how_it_ended()}; status 0 is expected")
        self.close()


def _read(exchange: _Exchange, read: Callable[[], _T]) -> _T:
    """What `read` gives; raises `TalkError` where it finds that the answer is not as it should be."""
    try:
        return read()
    except (ValueError, KeyError, TypeError) as error:
        words = f"there is no {error}" if isinstance(error, KeyError) else str(error)
        raise TalkError("wrong-answer", exchange.words(words)) from None  # a cause would make a refusal of it


_KINDS = {
    "unknown-command": "does not know the command",
    "bad-request": "cannot read the request",
    "unsupported": "does not support that",
    "failed": "failed",
}
"""In words, by the kind of an error that a program answers with."""

_LACKING = ("unknown-command", "unsupported")
"""The kinds that say that something is not there."""


def _refusal(command: str, error: Any) -> tuple[str, bool]:
    """What the program says instead of an answer, in words, and whether it refuses what is asked."""
    kind, message = error["kind"], error["message"]
    claim = f", which its claim of {CLAIMED_BY[command]} promises" if command in CLAIMED_BY and kind in _LACKING else ""
    return f"{command}: the program says that it {_KINDS.get(kind, kind)}{claim}: {message}", kind == "unsupported"


class _Exchange:
    """What an error quotes: a request, and the line that came back."""

    def __init__(self, command: str, sent: str) -> None:
        self.command, self.sent = command, sent
        self.line = b""

    def words(self, what: str) -> str:
        """All about it in a sentence."""
        back = _short(self.line.decode(errors="backslashreplace")) if self.line else "nothing"
        return f"{self.command}: {what}; sent {_short(self.sent)}; came back {back}; expected {EXPECTED[self.command]}"


def _fault_of(error: Exception) -> str:
    """Where a line stops being JSON, and what stands there; nothing where that is not known."""
    if not isinstance(error, json.JSONDecodeError):
        return ""
    near = error.doc[max(0, error.pos - _NEAR) : error.pos + _NEAR]
    return f" at character {error.pos} ({error.msg}), near {near}"


def _words(lines: list[str]) -> str:
    """The first and the last of them."""
    if len(lines) > _FIRST_WORDS + _LAST_WORDS:
        lines = [*lines[:_FIRST_WORDS], "...", *lines[-_LAST_WORDS:]]
    return "\n".join(lines)


def _short(line: str) -> str:
    return line if len(line) <= _QUOTED else f"{line[:_QUOTED]}... ({len(line):,} characters)"


def _started(command: str) -> tuple[subprocess.Popen[bytes], Channel]:
    """The program in a group of processes of its own, and our ends of its three streams."""
    words = words_of(command)
    (their_in, ours_in), (ours_out, their_out), (ours_words, their_words) = os.pipe(), os.pipe(), os.pipe()
    channel = Channel(ours_in, ours_out, ours_words, _MOST_WORDS)
    try:
        process = subprocess.Popen(
            words, stdin=their_in, stdout=their_out, stderr=their_words, start_new_session=True, env=_environment()
        )
    except (OSError, ValueError) as error:
        channel.close()
        raise TalkError(
            "not-started",
            f"{command!r} cannot be started in {os.getcwd()}: {error}; write process:./my_adam for a program in this "
            "directory that is executable, process:node my_adam.js for one that an interpreter runs",
        ) from error
    finally:
        for descriptor in (their_in, their_out, their_words):
            os.close(descriptor)
    return process, channel


def _environment() -> dict[str, str]:
    """That of our user: without the packages of ours that a worker has on its path, which would hide the program's."""
    theirs = dict(os.environ)
    if THEIR_PYTHONPATH in theirs:
        theirs["PYTHONPATH"] = theirs.pop(THEIR_PYTHONPATH)
    return theirs


def _end(process: subprocess.Popen[bytes], channel: Channel) -> None:
    """End the program and its group of processes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1.0)
    channel.close()
