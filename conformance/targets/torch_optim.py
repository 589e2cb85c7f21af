"""Subclasses of torch.optim.Optimizer as targets: no code needed from their author.

What the constructor's signature offers is claimed; where it takes `**kwargs`, what a parameter group shows and changes
when it is passed.  Hyperparameters go in under torch's names (`lr`, `betas` or `beta1` and `beta2`, `eps`,
`weight_decay`, `amsgrad`, `maximize`); those that a group shows and no argument sets are taken as it shows them.  What
is refused with an exception is not claimed: an option by the constructor, a second group by the constructor, a missing
gradient by the step (with a ValueError or a NotImplementedError).  Nor are different groups where a group does not show
what can be set, or a schedule where it shows no `lr`.  The state is read under torch's names (`exp_avg`, `exp_avg_sq`,
`max_exp_avg_sq`, `step`), and claimed where a first step leaves it under these.  What takes `capturable`, as torch's
own do, says by it that its step may be recorded in a graph, and is worked with in that manner too.  Whether its step
may be compiled is for the user to say, who adds `compiled=True` to the arguments, since `torch.compile` runs other code
than the plain step does.  A class may declare otherwise in an attribute: `capabilities = {"groups": False}`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.capabilities import SETTABLE, Capabilities
from conformance.case import Moments
from conformance.manners import MANNERS
from conformance.memory import Span, overlapping
from conformance.targets.tensors import to_numpy
from conformance.targets.torch_manners import WAYS
from conformance.targets.torch_plain import Parameters, Plainly

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
STATE = {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"}
"""Torch's names for the moments."""
OPTIONS = ("weight_decay", "amsgrad", "maximize")
"""Hyperparameters that Algorithm 1 does without, and that a constructor may take only to refuse them."""


class TorchOptimizer:
    """A target made of an optimizer class.

    Args:
        cls: subclass of torch.optim.Optimizer.
        arguments: constructor arguments that hold for every run; hyperparameters among them are pinned.  `compiled` is
            no argument of the constructor, where it has none of that name: true claims the manners of a compiled step.
        device: where the parameters live.
        decay: turns a coefficient into what the class takes for `weight_decay`, by kind of decay; where None, the class
            takes the number and has the one kind that the declared dialect says.
        kinds: the kinds of weight decay claimed.

    Attributes:
        build: what makes the optimizer; the class, unless somebody puts something around it.

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
        self.build: Callable[..., torch.optim.Optimizer] = cls
        self.arguments = dict(arguments or {})
        self.name = f"{cls.__module__}:{cls.__qualname__}"
        self.signature = inspect.signature(cls)
        self.accepted = set(self.signature.parameters)
        self.compiled = "compiled" not in self.accepted and bool(self.arguments.pop("compiled", False))
        pinned = self._pinned()
        self.accepted |= self._accepted_unnamed(pinned)
        self.accepted -= self._refused(pinned)
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

    def _refused(self, pinned: dict[str, Any]) -> set[str]:
        """The options that the constructor takes by name and then refuses."""
        asked = {k for k in OPTIONS if k in self.accepted and k not in pinned}
        hyper = Hyperparameters(**pinned)
        return {k for k in asked if self._group(hyper) and not self._group(hyper, **{k: _UNUSUAL[k]})}

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
        shown = self._shown(pinned)
        claims: dict[str, Any] = {
            "dtypes": ("float64", "float32", "bfloat16", "float16", "complex64", "complex128"),
            "devices": ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",),
            "settable": tuple(sorted(names)),
            "pinned": {**self._fixed(names, pinned), **pinned},
            "weight_decay": kinds if "weight_decay" in names else (),
            "lr_schedule": "lr" in names and "lr" in shown,
            "checkpoint": True,
            "memory": True,
            "refuses_invalid": True,
        }
        hyper = Hyperparameters(**claims["pinned"])
        claims["groups"] = names <= set(shown) and self._takes_groups(hyper)
        claims["none_gradients"] = self._takes_missing_gradients(hyper)
        state = self._shown_state(hyper)
        claims["state"] = state.m is not None and state.v is not None
        claims["counter"] = claims["state"] and state.step is not None
        claims["fast_forward"] = claims["state"] and claims["counter"] and self._goes_on_from_a_counter(hyper)
        claims["walks"] = not claims["fast_forward"]
        return Capabilities(**claims, manners=tuple(self._manners(claims)))

    def _manners(self, claims: dict[str, Any]) -> Iterator[str]:
        """The ways in which a class may be worked with that takes what this one takes."""
        lr_varies = claims["lr_schedule"] and "lr" not in claims["pinned"]
        for manner in MANNERS:
            if manner in ("tensor-lr", "scheduler", "compiled-tensor-lr", "replayed") and not lr_varies:
                continue
            if manner.startswith("compiled") and not self.compiled:
                continue
            if manner == "replayed" and "capturable" not in self.accepted:
                continue
            if manner == "closure" and "closure" not in {p.name for p in _step_parameters(self.cls)}:
                continue
            yield manner

    def _goes_on_from_a_counter(self, hyper: Hyperparameters) -> bool:
        """Whether writing the counter is the same as having made that many steps with zero gradients."""
        one = np.ones(1, np.float32)

        def last(*, written: bool) -> Array:
            session = self.start([one], [hyper])
            if written:
                session.fast_forward(3)
            else:
                for _ in range(3):
                    session.step([0 * one])
                session.tensors[0].data.fill_(1.0)
            return session.step([one])[0]

        try:
            return last(written=True).tobytes() == last(written=False).tobytes()
        except Exception:
            return False

    def _fixed(self, names: set[str], pinned: dict[str, Any]) -> dict[str, Any]:
        """Hyperparameters that no argument sets, where a parameter group shows them."""
        shown = self._shown(pinned)
        return {k: shown[k] for k in SETTABLE if k not in names and isinstance(shown.get(k), bool | int | float)}

    def _shown(self, pinned: dict[str, Any]) -> dict[str, Any]:
        """What a parameter group shows, each beta by its name; all that can be set where there can be no group."""
        group: dict[str, Any] = self._group(Hyperparameters(**pinned)) or dict.fromkeys(SETTABLE)
        if "betas" in group:
            group = {**group, **dict(zip(("beta1", "beta2"), group["betas"], strict=True))}
        return group

    def _takes_groups(self, hyper: Hyperparameters) -> bool:
        """Whether the constructor takes two groups; one that takes nothing shows that later, by itself."""
        tensors = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
        try:
            self._made([{"params": [tensor]} for tensor in tensors], hyper)
        except Exception:
            return not self._group(hyper)
        return True

    def _takes_missing_gradients(self, hyper: Hyperparameters) -> bool:
        """Whether a step with a gradient for one of two parameters is made, or fails otherwise than by refusing it."""
        one = np.ones(1, np.float32)
        try:
            self.start([one, one], [hyper, hyper]).step([one, None])
        except (ValueError, NotImplementedError):
            return False
        except Exception:
            return True
        return True

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
        return self.start_in("", parameters, hyperparameters)

    def start_in(
        self, manner: str, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]
    ) -> TorchSession:
        """The same, for a session that is worked with in that manner."""
        way = WAYS[manner](self.device)
        tensors = way.hold(parameters)
        return TorchSession(way.made(self.grouped, tensors, hyperparameters), tensors, way)

    def seed(self, number: int) -> None:
        """What optimizers draw, they draw from torch's global generators."""
        torch.manual_seed(number)

    def grouped(
        self, tensors: Parameters, hyperparameters: Sequence[Hyperparameters], **more: Any
    ) -> torch.optim.Optimizer:
        """The optimizer of these tensors, in a group for each distinct entry of hyperparameters."""
        groups: dict[Hyperparameters, Parameters] = {}
        for tensor, hyper in zip(tensors, hyperparameters, strict=True):
            groups.setdefault(hyper, []).append(tensor)
        if len(groups) == 1:
            return self._made(tensors, hyperparameters[0], **more)
        listed = [{"params": members, **self._named(hyper)} for hyper, members in groups.items()]
        return self._made(listed, hyperparameters[0], **more)

    def _made(self, parameters: Any, hyper: Hyperparameters, **more: Any) -> torch.optim.Optimizer:
        named = {**self.arguments, **self._named(hyper), **more}
        kinds = list(self.signature.parameters.items())[1:]
        places = [named.pop(k) for k, p in kinds if p.kind is p.POSITIONAL_ONLY and k in named]
        return self.build(parameters, *places, **named)

    def _named(self, hyper: Hyperparameters) -> dict[str, Any]:
        named: dict[str, Any] = {k: v for k, v in vars(hyper).items() if k in self.accepted}
        if "betas" in self.accepted:
            named["betas"] = (hyper.beta1, hyper.beta2)
        if self.decay is not None and "weight_decay" in named:
            named["weight_decay"] = self.decay(named["weight_decay"])
        return named


class TorchSession:
    """One torch optimizer at work."""

    def __init__(self, optimizer: torch.optim.Optimizer, tensors: Parameters, way: Plainly) -> None:
        self.optimizer, self.tensors, self.way = optimizer, tensors, way
        wanted = any(p.default is p.empty for p in _step_parameters(type(optimizer)))
        self.step_arguments = (lambda: torch.zeros(()),) if wanted else ()

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """Give each parameter its gradient and step."""
        self.way.step(self, gradients)
        return self.held_parameters()

    def held_gradients(self) -> list[Array | None]:
        """`.grad` of each parameter as it is now."""
        return [None if t.grad is None else to_numpy(t.grad) for t in self.tensors]

    def held_parameters(self) -> list[Array]:
        """Each parameter as it is now."""
        return [to_numpy(t) for t in self.tensors]

    def state(self) -> list[Moments]:
        """The moments under torch's names."""
        return [self._moments(self.held_state(t)) for t in self.tensors]

    def _moments(self, state: dict[str, Any]) -> Moments:
        found = {k: to_numpy(state[name]) for k, name in STATE.items() if torch.is_tensor(state.get(name))}
        step = state.get("step")
        return Moments(**found, step=None if step is None else float(step))

    def fast_forward(self, steps: int) -> None:
        """One step with zero gradients makes the state; then everything is as it was, and the counters say `steps`."""
        before = [t.detach().clone() for t in self.tensors]
        self.way.step(self, [np.zeros_like(to_numpy(t)) for t in self.tensors])
        with torch.no_grad():
            for tensor, was in zip(self.tensors, before, strict=True):
                tensor.copy_(was)
                self._count(self.optimizer.state[tensor], steps)

    def _count(self, state: dict[str, Any], steps: int) -> None:
        for name in STATE.values():
            if torch.is_tensor(state.get(name)):
                state[name].zero_()
        if torch.is_tensor(state["step"]):
            state["step"].fill_(steps)
        else:
            state["step"] = type(state["step"])(steps)

    def set_lr(self, lr: float) -> None:
        """From now on with this learning rate."""
        self.way.set_lr(self.optimizer, lr)

    def save(self) -> Any:
        """What a new session needs to go on."""
        return self.way.save(self)

    def load(self, saved: Any) -> None:
        """The reverse of `save`."""
        self.way.load(self, saved)

    def noticed(self) -> list[str]:
        """What the way of working with the optimizer saw go wrong."""
        self.way.notice()
        return self.way.broken

    def shared_memory(self) -> list[str]:
        """Parameters, gradients and state tensors that overlap.

        A state tensor that is the whole parameter is no moment: a master copy that needs no wider format.
        """
        held = [(f"parameter {i}", t.data) for i, t in enumerate(self.tensors)]
        gradients = [(f"gradient {i}", t.grad) for i, t in enumerate(self.tensors)]
        held += [(name, g) for name, g in gradients if g is not None and not g.is_sparse]
        for i, t in enumerate(self.tensors):
            kept = ((k, s) for k, s in self.held_state(t).items() if torch.is_tensor(s))
            held += [(f"{k} of parameter {i}", s) for k, s in kept if not self._is_whole(s, t)]
        return overlapping((name, _span(self.in_memory(tensor))) for name, tensor in held)

    def _is_whole(self, one: torch.Tensor, other: torch.Tensor) -> bool:
        """Whether both are the same elements of the same memory."""
        first, second = self.in_memory(one), self.in_memory(other)
        return all(getattr(first, what)() == getattr(second, what)() for what in ("data_ptr", "numel", "stride"))

    def held_state(self, tensor: torch.Tensor) -> dict[str, Any]:
        """What the optimizer keeps for a parameter."""
        found: dict[str, Any] = self.optimizer.state.get(tensor, {})
        return found

    def in_memory(self, tensor: torch.Tensor) -> torch.Tensor:
        """Where a tensor has its numbers."""
        return tensor


def _span(tensor: torch.Tensor) -> Span:
    begin = tensor.data_ptr()
    return begin, begin + tensor.numel() * tensor.element_size()


def _step_parameters(cls: type[Any]) -> list[inspect.Parameter]:
    """What `step` may be given by place, after the optimizer itself."""
    parameters = list(inspect.signature(cls.step).parameters.values())[1:]
    return [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
