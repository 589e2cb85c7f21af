"""Hyperparameters and parameters, checked where they enter, with errors that say what was given and what is allowed."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from numbers import Real
from typing import Any

import torch
from torch import Tensor

WIDE = (torch.float32, torch.float64, torch.complex64, torch.complex128)
HALF = (torch.float16, torch.bfloat16)


def as_nonnegative(name: str, value: object) -> float:
    """`value` as a finite double `>= 0`, whatever numeric type it came in."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, got {value!r} of type {type(value).__name__}")
    number = float(value)
    if not 0.0 <= number < math.inf:
        raise ValueError(f"{name} must be finite and >= 0, got {value!r}")
    return number


def as_flag(name: str, value: object) -> bool:
    """`value` if it is a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r} of type {type(value).__name__}")
    return value


def as_lr(value: object) -> float | Tensor:
    """A learning rate: a finite number `>= 0`, or a tensor holding one (kept, so that changes are seen)."""
    if not isinstance(value, Tensor):
        return as_nonnegative("lr", value)
    if value.numel() != 1 or value.is_complex():
        raise ValueError(f"lr as a tensor must hold one real number, got shape {tuple(value.shape)} of {value.dtype}")
    as_nonnegative("lr", float(value))
    return value


def as_betas(value: object) -> tuple[float, float]:
    """Two decay rates, each in [0, 1)."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"betas must be a pair (beta1, beta2), got {value!r}")
    beta1, beta2 = (as_nonnegative(f"betas[{i}]", beta) for i, beta in enumerate(value))
    for i, beta in enumerate((beta1, beta2)):
        if beta >= 1.0:
            raise ValueError(f"betas[{i}] must lie in [0, 1), got {beta!r}")
    return beta1, beta2


def validate_group(group: MutableMapping[str, Any]) -> None:
    """Check the hyperparameters every adaptive optimizer has, and hold them as doubles."""
    group["lr"] = as_lr(group["lr"])
    group["betas"] = as_betas(group["betas"])
    group["eps"] = as_nonnegative("eps", group["eps"])


def validate_param(param: Tensor) -> None:
    """Refuse a parameter that cannot be updated element by element.

    Raises:
        TypeError: a dtype that Adam's state has no place for (integers, float8, complex32).
        ValueError: elements that share memory (an expanded tensor), or a lazily conjugated or negated view.
    """
    if torch.nn.parameter.is_lazy(param):
        return
    if param.dtype not in WIDE + HALF:
        allowed = ", ".join(str(dtype).removeprefix("torch.") for dtype in HALF + WIDE)
        raise TypeError(f"a parameter of dtype {param.dtype} cannot be optimized; allowed are {allowed}")
    if overlaps(param):
        raise ValueError(
            f"a parameter of shape {tuple(param.shape)} and strides {param.stride()} overlaps itself: several of its "
            "elements are the same memory, so each would be updated several times; pass param.contiguous() instead"
        )
    if param.is_conj() or param.is_neg():
        raise ValueError("a parameter is a lazily conjugated or negated view; pass param.resolve_conj().resolve_neg()")


def overlaps(tensor: Tensor) -> bool:
    """Whether two elements are the same memory.

    Not where each stride steps over all that the smaller ones reach; for stranger layouts the places are counted.
    """
    reach = 0
    layout = [(stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1]
    if tensor.numel() == 0:
        return False
    for stride, size in sorted(layout):
        if stride <= reach:
            break
        reach += stride * (size - 1)
    else:
        return False
    places = torch.zeros((), dtype=torch.int64)
    for stride, size in layout:
        places = places.unsqueeze(-1) + stride * torch.arange(size)
    return len(set(places.flatten().tolist())) < tensor.numel()


def validate_grad(grad: Tensor) -> None:
    """Refuse a gradient that is not dense."""
    if grad.layout != torch.strided:
        raise RuntimeError(
            f"Adam needs dense gradients, got one of layout {grad.layout}: the moments of every element decay at every "
            "step, also where a sparse gradient has no entry; densify it (grad.to_dense(), sparse=False in "
            "nn.Embedding) or use torch.optim.SparseAdam"
        )
