"""bitsandbytes' Adam and AdamW with their state in 32 bits, as its default backend runs them on CPU, but op by op."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from conformance.targets.registry import Listed, Project

if TYPE_CHECKING:
    from conformance.targets.torch_optim import TorchOptimizer

_NEEDS = ("bitsandbytes", "torch")


def adam(**arguments: Any) -> TorchOptimizer:
    """`bitsandbytes.optim.Adam`."""
    from bitsandbytes.optim import Adam

    from conformance.targets.uncompiled import uncompiled

    return uncompiled(Adam, arguments)


def adamw(**arguments: Any) -> TorchOptimizer:
    """`bitsandbytes.optim.AdamW`."""
    from bitsandbytes.optim import AdamW

    from conformance.targets.uncompiled import uncompiled

    return uncompiled(AdamW, arguments)


PROJECT = Project(
    "bitsandbytes",
    "pip install 'adam-conformance[bitsandbytes]'",
    (
        Listed(
            address="bitsandbytes.optim:Adam",
            dialect="adamw",
            what="bitsandbytes' Adam, its state in 32 bits",
            make=adam,
            dtypes=("float32",),
            needs=_NEEDS,
        ),
        Listed(
            address="bitsandbytes.optim:Adam?amsgrad=False",
            dialect="adamw",
            what="the same without AMSGrad",
            make=adam,
            dtypes=("float32",),
            needs=_NEEDS,
        ),
        Listed(
            address="bitsandbytes.optim:AdamW",
            dialect="adamw",
            what="bitsandbytes' AdamW, its state in 32 bits",
            make=adamw,
            dtypes=("float32",),
            needs=_NEEDS,
        ),
    ),
)
