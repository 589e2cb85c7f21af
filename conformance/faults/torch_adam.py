"""One correct torch Adam in pieces, for faults that only a framework's tensors can have.

The pieces of the update itself are in `conformance.faults.adam`; here are those around it: where memory lies, who calls
the closure, what a group says, what a checkpoint holds.  The class is made when it is first asked for, so that the
catalogue can be read without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from adam_ref import Dialect
from conformance.protocol import Target


class Pieces:
    """Every habit of the optimizer is a method; `self` is a torch.optim.Optimizer, `p` a parameter."""

    param_groups: list[dict[str, Any]]
    state: dict[Any, dict[str, Any]]

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        maximize: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        self.require_valid(defaults)
        defaults.update({"maximize": maximize, "capturable": capturable})
        super().__init__(params, defaults)  # type: ignore[call-arg]
        self.made()

    def require_valid(self, group: dict[str, Any]) -> None:
        """Raise ValueError where a hyperparameter lies outside its range."""
        beta1, beta2 = group["betas"]
        numbers = {"beta1": beta1, "beta2": beta2, **{name: group[name] for name in ("lr", "eps", "weight_decay")}}
        for name, value in numbers.items():
            if not 0 <= value < (1 if name.startswith("beta") else float("inf")):
                raise ValueError(f"{name} = {value} is outside its range")

    def made(self) -> None:
        """Called once, when the groups are there."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Step every parameter that has a gradient."""
        import torch

        with torch.no_grad():
            loss = self.loss(closure)
            for group, p in self.listed():
                if p.grad is not None:
                    self.one(group, p, self.gradient(p))
        return loss

    def loss(self, closure: Callable[[], Any] | None) -> Any:
        """What the closure returns, called once and with gradients enabled."""
        import torch

        if closure is None:
            return None
        with torch.enable_grad():
            return closure()

    def load_state_dict(self, state_dict: Any) -> None:
        """Go on from a checkpoint, hyperparameters included."""
        super().load_state_dict(state_dict)  # type: ignore[misc]

    def listed(self) -> list[tuple[dict[str, Any], Any]]:
        """Every parameter with its group."""
        return [(group, p) for group in self.param_groups for p in group["params"]]

    def gradient(self, p: Any) -> Any:
        """The gradient; sparse ones are refused."""
        if p.grad.is_sparse:
            raise RuntimeError("sparse gradients are not supported")
        return p.grad

    def number(self, group: dict[str, Any], name: str) -> Any:
        """A hyperparameter of the group, as it stands there now."""
        return group[name]

    def held(self, group: dict[str, Any], p: Any) -> dict[str, Any]:
        """The state of a parameter, made when it is first asked for."""
        state: dict[str, Any] = self.state[p]
        if not state:
            state.update(self.fresh(group, p))
        return state

    def fresh(self, group: dict[str, Any], p: Any) -> dict[str, Any]:
        """The state of a parameter that has not been stepped."""
        state = {"step": self.none(group, p), "exp_avg": self.zeros(p), "exp_avg_sq": self.zeros(p)}
        return {**state, "max_exp_avg_sq": self.zeros(p)} if group["amsgrad"] else state

    def none(self, group: dict[str, Any], p: Any) -> Any:
        """A counter of no steps: a tensor on the device where the step may be captured in a graph."""
        import torch

        return torch.zeros((), dtype=torch.float64, device=p.device) if group["capturable"] else 0

    def zeros(self, p: Any) -> Any:
        """Memory for a moment."""
        import torch

        return torch.zeros_like(p, memory_format=torch.preserve_format)

    def one(self, group: dict[str, Any], p: Any, g: Any) -> None:
        """Algorithm 1 with coupled decay and AMSGrad on raw v, for one parameter."""
        state = self.held(group, p)
        t = self.counted(state)
        if self.number(group, "maximize"):
            g = -g
        if decay := self.number(group, "weight_decay"):
            g = g.add(p, alpha=decay)
        m, v = self.moments(group, state, g)
        c1, c2 = self.corrections(group, t)
        size = -self.rate(group) / c1
        self.move(p, self.divided(m, (v / c2).sqrt(), self.number(group, "eps"), size), size)

    def counted(self, state: dict[str, Any]) -> Any:
        """The number of this step, which a counter that is a tensor is brought to in its own memory."""
        state["step"] += 1
        return state["step"]

    def moments(self, group: dict[str, Any], state: dict[str, Any], g: Any) -> tuple[Any, Any]:
        """The first moment, and the second one or its maximum, changed in their own memory."""
        import torch

        (beta1, beta2), m, v = self.number(group, "betas"), state["exp_avg"], state["exp_avg_sq"]
        m.mul_(beta1).add_(g, alpha=1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        if not self.number(group, "amsgrad"):
            return m, v
        return m, state["max_exp_avg_sq"].copy_(torch.maximum(state["max_exp_avg_sq"], v))

    def corrections(self, group: dict[str, Any], t: Any) -> tuple[Any, Any]:
        """The bias corrections of both moments."""
        beta1, beta2 = self.number(group, "betas")
        return 1 - beta1**t, 1 - beta2**t

    def rate(self, group: dict[str, Any]) -> Any:
        """The learning rate: a number, which a tensor is read for unless the step may be captured in a graph."""
        lr = self.number(group, "lr")
        return lr if group["capturable"] else float(lr)

    def divided(self, m: Any, root: Any, eps: float, _size: Any) -> Any:
        """The direction of the step; its size is told to those who want to multiply with it here."""
        return m / root.add(eps)

    def move(self, p: Any, direction: Any, size: Any) -> None:
        """Add `size * direction` to the parameter."""
        import torch

        p.add_(direction * size) if torch.is_tensor(size) else p.add_(direction, alpha=size)


def optimizer(name: str, pieces: Mapping[str, Callable[..., Any]]) -> type[Any]:
    """The correct Adam with some pieces replaced; needs torch."""
    return type(name, (_correct(),), dict(pieces))


@lru_cache(maxsize=1)
def _correct() -> type[Any]:
    import torch

    return type("TorchInPieces", (Pieces, torch.optim.Optimizer), {})


def torch_target(name: str, made: type[Any], dialect: Dialect) -> Target:
    """It as a target under that name."""
    from conformance.targets.torch_optim import TorchOptimizer

    target = TorchOptimizer(made, {"compiled": True}, kinds=(dialect.weight_decay,))
    target.name = name
    return target
