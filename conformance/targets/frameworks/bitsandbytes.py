"""bitsandbytes' Adam and AdamW with their state in 32 bits, as its default backend runs them on CPU, but op by op."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.targets.registry import Listed, Project

if TYPE_CHECKING:
    from conformance.targets.torch_optim import TorchOptimizer


def adam(**arguments: Any) -> TorchOptimizer:
    """`bitsandbytes.optim.Adam`."""
    from conformance.targets.uncompiled import uncompiled

    return uncompiled("bitsandbytes.optim", "Adam", arguments)


def adamw(**arguments: Any) -> TorchOptimizer:
    """`bitsandbytes.optim.AdamW`."""
    from conformance.targets.uncompiled import uncompiled

    return uncompiled("bitsandbytes.optim", "AdamW", arguments)


PROJECT = Project(
    "bitsandbytes",
    "pip install 'adam-conformance[bitsandbytes]'",
    tuple(
        Listed(
            address=f"bitsandbytes.optim:{name}",
            dialect="adamw",
            what=what,
            make=make,
            dtypes=("float32",),
            needs=("bitsandbytes", "torch"),
        )
        for name, make, what in (
            ("Adam", adam, "bitsandbytes' Adam, its state in 32 bits"),
            ("Adam?amsgrad=False", adam, "the same without AMSGrad"),
            ("AdamW", adamw, "bitsandbytes' AdamW, its state in 32 bits"),
        )
    ),
)
