"""torch optimizers that compile their step anew for every shape and hyperparameter, as targets that run it op by op."""

from __future__ import annotations

from typing import Any

import torch

from conformance.targets.torch_optim import TorchOptimizer


def uncompiled(cls: Any, arguments: dict[str, Any], **more: Any) -> TorchOptimizer:
    """A target made of the class, in a process where torch.compile leaves functions as they are."""
    torch.compiler.set_stance("force_eager")
    return TorchOptimizer(cls, arguments, **more)
