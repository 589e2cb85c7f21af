"""Interpreters that targets run in: ours, or one in which a framework is installed and we are not.

Environments of frameworks conflict with one another and with ours.  Where a user names another interpreter, our two
packages reach it through a folder of links, so that nothing else of our environment does; of its own it needs NumPy and
ml_dtypes beside the framework.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from conformance.protocol import TargetError

PACKAGES = ("adam_ref", "conformance")

_VERSIONS = """
import json, sys
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
found = packages_distributions()
def of(name):
    return version(found[name][0]) if name in found else "unknown"
names = sys.argv[1:]
print(json.dumps({"python": sys.version.split()[0], **{n: of(n) for n in names if find_spec(n) is not None}}))
"""


class SearchPath:
    """What PYTHONPATH is for the worker; `close` removes what was laid out for it."""

    def __init__(self, python: str | None) -> None:
        self.links: tempfile.TemporaryDirectory[str] | None = None
        if python is None:
            self.value = os.pathsep.join(filter(None, sys.path))
            return
        self.links = tempfile.TemporaryDirectory(prefix="adam-conformance-")
        for name in PACKAGES:
            (Path(self.links.name) / name).symlink_to(Path(__file__).resolve().parents[2] / name)
        self.value = self.links.name

    def close(self) -> None:
        """Remove the links."""
        if self.links is not None:
            self.links.cleanup()


def versions(python: str | None, packages: Iterable[str]) -> dict[str, str]:
    """The version of Python and of those top-level packages that the interpreter has; raises `TargetError`."""
    command = [python or sys.executable, "-c", _VERSIONS, *sorted(set(packages))]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        found: dict[str, str] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise TargetError(f"{command[0]} is no Python that tells what it has: {error}") from error
    return found
