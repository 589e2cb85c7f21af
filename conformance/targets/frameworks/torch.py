"""torch.optim: each implementation of Adam and AdamW, and SparseAdam.  Capturable does not run on CPU."""

from __future__ import annotations

from collections.abc import Sequence

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.protocol import Session
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project

_ALL = ("float32", "float64", "bfloat16", "float16")


class _SparseAdam(Adapter):
    """On gradients that list every element, in a session like those of any other torch optimizer."""

    claims = {"lr_schedule": True, "state": True, "checkpoint": True}

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        from conformance.targets.torch_sparse import session

        return session(parameters, hyperparameters[0], **self.arguments)


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
    ),
)
