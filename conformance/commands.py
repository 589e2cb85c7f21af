"""One line that runs a check again: for a shell where an address can be imported, for Python elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from adam_ref import ADAM, DIALECTS, Dialect
from conformance.targets.registry import declared


def to_check(
    address: str,
    dialect: Dialect = ADAM,
    *,
    only: Sequence[str] = (),
    dtypes: Sequence[str] = (),
    device: str = "cpu",
    profile: str = "standard",
    seed: int = 0,
    python: str = "",
) -> str:
    """The line that checks the target at `address` so, without what goes without saying."""
    unusual = {
        "device": None if device == "cpu" else device,
        "profile": None if profile == "standard" else profile,
        "seed": seed or None,
    }
    usual = declared(address) if importable(address) else ADAM
    if not importable(address):
        named = _name(dialect, usual)
        listed = {"only": list(only) or None, "dtypes": list(dtypes) or None, "dialect": named, **unusual}
        arguments = "".join(f", {name}={value!r}" for name, value in listed.items() if value is not None)
        return f"check_adam({address.rpartition(':')[2].rpartition('.')[2] or 'target'}{arguments})"
    words = ["adam-conformance", "check", address]
    words += [word for name in only for word in ("--only", name)]
    words += [word for name in dtypes for word in ("--dtype", name)]
    words += _options(dialect, usual)
    words += ["--python", python] if python else []
    words += [word for name, value in unusual.items() if value is not None for word in (f"--{name}", str(value))]
    return shlex.join(words)


def importable(address: str) -> bool:
    """Whether another process can import what `address` names: not what a function or a script holds, nor an object."""
    module, colon, _ = address.partition(":")
    return bool(colon) and module != "__main__" and "<" not in address


def _name(dialect: Dialect, usual: Dialect) -> str | Dialect | None:
    """As `check_adam` takes it, None where it is the usual one."""
    if dialect == usual:
        return None
    return next((name for name, known in DIALECTS.items() if known == dialect), dialect)


def _options(dialect: Dialect, usual: Dialect) -> list[str]:
    """As the command line takes it."""
    name = _name(dialect, usual)
    if name is None or isinstance(name, str):
        return [] if name is None else ["--dialect", name]
    axes = dialect.differences(usual).items()
    return [word for axis, value in axes for word in (f"--{axis.replace('_', '-')}", str(value).lower())]
