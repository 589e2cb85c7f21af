"""How a torch optimizer is worked with plainly, which every manner changes in some respect.

The manners are in `conformance.targets.torch_manners` and `conformance.targets.torch_graphs`.
"""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Sequence
from typing import Any, Protocol

import torch

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.tensors import to_torch

Parameters = list[torch.nn.Parameter]


class Make(Protocol):
    """Makes the optimizer of parameters and of one entry of hyperparameters for each; `more` goes before these."""

    def __call__(
        self, tensors: Parameters, hyperparameters: Sequence[Hyperparameters], **more: Any
    ) -> torch.optim.Optimizer: ...


class Plainly:
    """Contiguous tensors, one optimizer made of all of them, `.grad` set before each step, state_dict to go on.

    One is made for each session.  What is not as it must be, and shows in no number, goes into `broken`.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.broken: list[str] = []

    def hold(self, arrays: Sequence[Array]) -> Parameters:
        """The parameters, as the caller holds them."""
        return [torch.nn.Parameter(self.parameter(to_torch(a, self.device))) for a in arrays]

    def parameter(self, tensor: torch.Tensor) -> torch.Tensor:
        """A contiguous tensor as a parameter's memory is laid out."""
        return tensor

    def gradient(self, tensor: torch.Tensor) -> torch.Tensor:
        """A contiguous tensor as a gradient's memory is laid out."""
        return tensor

    def made(self, make: Make, tensors: Parameters, hypers: Sequence[Hyperparameters]) -> torch.optim.Optimizer:
        """The optimizer."""
        return make(tensors, hypers)

    def step(self, session: Any, gradients: Sequence[Array | None]) -> None:
        """Give each parameter its gradient, and step; a closure that must be given has nothing left to do."""
        self.give(session.tensors, gradients)
        session.optimizer.step(*session.step_arguments)

    def give(self, tensors: Parameters, gradients: Sequence[Array | None]) -> None:
        """Set `.grad`."""
        for tensor, gradient in zip(tensors, gradients, strict=True):
            tensor.grad = None if gradient is None else self.gradient(to_torch(gradient, self.device))

    def set_lr(self, optimizer: torch.optim.Optimizer, lr: float) -> None:
        """As a scheduler does it: write `lr` into every group."""
        for group in optimizer.param_groups:
            if torch.is_tensor(group["lr"]):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr

    def save(self, session: Any) -> Any:
        """The optimizer's state_dict, through torch.save."""
        buffer = io.BytesIO()
        torch.save(copy.deepcopy(session.optimizer.state_dict()), buffer)
        return buffer.getvalue()

    def load(self, session: Any, saved: Any) -> None:
        """The reverse of `save`, with weights_only where the state_dict holds nothing that this refuses."""
        try:
            state_dict = torch.load(io.BytesIO(saved), weights_only=True)
        except pickle.UnpicklingError:
            state_dict = torch.load(io.BytesIO(saved), weights_only=False)
        session.optimizer.load_state_dict(state_dict)

    def notice(self) -> None:
        """Look again at what must not have changed."""
