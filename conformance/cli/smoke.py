"""`adam-conformance smoke`: can a program be talked to?"""

from __future__ import annotations

import click

from conformance.cli import options
from conformance.usage import UsageError

COULD_NOT_RUN = 3


@click.command(epilog="Exit status: 0 it can be talked to, 2 usage, 3 it cannot.")
@options.target_argument(required=True)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="That an answer may take.",
)
def smoke(target: str, timeout: float) -> int:
    """Say whether TARGET, which is process:COMMAND LINE, can be talked to, and where not, what came back instead.

    That it answers makes no Adam of it: `check` says whether its numbers are right, and runs these steps first.
    """
    from conformance.protocol import TargetError
    from conformance.targets.addresses import PROCESS, parse_address

    kind, command, _ = parse_address(target)
    if kind != PROCESS:
        raise UsageError(f"{target!r} is no process:COMMAND LINE; what Python imports needs no talking to: try check")
    from conformance.smoke import conversation, examined, stops
    from conformance.targets.process import Process

    try:
        process = Process(command, patience=timeout, examine=examined)
        for sentence in (*conversation(process), *stops(process)):
            click.echo(f"ok  {sentence}")
    except TargetError as error:
        click.echo(f"could not talk to it: {error}")
        return COULD_NOT_RUN
    click.echo("It can be talked to. Whether it is right, adam-conformance check says.")
    return 0
