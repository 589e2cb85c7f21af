"""torch.optim: each implementation of Adam and AdamW, and SparseAdam; torch.distributed: any class on several ranks.

Capturable does not run on CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from adam_ref import Dialect, Hyperparameters
from adam_ref.arrays import Array
from conformance.protocol import Session, Target
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project

_ALL = ("float32", "float64", "bfloat16", "float16")


class _SparseAdam(Adapter):
    """On gradients that list every element, in a session like those of any other torch optimizer."""

    claims = {"lr_schedule": True, "state": True, "checkpoint": True}

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        from conformance.targets.torch_sparse import session

        return session(parameters, hyperparameters[0], **self.arguments)


def distributed(layout: str) -> Callable[..., Target]:
    """Makes targets of that layout; see `conformance.targets.distributed.target`."""

    def make(patience: float, dialect: Dialect | None, **arguments: Any) -> Target:
        from conformance.targets.distributed.target import Distributed

        return Distributed(layout, patience=patience, dialect=dialect, **arguments)

    return make


_LAYOUTS = {
    "zero": "ZeroRedundancyOptimizer around Adam",
    "fsdp2": "Adam on fully_shard (FSDP2)",
    "dtensor": "Adam on parameters that are DTensors, sharded",
    "replicated": "Adam on whole parameters on every rank; for optimizers that shard their state themselves",
    "unreduced": "for optimizers that average the gradients themselves as well",
}

_VARIANTS: dict[str, dict[str, str]] = {
    "zero": {"processes=4": "the same on four ranks"},
    "fsdp2": {
        "processes=4": "the same on four ranks",
        "foreach=True": "the same, its foreach implementation",
        "fused=True": "the same, its fused kernel",
        "checkpoint=full": "the same, checkpoints by torch.distributed.checkpoint",
    },
    "dtensor": {
        "processes=4": "the same on four ranks",
        "checkpoint=full": "the same, checkpoints by torch.distributed.checkpoint",
    },
}
"""What else is judged of a layout for the published results, by its arguments; two ranks are what it has by itself."""


def _distributed() -> Iterator[Listed]:
    """Each layout with Adam, its variants, and AdamW."""
    for layout, what in _LAYOUTS.items():
        address, make, variants = f"torch.distributed:{layout}", distributed(layout), _VARIANTS.get(layout, {})
        judged = ("float32",) if variants else ()
        yield Listed(address=address, dialect="adam", what=what, make=make, dtypes=judged)
        for arguments, words in variants.items():
            yield Listed(address=f"{address}?{arguments}", dialect="adam", what=words, make=make, dtypes=judged)
        if layout != "unreduced":
            yield Listed(
                address=f"{address}?optimizer=AdamW",
                dialect="adamw",
                what="the same with AdamW",
                make=make,
                dtypes=judged if layout == "zero" else (),
            )


PROJECT = Project(
    "torch",
    "pip install 'adam-conformance[torch]'",
    (
        Listed(address="torch.optim:Adam", dialect="adam", what="torch.optim.Adam, as it chooses", dtypes=("float32",)),
        Listed(address="torch.optim:Adam?foreach=False", dialect="adam", what="its for-loop", dtypes=_ALL),
        Listed(address="torch.optim:Adam?foreach=True", dialect="adam", what="its foreach implementation", dtypes=_ALL),
        Listed(address="torch.optim:Adam?fused=True", dialect="adam", what="its fused kernel", dtypes=_ALL),
        Listed(address="torch.optim:Adam?amsgrad=True", dialect="adam", what="with AMSGrad in every step"),
        Listed(address="torch.optim:AdamW", dialect="adamw", what="torch.optim.AdamW"),
        Listed(address="torch.optim:AdamW?fused=True", dialect="adamw", what="its fused kernel"),
        Listed(
            address="torch.optim:SparseAdam",
            dialect="epsilon-hat",
            what="torch.optim.SparseAdam, every element given",
            make=_SparseAdam,
            dtypes=(),
        ),
        Listed(
            address="torch.optim:SparseAdam?eps=1e-8",
            dialect="epsilon-hat",
            what="the same, eps pinned as it must not be 0",
            make=_SparseAdam,
        ),
        *_distributed(),
    ),
)
