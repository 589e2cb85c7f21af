"""`adam-conformance faults`: the suite against its own catalogue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.cli import options
from conformance.usage import UsageError, near

if TYPE_CHECKING:
    from conformance.faults.evidence import Evidence
    from conformance.faults.matrix import Cell, Matrix, Terms


@click.command(
    epilog="Exit status: 0 the suite holds, 1 a fault survives, an honest form is flagged or a check is there for "
    "nothing, 2 usage."
)
@click.argument("which", nargs=-1, metavar="[FAULT|FORM|CHAPTER]...")
@options.dtype_option
@click.option("--profile", default="quick", show_default=True, metavar="NAME", help="quick, standard or thorough.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Every choice follows from it.")
@click.option("--first-kill", is_flag=True, help="Strongest checks first, and no more of them once one has caught it.")
@click.option(
    "--pairs", type=click.IntRange(min=1), metavar="N", help="Random pairs of faults in the place of the catalogue."
)
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
    evidence = _evidence(names, terms, jobs, whole=not (which or pairs), first_kill=first_kill, colour=not no_color)
    _show(evidence, form, output, colour=not no_color)
    return 0 if evidence.ok else 1


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
    from conformance.cli.bars import watching
    from conformance.faults.parallel import trials
    from conformance.rendering.terminal import console

    cells: list[Cell] = []
    with watching(console(colour=colour, stderr=True), len(names)) as told:
        for name, found in zip(names, trials(names, terms, jobs), strict=True):
            told(name)
            told("")
            cells += found
    return cells


def _show(evidence: Evidence, form: str, output: Path | None, *, colour: bool) -> None:
    text = json.dumps(evidence.to_json(), indent=1, allow_nan=False) + "\n"
    if output is not None:
        options.write(output, text)
    if form == "json":
        click.echo(text, nl=False)
        return
    from conformance.rendering.matrices import blocks
    from conformance.rendering.terminal import console

    to = console(colour=colour)
    for thing in blocks(evidence):
        to.print(thing, crop=False)
