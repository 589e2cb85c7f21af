"""Failures that are known and accepted: a TOML file whose table `[waivers]` gives a reason for each.

    [waivers]
    "update.exact-zeros-float16" = "eps underflows in half precision; we raise it in production"

A waiver names a check (`update.exact-zeros`, in every dtype), or a check in one dtype (`update.exact-zeros-float16`).
One that the run shows to be unneeded is stale, and makes the run fail: waivers cannot rot.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from conformance.usage import UsageError, near


class WaiverError(UsageError):
    """A file that holds no waivers, or waives what does not exist."""


def read_waivers(path: str | Path) -> dict[str, str]:
    """The reasons by id as `path` gives them; raises `WaiverError` on anything that is not a table of reasons."""
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise WaiverError(f"{path} is no file of waivers: {error}") from error
    if set(data) != {"waivers"} or not isinstance(data["waivers"], dict):
        raise WaiverError(f'{path} holds {sorted(data)}; allowed is one table [waivers] of lines "id" = "reason"')
    for name, reason in data["waivers"].items():
        _require_reason(name, reason)
    return dict(data["waivers"])


def _require_reason(name: str, reason: Any) -> None:
    if isinstance(reason, dict):
        raise WaiverError(f'the id of a waiver has a dot and needs quotes: write "{name}...." = "reason"')
    if not isinstance(reason, str) or not reason.strip():
        raise WaiverError(f"the waiver of {name!r} gives {reason!r}; a reason in words is needed")


def known(waivers: Mapping[str, str], checks: Iterable[str], dtypes: Iterable[str]) -> dict[str, str]:
    """`waivers` as they are, where each id is one of `checks`, or one of them in one of `dtypes`.

    Raises:
        WaiverError: an id that is none; the message names the nearest ones.

    """
    names = list(checks)
    allowed = {*names, *(f"{name}-{dtype}" for name in names for dtype in dtypes)}
    for name in waivers:
        if name not in allowed:
            hint = near(name, sorted(allowed), "adam-conformance list checks")
            raise WaiverError(f"{name!r} is waived, and no check is called so; {hint}")
    return dict(waivers)
