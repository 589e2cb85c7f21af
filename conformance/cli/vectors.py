"""`adam-conformance vectors`: test vectors for those who cannot run Python."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.usage import UsageError

if TYPE_CHECKING:
    from conformance.vectors.library import Outcome


@click.group()
def vectors() -> None:
    """Test vectors for those who cannot run Python: generate them, verify them, check their form.

    PLACE is one file of vectors or a directory of them, by default specs/vectors of a checkout.
    """


@vectors.command()
@click.argument("directory", required=False, type=click.Path(file_okay=False, path_type=Path))
def generate(directory: Path | None) -> int:
    """Compute all vectors, certify each with the exact reference, and write them into DIRECTORY."""
    from conformance.vectors import library
    from conformance.vectors.model import VectorError

    try:
        return _told(library.generate(directory or _here()))
    except VectorError as error:
        click.echo(f"not written: {error}")
        return 1


@vectors.command(epilog="Exit status: 0 all are right, 1 one is not, 2 usage.")
@click.argument("place", required=False, type=click.Path(exists=True, path_type=Path))
def verify(place: Path | None) -> int:
    """Compute every interval of PLACE again from the inputs alone, and hold it against the exact reference."""
    from conformance.vectors import library

    return _told(library.verify(place or _here()))


@vectors.command(epilog="Exit status: 0 all are well formed, 1 one is not, 2 usage.")
@click.argument("place", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--fix", is_flag=True, help="Lay out anew what is well formed otherwise.")
def lint(place: Path | None, fix: bool) -> int:
    """Check the form of PLACE: schema, layout, numbering, and that every number is one of the format."""
    from conformance.vectors import library

    if fix:
        click.echo(f"{library.laid_out(place or _here())} files laid out anew", err=True)
    return _told(library.linted(place or _here()))


def _here() -> Path:
    """specs/vectors of the checkout that this runs from."""
    directory = Path(__file__).resolve().parents[2] / "specs" / "vectors"
    if not directory.is_dir():
        raise UsageError("an installed adam-conformance comes without vectors: name a file or a directory")
    return directory


def _told(outcomes: Iterable[Outcome]) -> int:
    """A line for each file, and one for all of them; the exit status."""
    count = vectors = values = undecided = wrong = 0
    for outcome in outcomes:
        for problem in outcome.problems:
            click.echo(f"{outcome.path}: {problem}")
        if outcome.vectors and not outcome.problems:
            click.echo(
                f"{outcome.path}: {outcome.vectors} vectors, {outcome.values} values, {_open(outcome.undecided)}"
            )
        count += bool(outcome.vectors)
        vectors, values, undecided = (
            vectors + outcome.vectors,
            values + outcome.values,
            undecided + outcome.undecided,
        )
        wrong += bool(outcome.problems)
    click.echo(f"{count} files: {vectors:,} vectors, {values:,} values, {_open(undecided)}; {wrong} with problems")
    return int(wrong > 0)


def _open(undecided: int) -> str:
    return f"{undecided:,} undecided"
