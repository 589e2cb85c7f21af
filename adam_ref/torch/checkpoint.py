"""Loading a checkpoint without a change of dtype, of memory, or of dialect.

`translate` checks a state dict and puts it into our terms, changing nothing; `restore` copies its state in. Groups
saved by torch.optim.Adam or AdamW (known by their `amsgrad` entry, and by what they lack) are the unoptimized update,
coupled or decoupled as they say. The other way round, torch reads ours: step, moments, hyperparameters and
`decoupled_weight_decay`; it has no word for the optimized update or for absolute decay.
"""

from __future__ import annotations

from copy import deepcopy
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from adam_ref.torch.tensors import like_param

if TYPE_CHECKING:
    from adam_ref.torch.base import GenericAdaptiveOptimizer

TORCH_ONLY = ("amsgrad", "maximize", "foreach", "capturable", "differentiable", "fused")


def translate(optimizer: GenericAdaptiveOptimizer, state_dict: dict[str, Any]) -> dict[str, Any]:
    """`state_dict` in our terms, validated against `optimizer`, neither of them modified.

    Raises:
        ValueError: see `GenericAdaptiveOptimizer.load_state_dict`.
    """
    groups = [dict(group) for group in state_dict["param_groups"]]
    if [len(group["params"]) for group in groups] != [len(group["params"]) for group in optimizer.param_groups]:
        raise ValueError(
            f"the checkpoint has groups of {[len(group['params']) for group in groups]} parameters, the optimizer of "
            f"{[len(group['params']) for group in optimizer.param_groups]}"
        )
    for group, own in zip(groups, optimizer.param_groups, strict=True):
        if is_torchs(group, own):
            from_torch(group, own)
        for name in own:
            group.setdefault(name, own[name])
        optimizer.prepare_group(group)
    translated = {**state_dict, "param_groups": groups}
    for param, saved in pairs(optimizer, translated):
        validate_shapes(optimizer, param, saved)
    return translated


def is_torchs(group: dict[str, Any], own: dict[str, Any]) -> bool:
    """Whether torch's Adam or AdamW saved `group`: a subclass of ours may have an `amsgrad` entry too."""
    return "amsgrad" in group and "optimized_update" in own and "optimized_update" not in group


def from_torch(group: dict[str, Any], own: dict[str, Any]) -> None:
    """Turn a group saved by torch's Adam or AdamW into one of ours, in place; a flag that `own` has is kept."""
    for flag in ("amsgrad", "maximize"):
        if group.get(flag) and flag not in own:
            raise ValueError(f"the checkpoint was saved with {flag}=True, which this Adam does not have")
    for name in TORCH_ONLY:
        if name not in own:
            group.pop(name, None)
    group["optimized_update"] = False
    group["absolute_weight_decay"] = False


def pairs(optimizer: GenericAdaptiveOptimizer, state_dict: dict[str, Any]) -> list[tuple[Tensor, dict[str, Any]]]:
    """Each parameter that has state in `state_dict`, with that state."""
    ids = chain.from_iterable(group["params"] for group in state_dict["param_groups"])
    params = chain.from_iterable(group["params"] for group in optimizer.param_groups)
    saved = state_dict["state"]
    return [(param, saved[key]) for key, param in zip(ids, params, strict=True) if key in saved]


def validate_shapes(optimizer: GenericAdaptiveOptimizer, param: Tensor, saved: dict[str, Any]) -> None:
    """Refuse moments that belong to a tensor of another shape."""
    for name in optimizer.moments:
        if name in saved and saved[name].shape != param.shape:
            raise ValueError(
                f"{name} in the checkpoint has shape {tuple(saved[name].shape)}, its parameter {tuple(param.shape)}"
            )


def restore(optimizer: GenericAdaptiveOptimizer, state_dict: dict[str, Any]) -> None:
    """Give every parameter its own copy of the saved state."""
    for param, saved in pairs(optimizer, state_dict):
        optimizer.state[param] = {name: own_copy(optimizer, param, name, value) for name, value in saved.items()}


def own_copy(optimizer: GenericAdaptiveOptimizer, param: Tensor, name: str, value: Any) -> Any:
    """A saved value for `param`: the step as an int, a moment laid out like the parameter, the rest as it was saved."""
    if name == "step":
        return int(value)
    if not isinstance(value, Tensor):
        return deepcopy(value)
    if name in optimizer.moments:
        return like_param(param).copy_(value.detach())
    return value.detach().to(device=param.device, copy=True, memory_format=torch.preserve_format)
