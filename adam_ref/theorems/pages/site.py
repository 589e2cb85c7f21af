"""The files: one page a theorem, its pictures, and the index; and which of them are stale."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from adam_ref.theorems import THEOREMS
from adam_ref.theorems.notation import CORRECTIONS, c1, c2, e, eps, optimized, unoptimized
from adam_ref.theorems.pages import figures
from adam_ref.theorems.pages.content import INDEX, content, file_name, link, picture_name, words
from adam_ref.theorems.pages.latex import latex
from adam_ref.theorems.pages.prose import escaped
from adam_ref.theorems.proof import Proof


def write(proofs: Sequence[Proof], directory: Path) -> list[Path]:
    """Write the page and the pictures of each proof, and the index when all theorems are there."""
    written = {file_name(proof.theorem): page(proof) for proof in proofs}
    for proof in proofs:
        for figure in THEOREMS[proof.theorem].figures:
            written[picture_name(proof.theorem, figure.name)] = figures.svg(figure)
    if {proof.theorem for proof in proofs} == set(THEOREMS):
        written[INDEX] = index()
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in written.items():
        (directory / name).write_text(text, encoding="utf-8")
    return [directory / name for name in written]


def stale(proofs: Sequence[Proof], directory: Path) -> Iterator[str]:
    """Names of the files in `directory` that are not what `write` would write for all theorems, or are left over."""
    pages = {file_name(proof.theorem): page(proof) for proof in proofs} | {INDEX: index()}
    pictures = {picture_name(id, figure.name): figure for id in THEOREMS for figure in THEOREMS[id].figures}
    for name, text in pages.items():
        if _read(directory / name) != text:
            yield name
    for name, figure in pictures.items():
        if figures.fingerprint_in(_read(directory / name)) != figures.fingerprint(figure):
            yield name
    yield from sorted({path.name for path in directory.iterdir()} - pages.keys() - pictures.keys())


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def page(proof: Proof) -> str:
    """The page of a theorem that was proved; raises `ValueError` for one that was not."""
    if not proof.ok:
        raise ValueError(f"{proof.theorem} is not proved, and only what is proved is written: {proof.problems[0]}")
    return _filled("theorem.md.j2", content(THEOREMS[proof.theorem], proof))


def index() -> str:
    """The list of theorems, the notation, and what rests on what."""
    theorems = [THEOREMS[name] for name in THEOREMS]
    resting: dict[str, list[str]] = {}
    for theorem in theorems:
        for check in theorem.checks:
            resting.setdefault(check, []).append(link(theorem.id))
    fields = {
        "theorems": [
            {"id": t.id, "name": t.name, "title": t.title, "uses": t.uses, "link": link(t.id)} for t in theorems
        ],
        "checks": sorted(resting.items()),
        "c1": latex(CORRECTIONS[c1]),
        "c2": latex(CORRECTIONS[c2]),
        "unoptimized": latex(unoptimized(eps)),
        "optimized": latex(optimized(e)),
    }
    return _filled("index.md.j2", fields)


def _filled(template: str, fields: dict[str, Any]) -> str:
    """One empty line where the template leaves several, and one end of line at the end."""
    return re.sub(r"\n{3,}", "\n\n", _template(template).render(fields)).strip() + "\n"


@cache
def _template(name: str) -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("adam_ref.theorems.pages"),
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"words": words, "escaped": escaped}
    return environment.get_template(name)
