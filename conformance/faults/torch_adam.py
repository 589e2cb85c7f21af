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
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad}
        self.require_valid(defaults)
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

    def held(self, p: Any) -> dict[str, Any]:
        """The state of a parameter, made when it is first asked for."""
        state: dict[str, Any] = self.state[p]
        if not state:
            state.update({"step": 0, "exp_avg": self.zeros(p), "exp_avg_sq": self.zeros(p)})
        return state

    def zeros(self, p: Any) -> Any:
        """Memory for a moment."""
        import torch

        return torch.zeros_like(p, memory_format=torch.preserve_format)

    def one(self, group: dict[str, Any], p: Any, g: Any) -> None:
        """Algorithm 1 with coupled decay and AMSGrad on raw v, for one parameter."""
        import torch

        state, (beta1, beta2) = self.held(p), self.number(group, "betas")
        t = state["step"] = self.counted(state)
        if decay := self.number(group, "weight_decay"):
            g = g.add(p, alpha=decay)
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m.mul_(beta1).add_(g, alpha=1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        if self.number(group, "amsgrad"):
            v = state["max_exp_avg_sq"] = torch.maximum(state.get("max_exp_avg_sq", v), v)
        root = (v / (1 - beta2**t)).sqrt().add(self.number(group, "eps"))
        self.move(p, m / root, -float(self.number(group, "lr")) / (1 - beta1**t))

    def counted(self, state: dict[str, Any]) -> int:
        """The number of this step."""
        count: int = state["step"] + 1
        return count

    def move(self, p: Any, direction: Any, size: float) -> None:
        """Add `size * direction` to the parameter."""
        p.add_(direction, alpha=size)


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

    target = TorchOptimizer(made, kinds=(dialect.weight_decay,))
    target.name = name
    return target
