r"""Adam, written to be read: the hooks below are Algorithm 1 of Kingma & Ba (arXiv 1412.6980), line by line.

    m = beta1*m + (1-beta1)*g              m_hat = m / (1-beta1^t)
    v = beta2*v + (1-beta2)*g^2            v_hat = v / (1-beta2^t)
    theta -= lr * m_hat / (sqrt(v_hat) + eps)

The optimized update folds both corrections into the step size, so that only scalars depend on t:

    theta -= lr*sqrt(1-beta2^t)/(1-beta1^t) * m / (sqrt(v) + eps_hat)

Theorem T1: the two are the same update when `eps_hat = eps*sqrt(1-beta2^t)`; `paths` runs both on the same kernel by
it. With one constant for both they differ (T3): at t = 1 and beta2 = 0.999 the optimized update acts as if its epsilon
were 31.6 times larger. A dialect must therefore be chosen, and is saved with every checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim.optimizer import ParamsT

from adam_ref.torch import paths
from adam_ref.torch.base import GenericAdaptiveOptimizer, Group, State
from adam_ref.torch.tensors import like_param, real_view
from adam_ref.torch.validation import as_flag, as_nonnegative
from adam_ref.torch.weight_decay import WeightDecay, validate_kind

NO_DECAY = WeightDecay()
HOOKS = ("init_state", "get_mv", "adam_update", "step_param", "step_one")


class Adam(GenericAdaptiveOptimizer):
    """Adam with both forms of the update, three kinds of weight decay, and three paths to compute it.

    Parameters may be float64, float32, bfloat16, float16, complex64 or complex128 (real and imaginary part as two
    independent reals), of any shape and memory format. Half-precision parameters are computed in float32, and their
    moments stay there. State per parameter: `step` (int), `exp_avg`, `exp_avg_sq` (like the parameter).

    Args:
        params: tensors, named tensors, or dicts of parameter groups; a group may have its own `lr`, `betas`, `eps`,
            `weight_decay` (a number, or a `WeightDecay` to change the kind as well) and `optimized_update`.
        lr: learning rate; a one-element tensor is read anew at every step.
        betas: decay rates of the moments, each in [0, 1).
        eps: added to the root; `eps_hat` in the optimized update.
        weight_decay: strength and kind. A plain number is refused: torch.optim.Adam would couple it, AdamW would not.
        optimized_update: which of the two updates above.
        defaults: further entries for every parameter group, for subclasses; never modified.
        foreach: use torch's multi-tensor operations where that computes the same.
        fused: use torch's fused kernel where that computes the same; excludes `foreach`. `explain_path` says where
            it is used and why not elsewhere.

    Raises:
        TypeError: a hyperparameter of the wrong type, a parameter of a dtype that cannot be optimized.
        ValueError: a hyperparameter out of range, foreach and fused together, a parameter whose elements share memory.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-16,
        weight_decay: WeightDecay = NO_DECAY,
        optimized_update: bool = True,
        defaults: Mapping[str, Any] | None = None,
        *,
        foreach: bool = False,
        fused: bool = False,
    ) -> None:
        if not isinstance(weight_decay, WeightDecay):
            raise TypeError(
                f"weight_decay must be a WeightDecay, got {weight_decay!r}: a number does not say which kind is meant. "
                "WeightDecay(x) is decoupled, as in torch.optim.AdamW; WeightDecay(x, weight_decouple=False) is "
                "coupled, as in torch.optim.Adam; WeightDecay(x, absolute=True) is not scaled by lr"
            )
        if as_flag("foreach", foreach) and as_flag("fused", fused):
            raise ValueError("foreach and fused are two paths for the same update; ask for one of them")
        self.weight_decay = weight_decay
        self.foreach = foreach
        self.fused = as_flag("fused", fused)
        own = {**weight_decay.defaults(), "optimized_update": optimized_update}
        super().__init__(params, {**own, **(defaults or {})}, lr, betas, eps)

    def prepare_group(self, group: Group) -> None:
        """Check the group; a `WeightDecay` in it is spelled out."""
        super().prepare_group(group)
        if isinstance(group["weight_decay"], WeightDecay):
            group.update(group["weight_decay"].defaults())
        group["weight_decay"] = as_nonnegative("weight_decay", group["weight_decay"])
        validate_kind(group["decoupled_weight_decay"], group["absolute_weight_decay"])
        as_flag("optimized_update", group["optimized_update"])
        for flag in ("amsgrad", "maximize"):
            if group.get(flag) and self.overridden_hook() is None:
                raise ValueError(
                    f"{flag} = {group[flag]!r} in a parameter group would do nothing: this Adam does not have it; use "
                    "torch.optim.Adam, or a subclass that overrides a hook"
                )

    def init_state(self, state: State, group: Group, param: Tensor) -> None:  # noqa: ARG002 (a hook)
        """Start the count and both moments at zero."""
        state["step"] = 0
        state["exp_avg"] = like_param(param)
        state["exp_avg_sq"] = like_param(param)

    def get_mv(self, state: State, group: Group, grad: Tensor) -> tuple[Tensor, Tensor]:
        """Feed the gradient to both moments, in place, and return them as real tensors like `grad`."""
        beta1, beta2 = group["betas"]
        m, v = real_view(state["exp_avg"]), real_view(state["exp_avg_sq"])
        m.lerp_(grad, 1 - beta1)
        v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        return m, v

    def adam_update(self, state: State, group: Group, param: Tensor, m: Tensor, v: Tensor) -> None:
        """Move `param` in place by one of the two updates; the scalars are folded in double precision."""
        beta1, beta2 = group["betas"]
        c1, c2 = 1 - beta1 ** state["step"], 1 - beta2 ** state["step"]
        lr = float(self.get_lr(state, group))
        if group["optimized_update"]:
            denominator = v.sqrt().add_(group["eps"])
            param.addcdiv_(m, denominator, value=-lr * math.sqrt(c2) / c1)
        else:
            denominator = v.sqrt().div_(math.sqrt(c2)).add_(group["eps"])
            param.addcdiv_(m, denominator, value=-lr / c1)

    def step_param(self, state: State, group: Group, grad: Tensor, param: Tensor) -> None:
        """One step of one parameter: count, decay, moments, update."""
        state["step"] += 1
        grad = self.weight_decay(param, grad, {**group, "lr": self.get_lr(state, group)})
        m, v = self.get_mv(state, group, grad)
        self.adam_update(state, group, param, m, v)

    def step_group(self, group: Group, params: list[Tensor]) -> None:
        """Send each parameter down the path it can take."""
        paths.step_group(self, group, params)

    def overridden_hook(self) -> str | None:
        """The first hook that is not `Adam`'s own, if any; `get_lr` does not count, since every path calls it."""
        for hook in HOOKS:
            if getattr(getattr(self, hook), "__func__", None) is not getattr(Adam, hook):
                return hook
        return None

    def explain_path(self) -> list[paths.Choice]:
        """Which path each parameter takes at the next step, and why, as the gradients are now."""
        return [
            paths.choose(self, param, index, position)
            for index, group in enumerate(self.param_groups)
            for position, param in enumerate(group["params"])
        ]
