"""`adam-conformance identify`: which dialect is it, or which fault does it have?"""

from __future__ import annotations

import json

import click

from conformance.cli import options
from conformance.cli.opening import opening
from conformance.isolation.limits import Limits


@click.command(
    epilog="Exit status: 0 a dialect fits, 1 none fits, 2 usage, 3 the target could not be run, 5 nothing ran."
)
@options.target_argument(required=True)
@options.dtype_option
@options.device_option
@options.format_option
@options.common_options
def identify(
    target: str,
    dtypes: tuple[str, ...],
    device: str,
    form: str,
    limits: Limits,
    python: str | None,
    in_process: bool,
    no_color: bool,
) -> int:
    """Say which dialect TARGET is, with none declared.

    The answer comes from a few probes of its parameters alone. Where no dialect fits, it is the fault that explains
    what the checks find. It is no verdict: `check --dialect` gives that.
    """
    with opening(target, None, device, limits, in_process=in_process, python=python) as begun:
        from conformance import identify as probing
        from conformance.protocol import TargetError

        options.require_dtypes(dtypes)
        try:
            found = probing.identify(begun.wait(), tuple(dict.fromkeys(dtypes)), device)
        except TargetError as error:
            found = probing.Identification(target, fatal=str(error))
    if form == "json":
        click.echo(json.dumps(found.to_json(), indent=1, allow_nan=False))
    else:
        from conformance.rendering.reports import identification
        from conformance.rendering.terminal import console

        console(colour=not no_color).print(identification(found), crop=False)
    return found.exit_code
