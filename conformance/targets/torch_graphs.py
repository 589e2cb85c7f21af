"""The ways in which the step of a torch optimizer is captured once and run again: compiled, and recorded.

`torch.compile(optimizer.step)` is how torch's documentation compiles an optimizer (recipe "compiling_optimizer"; with a
learning rate that is a tensor, recipe "compiling_optimizer_lr_scheduler").  What the tracer reads of Python it guards,
and traces again where a guard fails: for each new value of a number until it takes it for variable, and for each new
set of parameters that have a gradient.  After `recompile_limit` traces of one function, counted over all optimizers of
the process, torch runs it plainly and says so only in its log: each session therefore begins with
`torch._dynamo.reset()`, and with room for more traces than a case needs.

For every subclass of torch.optim.Optimizer the tracer sees `capturable=True` in the groups, on the CPU as well
(`OptimizerVariable._set_capturable`): what a compiled step computes is the code for CUDA graphs, in torch's Adams with
bias corrections in single precision.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.tensors import to_torch
from conformance.targets.torch_plain import Make, Parameters, Plainly

TRACES = 64
"""How often one function may be traced in a session; a case has fewer steps."""


class Compiled(Plainly):
    """`torch.compile(optimizer.step)`.

    Args:
        device: where the parameters live.
        backend: of torch.compile: "eager" runs what was traced, "aot_eager" what comes of it without operations in
            place, of which kernels would be made.
        tensor_lr: the learning rate is a tensor of float64, which later ones are written into.

    Raises:
        RuntimeError: at the first step, where the tracer has captured nothing of it.

    """

    def __init__(self, device: str, backend: str, *, tensor_lr: bool = False) -> None:
        super().__init__(device)
        import torch._dynamo

        torch._dynamo.reset()
        self.compiler, self.tensor_lr = torch._dynamo.lookup_backend(backend), tensor_lr
        self.graphs = 0

    def made(self, make: Make, tensors: Parameters, hypers: Sequence[Hyperparameters]) -> torch.optim.Optimizer:
        lr = torch.tensor(hypers[0].lr, dtype=torch.float64, device=self.device)
        optimizer = make(tensors, hypers, lr=lr) if self.tensor_lr else make(tensors, hypers)
        self.compiled = torch.compile(optimizer.step, backend=self._counting)
        return optimizer

    def _counting(self, graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Any:
        self.graphs += 1
        return self.compiler(graph, inputs)

    def step(self, session: Any, gradients: Sequence[Array | None]) -> None:
        self.give(session.tensors, gradients)
        with _room_to_trace():
            self.compiled(*session.step_arguments)
        if not self.graphs:
            raise RuntimeError("torch.compile captured nothing of the step, and ran it plainly")


@contextmanager
def _room_to_trace() -> Iterator[None]:
    """As many traces as may be needed, and no warnings of what the tracer leaves out."""
    import torch._dynamo

    log = logging.getLogger("torch._dynamo")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with torch._dynamo.config.patch(cache_size_limit=TRACES):
            yield
    finally:
        log.setLevel(before)


WARM_UP = 2
"""Steps that are made plainly before one is recorded: the first makes the state, the second is as all later ones."""


class Replayed(Plainly):
    """`capturable=True`: two plain steps, one that is recorded, and all others played back.

    On CUDA the record is a CUDA graph, elsewhere a list of operations that keeps what a CUDA graph keeps.  The learning
    rate is a tensor of float32, which fused kernels want, and which powers of two lose nothing in.
    """

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self.record: Graph | Operations | None = None
        self.steps = 0

    def made(self, make: Make, tensors: Parameters, hypers: Sequence[Hyperparameters]) -> torch.optim.Optimizer:
        lr = torch.tensor(hypers[0].lr, dtype=torch.float32, device=self.device)
        return make(tensors, hypers, lr=lr, capturable=True)

    def give(self, tensors: Parameters, gradients: Sequence[Array | None]) -> None:
        """Write the gradients into the memory of the first ones; all of them must be there at each step."""
        for tensor, gradient in zip(tensors, gradients, strict=True):
            if gradient is None:
                raise ValueError("a recorded step has the gradients that it was recorded with; none may be missing")
            given = to_torch(gradient, self.device)
            if tensor.grad is None:
                tensor.grad = given
            else:
                tensor.grad.copy_(given)

    def step(self, session: Any, gradients: Sequence[Array | None]) -> None:
        self.give(session.tensors, gradients)
        self.steps += 1
        if self.record is not None:
            self.record.play()
            return

        def stepped() -> None:
            session.optimizer.step(*session.step_arguments)

        kind = Graph if self.device == "cuda" else Operations
        if self.steps <= WARM_UP:
            kind.warm_up(stepped)
        else:
            self.record = kind(stepped)


class Graph:
    """A CUDA graph of what a function does; making it does it once."""

    def __init__(self, function: Callable[[], None]) -> None:
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            function()
        self.play()

    @staticmethod
    def warm_up(function: Callable[[], None]) -> None:
        """Do it beside the stream that the graph is played back on, as torch wants it before a capture."""
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            function()
        torch.cuda.current_stream().wait_stream(beside)

    def play(self) -> None:
        """Do it again, with what its memory holds now."""
        self.graph.replay()


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A list of the operations that a function does on tensors, which like a CUDA graph keeps memory and numbers.

    An operation that makes a tensor makes it in the same memory again.  Making the list does it all once.

    Raises:
        RuntimeError: a number is read out of a tensor, which the host could not do in a CUDA graph either.

    """

    def __init__(self, function: Callable[[], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[Any, Any, Any, Any]] = []
        with self:
            function()

    @staticmethod
    def warm_up(function: Callable[[], None]) -> None:
        """Do it."""
        function()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("the step reads a number out of a tensor, which cannot be recorded")
        made = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, made))
        return made

    def play(self) -> None:
        """Do it again, with what its memory holds now."""
        with torch.no_grad():
            for func, args, kwargs, made in self.calls:
                for held, new in zip(tree_leaves(made), tree_leaves(func(*args, **kwargs)), strict=True):
                    if torch.is_tensor(new) and new.data_ptr() != held.data_ptr():
                        held.copy_(new)
