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
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from adam_ref.torch.tensors import is_dense, real_view, store_back, working_tensors
from adam_ref.torch.weight_decay import WeightDecay

if TYPE_CHECKING:
    from adam_ref.torch.adam import Adam
    from adam_ref.torch.base import Group

FUSED_DEVICES = ("cpu", "cuda")
PLAIN_TENSORS = (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer)

# A step count at which both corrections are exactly 1 in double for every beta < 1, since beta^t <= exp(-2^9); it is
# exact in float32, where the kernel takes it, and fits the int64 that earlier kernels convert it to.
SETTLED = 2.0**62


@dataclass(frozen=True)
class Choice:
    """The path one parameter takes: `group` and `index` say which, `path` is "loop", "foreach" or "fused"."""

    group: int
    index: int
    path: str
    reason: str


@dataclass(slots=True)
class Job:
    """One parameter's step: tensors that share a shape, and scalars in double.

    The update is `theta *= 1-share`, `g += coupled*theta`, both moments, `theta -= size * m/(sqrt(v) + eps_hat)`.
    """

    param: Tensor
    work: Tensor
    grad: Tensor
    m: Tensor
    v: Tensor
    size: float
    eps_hat: float
    coupled: float
    share: float


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
    for name, tensor in (("grad", param.grad), *((name, state.get(name)) for name in optimizer.moments)):
        if tensor is not None and tensor.stride() != param.stride():
            return (
                f"{name} has strides {tensor.stride()}, the parameter {param.stride()}: the fused kernel ignores both"
            )
    return None


def step_group(optimizer: Adam, group: Group, params: list[Tensor]) -> None:
    """Step `params`, all of which have a gradient: what the fast path refuses by the loop, the rest together."""
    loop_only = refuse_all(optimizer) is not None
    jobs = []
    for param in params:
        if loop_only or refuse_param(optimizer, param) is not None:
            optimizer.step_one(group, param)
        else:
            jobs.append(prepare(optimizer, group, param))
    run = run_fused if optimizer.fused else run_foreach
    for bucket in buckets(jobs, scalars_too=optimizer.fused):
        run(bucket, *group["betas"])
    for job in jobs:
        store_back(job.param, job.work)


def prepare(optimizer: Adam, group: Group, param: Tensor) -> Job:
    """Count the step and gather what it needs."""
    state = optimizer.ensure_state(group, param)
    state["step"] += 1
    lr = optimizer.get_lr(state, group)
    size, eps_hat = fold(group, lr, state["step"])
    coupled, share = optimizer.weight_decay.coefficients({**group, "lr": lr})
    work, grad = working_tensors(param)
    m, v = real_view(state["exp_avg"]), real_view(state["exp_avg_sq"])
    return Job(param, work, grad, m, v, size, eps_hat, coupled, share)


def fold(group: Group, lr: float, t: int) -> tuple[float, float]:
    """`(size, eps_hat)` of the optimized form that equals the group's update at step `t` (theorem T1)."""
    beta1, beta2 = group["betas"]
    root = math.sqrt(1 - beta2**t)
    eps_hat = group["eps"] if group["optimized_update"] else group["eps"] * root
    return lr * root / (1 - beta1**t), eps_hat


def buckets(jobs: list[Job], *, scalars_too: bool) -> Iterable[list[Job]]:
    """Jobs that one call can take: same device and dtype and, where the call has one value for all, same scalars.

    Empty tensors have nothing to compute and are left out: kernels have dropped work next to them (pytorch #100701).
    """
    found: defaultdict[Hashable, list[Job]] = defaultdict(list)
    for job in jobs:
        if job.work.numel():
            scalars = (job.size, job.eps_hat, job.coupled, job.share) if scalars_too else ()
            found[job.work.device, job.work.dtype, scalars].append(job)
    return found.values()


def run_foreach(jobs: list[Job], beta1: float, beta2: float) -> None:
    """The update by one multi-tensor operation after another; scalars may differ from job to job."""
    works, grads = [job.work for job in jobs], [job.grad for job in jobs]
    m, v = [job.m for job in jobs], [job.v for job in jobs]
    if any(job.share for job in jobs):
        torch._foreach_mul_(works, [1 - job.share for job in jobs])
    if jobs[0].coupled:  # the same for a whole group
        grads = list(torch._foreach_add(grads, works, alpha=jobs[0].coupled))
    torch._foreach_lerp_(m, grads, 1 - beta1)
    torch._foreach_mul_(v, beta2)
    torch._foreach_addcmul_(v, grads, grads, 1 - beta2)
    denominators = torch._foreach_sqrt(v)
    torch._foreach_add_(denominators, [job.eps_hat for job in jobs])
    torch._foreach_addcdiv_(works, m, denominators, [-job.size for job in jobs])


def run_fused(jobs: list[Job], beta1: float, beta2: float) -> None:
    """The update by torch's fused kernel, whose own corrections are switched off by a step count at which they are 1.

    That keeps the scalars exact past 2^24 steps, where the kernel's float32 count stands still. Decoupled decay runs in
    the kernel as `1 - lr*weight_decay` with `size` for `lr`, where the quotient that this needs is finite.
    """
    first = jobs[0]
    works = [job.work for job in jobs]
    decay = first.share / first.size if first.size else math.inf
    kernel = torch._fused_adamw_ if first.share else torch._fused_adam_
    if first.share and not math.isfinite(decay):
        torch._foreach_mul_(works, 1 - first.share)
        kernel = torch._fused_adam_
    kernel(
        works,
        [job.grad for job in jobs],
        [job.m for job in jobs],
        [job.v for job in jobs],
        [],
        [torch.full((), SETTLED, dtype=torch.float32, device=first.work.device)] * len(jobs),
        lr=first.size,
        beta1=beta1,
        beta2=beta2,
        weight_decay=decay if kernel is torch._fused_adamw_ else first.coupled,
        eps=first.eps_hat,
        amsgrad=False,
        maximize=False,
    )
