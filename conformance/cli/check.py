"""`adam-conformance check`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.cli import options
from conformance.cli.opening import Opening, opening
from conformance.isolation.limits import Limits
from conformance.usage import UsageError

if TYPE_CHECKING:
    from conformance.report import Report
    from conformance.suite import Plan


@click.command(
    cls=options.WithAxes,
    epilog="Exit status: 0 conforms, 1 does not conform, 2 usage, 3 the target could not be run, 4 a waiver is stale, "
    "5 nothing ran.",
)
@options.target_argument(required=False)
@click.option(
    "--dialect",
    "dialect_name",
    metavar="NAME",
    help="See `list dialects`.  [default: adam; for a name that only `list targets` knows, as it is listed there]",
)
@options.dtype_option
@options.device_option
@click.option("--profile", default="standard", show_default=True, metavar="NAME", help="quick, standard or thorough.")
@click.option("--only", multiple=True, metavar="ID", help="This check, chapter or clause alone; repeatable.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Every choice follows from it.")
@click.option(
    "--waivers",
    "waivers_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="TOML with a table [waivers] of check ids and reasons.",
)
@options.format_option
@options.output_option("--output", "Write the report there, as JSON.")
@options.output_option("--junit", "Write the results there, as JUnit's XML.")
@options.common_options
def check(
    target: str,
    dialect_name: str | None,
    dtypes: tuple[str, ...],
    device: str,
    profile: str,
    only: tuple[str, ...],
    seed: int,
    waivers_file: Path | None,
    form: str,
    output: Path | None,
    junit: Path | None,
    limits: Limits,
    python: str | None,
    in_process: bool,
    no_color: bool,
    **axes: str | None,
) -> int:
    """Say whether TARGET is Adam, and if not, what exactly is wrong.

    TARGET is package.module:Class, optionally ?key=value&key=value for arguments of its constructor: a subclass of
    torch.optim.Optimizer, a function over NumPy arrays, or an object of the plug-in protocol.  The shipped torch Adam
    where none is named.
    """
    dialect = options.dialect_of(dialect_name, axes, target)
    if output is not None and output == junit:
        raise UsageError(f"--output and --junit both name {str(output)!r}: the second would overwrite the first")
    with opening(target, dialect, device, limits, in_process=in_process, python=python) as begun:
        from conformance.suite import Plan

        plan = Plan(dialect, tuple(dict.fromkeys(dtypes)), device, profile, seed, only, target, python or "")
        waivers = _waivers(waivers_file)
        report = _run(begun, plan, colour=not no_color).waiving(waivers)
    _write(report, output, junit)
    _show(report, form, output, colour=not no_color)
    return report.exit_code


def _waivers(file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    from adam_ref.formats import COMPONENTS, FORMATS
    from conformance.checks import CHECKS
    from conformance.waivers import known, read_waivers

    return known(read_waivers(file), CHECKS, (*FORMATS, *COMPONENTS))


def _run(begun: Opening, plan: Plan, *, colour: bool) -> Report:
    """The report of a run, or that there could be none."""
    from conformance.cli.progress import progress
    from conformance.protocol import TargetError
    from conformance.suite import not_run, run

    with progress(colour=colour) as shown:
        try:
            host = begun.wait()
        except TargetError as error:
            return not_run(plan, str(error))
        return run(host, plan, shown)


def _write(report: Report, output: Path | None, junit: Path | None) -> None:
    if output is not None:
        from conformance.report import to_text

        options.write(output, to_text(report))
    if junit is not None:
        from conformance.rendering.junit import to_xml

        options.write(junit, to_xml(report))


def _show(report: Report, form: str, output: Path | None, *, colour: bool) -> None:
    if form == "json":
        from conformance.report import to_text

        click.echo(to_text(report), nl=False)
        return
    from conformance.rendering.reports import print_report
    from conformance.rendering.terminal import console

    print_report(report, console(colour=colour), None if output is None else str(output))
