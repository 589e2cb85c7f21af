"""`adam-conformance prove`: the theorems that the harness rests on, proved again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.cli import options
from conformance.usage import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from adam_ref.theorems.proof import Proof


@click.command(epilog="Exit status: 0 all are proved, 1 one is not, 2 usage.")
@click.argument("theorems", nargs=-1, metavar="[THEOREM]...")
@click.option(
    "--render",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write a page for each theorem there, in Markdown, and an index when all are proved.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Theorems at a time.  [default: one a core of this machine]"
)
@options.format_option
@click.option("--no-color", is_flag=True, help="No colours in a terminal either.")
def prove(theorems: tuple[str, ...], render: Path | None, jobs: int | None, form: str, no_color: bool) -> int:
    """Prove the theorems that the harness rests on, all of them or each THEOREM.

    Every step is verified, the claims are attacked with numbers, and wrong versions must be refused. One theorem is
    shown with its steps.
    """
    names = _known(theorems)
    _need_sympy()
    found = _proved(names, jobs, printing=form == "pretty", colour=not no_color)
    if form == "json":
        click.echo(json.dumps([proof.to_json() for proof in found], indent=1, allow_nan=False))
    proved = all(proof.ok for proof in found)
    if render is not None and proved:
        from adam_ref.theorems.pages import write

        click.echo(f"{len(write(found, render))} files written to {render}", err=True)
    return 0 if proved else 1


def _known(theorems: Sequence[str]) -> list[str]:
    """The ids meant, all of them where none is named; in any case of letters."""
    from adam_ref.theorems import THEOREMS

    unknown = [name for name in theorems if name.upper() not in THEOREMS]
    if unknown:
        raise UsageError(f"there is no theorem {unknown[0]!r}; there are {', '.join(THEOREMS)}")
    return list(dict.fromkeys(name.upper() for name in theorems)) or list(THEOREMS)


def _need_sympy() -> None:
    missing = [name for name in ("sympy", "z3") if find_spec(name) is None]
    if missing:
        raise UsageError(f"proofs need {' and '.join(missing)}: pip install 'adam-conformance[theorems]'")


def _proved(names: Sequence[str], jobs: int | None, *, printing: bool, colour: bool) -> list[Proof]:
    """Prove, and print each theorem as it is done; a single one with its steps, as they are verified."""
    from conformance.cli.bars import watching
    from conformance.rendering import proofs
    from conformance.rendering.terminal import console

    to = console(colour=colour, stderr=not printing)
    with watching(to, len(names)) as told:
        found = []
        for proof in _proofs(names, jobs, told):
            found.append(proof)
            if printing:
                _print(proof, to, in_full=len(names) == 1)
    if printing and len(names) > 1:
        to.print(proofs.summary(found))
    return found


def _proofs(names: Sequence[str], jobs: int | None, told: Callable[[str], None]) -> Iterator[Proof]:
    from adam_ref.theorems.parallel import prove_all

    told(f"proving {names[0]}")
    for number, proof in enumerate(prove_all(names, jobs), 1):
        yield proof
        told("")
        if number < len(names):
            told(f"proving {names[number]}")


def _print(proof: Proof, to: Console, *, in_full: bool) -> None:
    from adam_ref.theorems import THEOREMS
    from conformance.rendering import proofs

    theorem = THEOREMS[proof.theorem] if in_full else None
    parts = [proofs.brief(proof)]
    if theorem is not None:
        parts = list(proofs.in_full(proof, theorem.words, [h.words for h in theorem.hypotheses]))
    for part in parts:
        to.print(part, crop=False)
