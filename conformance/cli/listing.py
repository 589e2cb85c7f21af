"""`adam-conformance list`: the ids of everything of one kind."""

from __future__ import annotations

import click


@click.command("list")
@click.argument("what")
@click.option("--no-color", is_flag=True, help="No colours in a terminal either.")
def listing(what: str, no_color: bool) -> None:
    """List WHAT: checks, clauses, dialects, regimes, targets, theorems or faults."""
    from conformance.explain import listed
    from conformance.rendering.terminal import console, in_columns

    console(colour=not no_color).print(in_columns(listed(what)), crop=False)
