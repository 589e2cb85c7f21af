"""`adam-conformance matrix`: everything that is listed and installed, judged and put on record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.cli import options
from conformance.usage import UsageError, near

if TYPE_CHECKING:
    from conformance.field.judge import Interpreter
    from conformance.field.record import Record
    from conformance.isolation.limits import Limits
    from conformance.targets.registry import Registered


@click.command(epilog="Exit status: 0 done, whatever the verdicts are, 1 records and reasons disagree, 2 usage.")
@click.argument("which", nargs=-1, metavar="[TARGET|PROJECT]...")
@click.option("--profile", default="standard", show_default=True, metavar="NAME", help="quick, standard or thorough.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Every choice follows from it.")
@click.option(
    "--python",
    "pythons",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, executable=True),
    metavar="FILE",
    help="A further interpreter in which targets may be installed; repeatable.",
)
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("specs/results"),
    show_default=True,
    metavar="DIR",
    help="Where the records are, a file a target; those of other targets stay as they are.",
)
@click.option("--search-only", is_flag=True, help="Search for the worst deviations anew; keep the rest of each record.")
@click.option("--render", is_flag=True, help="Run nothing: make the pages anew from the records and reasons.toml.")
@click.option(
    "--readme",
    type=click.Path(exists=True, dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="With --render: write the summary into it, between its markers.",
)
@options.limit_options
def matrix(
    which: tuple[str, ...],
    profile: str,
    seed: int,
    pythons: tuple[str, ...],
    results: Path,
    search_only: bool,
    render: bool,
    readme: Path | None,
    limits: Limits,
) -> int:
    """Judge every target that is listed and installed, or each TARGET and those of each PROJECT that is named.

    Each is held to the dialect that it is listed with, in the dtypes that it is listed with.
    """
    if render:
        return _render(results, readme)
    from conformance.field.judge import Terms, interpreter_for, interpreters, judge, search_again
    from conformance.field.record import read_all, write
    from conformance.protocol import TargetError
    from conformance.suite import Plan

    Plan(profile=profile, seed=seed)  # refuses what does not exist
    targets = _named(which)
    try:
        those = interpreters(pythons, targets)
    except TargetError as error:
        raise UsageError(str(error)) from error
    old = {known.target: known for known in read_all(results)} if search_only else {}
    for found in targets:
        where = interpreter_for(found, those)
        if where is None:
            click.echo(_not_installed(found, those))
            continue
        terms = Terms(profile, seed, limits)
        if search_only and found.target.address not in old:
            click.echo(f"{found.target.address}: no record in {results}")
            continue
        if search_only:
            judged = search_again(found, where, terms, old[found.target.address])
        else:
            judged = judge(found, where, terms, lambda what: click.echo(what, err=True))
        click.echo(f"{_line(judged)}  {write(judged, results)}")
    return 0


def _render(results: Path, readme: Path | None) -> int:
    from conformance.field.pages import write_pages
    from conformance.field.reasons import ReasonError
    from conformance.field.record import RecordError

    try:
        pages = write_pages(results, readme)
    except (ReasonError, RecordError) as error:
        click.echo(str(error), err=True)
        return 1
    click.echo(" and ".join(map(str, pages)) + " written")
    return 0


def _named(which: Sequence[str]) -> list[Registered]:
    """The targets meant, all that are judged at all where none is named."""
    from conformance.targets.registry import everything

    listed = [found for found in everything() if found.target.dtypes]
    known = {name for found in listed for name in _names(found)}
    for name in which:
        if name not in known:
            hint = near(name, known, "adam-conformance list targets")
            raise UsageError(f"no target and no project is called {name!r}; {hint}")
    return [found for found in listed if not which or set(which) & set(_names(found))]


def _names(found: Registered) -> Iterable[str]:
    return found.target.address, found.project.name


def _not_installed(found: Registered, those: Sequence[Interpreter]) -> str:
    missing = [name for name in found.target.packages if all(name not in each.has for each in those)]
    missing += found.target.missing_files()
    needs = " and ".join(missing or found.target.packages)
    return f"{found.target.address}: not installed; it needs {needs}: {found.project.install}"


def _line(judged: Record) -> str:
    verdicts = (f"{dtype} {outcome['verdict']}" for dtype, outcome in judged.dtypes.items())
    return f"{judged.target}: {', '.join(verdicts)}"
