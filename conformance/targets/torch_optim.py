"""Subclasses of torch.optim.Optimizer as targets: no code needed from their author.

What the constructor's signature offers is claimed; where it takes `**kwargs`, what a parameter group shows and changes
when it is passed.  Hyperparameters go in under torch's names (`lr`, `betas` or `beta1` and `beta2`, `eps`,
`weight_decay`, `amsgrad`, `maximize`); those that a group shows and no argument sets are taken as it shows them.  The
state is read under torch's names (`exp_avg`, `exp_avg_sq`, `max_exp_avg_sq`, `step`), and claimed where a first step
leaves it under these.  A class may declare otherwise in an attribute: `capabilities = {"groups": False}`.
"""

from __future__ import annotations

import copy
import inspect
import io
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import ml_dtypes
import numpy as np
import torch

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.capabilities import SETTABLE, Capabilities
from conformance.case import Moments

_BITS = {torch.bfloat16: (torch.int16, np.dtype(ml_dtypes.bfloat16))}
_UNUSUAL: dict[str, Any] = {
    "lr": 0.25,
    "betas": (0.5, 0.75),
    "beta1": 0.5,
    "beta2": 0.75,
    "eps": 0.125,
    "weight_decay": 0.375,
    "amsgrad": True,
    "maximize": True,
}
"""Values that are no constructor's defaults, by name."""
_STATE = {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"}


def to_torch(array: Array, device: str) -> torch.Tensor:
    """A tensor with the array's bits and shape; bfloat16 crosses as 16-bit integers."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.copy().view(np.int16)).view(torch.bfloat16).to(device)
    return torch.from_numpy(np.array(array)).to(device)


def to_numpy(tensor: torch.Tensor) -> Array:
    """A new array with the tensor's bits and shape."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype in _BITS:
        integers, dtype = _BITS[tensor.dtype]
        return np.array(tensor.view(integers).numpy()).view(dtype)
    return np.array(tensor.numpy())


class TorchOptimizer:
    """A target made of an optimizer class.

    Args:
        cls: subclass of torch.optim.Optimizer.
        arguments: constructor arguments that hold for every run; hyperparameters among them are pinned.
        device: where the parameters live.
        decay: turns a coefficient into what the class takes for `weight_decay`, by kind of decay; where None, the class
            takes the number and has the one kind that the declared dialect says.
        kinds: the kinds of weight decay claimed.

    """

    def __init__(
        self,
        cls: type[torch.optim.Optimizer],
        arguments: dict[str, Any] | None = None,
        *,
        device: str = "cpu",
        decay: Any = None,
        kinds: tuple[str, ...] = ("coupled", "decoupled", "absolute"),
    ) -> None:
        self.cls, self.device, self.decay = cls, device, decay
        self.arguments = dict(arguments or {})
        self.name = f"{cls.__module__}:{cls.__qualname__}"
        self.signature = inspect.signature(cls)
        self.accepted = set(self.signature.parameters)
        pinned = self._pinned()
        self.accepted |= self._accepted_unnamed(pinned)
        self.capabilities = Capabilities.of(getattr(cls, "capabilities", {}), self._read(kinds, pinned))

    def _pinned(self) -> dict[str, Any]:
        pinned = {k: self.arguments.pop(k) for k in list(self.arguments) if k in SETTABLE}
        if "betas" in self.arguments:
            pinned["beta1"], pinned["beta2"] = self.arguments.pop("betas")
        return pinned

    def _accepted_unnamed(self, pinned: dict[str, Any]) -> set[str]:
        """Of what a constructor with `**kwargs` may be given, that which its groups show and which then changes."""
        if not any(p.kind is p.VAR_KEYWORD for p in self.signature.parameters.values()):
            return set()
        hyper = Hyperparameters(**pinned)
        before = self._group(hyper)
        return {k for k, v in _UNUSUAL.items() if k in before and self._group(hyper, **{k: v}).get(k) == v}

    def _group(self, hyper: Hyperparameters, **more: Any) -> dict[str, Any]:
        """The parameter group of a new optimizer; empty where there can be none."""
        if self.decay is not None and "weight_decay" in more:
            more["weight_decay"] = self.decay(more["weight_decay"])
        try:
            return self._made([torch.nn.Parameter(torch.zeros(1))], hyper, **more).param_groups[0]
        except Exception:
            return {}

    def _read(self, kinds: tuple[str, ...], pinned: dict[str, Any]) -> Capabilities:
        """The claims, read off the constructor, a parameter group and a first step."""
        names = set(SETTABLE) & self.accepted
        if "betas" in self.accepted:
            names |= {"beta1", "beta2"}
        claims: dict[str, Any] = {
            "dtypes": ("float64", "float32", "bfloat16", "float16", "complex64", "complex128"),
            "devices": ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",),
            "settable": tuple(sorted(names)),
            "pinned": {**self._fixed(names, pinned), **pinned},
            "weight_decay": kinds if "weight_decay" in names else (),
            "groups": True,
            "none_gradients": True,
            "lr_schedule": "lr" in names,
            "checkpoint": True,
        }
        shown = self._shown_state(Hyperparameters(**claims["pinned"]))
        return Capabilities(**claims, state=shown.m is not None and shown.v is not None, counter=shown.step is not None)

    def _fixed(self, names: set[str], pinned: dict[str, Any]) -> dict[str, Any]:
        """Hyperparameters that no argument sets, where a parameter group shows them."""
        group = self._group(Hyperparameters(**pinned))
        if "betas" in group:
            group = {**group, **dict(zip(("beta1", "beta2"), group["betas"], strict=True))}
        return {k: group[k] for k in SETTABLE if k not in names and isinstance(group.get(k), bool | int | float)}

    def _shown_state(self, hyper: Hyperparameters) -> Moments:
        """What one step leaves under torch's names; a target that cannot step shows that later, by itself."""
        try:
            session = self.start([np.zeros(1, np.float32)], [hyper])
            session.step([np.ones(1, np.float32)])
            (state,) = session.state()
        except Exception:
            return Moments()
        return state

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> TorchSession:
        """Build the optimizer; one group for each distinct entry of hyperparameters."""
        tensors = [torch.nn.Parameter(to_torch(p, self.device)) for p in parameters]
        groups: dict[Hyperparameters, list[torch.nn.Parameter]] = {}
        for tensor, hyper in zip(tensors, hyperparameters, strict=True):
            groups.setdefault(hyper, []).append(tensor)
        if len(groups) == 1:
            (hyper,) = groups
            optimizer = self._made(tensors, hyper)
        else:
            listed = [{"params": members, **self._named(hyper)} for hyper, members in groups.items()]
            optimizer = self._made(listed, hyperparameters[0])
        return TorchSession(optimizer, tensors, self.device)

    def _made(self, parameters: Any, hyper: Hyperparameters, **more: Any) -> torch.optim.Optimizer:
        named = {**self.arguments, **self._named(hyper), **more}
        kinds = list(self.signature.parameters.items())[1:]
        places = [named.pop(k) for k, p in kinds if p.kind is p.POSITIONAL_ONLY and k in named]
        return self.cls(parameters, *places, **named)

    def _named(self, hyper: Hyperparameters) -> dict[str, Any]:
        named: dict[str, Any] = {k: v for k, v in vars(hyper).items() if k in self.accepted}
        if "betas" in self.accepted:
            named["betas"] = (hyper.beta1, hyper.beta2)
        if self.decay is not None and "weight_decay" in named:
            named["weight_decay"] = self.decay(named["weight_decay"])
        return named


class TorchSession:
    """One torch optimizer at work."""

    def __init__(self, optimizer: torch.optim.Optimizer, tensors: list[torch.nn.Parameter], device: str) -> None:
        self.optimizer, self.tensors, self.device = optimizer, tensors, device
        parameters = inspect.signature(optimizer.step).parameters.values()
        wanted = any(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
        self.step_arguments = (lambda: torch.zeros(()),) if wanted else ()

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """Set `.grad` of each parameter and step; a closure that must be given has nothing left to do."""
        for tensor, gradient in zip(self.tensors, gradients, strict=True):
            tensor.grad = None if gradient is None else to_torch(gradient, self.device)
        self.optimizer.step(*self.step_arguments)
        return [to_numpy(t) for t in self.tensors]

    def held_gradients(self) -> list[Array | None]:
        """`.grad` of each parameter as it is now."""
        return [None if t.grad is None else to_numpy(t.grad) for t in self.tensors]

    def state(self) -> list[Moments]:
        """The moments under torch's names."""
        return [self._moments(self.optimizer.state.get(t, {})) for t in self.tensors]

    def _moments(self, state: dict[str, Any]) -> Moments:
        found = {k: to_numpy(state[name]) for k, name in _STATE.items() if torch.is_tensor(state.get(name))}
        step = state.get("step")
        return Moments(**found, step=None if step is None else float(step))

    def set_lr(self, lr: float) -> None:
        """As a scheduler does it: write `lr` into every group."""
        for group in self.optimizer.param_groups:
            if torch.is_tensor(group["lr"]):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr

    def save(self) -> bytes:
        """The optimizer's state_dict, through torch.save."""
        buffer = io.BytesIO()
        torch.save(copy.deepcopy(self.optimizer.state_dict()), buffer)
        return buffer.getvalue()

    def load(self, saved: bytes) -> None:
        """The reverse of `save`."""
        self.optimizer.load_state_dict(torch.load(io.BytesIO(saved), weights_only=False))

    def shared_memory(self) -> list[str]:
        """Parameters, gradients and state tensors that overlap."""
        held = [(f"parameter {i}", t.data) for i, t in enumerate(self.tensors)]
        held += [(f"gradient {i}", t.grad) for i, t in enumerate(self.tensors) if t.grad is not None]
        for i, t in enumerate(self.tensors):
            state = self.optimizer.state.get(t, {})
            held += [(f"{k} of parameter {i}", s) for k, s in state.items() if torch.is_tensor(s) and s.numel()]
        spans = [(name, t.data_ptr(), t.data_ptr() + t.numel() * t.element_size()) for name, t in held if t.numel()]
        return [
            f"{a} and {b} share memory" for (a, a0, a1), (b, b0, b1) in combinations(spans, 2) if a0 < b1 and b0 < a1
        ]
