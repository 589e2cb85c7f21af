"""torchao's AdamW in full precision, the class under its low-bit ones, its step op by op."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.targets.registry import Listed, Project

if TYPE_CHECKING:
    from conformance.targets.torch_optim import TorchOptimizer


def adamw(**arguments: Any) -> TorchOptimizer:
    """`torchao.optim._AdamW`."""
    from conformance.targets.uncompiled import uncompiled

    return uncompiled("torchao.optim", "_AdamW", arguments)


def adamw_at_random(**arguments: Any) -> TorchOptimizer:
    """The same with bfloat16 parameters that it rounds at random."""
    target = adamw(**arguments)
    target.capabilities = replace(target.capabilities, stochastic_rounding=True, dtypes=("bfloat16",))
    return target


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
        Listed(
            address="torchao.optim:_AdamW?bf16_stochastic_round=True",
            dialect="adamw",
            what="torchao's _AdamW, bfloat16 parameters rounded at random",
            make=adamw_at_random,
            dtypes=("bfloat16",),
            needs=("torchao", "torch"),
        ),
    ),
)
