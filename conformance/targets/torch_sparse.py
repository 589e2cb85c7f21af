"""torch.optim.SparseAdam as a target: its gradients are sparse in layout and have every element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.torch_optim import TorchSession
from conformance.targets.torch_plain import Plainly


class EveryElementListed(Plainly):
    """Sparse gradients that list zeros as well: an element that is not listed is not stepped, by design."""

    def gradient(self, tensor: torch.Tensor) -> torch.Tensor:
        """Each element once."""
        everywhere = torch.ones(tensor.shape, dtype=torch.bool).nonzero().t()
        numbers = tensor.reshape(-1)
        return torch.sparse_coo_tensor(everywhere, numbers, tensor.shape, is_coalesced=True, check_invariants=False)


def session(parameters: Sequence[Array], hyper: Hyperparameters, **arguments: Any) -> TorchSession:
    """A session on new tensors."""
    way = EveryElementListed("cpu")
    tensors = way.hold(parameters)
    betas = (hyper.beta1, hyper.beta2)
    return TorchSession(torch.optim.SparseAdam(tensors, hyper.lr, betas, hyper.eps, **arguments), tensors, way)
