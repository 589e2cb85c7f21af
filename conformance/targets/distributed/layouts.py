"""How ranks hold the parameters of one model between them, and how their gradients come about.

No rank is handed a gradient: each makes its own contribution, which is all of the gradient for every so-many-th
element and zero for the others, and the framework's reduction makes the gradient of these.  That is what a
data-parallel backward pass is, each rank having a batch of its own; a step on what has not been reduced is wrong on
every rank.  The reductions are exact: a sum of one number and zeros (which carry its sign), multiplied beforehand by
the number of ranks where the reduction averages.  That number is a power of two, so that product and quotient round
nothing; what overflows on the way is a gradient within that factor of the largest number.

To add a layout: a subclass of `Replicated`, and a line in `LAYOUTS`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.distributed.tensor import DTensor, Partial, Placement, Replicate, Shard, distribute_tensor

from adam_ref.arrays import Array
from conformance.targets.distributed.pieces import Piece
from conformance.targets.tensors import to_numpy, to_torch
from conformance.targets.torch_manners import WAYS
from conformance.targets.torch_plain import Parameters, Plainly

_world = dist.get_world_size

REAL = ("float32", "float64", "bfloat16", "float16")


class Replicated(Plainly):
    """Every rank holds every parameter, and its gradient as an all-reduce leaves it: what DistributedDataParallel does.

    How the work and the state are divided is the optimizer's affair.
    """

    dtypes: tuple[str, ...] = (*REAL, "complex64", "complex128")
    any_shape = True
    gradients = True
    manners: tuple[str, ...] = (
        "closure",
        "rewritten",
        "scheduler",
        "tensor-lr",
        "late-group",
        "other-hyperparameters",
    )

    @staticmethod
    def build(cls: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
        """What makes the optimizer of a rank, given the class that the address names."""
        return cls

    def contribution(self, gradient: torch.Tensor, times: int = 1) -> torch.Tensor:
        """This rank's part of a sum over all ranks that is `times` the gradient."""
        if gradient.is_complex():
            return torch.view_as_complex(self.contribution(torch.view_as_real(gradient), times))
        mine = torch.arange(gradient.numel()).reshape(gradient.shape) % _world() == dist.get_rank()
        return torch.where(mine, gradient * times, torch.copysign(torch.zeros_like(gradient), gradient))

    def give(self, tensors: Parameters, gradients: Sequence[Array | None]) -> None:
        for tensor, gradient in zip(tensors, gradients, strict=True):
            tensor.grad = None if gradient is None else self.reduced(to_torch(gradient, self.device))

    def reduced(self, gradient: torch.Tensor) -> torch.Tensor:
        """The gradient, made of the contributions of all ranks."""
        total = self.contribution(gradient)
        dist.all_reduce(total)
        return total

    def in_memory(self, tensor: torch.Tensor) -> torch.Tensor:
        """What this rank has of a tensor, without a copy."""
        return tensor.detach()

    def piece(self, tensor: torch.Tensor | None) -> Piece | None:
        """What this rank has of a tensor."""
        if tensor is None:
            return None
        held = self.in_memory(tensor)
        whole = not isinstance(tensor, DTensor) or all(p.is_replicate() for p in tensor.placements)
        return Piece(whole, to_numpy(held))

    def whole(self, tensor: torch.Tensor) -> Array:
        """All of a tensor, as the framework gathers it."""
        return to_numpy(tensor)

    def state_of(self, optimizer: Any) -> Any:
        """Where this rank's optimizer keeps its state."""
        return optimizer.state

    def save(self, session: Any) -> bytes:
        """Where the optimizer can be consolidated, rank 0 saves for all; otherwise each rank saves what it has."""
        consolidate = getattr(session.optimizer, "consolidate_state_dict", None)
        if consolidate is None:
            return _saved(session.optimizer.state_dict())
        consolidate(to=0)
        return _saved(session.optimizer.state_dict() if dist.get_rank() == 0 else None)

    def load(self, session: Any, saved: Sequence[bytes]) -> None:
        consolidated = hasattr(session.optimizer, "consolidate_state_dict")
        session.optimizer.load_state_dict(_loaded(saved[0 if consolidated else dist.get_rank()]))


class Unreduced(Replicated):
    """The same, each rank being given a gradient of its own: it is the optimizer that averages them over the ranks.

    What it does to them is its own affair.
    """

    gradients = False

    def reduced(self, gradient: torch.Tensor) -> torch.Tensor:
        return self.contribution(gradient, _world())


class Zero(Replicated):
    """`torch.distributed.optim.ZeroRedundancyOptimizer` around the class: each parameter is stepped by one rank."""

    @staticmethod
    def build(cls: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
        return partial(ZeroRedundancyOptimizer, optimizer_class=cls)

    def state_of(self, optimizer: Any) -> Any:
        return optimizer.optim.state


class Model(torch.nn.Module):
    """Parameters as one module; its value is the sum of their products with constants, which are their gradients."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__()
        self.held = torch.nn.ParameterList(parameters)

    def forward(self, constants: Sequence[torch.Tensor | None]) -> torch.Tensor:
        """A number; parameters with no constant have no part in it."""
        pairs = zip(self.held, constants, strict=True)
        return torch.stack([(p * c).sum() for p, c in pairs if c is not None]).sum()


class DTensors(Replicated):
    """Each parameter is a `DTensor` that is sharded along its first axis; one that has no axis is replicated.

    Gradients are redistributed from partial sums to the placement of their parameter.
    """

    dtypes = REAL
    model: Model

    def hold(self, arrays: Sequence[Array]) -> Parameters:
        self.mesh = _mesh()
        tensors = [to_torch(array, self.device) for array in arrays]
        sharded = [distribute_tensor(tensor, self.mesh, _placements(tensor)) for tensor in tensors]
        self.model = Model([torch.nn.Parameter(tensor) for tensor in sharded])
        return list(self.model.parameters())

    def reduced(self, gradient: torch.Tensor) -> torch.Tensor:
        partial_sum = DTensor.from_local(self.contribution(gradient), self.mesh, [Partial()], run_check=False)
        return partial_sum.redistribute(self.mesh, _placements(gradient))

    def in_memory(self, tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.detach()
        return tensor.to_local() if isinstance(tensor, DTensor) else tensor

    def whole(self, tensor: torch.Tensor) -> Array:
        return to_numpy(tensor.full_tensor() if isinstance(tensor, DTensor) else tensor)


class FullyShard(DTensors):
    """`fully_shard` (FSDP2) on one module that has all parameters; gradients come of its backward pass.

    It takes neither parameters without axes nor gradients of empty ones.
    """

    any_shape = False

    def hold(self, arrays: Sequence[Array]) -> Parameters:
        self.model = Model([torch.nn.Parameter(to_torch(array, self.device)) for array in arrays])
        fully_shard(self.model, mesh=_mesh())
        return list(self.model.parameters())

    def give(self, tensors: Parameters, gradients: Sequence[Array | None]) -> None:
        for tensor in tensors:
            tensor.grad = None
        constants = [None if g is None else self.contribution(to_torch(g, self.device), _world()) for g in gradients]
        if any(constant is not None for constant in constants):
            with torch.enable_grad():
                self.model(constants).backward()


class FullCheckpoint(DTensors):
    """Checkpoints of `torch.distributed.checkpoint.state_dict`: all of the state on rank 0, which sends it to all.

    A parameter that has had no gradient has no state; a strict load refuses that, on rank 0 alone.
    """

    def save(self, session: Any) -> bytes:
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        return _saved(get_optimizer_state_dict(self.model, session.optimizer, options=options))

    def load(self, session: Any, saved: Sequence[bytes]) -> None:
        options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True, strict=False)
        full = _loaded(saved[0]) if dist.get_rank() == 0 else {}
        set_optimizer_state_dict(self.model, session.optimizer, optim_state_dict=full, options=options)


def _mesh() -> DeviceMesh:
    return init_device_mesh("cpu", (_world(),))


def _placements(tensor: torch.Tensor) -> list[Placement]:
    return [Shard(0) if tensor.dim() else Replicate()]


def _saved(state: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _loaded(saved: bytes) -> Any:
    return torch.load(io.BytesIO(saved), weights_only=False)


OWN, FULL = "own", "full"
"""Kinds of checkpoints: the optimizer's own state_dict, and `FullCheckpoint`."""

LAYOUTS: dict[str, type[Replicated]] = {
    "replicated": Replicated,
    "unreduced": Unreduced,
    "zero": Zero,
    "dtensor": DTensors,
    "fsdp2": FullyShard,
}
"""By the name that an address gives."""


def way_of(layout: str, checkpoint: str, manner: str) -> Replicated:
    """A layout with a kind of checkpoint, worked with in a manner."""
    bases: list[Any] = [LAYOUTS[layout]]
    if checkpoint == FULL:
        bases.insert(0, FullCheckpoint)
    if manner:
        bases.insert(0, WAYS[manner])
    made: Replicated = type("".join(base.__name__ for base in bases), tuple(bases), {})("cpu")
    return made


def require_checkpoint(layout: str, checkpoint: str) -> None:
    """Raise ValueError unless the layout has that kind of checkpoint."""
    allowed = (OWN, FULL) if issubclass(LAYOUTS[layout], DTensors) else (OWN,)
    if checkpoint not in allowed:
        raise ValueError(f"checkpoint={checkpoint} is not possible with {layout}: allowed is {' or '.join(allowed)}")
