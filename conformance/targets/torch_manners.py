"""The ways in which a torch optimizer is worked with: plainly, and one for each manner that torch has.

A way says how arrays are held as tensors, how the optimizer is made and stepped, and how a run goes on from a
checkpoint.  To add one: a line in `conformance.manners`, a subclass of `Plainly` here, and a line in `WAYS`.  Those in
which the step is captured are in `conformance.targets.torch_graphs`.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.tensors import to_torch
from conformance.targets.torch_graphs import Compiled, Replayed
from conformance.targets.torch_plain import Make, Parameters, Plainly

# How memory is laid out.


def transposed(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers, the first axis innermost."""
    axes = tuple(reversed(range(tensor.dim())))
    return tensor.permute(axes).contiguous().permute(axes)


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """The same numbers, the second of four axes innermost."""
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


class Laid(Plainly):
    """Parameters and gradients laid out by functions of their tensors."""

    def __init__(
        self,
        device: str,
        parameter: Callable[[torch.Tensor], torch.Tensor] | None = None,
        gradient: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        super().__init__(device)
        self.of_parameter, self.of_gradient = parameter, gradient

    def parameter(self, tensor: torch.Tensor) -> torch.Tensor:
        return self.of_parameter(tensor) if self.of_parameter else tensor

    def gradient(self, tensor: torch.Tensor) -> torch.Tensor:
        return self.of_gradient(tensor) if self.of_gradient else tensor


MARGIN = 64
"""Elements around what a parameter occupies that belong to somebody else."""

_MARK = 7.0


class Guarded(Plainly):
    """Parameters within larger tensors, whose other elements must keep their bits."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self.watched: list[tuple[torch.Tensor, torch.Tensor]] = []

    def within(self, size: int, like: torch.Tensor) -> torch.Tensor:
        """A buffer of that many marks."""
        return torch.full((size,), _MARK, dtype=like.dtype, device=like.device)

    def watch(self, buffer: torch.Tensor, own: torch.Tensor) -> None:
        """From now on the elements of `buffer` that are not `own` (a mask) must stay as they are."""
        self.watched.append((buffer, ~own))

    def notice(self) -> None:
        for i, (buffer, others) in enumerate(self.watched):
            changed = int((buffer[others] != _MARK).sum())
            if changed:
                words = f"{changed} numbers beside parameter {i} in memory were overwritten"
                if words not in self.broken:
                    self.broken.append(words)


class Strided(Guarded):
    """Every other element of a larger tensor."""

    def __init__(self, device: str, *, parameters: bool = True, gradients: bool = True) -> None:
        super().__init__(device)
        self.parameters, self.gradients = parameters, gradients

    def parameter(self, tensor: torch.Tensor) -> torch.Tensor:
        if not self.parameters:
            return tensor
        buffer, view, own = self.spread(tensor)
        self.watch(buffer, own)
        return view

    def gradient(self, tensor: torch.Tensor) -> torch.Tensor:
        return self.spread(tensor)[1] if self.gradients else tensor

    def spread(self, tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """A buffer, its every other element in the shape of `tensor` and with its numbers, and where these are."""
        size = tensor.numel()
        buffer = self.within(2 * size + 2 * MARGIN, tensor)
        own = torch.zeros(buffer.shape, dtype=torch.bool, device=tensor.device)
        own[MARGIN : MARGIN + 2 * size : 2] = True
        buffer[own] = tensor.reshape(-1)
        strides = [2 * stride for stride in tensor.contiguous().stride()]
        return buffer, buffer.as_strided(tensor.shape, strides, MARGIN), own


class Views(Guarded):
    """Parameters side by side in one buffer, with a margin at its ends and between them."""

    def hold(self, arrays: Sequence[Array]) -> Parameters:
        tensors = [to_torch(a, self.device) for a in arrays]
        buffer = self.within(MARGIN + sum(t.numel() + MARGIN for t in tensors), tensors[0])
        own = torch.zeros(buffer.shape, dtype=torch.bool, device=buffer.device)
        held, at = [], MARGIN
        for tensor in tensors:
            view = buffer[at : at + tensor.numel()].view(tensor.shape)
            view.copy_(tensor)
            own[at : at + tensor.numel()] = True
            held.append(torch.nn.Parameter(view))
            at += tensor.numel() + MARGIN
        self.watch(buffer, own)
        return held


class Expanded(Guarded):
    """One number in memory for all elements of a parameter, or of a gradient; their arrays must be constant."""

    def __init__(self, device: str, *, parameters: bool) -> None:
        super().__init__(device)
        self.parameters = parameters

    def parameter(self, tensor: torch.Tensor) -> torch.Tensor:
        if not self.parameters or not tensor.numel():
            return tensor
        buffer, middle = self.alone(tensor)
        own = torch.zeros(buffer.shape, dtype=torch.bool, device=tensor.device)
        own[middle] = True
        self.watch(buffer, own)
        return buffer[middle].expand(tensor.shape)

    def gradient(self, tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.numel():
            return tensor
        buffer, middle = self.alone(tensor)
        return buffer[middle].expand(tensor.shape)

    def alone(self, tensor: torch.Tensor) -> tuple[torch.Tensor, int]:
        """A buffer with the one number of `tensor` at an index, and room for all its elements on both sides."""
        buffer = self.within(2 * MARGIN + 2 * tensor.numel(), tensor)
        middle = buffer.numel() // 2
        buffer[middle] = tensor.reshape(-1)[0]
        return buffer, middle


class Sparse(Plainly):
    """Sparse gradients that are not coalesced: each number comes in two halves."""

    def gradient(self, tensor: torch.Tensor) -> torch.Tensor:
        if not tensor.dim():
            return tensor
        where = torch.ones(tensor.shape, dtype=torch.bool, device=tensor.device).nonzero().T
        halves = tensor.reshape(-1) / 2
        twice = torch.cat([where, where], dim=1), torch.cat([halves, halves])
        return torch.sparse_coo_tensor(*twice, tensor.shape, check_invariants=False)


# How the optimizer is made, and its hyperparameters set.

_WRITTEN = ("lr", "betas", "beta1", "beta2", "eps", "weight_decay", "maximize")
"""What is written into a group, where the group shows it."""


def others(hypers: Sequence[Hyperparameters]) -> list[Hyperparameters]:
    """Hyperparameters that differ from these in every number that Algorithm 1 has; equal where these are equal."""
    place = {hyper: i for i, hyper in enumerate(dict.fromkeys(hypers))}
    return [h.with_(lr=0.5 + place[h], beta1=0.25, beta2=0.375, eps=0.75) for h in hypers]


def others_where_shown(
    right: torch.optim.Optimizer, hypers: Sequence[Hyperparameters], *, amsgrad: bool = False
) -> list[Hyperparameters]:
    """The same as far as the groups of an optimizer made with `hypers` show them, with other decay and `maximize` too.

    With other AMSGrad where that is asked for, and only off where it is on: who kept it on would miss the maximum, and
    seem to refuse.
    """
    shown = set(right.param_groups[0])
    shown |= {"beta1", "beta2"} if "betas" in shown else set()

    def other(hyper: Hyperparameters, numbers: Hyperparameters) -> Hyperparameters:
        changed = {**vars(numbers), "weight_decay": hyper.weight_decay + 0.5, "maximize": not hyper.maximize}
        if amsgrad:
            changed["amsgrad"] = False
        return hyper.with_(**{k: v for k, v in changed.items() if k in shown})

    return [other(hyper, numbers) for hyper, numbers in zip(hypers, others(hypers), strict=True)]


class Rewritten(Plainly):
    """Made with other hyperparameters; the right ones are written into the groups before the first gradient comes.

    Steps whose gradients are zero are made before that.  What no group shows cannot be written there: it is right from
    the beginning.
    """

    def made(self, make: Make, tensors: Parameters, hypers: Sequence[Hyperparameters]) -> torch.optim.Optimizer:
        right = make(tensors, hypers)
        optimizer = make(tensors, others_where_shown(right, hypers))
        self.wanted = [{name: group[name] for name in _WRITTEN if name in group} for group in right.param_groups]
        return optimizer

    def step(self, session: Any, gradients: Sequence[Array | None]) -> None:
        if self.wanted and any(gradient is not None and gradient.any() for gradient in gradients):
            for group, wanted in zip(session.optimizer.param_groups, self.wanted, strict=True):
                group.update(wanted)
            self.wanted = []
        super().step(session, gradients)


class TensorLr(Plainly):
    """The learning rate as a tensor of float64, so that it keeps its digits; later rates are written into it."""

    def made(self, make: Make, tensors: Parameters, hypers: Sequence[Hyperparameters]) -> torch.optim.Optimizer:
        self.lr = torch.tensor(hypers[0].lr, dtype=torch.float64, device=self.device)
        return make(tensors, hypers, lr=self.lr)

    def set_lr(self, optimizer: torch.optim.Optimizer, lr: float) -> None:  # noqa: ARG002
        self.lr.fill_(lr)


class Scheduled(Plainly):
    """A LambdaLR changes the learning rate."""

    def made(self, make: Make, tensors: Parameters, hypers: Sequence[Hyperparameters]) -> torch.optim.Optimizer:
        optimizer = make(tensors, hypers)
        self.first, self.factor = hypers[0].lr, 1.0
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: self.factor)
        return optimizer

    def set_lr(self, optimizer: torch.optim.Optimizer, lr: float) -> None:  # noqa: ARG002
        self.factor = lr / self.first
        self.scheduler.step()


class LateGroups(Plainly):
    """The first parameter makes the optimizer; each other one is added when it has its first gradient."""

    def made(self, make: Make, tensors: Parameters, hypers: Sequence[Hyperparameters]) -> torch.optim.Optimizer:
        self.waiting = [id(t) for t in tensors[1:]]
        return make(tensors[:1], hypers[:1])

    def step(self, session: Any, gradients: Sequence[Array | None]) -> None:
        for tensor, gradient in zip(session.tensors, gradients, strict=True):
            if gradient is not None and id(tensor) in self.waiting:
                self.waiting.remove(id(tensor))
                session.optimizer.add_param_group({"params": [tensor]})
        super().step(session, gradients)


class TwoDtypes(Plainly):
    """A parameter of another dtype before the others in their group, and one behind them."""

    def made(self, make: Make, tensors: Parameters, hypers: Sequence[Hyperparameters]) -> torch.optim.Optimizer:
        dtype = torch.float32 if tensors[0].dtype != torch.float32 else torch.float64
        self.beside = [torch.nn.Parameter(torch.zeros(3, dtype=dtype, device=self.device)) for _ in range(2)]
        return make([self.beside[0], *tensors, self.beside[1]], [hypers[0], *hypers, hypers[-1]])

    def step(self, session: Any, gradients: Sequence[Array | None]) -> None:
        before = [t.detach().clone() for t in self.beside]
        for tensor in self.beside:
            tensor.grad = torch.ones_like(tensor)
        super().step(session, gradients)
        for tensor, was in zip(self.beside, before, strict=True):
            if bool((tensor == was).any()):
                self.broken.append(f"a parameter of {tensor.dtype} in the same group did not move")


# How the step is called.


class WithClosure(Plainly):
    """The closure makes the gradients and returns a loss; the step calls it once, with gradients enabled."""

    def step(self, session: Any, gradients: Sequence[Array | None]) -> None:
        calls: list[bool] = []
        loss = torch.tensor(float(len(self.broken)) + 0.25)

        def closure() -> torch.Tensor:
            calls.append(torch.is_grad_enabled())
            self.give(session.tensors, gradients)
            return loss

        if not all(tensor.requires_grad for tensor in session.tensors):
            self.broken.append("a parameter no longer requires gradients after a step")
        for tensor in session.tensors:
            tensor.grad = None
        returned = session.optimizer.step(closure)
        if len(calls) != 1:
            self.broken.append(f"the closure was called {len(calls)} times in one step")
        elif not calls[0]:
            self.broken.append("the closure was called with gradients disabled")
        elif returned is not loss and (returned is None or float(returned) != float(loss)):
            self.broken.append(f"the step returned {returned!r} instead of the loss that the closure gave")


class Scaled(Plainly):
    """GradScaler: gradients are scaled by a power of two; a step with an infinite one is to be skipped."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self.scaler = torch.amp.GradScaler(device, init_scale=16.0, growth_interval=1 << 30)

    def step(self, session: Any, gradients: Sequence[Array | None]) -> None:
        self.scaler.scale(torch.zeros((), device=self.device))
        scale = self.scaler.get_scale()
        for tensor, gradient in zip(session.tensors, gradients, strict=True):
            tensor.grad = None if gradient is None else to_torch(gradient, self.device) * scale
        self.scaler.step(session.optimizer)
        self.scaler.update()


class Threads(Plainly):
    """So many threads, whatever their number is otherwise."""

    def __init__(self, device: str, number: int) -> None:
        super().__init__(device)
        self.number = number

    def step(self, session: Any, gradients: Sequence[Array | None]) -> None:
        before = torch.get_num_threads()
        torch.set_num_threads(self.number)
        try:
            super().step(session, gradients)
        finally:
            torch.set_num_threads(before)


# How a run goes on.


class Copied(Plainly):
    """A deep copy of the optimizer and its parameters goes on; the original makes one more step, which is its own.

    What that step draws at random is drawn again.
    """

    def save(self, session: Any) -> Any:
        saved = self.copied((session.optimizer, session.tensors))
        with torch.random.fork_rng():
            session.optimizer.step(*session.step_arguments)
        return saved

    def copied(self, both: tuple[torch.optim.Optimizer, Parameters]) -> Any:
        """A deep copy of both."""
        return copy.deepcopy(both)

    def load(self, session: Any, saved: Any) -> None:
        session.optimizer, session.tensors = saved


class Pickled(Copied):
    """They go on from a pickle."""

    def copied(self, both: tuple[torch.optim.Optimizer, Parameters]) -> Any:
        """What comes out of a pickle of both."""
        return pickle.loads(pickle.dumps(both))


class OtherHyperparameters(Plainly):
    """A new optimizer is made with other hyperparameters; the checkpoint brings the right ones.

    What no group shows no checkpoint holds: the new optimizer is made with that as it was.
    """

    def made(self, make: Make, tensors: Parameters, hypers: Sequence[Hyperparameters]) -> torch.optim.Optimizer:
        optimizer = make(tensors, hypers)
        self.make, self.of = make, (tensors, others_where_shown(optimizer, hypers, amsgrad=True))
        return optimizer

    def load(self, session: Any, saved: Any) -> None:
        session.optimizer = self.make(*self.of)
        super().load(session, saved)


AHEAD = 7
"""Steps that an optimizer has made before it is taken back: more than any case that is taken back had made."""


class TakenBack(Plainly):
    """The checkpoint is loaded into an optimizer at work, and after one more step once more.

    The parameters are each time put back by the caller.  What is drawn at random until then is drawn again.
    """

    def load(self, session: Any, saved: Any) -> None:
        parameters = [tensor.detach().clone() for tensor in session.tensors]
        for steps in (AHEAD, 1):
            with torch.random.fork_rng():
                for _ in range(steps):
                    self.give(session.tensors, [np.ones_like(p) for p in session.held_parameters()])
                    session.optimizer.step(*session.step_arguments)
            with torch.no_grad():
                for tensor, before in zip(session.tensors, parameters, strict=True):
                    tensor.copy_(before)
            super().load(session, saved)


WAYS: dict[str, Callable[[str], Plainly]] = {
    "": Plainly,
    "transposed": lambda device: Laid(device, transposed, transposed),
    "transposed-parameters": lambda device: Laid(device, parameter=transposed),
    "transposed-gradients": lambda device: Laid(device, gradient=transposed),
    "channels-last": lambda device: Laid(device, channels_last, channels_last),
    "strided": Strided,
    "strided-parameters": lambda device: Strided(device, gradients=False),
    "strided-gradients": lambda device: Strided(device, parameters=False),
    "views": Views,
    "expanded-parameters": lambda device: Expanded(device, parameters=True),
    "expanded-gradients": lambda device: Expanded(device, parameters=False),
    "sparse-gradients": Sparse,
    "rewritten": Rewritten,
    "tensor-lr": TensorLr,
    "scheduler": Scheduled,
    "late-group": LateGroups,
    "two-dtypes": TwoDtypes,
    "closure": WithClosure,
    "gradient-scaler": Scaled,
    "one-thread": lambda device: Threads(device, 1),
    "two-threads": lambda device: Threads(device, 2),
    "compiled": lambda device: Compiled(device, "eager"),
    "compiled-tensor-lr": lambda device: Compiled(device, "eager", tensor_lr=True),
    "compiled-functional": lambda device: Compiled(device, "aot_eager"),
    "replayed": Replayed,
    "deepcopy": Copied,
    "pickle": Pickled,
    "other-hyperparameters": OtherHyperparameters,
    "taken-back": TakenBack,
}
"""The way of each manner."""
