"""The panel: correct Adams written from scratch in other styles, and those that others have written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from adam_ref import ADAM, Hyperparameters
from adam_ref.arrays import Array
from adam_ref.dialect import DIALECTS
from conformance.capabilities import Capabilities
from conformance.faults.panel import Honest, enlist
from conformance.protocol import Session, Target

_PLAIN = ("lr", "beta1", "beta2", "eps")


class Loop:
    """Adam element by element, in Python's floats or in NumPy's scalars."""

    name = "conformance.faults:HonestForm?form=loop"
    capabilities = Capabilities(settable=_PLAIN, groups=True)

    def __init__(self, *, double: bool) -> None:
        self.double = double

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        """Lists of numbers, one for each element."""
        return _LoopSession(parameters, hyperparameters, double=self.double)


class _LoopSession:
    def __init__(self, parameters: Sequence[Array], hypers: Sequence[Hyperparameters], *, double: bool) -> None:
        self.parameters, self.hypers, self.double = [p.copy() for p in parameters], hypers, double
        self.moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
        self.t = 0

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        self.t += 1
        for parameter, moments, gradient, hyper in zip(
            self.parameters, self.moments, gradients, self.hypers, strict=True
        ):
            assert gradient is not None
            self._update(parameter, *moments, gradient, hyper)
        return self.parameters

    def _update(self, theta: Array, m: Array, v: Array, gradient: Array, hyper: Hyperparameters) -> None:
        number = float if self.double else theta.dtype.type
        c1, c2 = 1 - hyper.beta1**self.t, 1 - hyper.beta2**self.t
        for i in np.ndindex(theta.shape):
            g = number(gradient[i])
            m[i] = number(hyper.beta1) * number(m[i]) + number(1 - hyper.beta1) * g
            v[i] = number(hyper.beta2) * number(v[i]) + number(1 - hyper.beta2) * (g * g)
            root = math.sqrt(v[i] / number(c2)) if self.double else np.sqrt(v[i] / number(c2))
            below = root + number(hyper.eps)
            over = number(hyper.lr) * (number(m[i]) / number(c1))
            theta[i] = number(theta[i]) - (over / below if below else np.divide(over, below))


class OneBuffer:
    """All tensors laid end to end in one buffer, stepped at once, and cut apart again."""

    name = "conformance.faults:HonestForm?form=one-buffer"
    capabilities = Capabilities(settable=(*_PLAIN, "weight_decay"), weight_decay=("decoupled",))

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        """One buffer for everything."""
        return _BufferSession(parameters, hyperparameters[0])


class _BufferSession:
    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        self.shapes, self.hyper, self.t = [p.shape for p in parameters], hyper, 0
        self.theta = np.concatenate([p.reshape(-1) for p in parameters])
        self.m, self.v = np.zeros_like(self.theta), np.zeros_like(self.theta)

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        g = np.concatenate([np.asarray(g).reshape(-1) for g in gradients])
        h, self.t = self.hyper, self.t + 1
        self.theta *= 1 - h.lr * h.weight_decay
        self.m += (1 - h.beta1) * (g - self.m)
        self.v *= h.beta2
        self.v += (1 - h.beta2) * g * g
        rate, root = h.lr / (1 - h.beta1**self.t), math.sqrt(1 - h.beta2**self.t)
        self.theta -= rate * self.m / (np.sqrt(self.v) / root + h.eps)
        cuts = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        return [part.reshape(shape).copy() for part, shape in zip(np.split(self.theta, cuts), self.shapes, strict=True)]


def functional(
    parameters: list[Array], gradients: list[Array], state: Any, *, lr: float, betas: tuple[float, float], eps: float
) -> tuple[list[Array], Any]:
    """Adam as a function: values in, new values out."""
    t, ms, vs = state or (0, [0 * p for p in parameters], [0 * p for p in parameters])
    t, (b1, b2) = t + 1, betas
    ms = [b1 * m + (1 - b1) * g for m, g in zip(ms, gradients, strict=True)]
    vs = [b2 * v + (1 - b2) * g**2 for v, g in zip(vs, gradients, strict=True)]
    rate = lr * math.sqrt(1 - b2**t) / (1 - b1**t)
    eps = eps * math.sqrt(1 - b2**t)
    stepped = [p - rate * m / (np.sqrt(v) + eps) for p, m, v in zip(parameters, ms, vs, strict=True)]
    return stepped, (t, ms, vs)


def _function() -> Target:
    from conformance.targets import adapt

    return adapt(functional)


def _stochastic() -> Target:
    """A torch Adam that adds 16 random bits to the float32 of each bfloat16 parameter, and drops 16."""
    import torch

    from conformance.targets.torch_optim import TorchOptimizer

    class Stochastic(torch.optim.Optimizer):
        capabilities = MappingProxyType({"dtypes": ["bfloat16"], "stochastic_rounding": True})

        def __init__(self, params: Any, lr: float = 1e-3, betas: Any = (0.9, 0.999), eps: float = 1e-8) -> None:
            if not (lr >= 0 and eps >= 0 and all(0 <= beta < 1 for beta in betas)):
                raise ValueError(f"lr = {lr}, betas = {betas} and eps = {eps} are not all in their ranges")
            super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

        @torch.no_grad()
        def step(self, closure: Any = None) -> Any:
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None and p.grad.is_sparse:
                        raise RuntimeError("sparse gradients are not supported")
                    if p.grad is not None:
                        self.one(group, p, self.state[p])
            return loss

        def one(self, group: Any, p: Any, state: Any) -> None:
            if not state:
                state["step"] = 0
                for name in ("exp_avg", "exp_avg_sq"):
                    state[name] = torch.zeros_like(p, memory_format=torch.preserve_format)
            (beta1, beta2), g = group["betas"], p.grad.float()
            t = state["step"] = state["step"] + 1
            m = state["exp_avg"].float().lerp(g, 1 - beta1)
            v = state["exp_avg_sq"].float().lerp(g.square(), 1 - beta2)
            state["exp_avg"].copy_(m)
            state["exp_avg_sq"].copy_(v)
            root = (v / (1 - beta2**t)).sqrt().add(group["eps"])
            moved = p.float().sub(m / root, alpha=group["lr"] / (1 - beta1**t))
            if p.dtype == torch.bfloat16:
                bits = moved.view(torch.int32)
                bits.add_(torch.randint_like(bits, 1 << 16)).bitwise_and_(-(1 << 16))
            p.copy_(moved)

    target = TorchOptimizer(Stochastic)
    target.name = "conformance.faults:HonestForm?form=torch-stochastic-rounding"
    return target


def _loaded(address: str, dialect: str) -> Target:
    from conformance.targets import load_target

    target = load_target(address, dialect=DIALECTS[dialect])
    if address in NOT_WHERE_MEMORY_IS_NOT_CONTIGUOUS:
        manners = (m for m in target.capabilities.manners if not m.startswith(("transposed", "strided", "expanded")))
        target.capabilities = replace(target.capabilities, manners=tuple(manners))
    return target


NOT_WHERE_MEMORY_IS_NOT_CONTIGUOUS = ("torch.optim:Adam?fused=True", "torch.optim:AdamW?fused=True")
"""torch 2.13's fused kernel on the CPU takes every tensor for contiguous, which the chapter "layouts" finds."""


enlist(Honest("loop-in-doubles", "element by element in Python's floats", lambda: Loop(double=True)))
enlist(Honest("loop-in-scalars", "element by element in the parameter's own scalars", lambda: Loop(double=False)))
enlist(Honest("one-buffer", "all tensors in one buffer", OneBuffer, DIALECTS["adamw"]))
enlist(Honest("functional", "a function of values, its epsilon rescaled", _function, ADAM))

enlist(
    Honest(
        "torch-stochastic-rounding",
        "a torch Adam without float32 copies of its bfloat16 parameters, which are rounded at random",
        _stochastic,
        dtypes=("bfloat16",),
    )
)

TORCH = (
    ("torch-adam-loop", "torch.optim:Adam?foreach=False", "adam"),
    ("torch-adam-foreach", "torch.optim:Adam?foreach=True", "adam"),
    ("torch-adam-fused", "torch.optim:Adam?fused=True", "adam"),
    ("torch-adamw-loop", "torch.optim:AdamW?foreach=False", "adamw"),
    ("torch-adamw-foreach", "torch.optim:AdamW?foreach=True", "adamw"),
    ("torch-adamw-fused", "torch.optim:AdamW?fused=True", "adamw"),
    ("shipped-adam", "adam_ref.torch:Adam?optimized_update=False", "adam"),
    ("shipped-adam-foreach", "adam_ref.torch:Adam?optimized_update=False&foreach=True", "adam"),
    ("shipped-adam-fused", "adam_ref.torch:Adam?optimized_update=False&fused=True", "adam"),
    ("shipped-adamw", "adam_ref.torch:Adam?optimized_update=False", "adamw"),
    ("shipped-optimized", "adam_ref.torch:Adam", "epsilon-hat"),
    ("shipped-optimized-foreach", "adam_ref.torch:Adam?foreach=True", "epsilon-hat"),
    ("shipped-optimized-fused", "adam_ref.torch:Adam?fused=True", "epsilon-hat"),
    ("shipped-optimized-absolute", "adam_ref.torch:Adam", "epsilon-hat-absolute"),
)
"""Targets that torch and this project ship; torch is imported where one of them is made."""

for _id, _address, _dialect in TORCH:
    enlist(
        Honest(
            _id,
            f"{_address}, declared as {_dialect}",
            lambda address=_address, dialect=_dialect: _loaded(address, dialect),  # type: ignore[misc]
            DIALECTS[_dialect],
        )
    )
