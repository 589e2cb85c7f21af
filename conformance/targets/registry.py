"""Targets that have a name: what each is declared to be, and how it is made.

A name reads like an address, `project:target?key=value`, and comes before what could be imported under it.  Ours are in
`conformance.targets.frameworks`, one module a project, called like the project; anyone else's are found through the
entry points of the group `adam_conformance.targets`, called like the project as well.  Either is asked only for names
that begin with its own.

To add a project: a module there with what README shows under "Check your own", and behind it

    from conformance.targets.registry import Listed, Project

    adam = Listed(address="mylib:Adam", dialect="epsilon-hat", what="mylib's Adam", make=MyAdam)
    PROJECT = Project("mylib", "pip install mylib", (adam,))

and its extra in pyproject.toml.  Or such a module in your own distribution, with

    [project.entry-points."adam_conformance.targets"]
    mylib = "my_framework:PROJECT"

installed where this package is.  Then `adam-conformance check mylib:Adam?eps=0.5` judges `MyAdam(eps=0.5)`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from adam_ref import ADAM, Dialect
from adam_ref.dialect import named_dialect
from conformance.protocol import TargetError, raised
from conformance.targets.addresses import parse_address

GROUP = "adam_conformance.targets"
_OURS = "conformance.targets.frameworks"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One target of a project.

    Attributes:
        address: `project:target?key=value&...`, the project's name first.
        dialect: name of the dialect that it is declared to be, also with further arguments.
        what: what it is, in a line.
        make: given the arguments of the address by name, returns the target, or whatever else `check` takes: an object
            with `name`, `capabilities` and `start`, a function; None where the address is imported like any other.
            Where it has parameters called so, it is also given `patience`, the seconds that an answer may take, and
            `dialect`, the declared one or None.
        dtypes: those in which it is judged for the published results; none where another entry speaks for it.
        needs: top-level packages without which it does not run; the project's own where there are none.
        files: what must lie in the working directory instead, where it is a program.

    """

    address: str
    dialect: str
    what: str
    make: Callable[..., Any] | None = None
    dtypes: tuple[str, ...] = ("float32", "float64")
    needs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """The top-level packages that it runs on; none where it is a program."""
        return () if self.files else self.needs or (project_of(self.address),)

    def missing_files(self) -> list[str]:
        """The files that it needs and the working directory has not."""
        return [name for name in self.files if not Path(name).exists()]


@dataclass(frozen=True)
class Project:
    """An implementer of Adam.

    Attributes:
        name: the top-level package, with which every address begins.
        install: the command that installs it.
        targets: what it offers.

    """

    name: str
    install: str
    targets: tuple[Listed, ...]


def project_of(address: str) -> str:
    """The top-level package that an address begins with."""
    return address.partition(":")[0].partition(".")[0]


def projects() -> list[Project]:
    """All projects, those of entry points behind ours; raises `TargetError` where one cannot be loaded."""
    names = sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(_OURS).__path__))
    points = list(importlib.metadata.entry_points(group=GROUP))
    others = sorted({point.name for point in points} - set(names))
    return [project for name in (*names, *others) for project in _projects(name, points)]


def _projects(name: str, points: Iterable[importlib.metadata.EntryPoint]) -> Iterator[Project]:
    """The projects of that name: ours, then those of other distributions, which are among these entry points."""
    module = f"{_OURS}.{name}"
    try:
        yield importlib.import_module(module).PROJECT
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
    for point in (point for point in points if point.name == name):
        try:
            project = point.load()
        except (Exception, SystemExit) as error:
            raise TargetError(f"the entry point {point.name} = {point.value} of {GROUP} {raised(error)}") from error
        if not isinstance(project, Project):
            raise TargetError(f"the entry point {point.name} = {point.value} of {GROUP} names no Project")
        yield project


@dataclass(frozen=True)
class Registered:
    """What a name stands for: the project, and the target that it lists."""

    project: Project
    target: Listed

    @property
    def dialect(self) -> Dialect:
        """The one that it is declared to be."""
        return named_dialect(self.target.dialect)

    def missing(self) -> list[str]:
        """The packages that it needs and this interpreter has not, and the files."""
        return [*(n for n in self.target.packages if find_spec(n) is None), *self.target.missing_files()]


def registered(address: str) -> Registered | None:
    """What is listed for `address`: of the entries with its path whose arguments it has, the one with the most."""
    module, name, arguments = parse_address(address)
    best: Registered | None = None
    most = -1
    for project in _projects(project_of(address), importlib.metadata.entry_points(group=GROUP)):
        for listed in project.targets:
            of_module, of_name, wanted = parse_address(listed.address)
            fits = (of_module, of_name) == (module, name) and wanted.items() <= arguments.items()
            if fits and len(wanted) > most:
                best, most = Registered(project, listed), len(wanted)
    return best


def listing(address: str) -> Registered | None:
    """As `registered`, and None where its project cannot be loaded: whoever loads the target says why."""
    try:
        return registered(address)
    except TargetError:
        return None


def declared(address: str) -> Dialect:
    """The dialect that `address` is taken for where nobody says otherwise.

    A name that only the list knows stands for what it is listed as.  What can be imported under its address is held to
    Algorithm 1, listed or not: a class may be anything, and whoever means another dialect declares it.
    """
    found = listing(address)
    return ADAM if found is None or found.target.make is None else found.dialect


def everything() -> list[Registered]:
    """All that is listed, in the order of `projects`."""
    return [Registered(project, listed) for project in projects() for listed in project.targets]
