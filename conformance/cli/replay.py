"""`adam-conformance replay`: one finding of a report, again."""

from __future__ import annotations

import click

from conformance.cli import options
from conformance.cli.opening import opening
from conformance.isolation.limits import Limits
from conformance.usage import UsageError


@click.command(epilog="Exit status: 0 it is gone, 1 it is still there, 2 usage, 3 the target could not be run.")
@click.argument("which", metavar="REPORT#N")
@options.common_options
def replay(which: str, limits: Limits, python: str | None, in_process: bool, no_color: bool) -> int:
    """Run finding N of a report file again, from the report alone."""
    from conformance.protocol import TargetError
    from conformance.report import read_finding

    recorded = read_finding(*_parsed(which))
    with opening(
        recorded.target, recorded.dialect, recorded.device, limits, in_process=in_process, python=python
    ) as begun:
        from conformance.rendering.reports import replayed
        from conformance.rendering.terminal import console
        from conformance.replay import not_again, run_again

        try:
            result = run_again(begun.wait(), recorded)
        except TargetError as error:
            result = not_again(recorded, str(error))
    console(colour=not no_color).print(replayed(recorded, result), crop=False)
    return {"pass": 0, "fail": 1}.get(result.status, 3)


def _parsed(which: str) -> tuple[str, int]:
    path, _, number = which.rpartition("#")
    if not path or not number.isdecimal():
        raise UsageError(f"{which!r} names no finding: write REPORT#N, for example report.json#1 for its first finding")
    return path, int(number)
