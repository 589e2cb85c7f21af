"""From what a user names to a target: addresses like `package.module:Class?key=value`, classes, functions, objects.

To add a kind of target: write a module here that turns it into a `conformance.protocol.Target`, and a line in `adapt`.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from adam_ref import Dialect
from conformance.capabilities import Capabilities
from conformance.protocol import Target, TargetError, raised
from conformance.targets.addresses import PROCESS, parse_address
from conformance.targets.plain_object import PlainObject
from conformance.targets.program import PATIENCE
from conformance.targets.registry import registered
from conformance.usage import near

DEFAULT_TARGET = "adam_ref.torch:Adam?optimized_update=False"
"""The shipped torch Adam, in the form of Algorithm 1."""


def load_target(
    address: str, *, dialect: Dialect | None = None, device: str = "cpu", patience: float = PATIENCE
) -> Target:
    """Make what is listed for `address`, import and adapt what it names, or start the program that it names.

    Args:
        address: `package.module:Class?key=value&...`, or `process:COMMAND LINE`.
        dialect: the declared one, or `None`.
        device: "cpu" or "cuda".
        patience: seconds that any one answer of a program, or of processes of the target's own, may take.

    Raises:
        TargetError: that fails.

    """
    module, name, arguments = parse_address(address)
    if module == PROCESS:
        from conformance.smoke import connected

        return connected(name, dialect.weight_decay if dialect else None, device, patience)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    listed = registered(address)
    if listed is not None and (missing := listed.missing()):
        raise TargetError(f"{address} needs {' and '.join(missing)}: {listed.project.install}")
    make = None if listed is None else listed.target.make
    found = None if make is not None else _imported(module, name)
    try:
        if make is None:
            target = adapt(found, arguments, dialect=dialect, device=device)
        else:
            made = make(**_asked_for(make, patience=patience, dialect=dialect), **arguments)
            target = made if isinstance(getattr(made, "capabilities", None), Capabilities) else adapt(made)
    except TargetError:
        raise
    except (Exception, SystemExit) as error:
        raise TargetError(f"making a target of {address} {raised(error)}") from error
    target.name = address
    return target


def _asked_for(make: Callable[..., Any], **known: Any) -> dict[str, Any]:
    """Of what is known, that which `make` has parameters for."""
    return {name: value for name, value in known.items() if name in inspect.signature(make).parameters}


def _imported(module: str, name: str) -> Any:
    try:
        found: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise TargetError(f"importing {module} {raised(error)}{_extra(error)}") from error
    for part in name.split("."):
        if not hasattr(found, part):
            offered = [n for n, value in vars(found).items() if callable(value) and not n.startswith("_")]
            hint = near(part, offered, f"what it has: {', '.join(offered) or 'nothing that can be called'}")
            raise TargetError(f"{module} has no {name!r}; {hint}")
        found = getattr(found, part)
    return found


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
