"""NumPy arrays as torch tensors and back, bit for bit."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import torch

from adam_ref.arrays import Array

_BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
_BITS = {torch.bfloat16: (torch.int16, _BFLOAT16)}


def to_torch(array: Array, device: str) -> torch.Tensor:
    """A contiguous tensor with the array's bits and shape; bfloat16 crosses as 16-bit integers."""
    if array.dtype == _BFLOAT16:
        return torch.from_numpy(array.copy().view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(np.array(array)).to(device)


def to_numpy(tensor: torch.Tensor) -> Array:
    """A new array with the tensor's bits and shape; what is sparse becomes dense."""
    tensor = tensor.detach()
    tensor = (_dense(tensor) if tensor.is_sparse else tensor).cpu().contiguous()
    if tensor.dtype in _BITS:
        integers, dtype = _BITS[tensor.dtype]
        return np.array(tensor.view(integers).numpy()).view(dtype)
    return np.array(tensor.numpy())


def _dense(sparse: torch.Tensor) -> torch.Tensor:
    """The same numbers with all elements; where all are listed, their very bits, which adding to zeros would change."""
    listed = sparse.coalesce().values()
    return listed.reshape(sparse.shape) if listed.numel() == sparse.numel() else sparse.to_dense()
