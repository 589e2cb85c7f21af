"""The same update on torch's multi-tensor operations (foreach) and on its fused kernel.

Both run the optimized form, `theta -= size * m/(sqrt(v) + eps_hat)`, for both updates: by theorem T1 the unoptimized
one has `eps_hat = eps*sqrt(1-beta2^t)`. All that depends on t is then two scalars, folded here in double precision.

A parameter takes the readable loop instead wherever the kernel would compute something else; `choose` decides and says
why. The fused CPU kernel in particular ignores strides: it walks through memory, so that a gap or an overlap would make
it read and write elsewhere than in the parameter.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from adam_ref.torch.tensors import flat, is_dense, plain_grad, real_view, store_back, working_tensors
from adam_ref.torch.validation import HALF
from adam_ref.torch.weight_decay import WeightDecay

if TYPE_CHECKING:
    from adam_ref.torch.adam import Adam
    from adam_ref.torch.base import Group

FUSED_DEVICES = ("cpu", "cuda")
PLAIN_TENSORS = (torch.Tensor, torch.nn.Parameter)

# A step count at which both corrections are exactly 1 in double for every beta < 1, since beta^t <= exp(-2^9); it is
# exact in float32, where the kernel takes it, and fits the int64 that earlier kernels convert it to.
SETTLED = 2.0**62

# Elements that are worked on at once where the CPU's cache matters.
BATCH = 2**18


@dataclass(frozen=True)
class Choice:
    """The path one parameter takes: `group` and `index` say which, `path` is "loop", "foreach" or "fused"."""

    group: int
    index: int
    path: str
    reason: str


class Scalars(NamedTuple):
    """All that one step needs besides tensors, in double.

    The update is `theta *= 1-share`, `g += coupled*theta`, both moments, `theta -= size * m/(sqrt(v) + eps_hat)`.
    """

    size: float
    eps_hat: float
    coupled: float
    share: float


class Job(NamedTuple):
    """One parameter's step: the parameter, tensors of its shape or its real view's, and the scalars."""

    param: Tensor
    grad: Tensor
    m: Tensor
    v: Tensor
    scalars: Scalars


def choose(optimizer: Adam, param: Tensor, group: int = 0, index: int = 0) -> Choice:
    """The path `param` takes, with the reason in words."""
    refusal = refuse_all(optimizer) or refuse_param(optimizer, param)
    path = "fused" if optimizer.fused else "foreach"
    if refusal is None:
        return Choice(group, index, path, f"{path}=True and nothing speaks against it")
    return Choice(group, index, "loop", refusal)


def refuse_all(optimizer: Adam) -> str | None:
    """Why no parameter of this optimizer may leave the loop, or None."""
    if not (optimizer.fused or optimizer.foreach):
        return "neither foreach nor fused was asked for"
    hook = optimizer.overridden_hook()
    if hook is not None:
        return f"{type(optimizer).__name__} overrides {hook}, which only the loop calls"
    if type(optimizer.weight_decay) is not WeightDecay:
        return f"{type(optimizer.weight_decay).__name__} may decay in its own way, which only the loop calls"
    return None


def refuse_param(optimizer: Adam, param: Tensor) -> str | None:
    """Why `param` may not leave the loop, or None."""
    if type(param) not in PLAIN_TENSORS:
        return f"{type(param).__name__} is a tensor subclass, for which only the plain operations are sure to be right"
    if not optimizer.fused:
        return None
    if param.device.type not in FUSED_DEVICES:
        return f"the fused kernel is trusted on {' and '.join(FUSED_DEVICES)} only, the parameter is on {param.device}"
    if not is_dense(param):
        return f"the parameter's strides {param.stride()} leave gaps, which the fused kernel would overwrite"
    state = optimizer.state.get(param, {})
    strides = param.stride()
    for name, tensor in (
        ("grad", param.grad),
        ("exp_avg", state.get("exp_avg")),
        ("exp_avg_sq", state.get("exp_avg_sq")),
    ):
        if tensor is not None and tensor.stride() != strides:
            return f"{name} has strides {tensor.stride()}, the parameter {strides}: the fused kernel ignores both"
    return None


def step_group(optimizer: Adam, group: Group, params: list[Tensor]) -> None:
    """Step `params`, all of which have a gradient: what the fast path refuses by the loop, the rest together."""
    loop_only = refuse_all(optimizer) is not None
    found: defaultdict[Hashable, list[Job]] = defaultdict(list)
    known: dict[tuple[float, int], Scalars] = {}
    for param in params:
        if loop_only or refuse_param(optimizer, param) is not None:
            optimizer.step_one(group, param)
            continue
        job = prepare(optimizer, group, param, known)
        # Kernels have dropped work next to an empty tensor (pytorch #100701), and it has nothing to compute.
        if param.numel():
            found[param.device, param.dtype, job.scalars if optimizer.fused else None].append(job)
    run = run_fused if optimizer.fused else run_foreach
    for jobs in found.values():
        for batch in batches(jobs, several_passes=not optimizer.fused):
            run(batch, *group["betas"])


def prepare(optimizer: Adam, group: Group, param: Tensor, known: dict[tuple[float, int], Scalars]) -> Job:
    """Count the step and gather what it needs; `known` keeps the scalars that other parameters needed already."""
    state = optimizer.ensure_state(group, param)
    state["step"] += 1
    key = (float(optimizer.get_lr(state, group)), state["step"])
    if key not in known:
        known[key] = Scalars(*fold(group, *key), *optimizer.weight_decay.coefficients({**group, "lr": key[0]}))
    return Job(param, plain_grad(param), state["exp_avg"], state["exp_avg_sq"], known[key])


def fold(group: Group, lr: float, t: int) -> tuple[float, float]:
    """`(size, eps_hat)` of the optimized form that equals the group's update at step `t` (theorem T1)."""
    beta1, beta2 = group["betas"]
    root = math.sqrt(1 - beta2**t)
    eps_hat = group["eps"] if group["optimized_update"] else group["eps"] * root
    return lr * root / (1 - beta1**t), eps_hat


def batches(jobs: list[Job], *, several_passes: bool) -> Iterator[list[Job]]:
    """The jobs in portions that stay in the cache, where memory is passed over several times; else all at once.

    On the CPU that is so for foreach, and for half precision, which has to be copied: fresh pages for copies of whole
    tensors cost more than the arithmetic (76 ms against 14 ms for 10 million bfloat16 parameters on the fused kernel).

    Args:
        jobs: not empty, of one dtype and device.
        several_passes: whether the update itself goes through memory more than once.
    """
    first = jobs[0].param
    if first.device.type != "cpu" or not (several_passes or first.dtype in HALF):
        yield jobs
        return
    batch: list[Job] = []
    room = BATCH
    for piece in chain.from_iterable(map(split, jobs)):
        batch.append(piece)
        room -= piece.param.numel()
        if room <= 0:
            yield batch
            batch, room = [], BATCH
    if batch:
        yield batch


def split(job: Job) -> list[Job]:
    """The job in pieces of at most `BATCH` elements, each a view of consecutive memory, if the job is laid out so."""
    tensors = job.param, job.grad, job.m, job.v
    size, strides = job.param.numel(), job.param.stride()
    if size <= BATCH or not is_dense(job.param) or any(tensor.stride() != strides for tensor in tensors):
        return [job]
    param, grad, m, v = map(flat, tensors)
    cuts = [slice(start, start + BATCH) for start in range(0, size, BATCH)]
    return [Job(param[cut], grad[cut], m[cut], v[cut], job.scalars) for cut in cuts]


def run_foreach(jobs: list[Job], beta1: float, beta2: float) -> None:
    """The update by one multi-tensor operation after another; scalars may differ from job to job."""
    works, grads = map(list, zip(*(working_tensors(job.param, job.grad) for job in jobs), strict=True))
    m, v = [real_view(job.m) for job in jobs], [real_view(job.v) for job in jobs]
    if any(job.scalars.share for job in jobs):
        torch._foreach_mul_(works, [1 - job.scalars.share for job in jobs])
    if jobs[0].scalars.coupled:  # the same for a whole group
        grads = list(torch._foreach_add(grads, works, alpha=jobs[0].scalars.coupled))
    torch._foreach_lerp_(m, grads, 1 - beta1)
    torch._foreach_mul_(v, beta2)
    torch._foreach_addcmul_(v, grads, grads, 1 - beta2)
    denominators = torch._foreach_sqrt(v)
    torch._foreach_add_(denominators, [job.scalars.eps_hat for job in jobs])
    torch._foreach_addcdiv_(works, m, denominators, [-job.scalars.size for job in jobs])
    for job, work in zip(jobs, works, strict=True):
        store_back(job.param, work)


def run_fused(jobs: list[Job], beta1: float, beta2: float) -> None:
    """The update by torch's fused kernel."""
    works, grads = map(list, zip(*(working_tensors(job.param, job.grad) for job in jobs), strict=True))
    m, v = [real_view(job.m) for job in jobs], [real_view(job.v) for job in jobs]
    call_kernel(works, grads, m, v, jobs[0].scalars, beta1, beta2)
    for job, work in zip(jobs, works, strict=True):
        store_back(job.param, work)


def call_kernel(
    works: list[Tensor],
    grads: list[Tensor],
    m: list[Tensor],
    v: list[Tensor],
    scalars: Scalars,
    beta1: float,
    beta2: float,
) -> None:
    """One call of the kernel, whose own corrections are switched off by a step count at which they are 1.

    That keeps the scalars exact past 2^24 steps, where the kernel's float32 count stands still. Decoupled decay runs in
    the kernel as `1 - lr*weight_decay` with `size` for `lr`, where the quotient that this needs is finite.
    """
    kernel, decay = torch._fused_adam_, scalars.coupled
    if scalars.share:
        kernel, decay = torch._fused_adamw_, scalars.share / scalars.size if scalars.size else math.inf
    if not math.isfinite(decay):
        torch._foreach_mul_(works, 1 - scalars.share)
        decay = 0.0
    settled = torch.full((), SETTLED, dtype=torch.float32, device=works[0].device)
    kernel(
        works,
        grads,
        m,
        v,
        [],
        [settled] * len(works),
        lr=scalars.size,
        beta1=beta1,
        beta2=beta2,
        weight_decay=decay,
        eps=scalars.eps_hat,
        amsgrad=False,
        maximize=False,
    )
