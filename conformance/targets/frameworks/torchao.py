"""torchao's AdamW in full precision, the class under its low-bit ones, its step op by op."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.targets.registry import Listed, Project

if TYPE_CHECKING:
    from conformance.targets.torch_optim import TorchOptimizer


def adamw(**arguments: Any) -> TorchOptimizer:
    """`torchao.optim._AdamW`."""
    from torchao.optim import _AdamW

    from conformance.targets.uncompiled import uncompiled

    return uncompiled(_AdamW, arguments)


PROJECT = Project(
    "torchao",
    "pip install 'adam-conformance[torchao]'",
    (
        Listed(
            address="torchao.optim:_AdamW",
            dialect="adamw",
            what="torchao's _AdamW, full precision",
            make=adamw,
            dtypes=("float32",),
            needs=("torchao", "torch"),
        ),
    ),
)
