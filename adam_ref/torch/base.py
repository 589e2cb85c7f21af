"""What every adaptive optimizer shares: validation, the closure, skipped gradients, state on first use, checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast, overload

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, ParamsT

from adam_ref.torch import checkpoint
from adam_ref.torch.tensors import plain_grad, store_back, working_tensors
from adam_ref.torch.validation import validate_grad, validate_group, validate_param

State = dict[str, Any]
Group = dict[str, Any]


def is_torchs_own(name: str) -> bool:
    """Whether an instance attribute is torch's bookkeeping: hooks, or the `step` that a scheduler has wrapped."""
    return name == "step" or name.startswith(("_optimizer_", "_zero_grad_", "_warned_", "_opt_called"))


class GenericAdaptiveOptimizer(Optimizer):
    """Base class of optimizers that keep per-parameter state and are defined by hooks.

    A subclass overrides `init_state` and `step_param`, and may override `get_lr`. The hooks speak of one parameter and
    see *working tensors*: a half-precision parameter and its gradient come as float32 copies (the copy is rounded back
    after the step), a complex one as its real view with a last dimension of 2.

    Args:
        params: iterable of tensors, of named tensors, or of dicts that each describe a parameter group.
        defaults: group entries beyond the three below; never modified.
        lr: learning rate, finite and `>= 0`; a one-element tensor is read anew at every step.
        betas: decay rates of the two moments, each in [0, 1).
        eps: finite and `>= 0`.

    Raises:
        TypeError: a hyperparameter of the wrong type, a parameter of a dtype that cannot be optimized.
        ValueError: a hyperparameter out of range, a parameter whose elements share memory.
    """

    moments: ClassVar[tuple[str, ...]] = ("exp_avg", "exp_avg_sq")
    """State entries that are tensors like the parameter: allocated by `like_param`, on loading too."""

    def __init__(
        self,
        params: ParamsT,
        defaults: Mapping[str, Any] | None,
        lr: float | Tensor,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        checked = {**(defaults or {}), "lr": lr, "betas": betas, "eps": eps}
        self.prepare_group(checked)
        super().__init__(params, checked)

    def init_state(self, state: State, group: Group, param: Tensor) -> None:
        """Fill the empty `state` of `param`, which comes as the caller has it (no working tensor)."""

    def get_lr(self, state: State, group: Group) -> float:  # noqa: ARG002 (a hook)
        """The learning rate in force for one parameter; decay uses it as well as the update."""
        return float(group["lr"])

    def step_param(self, state: State, group: Group, grad: Tensor, param: Tensor) -> None:
        """Update `param` in place from `grad` (both working tensors), never modifying `grad`."""
        raise NotImplementedError(f"{type(self).__name__} must override step_param")

    def prepare_group(self, group: Group) -> None:
        """Check and normalise the hyperparameters of a new or a loaded group, in place."""
        validate_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters, validated like the first ones; the caller's dict is not modified."""
        group = {**self.defaults, **param_group}
        self.prepare_group(group)
        if isinstance(group["lr"], Tensor) and any(group["lr"] is other["lr"] for other in self.param_groups):
            raise ValueError(
                "two parameter groups share one lr tensor, so a scheduler would overwrite one rate with the other; "
                "give each group its own tensor, or pass numbers"
            )
        super().add_param_group(group)
        try:
            for param in self.param_groups[-1]["params"]:
                validate_param(param)
        except (TypeError, ValueError):
            self.param_groups.pop()
            raise

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Perform one step for every parameter that has a gradient.

        torch.compile leaves it as it is. Traced, the hooks would be frames of their own, each compiled for one
        parameter, and torch 2.13 does not guard which (`GuardBuilder.DUPLICATE_INPUT` skips optimizers): one parameter
        would be stepped in the place of another.

        Args:
            closure: evaluates the model again, with gradients enabled, and returns the loss.

        Returns:
            What the closure returned, or None.

        Raises:
            RuntimeError: a gradient is sparse; raised before any parameter is changed.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        active = [[p for p in group["params"] if p.grad is not None] for group in self.param_groups]
        for params in active:
            for param in params:
                validate_grad(cast(Tensor, param.grad))
        for group, params in zip(self.param_groups, active, strict=True):
            self.step_group(group, params)
        return loss

    def step_group(self, group: Group, params: list[Tensor]) -> None:
        """Step the parameters of one group, all of which have a gradient: here one after another."""
        for param in params:
            self.step_one(group, param)

    def step_one(self, group: Group, param: Tensor) -> None:
        """Step one parameter through the hooks."""
        state = self.ensure_state(group, param)
        work, grad = working_tensors(param, plain_grad(param))
        self.step_param(state, group, grad, work)
        store_back(param, work)

    def ensure_state(self, group: Group, param: Tensor) -> State:
        """The state of `param`, made on first use.

        Raises:
            RuntimeError: `param` was resized since; kernels would read and write past the end of its moments.
        """
        state: State = self.state[param]
        if not state:
            self.init_state(state, group, param)
        for name in self.moments:
            if name in state and state[name].shape != param.shape:
                raise RuntimeError(
                    f"a parameter of shape {tuple(param.shape)} has an {name} of shape {tuple(state[name].shape)}: it "
                    "was resized after its first step; remove its entry from `optimizer.state` to begin anew"
                )
        return state

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle or a deep copy carries: all but what torch makes anew, also what a subclass has set."""
        return {name: value for name, value in vars(self).items() if not is_torchs_own(name)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a checkpoint, bit for bit.

        Unlike torch's own method this neither casts float32 moments to a half-precision parameter's dtype nor shares a
        tensor with `state_dict`. A checkpoint of torch.optim.Adam or AdamW is continued as the update it was saved
        from; see `adam_ref.torch.checkpoint`.

        Raises:
            ValueError: groups of different sizes, moments of another shape, a hyperparameter out of range, or a dialect
                that this optimizer does not have (AMSGrad, maximize). Nothing has been changed then.
        """
        loaded: list[dict[str, Any]] = []

        def translate(_: Optimizer, given: dict[str, Any]) -> dict[str, Any]:
            loaded.append(checkpoint.translate(self, given))
            return {**loaded[-1], "state": {}}

        def restore(_: Optimizer) -> None:
            checkpoint.restore(self, loaded[-1])

        # Registered around the call, so that the caller's own pre-hooks run before ours and post-hooks after.
        before = self.register_load_state_dict_pre_hook(translate)
        after = self.register_load_state_dict_post_hook(restore, prepend=True)
        try:
            super().load_state_dict(state_dict)
        finally:
            before.remove()
            after.remove()
