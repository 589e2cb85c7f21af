"""Adam once more, for the tests alone: the paper's formulas in float64 NumPy, or on exact decimals.

Written apart from everything in `adam_ref`, in the unfolded form, so that a shared mistake is unlikely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adam_ref.torch import Adam, WeightDecay

PATHS = {"loop": {}, "foreach": {"foreach": True}, "fused": {"fused": True}}
DECAYS = {
    "none": WeightDecay(),
    "coupled": WeightDecay(0.05, weight_decouple=False),
    "decoupled": WeightDecay(0.05),
    "absolute": WeightDecay(0.01, absolute=True),
}


@dataclass(frozen=True)
class Oracle:
    """Where one array stands after `t` steps; `step` gives the next one."""

    theta: np.ndarray
    m: np.ndarray
    v: np.ndarray
    t: int = 0

    @classmethod
    def at(cls, theta: Tensor) -> Oracle:
        start = as_float64(theta)
        return cls(start, np.zeros_like(start), np.zeros_like(start))

    def step(
        self,
        grad: Tensor,
        *,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-16,
        optimized: bool = True,
        decay: str = "none",
    ) -> Oracle:
        """One step; `eps` is `eps_hat` where `optimized`."""
        (b1, b2), t, g, theta = betas, self.t + 1, as_float64(grad), self.theta
        if decay == "coupled":
            g = g + DECAYS[decay].weight_decay * theta
        elif decay == "decoupled":
            theta = theta - lr * DECAYS[decay].weight_decay * theta
        elif decay == "absolute":
            theta = theta - DECAYS[decay].weight_decay * theta
        m = b1 * self.m + (1 - b1) * g
        v = b2 * self.v + (1 - b2) * g * g
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        guard = eps / np.sqrt(1 - b2**t) if optimized else eps
        return Oracle(theta - lr * m_hat / (np.sqrt(v_hat) + guard), m, v, t)

    def moved_to(self, theta: Tensor) -> Oracle:
        """The same moments with the parameter as it was stored, to judge one step by itself."""
        return replace(self, theta=as_float64(theta))


def as_float64(tensor: Tensor) -> np.ndarray:
    """A tensor's values; complex ones as pairs of reals."""
    values = tensor.detach().resolve_conj()
    values = torch.view_as_real(values) if values.is_complex() else values
    return values.to(torch.float64).cpu().contiguous().numpy().copy()


def exact_first_steps(
    grads: Sequence[float], t0: int, lr: float, betas: tuple[float, float], eps: float, *, optimized: bool
) -> list[Decimal]:
    """The updates of a scalar whose moments are zero after `t0` steps, to 60 digits from the doubles as they are."""
    with localcontext() as context:
        context.prec = 60
        b1, b2, rate, guard = Decimal(betas[0]), Decimal(betas[1]), Decimal(lr), Decimal(eps)
        m = v = Decimal(0)
        updates = []
        for t, grad in enumerate(map(Decimal, grads), start=t0 + 1):
            m, v = b1 * m + (1 - b1) * grad, b2 * v + (1 - b2) * grad * grad
            c1, c2 = 1 - b1**t, 1 - b2**t
            epsilon = guard / c2.sqrt() if optimized else guard
            updates.append(rate * (m / c1) / ((v / c2).sqrt() + epsilon))
        return updates


def noise(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0, scale: float = 1.0) -> Tensor:
    """Reproducible normal numbers."""
    generator = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(shape, dtype=torch.float64, generator=generator)).to(dtype)


def parameter(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    """A leaf to optimize."""
    wide = torch.complex128 if dtype.is_complex else torch.float64
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=wide, generator=generator).to(dtype).requires_grad_()


def drive(optimizer: torch.optim.Optimizer, params: Sequence[Tensor], first: int, steps: int) -> None:
    """Feed reproducible gradients for steps `first` to `first+steps-1`."""
    for t in range(first, first + steps):
        for i, param in enumerate(params):
            generator = torch.Generator().manual_seed(1000 * t + i)
            wide = torch.complex128 if param.is_complex() else torch.float64
            grad = torch.randn(param.shape, dtype=wide, generator=generator).to(param)
            param.grad = torch.empty_like(param).copy_(grad)
        optimizer.step()


def make(path: str, params: Any, **options: Any) -> Adam:
    """The shipped Adam on one of its paths."""
    return Adam(params, **options, **PATHS[path])
