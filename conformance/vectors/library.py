"""All files of a directory: generate, verify and lint them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.usage import UsageError
from conformance.vectors import bounds, lint, plan
from conformance.vectors.certify import certify
from conformance.vectors.flags import flags_of
from conformance.vectors.model import VectorError, VectorFile
from conformance.vectors.text import FLAGS_FILE, parsed, written, written_flags

SUMS_FILE = "SHA256SUMS"


@dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        path: from the directory on.
        vectors: how many it has.
        values: rows that were certified, or that are there.
        undecided: rows that say nothing.
        problems: in sentences; none where all is well.

    """

    path: str
    vectors: int = 0
    values: int = 0
    undecided: int = 0
    problems: tuple[str, ...] = ()


def generated(chapter: str, dialect: str, fmt: str) -> VectorFile:
    """A file made from the plan; it is still to be certified."""
    return with_rows(plan.inputs(chapter, dialect, fmt))


def with_rows(file: VectorFile) -> VectorFile:
    """The file with flags and rows computed from its inputs, whatever it had."""
    tensors = []
    for tensor in file.tensors:
        rows = bounds.rows(tensor, tensor.quantities(file.chapter), file.dialect, file.format)
        vectors = (replace(v, rows=r) for v, r in zip(tensor.vectors, rows, strict=True))
        tensors.append(flags_of(replace(tensor, vectors=tuple(vectors)), file.format))
    return file.with_tensors(tuple(tensors))


def generate(directory: Path) -> Iterator[Outcome]:
    """Write every planned file, certified, then the flags and the checksums; files of no plan are taken away.

    Raises:
        VectorError: a value of the exact reference lies outside its row; nothing more is written then.

    """
    written_now = []
    for chapter, dialect, fmt in plan.planned():
        file = generated(chapter, dialect, fmt)
        certified = certify(file)
        path = directory / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(written(file), encoding="utf-8", newline="\n")
        written_now.append(file.path)
        yield Outcome(file.path, len(file.vectors), certified, file.counts[1])
    for name in files(directory):
        if name not in written_now:
            (directory / name).unlink()
    (directory / FLAGS_FILE).write_text(written_flags(), encoding="utf-8", newline="\n")
    write_sums(directory)


def files(directory: Path) -> list[str]:
    """The files of vectors that lie in a directory, in the order of the plan as far as they are in it."""
    order = [VectorFile(*names, ()).path for names in plan.planned()]
    there = [f"{path.parent.name}/{path.name}" for path in sorted(directory.glob("*/*.json"))]
    return sorted(there, key=lambda path: (order.index(path) if path in order else len(order), path))


def write_sums(directory: Path) -> None:
    """Write the checksums of all files, for `sha256sum -c`."""
    (directory / SUMS_FILE).write_text(_sums(directory), encoding="utf-8", newline="\n")


def _sums(directory: Path) -> str:
    names = [*files(directory), FLAGS_FILE]
    return "".join(f"{hashlib.sha256((directory / name).read_bytes()).hexdigest()}  {name}\n" for name in names)


def verify(place: Path) -> Iterator[Outcome]:
    """Compute every row of a file, or of all files of a directory, again from the inputs alone, and certify it.

    In a directory the checksums are held against the files as well: a changed input that is as good as the old one
    shows nowhere else.
    """
    if place.is_file():
        yield verified(_read(place), place.name)
        return
    for path in _some(place):
        yield verified(_read(place / path), path)
    yield general(place)


def verified(text: str, path: str) -> Outcome:
    """One file: its rows computed again, and held against the exact reference."""
    try:
        file = parsed(text)
        again = with_rows(file)
        difference = lint.first_difference(text, written(again))
        if difference:
            return Outcome(path, len(file.vectors), problems=(difference,))
        certified = certify(file)
    except (VectorError, KeyError, ValueError) as error:
        return Outcome(path, problems=(str(error),))
    values, undecided = file.counts
    if certified != values:
        return Outcome(path, len(file.vectors), problems=(f"{certified} of {values} rows could be certified",))
    return Outcome(path, len(file.vectors), certified, undecided)


def linted(place: Path) -> Iterator[Outcome]:
    """The form of a file, or of all files of a directory."""
    if place.is_file():
        yield _linted(_read(place), "", place.name)
        return
    for path in _some(place):
        yield _linted(_read(place / path), path, path)
    yield general(place)


def _linted(text: str, path: str, name: str) -> Outcome:
    found = lint.problems(text, path)
    if found:
        return Outcome(name, problems=tuple(found))
    file = parsed(text)
    return Outcome(name, len(file.vectors), *file.counts)


def laid_out(place: Path) -> int:
    """Lay out files anew where a file is well formed otherwise; returns how many were changed."""
    changed = 0
    paths = [place] if place.is_file() else [place / path for path in _some(place)]
    for path in paths:
        text = _read(path)
        try:
            file = parsed(text)
            tidy = written(file)
        except (VectorError, KeyError):
            continue
        if tidy != text:
            path.write_text(tidy, encoding="utf-8", newline="\n")
            changed += 1
    if place.is_dir():
        write_sums(place)
    return changed


def _some(directory: Path) -> list[str]:
    found = files(directory)
    if not found:
        raise UsageError(
            f"{str(directory)!r} holds no vectors: name a directory with CHAPTER/DIALECT-FORMAT.json in it"
        )
    return found


def general(directory: Path) -> Outcome:
    """What belongs to a directory and to none of its files of vectors: the flags, and the checksums."""
    found = []
    for name, want in ((FLAGS_FILE, written_flags), (SUMS_FILE, lambda: _sums(directory))):
        path = directory / name
        if not path.is_file():
            found.append(f"there is no {name}")
        elif difference := lint.first_difference(_read(path), want()):
            found.append(f"{name}: {difference}")
            break
    return Outcome(f"{FLAGS_FILE}, {SUMS_FILE}", problems=tuple(found))


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error}") from error
