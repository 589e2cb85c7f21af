"""Faults of a torch optimizer that show only where its step is captured: by a compiler, or in a graph.

Those of a compiled step take another way where `torch.compiler.is_compiling()`, as optimizers do lest they be traced
again; those of a recorded step are there where the group is `capturable`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from conformance.faults.catalogue import Chapter
from conformance.faults.torch_adam import Pieces

fault = partial(Chapter("graphs"), framework="torch", dtypes=("float32",))


def _compiling() -> bool:
    import torch

    return torch.compiler.is_compiling()


# Compiled.


def _lr_of_the_trace(o: Any, group: dict[str, Any], name: str) -> Any:
    found = Pieces.number(o, group, name)
    if name != "lr" or not _compiling():
        return found
    if "lr_in_graph" not in group:
        group["lr_in_graph"] = found.clone() if hasattr(found, "clone") else found
    return group["lr_in_graph"]


COMPILED = ("graphs.compiled",)
fault(
    "lr-of-the-trace",
    "a compiled step has the learning rate that it was captured with",
    caught_by=COMPILED,
    stands_for=("pytorch #194976",),
    number=_lr_of_the_trace,
)
fault(
    "compiled-steps-not-counted",
    "a compiled step does not count, lest it be compiled again, and corrects as the first one",
    caught_by=COMPILED,
    stands_for=("Advanced_Optimizers #6",),
    counted=lambda o, state: state["step"] + 1 if _compiling() else Pieces.counted(o, state),
)


def _corrections_of_the_trace(o: Any, group: dict[str, Any], t: Any) -> tuple[Any, Any]:
    if not _compiling():
        return Pieces.corrections(o, group, t)
    if "corrections_in_graph" not in group:
        group["corrections_in_graph"] = Pieces.corrections(o, group, t)
    c1, c2 = group["corrections_in_graph"]
    return c1, c2


fault(
    "corrections-of-the-trace",
    "a compiled step keeps the bias corrections that it was captured with",
    caught_by=COMPILED,
    corrections=_corrections_of_the_trace,
)


def _no_gradients_yet(o: Any) -> None:
    o.gradients_in_graph = {}


def _gradient_of_the_trace(o: Any, p: Any) -> Any:
    g = Pieces.gradient(o, p)
    return o.gradients_in_graph.setdefault(p, g) if _compiling() else g


fault(
    "gradients-of-the-trace",
    "a compiled step reads the tensors that were the gradients when it was captured",
    caught_by=COMPILED,
    made=_no_gradients_yet,
    gradient=_gradient_of_the_trace,
)


def _members_of_the_trace(o: Any) -> list[tuple[dict[str, Any], Any]]:
    if not _compiling():
        return Pieces.listed(o)
    for group in o.param_groups:
        if "members_in_graph" not in group:
            group["members_in_graph"] = [p for p in group["params"] if p.grad is not None]
    return [(group, p) for group in o.param_groups for p in group["members_in_graph"]]


fault(
    "parameters-of-the-trace",
    "a parameter that has no gradient when the step is compiled is never stepped",
    caught_by=COMPILED,
    listed=_members_of_the_trace,
)


def _divided_by_size(o: Any, m: Any, root: Any, eps: float, size: Any) -> Any:
    return m / (root / size + eps / size) if _compiling() else Pieces.divided(o, m, root, eps, size)


fault(
    "compiled-step-divides-by-lr",
    "a compiled step divides both parts of the denominator by the size of the step, of which one may be 0/0",
    caught_by=("graphs.lr-zero",),
    stands_for=("pytorch #126514",),
    divided=_divided_by_size,
    move=lambda o, p, direction, size: Pieces.move(o, p, direction, 1 if _compiling() else size),
)


# Recorded.


def _kept_from_the_start(name: str, read: Callable[..., Any]) -> Callable[..., Any]:
    """What the piece gives at the first step, kept as a number where the step is to be recorded."""

    def kept(o: Any, group: dict[str, Any], *rest: Any) -> Any:
        if not group["capturable"]:
            return read(o, group, *rest)
        if name not in group:
            found = read(o, group, *rest)
            group[name] = tuple(map(float, found)) if isinstance(found, tuple) else float(found)
        return group[name]

    return kept


REPLAYED = ("graphs.replayed",)
fault(
    "counter-of-the-record",
    "the counter is a number of Python's, which a recorded step does not count up",
    caught_by=REPLAYED,
    stands_for=("burn #5779", "AiDotNet.Tensors #549"),
    none=lambda _o, _group, _p: 0,
)
fault(
    "lr-of-the-record",
    "the learning rate is read out of its tensor once, before the step is recorded",
    caught_by=REPLAYED,
    stands_for=("burn #5779", "AiDotNet.Tensors #549"),
    rate=_kept_from_the_start("lr_in_graph", Pieces.rate),
)
fault(
    "corrections-of-the-record",
    "the bias corrections are numbers that stay what they were when the step was recorded",
    caught_by=REPLAYED,
    corrections=_kept_from_the_start("corrections_in_graph", Pieces.corrections),
)


def _moments_elsewhere(o: Any, group: dict[str, Any], state: dict[str, Any], g: Any) -> tuple[Any, Any]:
    if group["capturable"]:
        state.update({name: tensor.clone() for name, tensor in state.items() if name != "step"})
    return Pieces.moments(o, group, state, g)


fault(
    "moments-of-the-record",
    "the moments are new tensors at each step, so that a recorded one starts from the same old ones each time",
    caught_by=REPLAYED,
    moments=_moments_elsewhere,
)
