"""What a target in a worker cannot import: the reference, and whatever knows which answers are right.

This keeps the honest honest, and the lazy from answering with the numbers that they are held against.  It is no prison:
a target may read the files, or bring a copy of the reference, and is then an Adam by value.  What it cannot get at in
its own process is the declared dialect, the check that is running, and the intervals: they are not there.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from conformance.targets.addresses import PROCESS

OURS = ("adam_ref", "conformance")

WITHHELD = {
    "adam_ref": ("enclosure", "exact", "golden", "theorems"),
    "conformance": ("cases", "checks", "compare", "diagnosis", "faults", "suite", "vectors"),
}
"""Modules by package; theirs below them are withheld too."""


def is_foreign(address: str) -> bool:
    """Whether somebody else's code will run in this process: none of ours, and no program in a process of its own."""
    return address.partition(":")[0].partition(".")[0] not in (*OURS, PROCESS)


def is_withheld(module: str) -> bool:
    """Whether targets are not to import that module."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] in WITHHELD.get(package, ())


def withhold() -> None:
    """From now on importing these modules raises ImportError in this process; what was imported of them is let go."""
    for name in [name for name in sys.modules if is_withheld(name)]:
        del sys.modules[name]
        parent, _, child = name.rpartition(".")
        with contextlib.suppress(KeyError, AttributeError):
            delattr(sys.modules[parent], child)
    for package in filter(None, map(sys.modules.get, OURS)):
        _forget(package)
    sys.meta_path.insert(0, _Refusal())


def _forget(package: ModuleType) -> None:
    """Take away what the package offers of those modules under its own name."""
    for name, value in list(vars(package).items()):
        if any(is_withheld(str(getattr(thing, "__module__", ""))) for thing in (value, type(value))):
            delattr(package, name)


class _Refusal(importlib.abc.MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:  # noqa: ARG002
        if is_withheld(name):
            raise ImportError(
                f"{name} is withheld from targets, which do not answer from what judges them; leave that import out of "
                "the target's modules, or run it with --in-process",
                name=name,
            )
        return None
