"""torch.optim.SparseAdam as a target: its gradients are sparse in layout and have every element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.torch_optim import TorchSession, to_numpy, to_torch


class SparseSession(TorchSession):
    """One SparseAdam at work."""

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """Set `.grad` of each parameter to a sparse tensor and step."""
        for tensor, gradient in zip(self.tensors, gradients, strict=True):
            tensor.grad = None if gradient is None else _sparse(to_torch(gradient, self.device))
        self.optimizer.step()
        return [to_numpy(t) for t in self.tensors]

    def held_gradients(self) -> list[Array | None]:
        """`.grad` of each parameter as it is now, dense."""
        return [None if t.grad is None else to_numpy(t.grad.to_dense()) for t in self.tensors]

    def shared_memory(self) -> list[str]:
        """Among the parameters and their state; a sparse gradient has no storage of its own."""
        gradients = [tensor.grad for tensor in self.tensors]
        for tensor in self.tensors:
            tensor.grad = None
        shared = super().shared_memory()
        for tensor, gradient in zip(self.tensors, gradients, strict=True):
            tensor.grad = gradient
        return shared


def _sparse(dense: torch.Tensor) -> torch.Tensor:
    """With zeros listed as well: an element that is not listed is not stepped, by design."""
    everywhere = torch.ones(dense.shape, dtype=torch.bool).nonzero().t()
    return torch.sparse_coo_tensor(
        everywhere, dense.reshape(-1), dense.shape, is_coalesced=True, check_invariants=False
    )


def session(parameters: Sequence[Array], hyper: Hyperparameters, **arguments: Any) -> SparseSession:
    """A session on new tensors."""
    tensors = [torch.nn.Parameter(to_torch(p, "cpu")) for p in parameters]
    betas = (hyper.beta1, hyper.beta2)
    return SparseSession(torch.optim.SparseAdam(tensors, hyper.lr, betas, hyper.eps, **arguments), tensors, "cpu")
