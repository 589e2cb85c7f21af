"""Defects in an Adam that shares no line with the catalogue: another structure, another order, torch's tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance import check_adam

torch = pytest.importorskip("torch")


def _power(beta: float, t: int) -> float:
    return 1 - beta**t


def _own_adam(
    correction: Callable[[float, int], float] = _power,
    fed: Callable[[Any, Any], Any] = lambda g, _m: g,
    rate: Callable[[float], float] = lambda lr: lr,
    kept: Callable[[Any], Any] = lambda m: m,
    decay: Callable[[float], float] = lambda beta2: beta2,
) -> type:
    """The update with the corrections folded into the step size, m by a lerp, all in place."""

    class OwnAdam(torch.optim.Optimizer):
        def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
            super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

        def step(self, closure=None):
            loss = None
            if closure is not None:
                with torch.enable_grad():
                    loss = closure()
            with torch.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        if p.grad is not None:
                            self._one(group, p, self.state[p])
            return loss

        def _one(self, group, p, state):
            if not state:
                state.update({"step": 0, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)})
            beta1, beta2 = group["betas"][0], decay(group["betas"][1])
            t = state["step"] = state["step"] + 1
            m, v = state["exp_avg"], state["exp_avg_sq"]
            m.lerp_(p.grad, 1 - beta1)
            square = fed(p.grad, m)
            v.mul_(beta2).addcmul_(square, square, value=1 - beta2)
            root = correction(beta2, t) ** 0.5
            p.sub_(rate(group["lr"]) * root / correction(beta1, t) * m / (v.sqrt() + group["eps"] * root))
            m.copy_(kept(m))

    return OwnAdam


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [
        (_own_adam(correction=lambda beta, t: 1 - beta ** (t + 1)), "correction-one-step-ahead"),
        (_own_adam(fed=lambda _g, m: m), "v-fed-with-m"),
        (_own_adam(kept=lambda m: m.bfloat16().to(m.dtype)), "m-in-bfloat16"),
        (_own_adam(decay=lambda _: 0.999), "beta2-ignored"),
        (_own_adam(rate=lambda lr: 1.0003 * lr), "lr turned"),
        (_own_adam(correction=lambda beta, t: 1 - beta ** (t + 0.5)), "t in the corrections turned"),
        (_own_adam(correction=lambda beta, t: 1 - beta ** (t + 0.5 * beta)), "nothing fits"),
    ],
)
def test_it_is_named_whoever_wrote_it(optimizer: type, name: str) -> None:
    report = check_adam(optimizer, profile="quick", dtypes=["float32"], on_fail=None)
    assert [d.name for d in report.diagnosis] == [name]
