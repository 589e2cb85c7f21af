"""Faults around the update of a torch optimizer: memory, closures, groups, scalers, copies and checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from conformance.faults.catalogue import Chapter
from conformance.faults.torch_adam import Pieces

fault = partial(Chapter("torch"), framework="torch")


# Memory.


def _flat_in_memory(tensor: Any) -> Any:
    """As many numbers as the tensor has, from where it begins on, as if it were contiguous."""
    strides: list[int] = []
    size = 1
    for length in reversed(tensor.shape):
        strides.insert(0, size)
        size *= max(length, 1)
    return tensor.as_strided(tensor.shape, strides)


def _as_far_as_there_is(tensor: Any) -> Any:
    """What a kernel reads that takes a gradient for contiguous; zeros behind the end of its storage."""
    import torch

    stored = tensor.as_strided(
        (tensor.untyped_storage().nbytes() // tensor.element_size() - tensor.storage_offset(),), (1,)
    )
    read = torch.zeros(max(tensor.numel(), stored.numel()), dtype=tensor.dtype)
    read[: stored.numel()] = stored
    return read[: tensor.numel()].view(tensor.shape)


fault(
    "gradient-strides-ignored",
    "gradients are read as if they were contiguous",
    caught_by=("layouts.transposed", "layouts.strided"),
    stands_for=("pytorch #118115",),
    gradient=lambda o, p: _as_far_as_there_is(Pieces.gradient(o, p)),
)
fault(
    "expanded-gradient-read-once",
    "of an expanded gradient only the number that is stored reaches the parameter",
    caught_by=("layouts.expanded",),
    gradient=lambda o, p: _as_far_as_there_is(p.grad) if 0 in p.grad.stride() else Pieces.gradient(o, p),
)
fault(
    "parameter-strides-ignored",
    "the parameter is written as if it were contiguous",
    caught_by=("layouts.strided",),
    move=lambda o, p, direction, size: Pieces.move(o, _flat_in_memory(p), direction, size),
)
fault(
    "transposed-parameter-written-in-rows",
    "a transposed parameter is written row by row",
    caught_by=("layouts.transposed",),
    stands_for=("pytorch #118115",),
    move=lambda o, p, direction, size: Pieces.move(
        o, _flat_in_memory(p) if p.dim() > 1 and p.stride(0) == 1 else p, direction, size
    ),
)


def _all_in_one_row(o: Any, group: dict[str, Any], p: Any, g: Any) -> None:
    """A kernel that is handed where each tensor begins, and how many numbers the parameter has."""
    state = o.held(group, p)
    row = _flat_in_memory(p)
    rows = {name: _flat_in_memory(held) if hasattr(held, "stride") else held for name, held in state.items()}
    o.state[row] = dict(rows)
    Pieces.one(o, group, row, _as_far_as_there_is(g))
    made = o.state.pop(row)
    state["step"] = made["step"]
    if "max_exp_avg_sq" in rows:
        rows["max_exp_avg_sq"].copy_(made["max_exp_avg_sq"])


fault(
    "everything-taken-for-contiguous",
    "every tensor is taken for contiguous: parameters, gradients and moments are read and written in the order in "
    "which numbers lie in memory from where each begins, whatever their strides",
    caught_by=("layouts.transposed", "layouts.strided", "layouts.expanded"),
    stands_for=("pytorch #118115",),
    one=_all_in_one_row,
)


def _on_a_copy(o: Any, p: Any, direction: Any, size: float) -> None:
    Pieces.move(o, p if p.is_contiguous() else p.contiguous(), direction, size)


fault(
    "contiguous-copy-stepped",
    "a parameter that is not contiguous is copied, and the copy is stepped",
    caught_by=("layouts.transposed", "layouts.strided", "layouts.expanded"),
    move=_on_a_copy,
)


def _next_to_it_too(o: Any, p: Any, direction: Any, size: float) -> None:
    """A kernel that rounds the size up to a multiple of 16 writes behind a parameter that lies in a larger buffer."""
    Pieces.move(o, p, direction, size)
    end = p.storage_offset() + p.numel()
    room = p.untyped_storage().nbytes() // p.element_size() - end
    if p.is_contiguous() and room > 0:
        p.as_strided((min(room, -p.numel() % 16),), (1,), end).add_(1.0, alpha=size)


fault(
    "writes-behind-views",
    "the size is rounded up to a multiple of 16, and what lies behind in the same buffer is overwritten",
    caught_by=("layouts.views",),
    move=_next_to_it_too,
)


def _not_stepped(which: Callable[[Any], slice]) -> Callable[..., None]:
    """A kernel that leaves out some of the elements of a parameter, in the order of its axes."""

    def moved(o: Any, p: Any, direction: Any, size: float) -> None:
        stepped = direction.clone().contiguous()
        stepped.view(-1)[which(p)] = 0
        Pieces.move(o, p, stepped, size)

    return moved


fault(
    "elements-beyond-2-20-dropped",
    "elements beyond number 1,048,576 are not stepped",
    caught_by=("metamorphic.arrangement",),
    move=_not_stepped(lambda _: slice(1 << 20, None)),
)
fault(
    "first-64-elements-of-strided-ones",
    "of a parameter that is not contiguous only the first 64 elements are stepped",
    caught_by=("layouts.transposed", "layouts.strided"),
    move=_not_stepped(lambda p: slice(p.numel() if p.is_contiguous() else 64, None)),
)


def _gradient_for_m(o: Any, group: dict[str, Any], p: Any, g: Any) -> None:
    Pieces.one(o, group, p, g)
    if not group["betas"][0]:
        o.state[p]["exp_avg"] = p.grad


fault(
    "gradient-kept-as-m",
    "with beta1 = 0 the gradient itself is kept for the first moment, and whoever fills it anew changes the state",
    caught_by=("purity.memory",),
    one=_gradient_for_m,
)


# Closures.


def _loss_without_gradients(_o: Any, closure: Callable[[], Any] | None) -> Any:
    return None if closure is None else closure()


def _loss_twice(o: Any, closure: Callable[[], Any] | None) -> Any:
    Pieces.loss(o, closure)
    return Pieces.loss(o, closure)


def _loss_kept(o: Any, closure: Callable[[], Any] | None) -> None:
    Pieces.loss(o, closure)


CLOSURE = ("gradients.closure",)
fault(
    "closure-without-gradients",
    "the closure runs with gradients disabled",
    caught_by=CLOSURE,
    stands_for=("HeavyBall #10",),
    loss=_loss_without_gradients,
)
fault("closure-called-twice", "the closure is called twice", caught_by=CLOSURE, loss=_loss_twice)
fault("closure-ignored", "the closure is never called", caught_by=CLOSURE, loss=lambda _o, _closure: None)
fault("loss-not-returned", "what the closure returns is not returned", caught_by=CLOSURE, loss=_loss_kept)


def _frozen(o: Any, p: Any, direction: Any, size: float) -> None:
    Pieces.move(o, p, direction, size)
    p.requires_grad_(False)


fault(
    "parameters-frozen",
    "a parameter no longer requires gradients after its step",
    caught_by=CLOSURE,
    move=_frozen,
)


# Groups, and what they say.


def _captured(name: str) -> Callable[..., Any]:
    """The hyperparameter as it was when the optimizer was made; groups that come later have it too."""

    def number(o: Any, group: dict[str, Any], asked: str) -> Any:
        return o.defaults[asked] if asked == name else Pieces.number(o, group, asked)

    return number


for _name, _words in (("betas", "the betas are"), ("eps", "eps is"), ("lr", "the learning rate is")):
    fault(
        f"{_name}-of-the-constructor",
        f"{_words} what the constructor was given, not what the group says",
        caught_by=("hyperparameters.rewritten",),
        stands_for=("SkyRL #1646",) if _name == "betas" else (),
        number=_captured(_name),
    )


def _of_the_first_step(name: str) -> Callable[..., Any]:
    """The hyperparameter that stood in the group at its first step."""

    def number(o: Any, group: dict[str, Any], asked: str) -> Any:
        now = Pieces.number(o, group, asked)
        return group.setdefault(f"first_{name}", now) if asked == name else now

    return number


for _name, _words in (
    ("betas", "the betas are"),
    ("eps", "eps is"),
    ("weight_decay", "the weight decay is"),
    ("maximize", "maximize is"),
):
    fault(
        f"{_name.replace('_', '-')}-of-the-first-step",
        f"{_words} what stood in the group at the first step, whatever is written there later",
        caught_by=("hyperparameters.rewritten",),
        number=_of_the_first_step(_name),
    )


def _first_lr(o: Any, group: dict[str, Any], name: str) -> Any:
    return group.get("initial_lr", group["lr"]) if name == "lr" else Pieces.number(o, group, name)


fault(
    "lr-of-the-scheduler-ignored",
    "the learning rate is the one that the scheduler started from",
    caught_by=("hyperparameters.scheduler",),
    stands_for=("pytorch #126854",),
    number=_first_lr,
)


def _tensor_read_once(o: Any, group: dict[str, Any], name: str) -> Any:
    found = Pieces.number(o, group, name)
    return group.setdefault("lr_as_number", float(found)) if hasattr(found, "item") else found


fault(
    "tensor-lr-read-once",
    "a learning rate given as a tensor is read at the first step and never again",
    caught_by=("hyperparameters.tensor-lr",),
    stands_for=("pytorch #126854",),
    number=_tensor_read_once,
)


def _float_of_a_tensor(o: Any, group: dict[str, Any]) -> None:
    Pieces.require_valid(o, group)
    group["lr"] = float(group["lr"])


fault(
    "tensor-lr-made-a-number",
    "the constructor makes a number of a learning rate that is a tensor",
    caught_by=("hyperparameters.tensor-lr",),
    require_valid=_float_of_a_tensor,
)


def _those_of_the_start(o: Any) -> None:
    o.first_members = [(group, p) for group in o.param_groups for p in group["params"]]


fault(
    "later-groups-forgotten",
    "parameters that are added later are never stepped",
    caught_by=("groups.added-later",),
    made=_those_of_the_start,
    listed=lambda o: o.first_members,
)


def _states_of_the_start(o: Any) -> None:
    for group, p in Pieces.listed(o):
        Pieces.held(o, group, p)


fault(
    "later-groups-without-state",
    "states are made with the optimizer, and a parameter that is added later has none: its first step raises KeyError",
    caught_by=("groups.added-later",),
    made=_states_of_the_start,
    held=lambda o, _group, p: o.state[p],
)
fault(
    "dtype-of-the-first",
    "of a group only the parameters are stepped that have the dtype of its first one",
    caught_by=("gradients.two-dtypes",),
    listed=lambda o: [(g, p) for g, p in Pieces.listed(o) if p.dtype == g["params"][0].dtype],
)


def _in_the_first_dtype(o: Any, m: Any, root: Any, eps: float, _size: Any) -> Any:
    first = o.param_groups[0]["params"][0].dtype
    return m / root.add(eps).to(first).to(root.dtype)


fault(
    "denominators-in-the-first-dtype",
    "the denominators of a group are rounded to the dtype of its first parameter",
    caught_by=("gradients.two-dtypes",),
    dtypes=("float64",),
    divided=_in_the_first_dtype,
)


# Gradients.


def _last_entry_wins(o: Any, p: Any) -> Any:
    import torch

    if not p.grad.is_sparse:
        return Pieces.gradient(o, p)
    dense = torch.zeros_like(p)
    dense[tuple(p.grad._indices())] = p.grad._values()
    return dense


fault(
    "sparse-entries-not-summed",
    "of two entries of a sparse gradient for one element the last one counts",
    caught_by=("gradients.sparse",),
    gradient=_last_entry_wins,
)


def _first_entry_only(o: Any, p: Any) -> Any:
    g = Pieces.gradient(o, p) if not p.grad.is_sparse else p.grad.to_dense()
    return g / 2 if p.grad.is_sparse else g


fault(
    "sparse-gradient-halved",
    "a sparse gradient counts half, which only eps can tell",
    caught_by=("gradients.sparse",),
    gradient=_first_entry_only,
)


def _promises_to_unscale(o: Any) -> None:
    o._step_supports_amp_scaling = True


def _unscaled(o: Any, p: Any) -> Any:
    g = Pieces.gradient(o, p)
    scale = getattr(o, "grad_scale", None)
    return g if scale is None else g / scale


fault(
    "found-inf-ignored",
    "the scaler's found_inf is ignored",
    caught_by=("gradients.scaler",),
    stands_for=("pytorch #186360",),
    made=_promises_to_unscale,
    gradient=_unscaled,
)


def _found_infinity(o: Any) -> bool:
    found = getattr(o, "found_inf", None)
    return found is not None and bool(found)


def _unless_skipped(o: Any) -> list[tuple[dict[str, Any], Any]]:
    return [] if _found_infinity(o) else Pieces.listed(o)


fault(
    "unscaled-twice",
    "gradients that the scaler has unscaled are unscaled again",
    caught_by=("gradients.scaler",),
    stands_for=("pytorch #94060",),
    made=_promises_to_unscale,
    listed=_unless_skipped,
    gradient=lambda o, p: _unscaled(o, p) / 16,
)
fault(
    "not-unscaled",
    "an optimizer that promises the scaler to unscale gradients does not",
    caught_by=("gradients.scaler",),
    made=_promises_to_unscale,
    listed=_unless_skipped,
)


def _counts_skipped(o: Any) -> list[tuple[dict[str, Any], Any]]:
    if not _found_infinity(o):
        return Pieces.listed(o)
    for group, p in Pieces.listed(o):
        o.held(group, p)["step"] += 1
    return []


fault(
    "skipped-step-counted",
    "a step that the scaler skips is counted all the same",
    caught_by=("gradients.scaler",),
    made=_promises_to_unscale,
    gradient=_unscaled,
    listed=_counts_skipped,
)


def _decays_when_skipped(o: Any) -> list[tuple[dict[str, Any], Any]]:
    if not _found_infinity(o):
        return Pieces.listed(o)
    for group, p in Pieces.listed(o):
        o.moments(group, o.held(group, p), o.zeros(p))
    return []


fault(
    "moments-decay-in-a-skipped-step",
    "the moments decay in a step that the scaler skips, as if its gradients were zero",
    caught_by=("gradients.scaler",),
    made=_promises_to_unscale,
    gradient=_unscaled,
    listed=_decays_when_skipped,
)


# Threads, copies, checkpoints.


def _beyond_the_first_block(p: Any) -> slice:
    import torch

    return slice(1 << 16 if torch.get_num_threads() == 1 else p.numel(), None)


fault(
    "block-lost-with-one-thread",
    "where one thread computes, what lies beyond the first 65,536 elements is not stepped",
    caught_by=("metamorphic.threads",),
    move=_not_stepped(_beyond_the_first_block),
)


def _left_over(p: Any) -> slice:
    import torch

    rest = p.numel() % torch.get_num_threads() if p.is_contiguous() else 0
    return slice(p.numel() - rest, None)


fault(
    "remainder-lost-between-threads",
    "what is left over of an equal division among threads is not stepped",
    caught_by=("metamorphic.threads",),
    move=_not_stepped(_left_over),
)

_BY_ID: dict[int, dict[str, Any]] = {}
"""What a global table of a module would be."""


def _held_by_id(o: Any, group: dict[str, Any], p: Any) -> dict[str, Any]:
    """State under the parameter's id, in a table that copies know nothing of."""
    if p not in o.state or _BY_ID.get(id(p)) is not o.state[p]:
        o.state[p] = _BY_ID[id(p)] = o.fresh(group, p)
    return _BY_ID[id(p)]


fault(
    "state-under-ids",
    "the state is kept under the ids of the parameters, which a copy does not share",
    caught_by=("checkpoints.copies",),
    held=_held_by_id,
)


_BEHIND: list[dict[str, Any]] = []
"""Memory that a state names by a number, as that of a device would be."""


def _held_behind(o: Any, group: dict[str, Any], p: Any) -> dict[str, Any]:
    """State behind a handle, which a copy of the optimizer copies."""
    if p not in o.state:
        o.state[p] = {"handle": len(_BEHIND)}
        _BEHIND.append(o.fresh(group, p))
    handle: int = o.state[p]["handle"]
    return _BEHIND[handle]


fault(
    "state-behind-handles",
    "the state lies behind handles, and a copy of the optimizer goes on in that of the original",
    caught_by=("checkpoints.copies",),
    held=_held_behind,
)


def _decay_of_the_first(o: Any, state_dict: Any) -> None:
    import torch

    torch.optim.Optimizer.load_state_dict(o, state_dict)
    for group in o.param_groups:
        group["weight_decay"] = o.param_groups[0]["weight_decay"]


fault(
    "decay-of-the-first-group-restored",
    "after loading a checkpoint every group decays as the first one",
    caught_by=("metamorphic.resume",),
    load_state_dict=_decay_of_the_first,
)


def _keeps_its_own(o: Any, state_dict: Any) -> None:
    import torch

    own = [{k: v for k, v in g.items() if k != "params"} for g in o.param_groups]
    torch.optim.Optimizer.load_state_dict(o, state_dict)
    for group, kept in zip(o.param_groups, own, strict=True):
        group.update(kept)


fault(
    "hyperparameters-not-restored",
    "loading a checkpoint leaves the hyperparameters as they were",
    caught_by=("checkpoints.hyperparameters",),
    load_state_dict=_keeps_its_own,
)


def _never_back(o: Any, state_dict: Any) -> None:
    """Load, and keep the larger of both counters."""
    import torch

    made = {p: state["step"] for p, state in o.state.items()}
    torch.optim.Optimizer.load_state_dict(o, state_dict)
    for p, state in o.state.items():
        state["step"] = max(state["step"], made.get(p, 0))


fault(
    "counter-never-taken-back",
    "loading a checkpoint leaves a counter as it was that is already further on",
    caught_by=("checkpoints.taken-back",),
    load_state_dict=_never_back,
)


# What belongs to the process.


def _in_either_order(_: Pieces, p: Any, direction: Any, size: float) -> None:
    """Two ways of evaluating the step that are both right; the seed of torch's generator has each element take one."""
    import torch

    generator = torch.Generator().manual_seed(torch.initial_seed())
    first = torch.rand(p.shape, generator=generator) < 0.5
    p.add_(torch.where(first, size * direction, (3 * size) * direction / 3))


fault(
    "order-by-torchs-seed",
    "the seed of torch's random generator decides in which order each element is evaluated",
    caught_by=("purity.another-process",),
    move=_in_either_order,
)
