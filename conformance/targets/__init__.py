"""From what a user names to a target: addresses like `package.module:Class?key=value`, classes, functions, objects.

To add a kind of target: write a module here that turns it into a `conformance.protocol.Target`, and a line in `adapt`.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import sys
from typing import Any
from urllib.parse import parse_qsl

from adam_ref import Dialect
from conformance.protocol import Target, TargetError, raised
from conformance.targets.plain_object import PlainObject

DEFAULT_TARGET = "adam_ref.torch:Adam?optimized_update=False"
"""The shipped torch Adam, in the form of Algorithm 1."""

BUILT_IN = {
    DEFAULT_TARGET: "the shipped torch Adam, Algorithm 1 (dialect adam)",
    "adam_ref.torch:Adam": "the shipped torch Adam, optimized update (dialect epsilon-hat)",
    "adam_ref.torch:Adam?optimized_update=False&fused=True": "the same on torch's fused kernel",
    "torch.optim:Adam?foreach=False": "torch's for-loop (dialect adam)",
    "torch.optim:Adam?foreach=True": "torch's foreach (dialect adam)",
    "torch.optim:Adam?fused=True": "torch's fused kernel (dialect adam)",
    "torch.optim:AdamW": "torch's AdamW (dialect adamw)",
}
"""Addresses worth knowing; any other importable one works as well."""


def parse_address(address: str) -> tuple[str, str, dict[str, Any]]:
    """Module, qualified name and arguments of `package.module:Class?key=value&...`.

    Values are Python literals where they read as such (`true` and `false` count), and strings otherwise.
    """
    path, _, query = address.partition("?")
    module, colon, name = path.partition(":")
    if not (module and colon and name):
        raise TargetError(
            f"{address!r} is no address of a target: write package.module:Class, for example torch.optim:Adam"
        )
    try:
        arguments = parse_qsl(query, strict_parsing=bool(query))
    except ValueError as error:
        raise TargetError(f"{query!r} are no arguments of a target: write ?key=value&key=value") from error
    keys = [key for key, _ in arguments]
    if "" in keys or len(set(keys)) < len(keys):
        raise TargetError(f"{query!r} are no arguments of a target: each needs a name, and a name of its own")
    return module, name, {key: _literal(value) for key, value in arguments}


def _literal(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def load_target(address: str, *, dialect: Dialect | None = None, device: str = "cpu") -> Target:
    """Import what `address` names and adapt it; raises `TargetError` where that fails."""
    module_name, name, arguments = parse_address(address)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise TargetError(f"importing {module_name} {raised(error)}{_extra(error)}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise TargetError(f"{module_name} has no {name!r}")
        found = getattr(found, part)
    try:
        target = adapt(found, arguments, dialect=dialect, device=device)
    except TargetError:
        raise
    except (Exception, SystemExit) as error:
        raise TargetError(f"making a target of {address} {raised(error)}") from error
    target.name = address
    return target


def adapt(
    thing: Any, arguments: dict[str, Any] | None = None, *, dialect: Dialect | None = None, device: str = "cpu"
) -> Target:
    """`thing` as a target: an optimizer class of torch, an object of the plug-in protocol or its class, a function."""
    if inspect.isclass(thing) and _is_torch_optimizer(thing):
        return _torch_target(thing, arguments or {}, dialect, device)
    if inspect.isclass(thing) and hasattr(thing, "start"):
        thing, arguments = thing(**(arguments or {})), None
    if hasattr(thing, "start") and hasattr(thing, "capabilities"):
        if arguments:
            raise TargetError(f"{thing!r} is an object already; it takes no arguments {arguments}")
        return PlainObject(thing)
    if callable(thing) and not inspect.isclass(thing):
        from conformance.targets.numpy_function import NumpyFunction

        return NumpyFunction(thing, arguments)
    raise TargetError(
        f"{thing!r} is no target: allowed are subclasses of torch.optim.Optimizer, objects with name, capabilities and "
        "start, and functions (parameters, gradients, state, **hyperparameters) -> (parameters, state)"
    )


def _extra(error: BaseException) -> str:
    """How to install torch, where that is what is missing."""
    missing = isinstance(error, ModuleNotFoundError) and error.name == "torch"
    return "; it comes with pip install 'adam-conformance[torch]'" if missing else ""


def _is_torch_optimizer(cls: type) -> bool:
    return any(base.__module__ == "torch.optim.optimizer" and base.__name__ == "Optimizer" for base in cls.__mro__)


def _torch_target(cls: Any, arguments: dict[str, Any], dialect: Dialect | None, device: str) -> Target:
    from adam_ref.torch import Adam, WeightDecay
    from conformance.targets.torch_optim import TorchOptimizer

    if not issubclass(cls, Adam):
        return TorchOptimizer(cls, arguments, device=device)
    kind = dialect.weight_decay if dialect else "decoupled"

    def decay(coefficient: float) -> WeightDecay:
        return WeightDecay(coefficient, weight_decouple=kind != "coupled", absolute=kind == "absolute")

    return TorchOptimizer(cls, arguments, device=device, decay=decay)
