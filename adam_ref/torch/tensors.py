"""The tensors an update computes with: moments, working copies of half precision, real views of complex numbers."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from adam_ref.torch.validation import HALF


def like_param(param: Tensor) -> Tensor:
    """Zeros allocated like `param` (shape, device, memory format), but in float32 where it is half precision.

    The second moment underflows in float16 for every gradient below 2e-4 and stalls in bfloat16, so moments are kept
    wide.
    """
    dtype = torch.float32 if param.dtype in HALF else param.dtype
    return torch.zeros_like(param, dtype=dtype, memory_format=torch.preserve_format)


def working_tensors(param: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """`(param, grad)` to compute with: float32 copies of half precision, real views of complex tensors."""
    work = param.to(torch.float32) if param.dtype in HALF else param
    if grad.dtype != work.dtype:
        grad = grad.to(work.dtype)
    return real_view(work), real_view(grad)


def plain_grad(param: Tensor) -> Tensor:
    """The gradient of `param`, with a pending conjugation or negation carried out."""
    grad = cast(Tensor, param.grad)
    return grad.resolve_conj().resolve_neg() if grad.is_conj() or grad.is_neg() else grad


def store_back(param: Tensor, work: Tensor) -> None:
    """Round a working copy into its parameter; a view has already written there."""
    if param.dtype in HALF:
        param.copy_(work)


def real_view(tensor: Tensor) -> Tensor:
    """A complex tensor as pairs of independent reals in a last dimension of 2; a real one as it is."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def is_dense(tensor: Tensor) -> bool:
    """Whether the elements fill one block of memory without gap or overlap, in whatever order of dimensions."""
    if tensor.is_contiguous():
        return True
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


def flat(tensor: Tensor) -> Tensor:
    """The elements of a dense tensor in the order they have in memory, as a view."""
    return tensor.as_strided((tensor.numel(),), (1,))
