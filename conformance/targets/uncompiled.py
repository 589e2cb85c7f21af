"""torch optimizers that compile their step anew for every shape and hyperparameter, as targets that run it op by op."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch

from conformance.targets.torch_optim import TorchOptimizer


def uncompiled(module: str, name: str, arguments: dict[str, Any]) -> TorchOptimizer:
    """A target made of that class of that module, in a process where torch.compile leaves functions as they are."""
    torch.compiler.set_stance("force_eager")
    return TorchOptimizer(getattr(import_module(module), name), arguments)
