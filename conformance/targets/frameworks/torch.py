"""torch.optim: each implementation of Adam and AdamW, and SparseAdam.  Capturable does not run on CPU."""

from __future__ import annotations

from typing import Any

from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project

_ALL = ("float32", "float64", "bfloat16", "float16")


def sparse_adam(**arguments: Any) -> Adapter:
    """`torch.optim.SparseAdam`, on gradients that list every element."""
    from conformance.targets.torch_sparse import session

    return Adapter("torch.optim:SparseAdam", session, arguments, lr_schedule=True, state=True, checkpoint=True)


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
            make=sparse_adam,
            dtypes=(),
        ),
        Listed(
            address="torch.optim:SparseAdam?eps=1e-8",
            dialect="epsilon-hat",
            what="the same, eps pinned as it must not be 0",
            make=sparse_adam,
        ),
    ),
)
