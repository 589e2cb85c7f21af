"""Options that several commands share, and what they mean."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from conformance.isolation.limits import GIB, Limits
from conformance.usage import UsageError

if TYPE_CHECKING:
    from adam_ref import Dialect

_Command = TypeVar("_Command", bound=Callable[..., Any])


class WithAxes(click.Command):
    """A command with an option for each axis of the dialect; reading the axes waits until options are looked at."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own options, and then the axes."""
        return [*super().get_params(ctx), *_axis_options()]


def _axis_options() -> list[click.Parameter]:
    from adam_ref.dialect import AXES

    return [
        click.Option(
            [f"--{axis.replace('_', '-')}", axis],
            type=click.Choice([str(value).lower() for value in values]),
            help="Replaces this axis of the dialect.",
        )
        for axis, values in AXES.items()
    ]


def dialect_of(name: str | None, axes: dict[str, str | None], target: str = "") -> Dialect:
    """The dialect called `name`, or the one that `target` is declared to be, with the axes that were given replaced.

    Raises `UsageError` on an unknown name.
    """
    from adam_ref.dialect import AXES, DialectError, named_dialect
    from conformance.targets.registry import declared

    try:
        dialect = declared(target) if name is None else named_dialect(name)
    except DialectError as error:
        raise UsageError(str(error)) from error
    given = {
        axis: next(value for value in AXES[axis] if str(value).lower() == word)
        for axis, word in axes.items()
        if word is not None
    }
    return dialect.with_(**given)


def _target_address(_: click.Context, __: click.Parameter, address: str | None) -> str:
    """What the command line names, or the shipped Adam; what is no address at all is a usage error."""
    from conformance.protocol import TargetError
    from conformance.targets import DEFAULT_TARGET
    from conformance.targets.addresses import parse_address

    named = DEFAULT_TARGET if address is None else address
    try:
        parse_address(named)
    except TargetError as error:
        raise click.BadParameter(str(error)) from error
    return named


def _new_file(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and not path.name:
        raise click.BadParameter("'' names no file")
    if path is not None and not path.parent.is_dir():
        raise click.BadParameter(f"{str(path)!r} cannot be written: there is no directory {str(path.parent)!r}")
    return path


def target_argument(*, required: bool) -> Callable[[_Command], _Command]:
    """TARGET, `package.module:Class?key=value`."""
    return click.argument("target", required=required, callback=_target_address)


def output_option(flag: str, words: str) -> Callable[[_Command], _Command]:
    """A file to be written, whose directory must be there before anything runs."""
    kind = click.Path(dir_okay=False, writable=True, path_type=Path)
    return click.option(flag, type=kind, callback=_new_file, metavar="FILE", help=words)


def write(path: Path, text: str) -> None:
    """Write a file that was asked for; raises `UsageError` where it cannot be written after all."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be written: {error.strerror}") from error


def _finite(_: click.Context, parameter: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number of {str(parameter.metavar).lower()}")
    return value


def _limits(command: Callable[..., Any]) -> Callable[..., Any]:
    """Hands a command what the options say of limits as `limits`."""

    @functools.wraps(command)
    def limited(*args: Any, timeout: float, total_timeout: float, memory: float, **others: Any) -> Any:
        limits = Limits(answer=timeout, total=total_timeout, memory=int(memory * GIB))
        return command(*args, limits=limits, **others)

    return limited


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What the target may use up."""
    some: dict[str, Any] = {"type": click.FloatRange(min=0, min_open=True), "callback": _finite, "show_default": True}
    options = [
        click.option(
            "--timeout",
            **some,
            default=Limits.answer,
            metavar="SECONDS",
            help="What hangs longer than this, the target's import included, could not be run.",
        ),
        click.option(
            "--total-timeout",
            **some,
            default=Limits.total,
            metavar="SECONDS",
            help="The same of all that the target does in this run.",
        ),
        click.option(
            "--memory",
            **some,
            default=Limits.memory / GIB,
            metavar="GIB",
            help="A target that takes more could not be run.",
        ),
    ]
    return _with(_limits(command), options)


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How the target is run, within which limits, and how the outcome is shown."""
    options = [
        click.option(
            "--python",
            type=click.Path(exists=True, dir_okay=False, executable=True),
            metavar="FILE",
            help="The interpreter that the target runs in, with NumPy and ml_dtypes beside what the target needs.",
        ),
        click.option("--in-process", is_flag=True, help="No worker, and no protection: no limits, hangs, crashes."),
        click.option("--no-color", is_flag=True, help="No colours in a terminal either."),
    ]
    return limit_options(_with(command, options))


def _with(command: Callable[..., Any], options: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


def dtype_option(command: _Command) -> _Command:
    """Of the parameters; each is tried."""
    return click.option(
        "--dtype",
        "dtypes",
        multiple=True,
        default=("float32", "float64"),
        show_default=True,
        metavar="NAME",
        help="Of the parameters; repeatable.",
    )(command)


def require_dtypes(dtypes: Sequence[str]) -> None:
    """Raise `UsageError` on a dtype that does not exist."""
    from adam_ref.formats import FormatError, named_format

    for dtype in dtypes:
        try:
            named_format(dtype)
        except FormatError as error:
            raise UsageError(str(error)) from error


def device_option(command: _Command) -> _Command:
    """Where the parameters live."""
    words = "Where the parameters live."
    return click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True, help=words)(
        command
    )


def format_option(command: _Command) -> _Command:
    """For people or for programs."""
    words = "For people, or for programs."
    return click.option(
        "--format", "form", type=click.Choice(["pretty", "json"]), default="pretty", show_default=True, help=words
    )(command)
