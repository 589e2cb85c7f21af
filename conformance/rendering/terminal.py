"""The terminal: where text goes, as wide as it is, and the two layouts of which everything shown is made."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


def console(*, colour: bool = True, stderr: bool = False) -> Console:
    """Where the report goes; without colours on request, and by itself where no terminal listens."""
    return Console(color_system="auto" if colour else None, highlight=False, stderr=stderr, soft_wrap=False)


def as_text(*things: RenderableType, width: int = 80) -> str:
    """What a terminal of that width would show, without colours."""
    out = io.StringIO()
    plain = Console(file=out, width=width, color_system=None, highlight=False)
    for thing in things:
        plain.print(thing, crop=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def two_columns(rows: Iterable[tuple[str, str]]) -> Table:
    """Labels that are never broken, and words that fill the rest of the line."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, words in rows:
        grid.add_row(Text(label), Text(words))
    return grid


_WIDEST_LABEL = 40
"""Half a narrow terminal: beside a longer label there is no room for words."""


def in_columns(rows: Sequence[tuple[str, str]]) -> RenderableType:
    """Labels and words in two columns; where a label is long, the words of each below it."""
    if max((len(label) for label, _ in rows), default=0) <= _WIDEST_LABEL:
        return two_columns(rows)
    lines: list[RenderableType] = []
    for label, words in rows:
        lines += [Text(label, overflow="ignore", no_wrap=True), Padding(Text(words), (0, 0, 0, 4))]
    return Group(*lines)
