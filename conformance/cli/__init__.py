"""The command line `adam-conformance`.

To add a command: write a module here with a click command that returns its exit status (or None for 0), and a line in
`COMMANDS`.  Modules import nothing heavy before their command runs, so that `--help` is instant.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

import click

from conformance.usage import UsageError

COMMANDS = {
    "check": "conformance.cli.check:check",
    "identify": "conformance.cli.identify:identify",
    "smoke": "conformance.cli.smoke:smoke",
    "prove": "conformance.cli.prove:prove",
    "faults": "conformance.cli.faults:faults",
    "matrix": "conformance.cli.matrix:matrix",
    "explain": "conformance.cli.explain:explain",
    "list": "conformance.cli.listing:listing",
    "replay": "conformance.cli.replay:replay",
    "vectors": "conformance.cli.vectors:vectors",
}
"""Where each command lives."""

USAGE, UNUSABLE, DEFECT, INTERRUPTED, TERMINATED, BROKEN_PIPE = 2, 3, 70, 130, 143, 141
"""Exit statuses that are no verdict: a request that makes no sense, something of a target's that cannot be loaded, a
defect of this program, and the shell's three."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from adam_ref import __version__

        click.echo(f"adam-conformance {__version__}")
        ctx.exit()


class _Terminated(BaseException):
    """SIGTERM came; no SystemExit, which a target in this process may raise itself and which says nothing of us."""


def _terminate(*_: object) -> None:
    raise _Terminated


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Say which.")
def group() -> None:
    """The referee for the Adam optimizer: is this implementation Adam, and if not, what exactly is wrong?"""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit status and never raises."""
    try:
        status: int | None = group.main(list(arguments), "adam-conformance", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return USAGE
    except UsageError as error:
        click.echo(f"Error: {error}", err=True)
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except _Terminated:
        return TERMINATED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains again when it flushes
        return BROKEN_PIPE
    except Exception as error:
        from conformance.protocol import TargetError  # not above, for it imports NumPy

        if isinstance(error, TargetError):
            click.echo(f"Error: {error}", err=True)
            return UNUSABLE
        traceback.print_exc()
        click.echo("This is a defect of adam-conformance and says nothing about the target.", err=True)
        return DEFECT
    return status or 0


def main() -> None:
    """The console script.  Being told to end is an orderly end, in which the worker is ended too."""
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows fewer characters is no reason to end
    sys.exit(run(sys.argv[1:]))
