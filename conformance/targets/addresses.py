"""Addresses of targets, `package.module:Class?key=value&...` and `process:COMMAND LINE`."""

from __future__ import annotations

import ast
import shlex
from typing import Any
from urllib.parse import parse_qsl

from conformance.protocol import TargetError

PROCESS = "process"
"""In the place of a module: what follows is the command line of a program."""


def parse_address(address: str) -> tuple[str, str, dict[str, Any]]:
    """Module, qualified name and arguments of `package.module:Class?key=value&...`; of `process:...`, the command line.

    Values are Python literals where they read as such (`true` and `false` count), and strings otherwise.
    """
    if address.startswith(f"{PROCESS}:"):
        words_of(command := address.removeprefix(f"{PROCESS}:"))
        return PROCESS, command, {}
    path, _, query = address.partition("?")
    module, colon, name = path.partition(":")
    if not (module and colon and name) or "/" in module or module.endswith(".py"):
        raise TargetError(
            f"{address!r} is no address of a target: write package.module:Class, for example torch.optim:Adam; "
            "my_adam:step for a function step in a file my_adam.py in this directory; or process:COMMAND LINE"
        )
    try:
        arguments = parse_qsl(query, strict_parsing=bool(query))
    except ValueError as error:
        raise TargetError(f"{query!r} are no arguments of a target: write ?key=value&key=value") from error
    keys = [key for key, _ in arguments]
    if "" in keys or len(set(keys)) < len(keys):
        raise TargetError(f"{query!r} are no arguments of a target: each needs a name, and a name of its own")
    return module, name, {key: _literal(value) for key, value in arguments}


def words_of(command: str) -> list[str]:
    """The words of a command line; raises `TargetError` where there are none."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise TargetError(f"{command!r} is no command line: {error}") from error
    if not words:
        raise TargetError(
            f"{command!r} is no command line: write process:PROGRAM ARGUMENT ..., as in process:./my_adam"
        )
    return words


def _literal(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
