"""Adams for torch that shard their state themselves, as in ZeRO: a right one, and small edits of it that are wrong."""

import os
import signal
import time

import torch
import torch.distributed as dist

FOREVER = 3600.0
"""Seconds; no test waits that long."""


class ShardedAdam(torch.optim.Optimizer):
    """Each rank steps its part of every flattened parameter; then all are gathered. Expects reduced gradients."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})
        self.ranks, self.rank = dist.get_world_size(), dist.get_rank()

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.one(group, p)
        return loss

    def one(self, group, p):
        begin, end = self.bounds(p.numel())
        gradient = self.shard_of(self.reduced(p.grad), begin, end)
        self.move(group, p, p.reshape(-1)[begin:end], gradient)
        self.gather(p)

    def bounds(self, size, rank=None):
        most = -(-size // self.ranks)
        rank = self.rank if rank is None else rank
        return min(rank * most, size), min((rank + 1) * most, size)

    def reduced(self, gradient):
        return gradient

    def shard_of(self, gradient, begin, end):
        return gradient.reshape(-1)[begin:end]

    def move(self, group, p, theta, g):
        state, (beta1, beta2) = self.state[p], group["betas"]
        if not state:
            state.update({"step": 0, "m": torch.zeros_like(theta), "v": torch.zeros_like(theta)})
        state["step"] += 1
        if group["weight_decay"]:
            g = g.add(theta, alpha=group["weight_decay"])
        state["m"].mul_(beta1).add_(g, alpha=1 - beta1)
        state["v"].mul_(beta2).addcmul_(g, g, value=1 - beta2)
        root = (state["v"] / (1 - beta2 ** state["step"])).sqrt().add(group["eps"])
        theta.add_(state["m"] / root, alpha=-group["lr"] / (1 - beta1 ** state["step"]))

    def gather(self, p):
        line = p.reshape(-1)
        for rank in range(self.ranks):
            begin, end = self.bounds(p.numel(), rank)
            self.receive(line[begin:end], rank)

    def receive(self, part, rank):
        if part.numel():
            dist.broadcast(part, rank)


class AveragesItself(ShardedAdam):
    """Its gradients are each rank's own, and it averages them: ZeRO-2."""

    def reduced(self, gradient):
        total = gradient.clone()
        dist.all_reduce(total)
        return total / self.ranks


class LosesTheRemainder(ShardedAdam):
    """What is left over when the elements are divided belongs to no rank."""

    def bounds(self, size, rank=None):
        most, rank = size // self.ranks, self.rank if rank is None else rank
        return rank * most, (rank + 1) * most


class ShiftsByThePadding(ShardedAdam):
    """Shards of the gradient are cut from a buffer that is padded to a multiple of 8."""

    def shard_of(self, gradient, begin, end):
        padded = torch.nn.functional.pad(gradient.reshape(-1), (0, -gradient.numel() % 8))
        return padded[self.rank * padded.numel() // self.ranks :][: end - begin]


class CountsOnlyItsOwn(ShardedAdam):
    """A rank does not count a step at which its part of the gradient is zero."""

    def move(self, group, p, theta, g):
        super().move(group, p, theta, g)
        if not g.any():
            self.state[p]["step"] -= 1


class SkipsWhatIsZero(ShardedAdam):
    """A rank leaves a parameter alone at a step at which its part of the gradient is zero."""

    def move(self, group, p, theta, g):
        if g.any():
            super().move(group, p, theta, g)


class LoadsFromItsNeighbour(ShardedAdam):
    """A rank goes on from what the next one had saved."""

    def load_state_dict(self, state_dict):
        saved = [None] * self.ranks
        dist.all_gather_object(saved, state_dict)
        super().load_state_dict(saved[(self.rank + 1) % self.ranks])


class DriftsApart(ShardedAdam):
    """The last rank keeps what it had in the parts of the others."""

    def receive(self, part, rank):
        kept = part.clone()
        super().receive(part, rank)
        if self.rank == self.ranks - 1 and rank != self.rank:
            part.copy_(kept)


class SchedulesTheFirst(ShardedAdam):
    """Only the first rank looks at the learning rate anew."""

    def move(self, group, p, theta, g):
        lr = group["lr"] if self.rank == 0 else group.setdefault("lr_at_first", group["lr"])
        super().move({**group, "lr": lr}, p, theta, g)


class RaisesOnOneRank(ShardedAdam):
    """The second rank does not like large gradients, while the first one waits for it."""

    def move(self, group, p, theta, g):
        if self.rank == 1 and p.numel() > 1:
            raise ArithmeticError("too large for me")
        super().move(group, p, theta, g)


class DiesOnOneRank(ShardedAdam):
    """The second rank is killed."""

    def move(self, group, p, theta, g):
        if self.rank == 1 and p.numel() > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        super().move(group, p, theta, g)


class HangsOnOneRank(ShardedAdam):
    """The first rank never comes to the collective that the second one waits in."""

    def move(self, group, p, theta, g):
        if self.rank == 0 and p.numel() > 1:
            time.sleep(FOREVER)
        super().move(group, p, theta, g)


class SeedsOnOneRank(ShardedAdam):
    """The second rank seeds torch's generator."""

    def move(self, group, p, theta, g):
        if self.rank == 1:
            torch.manual_seed(7)
        super().move(group, p, theta, g)


class LeavesEmptyShardsOut(torch.optim.Adam):
    """For DTensors: a rank that has nothing of one parameter leaves all its parameters as they are."""

    def step(self, closure=None):
        held = [p for group in self.param_groups for p in group["params"]]
        if any(p.dim() and not p.to_local().numel() for p in held):
            for p in held:
                p.grad = None
        return super().step(closure)


class WantsAPositiveLr(torch.optim.Adam):
    """Refuses 0, on every rank."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        if not lr > 0:
            raise ValueError("lr must be positive")
        super().__init__(params, lr=lr, betas=betas, eps=eps)
