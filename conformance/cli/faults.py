"""`adam-conformance faults`: the suite against its own catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from conformance.cli import options
from conformance.usage import UsageError, near

if TYPE_CHECKING:
    from rich.console import RenderableType

    from conformance.faults.evidence import Evidence
    from conformance.faults.matrix import Cell, Matrix, Terms

T = TypeVar("T")


@click.command(
    epilog="Exit status: 0 the suite holds, 1 a fault survives, an honest form is flagged, a check is there for "
    "nothing or, with --diagnosis, a fault is given a wrong name, 2 usage."
)
@click.argument("which", nargs=-1, metavar="[FAULT|FORM|CHAPTER]...")
@options.dtype_option
@click.option("--profile", default="quick", show_default=True, metavar="NAME", help="quick, standard or thorough.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Every choice follows from it.")
@click.option("--first-kill", is_flag=True, help="First the checks that a fault names; none once one has caught it.")
@click.option(
    "--pairs", type=click.IntRange(min=1), metavar="N", help="Random pairs of faults in the place of the catalogue."
)
@click.option("--diagnosis", is_flag=True, help="Withhold the names, and say how often the diagnosis finds them.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Processes.  [default: one a core]")
@options.format_option
@options.output_option("--output", "Write the matrix there, as JSON.")
@click.option("--no-color", is_flag=True, help="No colours in a terminal either.")
def faults(
    which: tuple[str, ...],
    dtypes: tuple[str, ...],
    profile: str,
    seed: int,
    first_kill: bool,
    pairs: int | None,
    diagnosis: bool,
    jobs: int | None,
    form: str,
    output: Path | None,
    no_color: bool,
) -> int:
    """Print the kill matrix: which check catches which fault of the catalogue, and that no honest form is caught.

    Everything, or each FAULT, honest FORM and CHAPTER of the catalogue that is named.
    """
    from conformance.faults.matrix import Terms
    from conformance.suite import Plan

    Plan(dtypes=dtypes, profile=profile, seed=seed)  # refuses what does not exist
    names = _names(which, pairs, seed)
    terms = Terms(profile=profile, dtypes=tuple(dict.fromkeys(dtypes)), seed=seed)
    if diagnosis:
        return _diagnosed(names, terms, jobs, form, output, colour=not no_color)
    evidence = _evidence(names, terms, jobs, whole=not (which or pairs), first_kill=first_kill, colour=not no_color)
    _show(evidence, form, output, colour=not no_color)
    return 0 if evidence.ok else 1


def _diagnosed(
    names: Sequence[str], terms: Terms, jobs: int | None, form: str, output: Path | None, *, colour: bool
) -> int:
    """The faults among `names` with their names withheld, and what the diagnosis calls them."""
    from functools import partial

    from conformance.diagnosis.measure import Measure, namer
    from conformance.faults import HONEST
    from conformance.faults.parallel import spread
    from conformance.rendering.matrices import diagnoses

    faulty = [name for name in names if name not in HONEST]
    found = Measure(terms, tuple(_watched(faulty, spread(faulty, partial(namer, terms), jobs), colour=colour)))
    _print(found.to_json(), lambda: diagnoses(found), form, output, colour=colour)
    return 0 if found.ok else 1


def _watched(names: Sequence[str], results: Iterator[T], *, colour: bool) -> Iterator[T]:
    """The results, with a bar that goes on with each."""
    from conformance.cli.bars import watching
    from conformance.rendering.terminal import console

    with watching(console(colour=colour, stderr=True), len(names)) as told:
        for name, result in zip(names, results, strict=True):
            told(name)
            told("")
            yield result


def _evidence(
    names: Sequence[str], terms: Terms, jobs: int | None, *, whole: bool, first_kill: bool, colour: bool
) -> Evidence:
    from conformance.faults.evidence import Evidence, costs, witnesses
    from conformance.faults.matrix import Matrix

    def matrix(names: Sequence[str], terms: Terms) -> Matrix:
        return Matrix(terms.profile, tuple(_cells(names, terms, jobs, colour=colour)))

    if first_kill:
        brief = terms.until_first_kill()
        return Evidence(brief, matrix(names, brief), matrix(witnesses(), terms) if whole else None)
    full = matrix(names, terms)
    return Evidence(terms, full, full, costs(terms)) if whole else Evidence(terms, full)


def _names(which: Sequence[str], pairs: int | None, seed: int) -> list[str]:
    """What is to be run; raises `UsageError` on a name that is none."""
    from conformance.faults import CATALOGUE, HONEST, random_pairs

    if pairs is not None:
        if which:
            raise UsageError(f"--pairs draws its own faults: leave out {which[0]!r}, or --pairs")
        return [pair.id for pair in random_pairs(pairs, seed)]
    chapters = {fault.chapter for fault in CATALOGUE.values()}
    known = [*CATALOGUE, *HONEST, *chapters]
    unknown = [name for name in which if name not in known]
    if unknown:
        hint = near(unknown[0], known, "adam-conformance list faults")
        raise UsageError(f"no fault, honest form or chapter is called {unknown[0]!r}; {hint}")
    if not which:
        return [*CATALOGUE, *HONEST]
    members = [fault.id for fault in CATALOGUE.values() if fault.chapter in which]
    return list(dict.fromkeys([*members, *(name for name in which if name not in chapters)]))


def _cells(names: Sequence[str], terms: Terms, jobs: int | None, *, colour: bool) -> list[Cell]:
    from conformance.faults.parallel import trials

    return [cell for found in _watched(names, trials(names, terms, jobs), colour=colour) for cell in found]


def _show(evidence: Evidence, form: str, output: Path | None, *, colour: bool) -> None:
    from conformance.rendering.matrices import blocks

    _print(evidence.to_json(), lambda: blocks(evidence), form, output, colour=colour)


def _print(
    found: Any, blocks: Callable[[], Iterable[RenderableType]], form: str, output: Path | None, *, colour: bool
) -> None:
    """As JSON into `output`, and in the form that was asked for."""
    text = json.dumps(found, indent=1, allow_nan=False) + "\n"
    if output is not None:
        options.write(output, text)
    if form == "json":
        click.echo(text, nl=False)
        return
    from conformance.rendering.terminal import console

    to = console(colour=colour)
    for thing in blocks():
        to.print(thing, crop=False)
