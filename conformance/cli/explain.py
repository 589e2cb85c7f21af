"""`adam-conformance explain`: anything that has an id, in words."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", metavar="ID")
@click.option("--no-color", is_flag=True, help="No colours in a terminal either.")
def explain(name: str, no_color: bool) -> None:
    """Say in words what a clause, check, regime, dialect, theorem, fault or target is."""
    from conformance import explain as words
    from conformance.rendering.reports import explanation
    from conformance.rendering.terminal import console

    to = console(colour=not no_color)
    for number, found in enumerate(words.explain(name)):
        if number:
            to.print()
        to.print(explanation(found), crop=False)
