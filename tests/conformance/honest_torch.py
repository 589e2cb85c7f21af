"""Correct Adams for torch as other people write them: names, memory, counters and signatures of their own."""

import copy
import math

import torch
from torch.optim import Optimizer


def _ran(closure):
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()


class OneByOne(Optimizer):
    """Steps one parameter after the other."""

    @torch.no_grad()
    def step(self, closure=None):
        loss = _ran(closure)
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.one(group, p)
        return loss


class FlatMoments(OneByOne):
    """Moments without axes, a lerp, the root of the correction taken first; a counter that is a tensor."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def one(self, group, p):
        state, (beta1, beta2) = self.state[p], group["betas"]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["m"], state["v"] = (torch.zeros(p.numel(), dtype=p.dtype) for _ in range(2))
        state["step"] += 1
        t, g = state["step"].item(), p.grad.reshape(-1)
        if group["weight_decay"]:
            g = g + group["weight_decay"] * p.reshape(-1)
        state["m"].lerp_(g, 1 - beta1)
        state["v"].mul_(beta2).add_((1 - beta2) * g * g)
        divisor = (state["v"].sqrt() / math.sqrt(1 - beta2**t)).add_(group["eps"])
        p.add_((state["m"] / divisor).reshape(p.shape), alpha=-group["lr"] / (1 - beta1**t))


class OverData(Optimizer):
    """As it was written before torch.no_grad: through `.data`, which it replaces; its step takes no closure."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self.one(group, p, p.grad.data)

    def one(self, group, p, g):
        if g.is_sparse:
            raise RuntimeError("this Adam does not take sparse gradients")
        state, (beta1, beta2) = self.state[p], group["betas"]
        if not state:
            state.update(t=0, exp_avg=torch.zeros_like(p.data), exp_avg_sq=torch.zeros_like(p.data))
        state["t"] += 1
        m = state["exp_avg"].mul_(beta1).add_(g, alpha=1 - beta1)
        v = state["exp_avg_sq"].mul_(beta2).addcmul_(g, g, value=1 - beta2)
        m_hat, v_hat = m / (1 - beta1 ** state["t"]), v / (1 - beta2 ** state["t"])
        p.data = p.data - group["lr"] * m_hat / (v_hat.sqrt() + group["eps"])


class OwnTable(OneByOne):
    """State in a table of its own, which its checkpoints carry and its copies do not."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})
        self.table = {}

    def one(self, group, p):
        (beta1, beta2), (t, m, v) = group["betas"], self.table.get(p, (0, 0 * p, 0 * p))
        t, m, v = t + 1, beta1 * m + (1 - beta1) * p.grad, beta2 * v + (1 - beta2) * p.grad**2
        p -= group["lr"] * (m / (1 - beta1**t)) / (torch.sqrt(v / (1 - beta2**t)) + group["eps"])
        self.table[p] = (t, m, v)

    def members(self):
        return [p for group in self.param_groups for p in group["params"]]

    def state_dict(self):
        table = {i: self.table[p] for i, p in enumerate(self.members()) if p in self.table}
        return {**super().state_dict(), "table": table}

    def load_state_dict(self, state_dict):
        own = copy.deepcopy(state_dict)
        table = own.pop("table")
        super().load_state_dict(own)
        self.table = {p: table[i] for i, p in enumerate(self.members()) if i in table}


class Lists(Optimizer):
    """torch._foreach over lists by dtype and count; AMSGrad's maximum under a name of its own."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, maximize=False):
        flags = {"weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize}
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, **flags})

    @torch.no_grad()
    def step(self, closure=None):
        loss = _ran(closure)
        for group in self.param_groups:
            lists = {}
            for p in group["params"]:
                if p.grad is not None:
                    lists.setdefault((p.dtype, self.counted(p)), []).append(p)
            for (_, t), members in lists.items():
                self.together(group, members, t)
        return loss

    def counted(self, p):
        state = self.state[p]
        if not state:
            state.update(step=0, **{name: torch.zeros_like(p) for name in ("exp_avg", "exp_avg_sq", "largest")})
        state["step"] += 1
        return state["step"]

    def together(self, group, members, t):
        beta1, beta2 = group["betas"]
        m, v, largest = ([self.state[p][name] for p in members] for name in ("exp_avg", "exp_avg_sq", "largest"))
        g = [p.grad for p in members]
        if group["maximize"]:
            g = torch._foreach_neg(g)
        if group["weight_decay"]:
            g = torch._foreach_add(g, members, alpha=group["weight_decay"])
        torch._foreach_lerp_(m, g, 1 - beta1)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, g, g, 1 - beta2)
        if group["amsgrad"]:
            torch._foreach_maximum_(largest, v)
        root = torch._foreach_sqrt(largest if group["amsgrad"] else v)
        torch._foreach_div_(root, (1 - beta2**t) ** 0.5)
        torch._foreach_add_(root, group["eps"])
        torch._foreach_addcdiv_(members, m, root, -group["lr"] / (1 - beta1**t))


class Attributes(OneByOne):
    """Only the learning rate stands in the groups; the rest is the optimizer's own."""

    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(params, {"lr": lr})
        self.beta1, self.beta2, self.eps = beta1, beta2, eps

    def one(self, group, p):
        state = self.state[p]
        if not state:
            state.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
        state["t"] += 1
        m = state["m"].mul_(self.beta1).add_(p.grad, alpha=1 - self.beta1)
        v = state["v"].mul_(self.beta2).addcmul_(p.grad, p.grad, value=1 - self.beta2)
        root = (v / (1 - self.beta2 ** state["t"])).sqrt().add_(self.eps)
        p.addcdiv_(m / (1 - self.beta1 ** state["t"]), root, value=-group["lr"])


class NothingInGroups(Attributes):
    """One group, which shows nothing; no gradient may be missing."""

    def __init__(self, params, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(params, lr, beta1, beta2, eps)
        if len(self.param_groups) > 1:
            raise ValueError("one group is all that there can be")
        self.lr = self.param_groups[0].pop("lr")

    def step(self):
        if any(p.grad is None for p in self.param_groups[0]["params"]):
            raise ValueError("each parameter needs a gradient")
        for p in self.param_groups[0]["params"]:
            with torch.no_grad():
                self.one({"lr": self.lr}, p)


class Refuses(Lists):
    """Takes options for the sake of the signature, and refuses them."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, maximize=False):
        if weight_decay or amsgrad:
            raise RuntimeError("weight decay and AMSGrad are not supported")
        if maximize:
            raise NotImplementedError
        super().__init__(params, lr, betas, eps)


class Master(OneByOne):
    """Steps a copy in double precision, which is the parameter itself where that is in double precision."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

    def one(self, group, p):
        state, (beta1, beta2), g = self.state[p], group["betas"], p.grad.double()
        if not state:
            state.update(step=0, master=p.detach().double(), m=torch.zeros_like(g), v=torch.zeros_like(g))
        state["step"] += 1
        state["m"].lerp_(g, 1 - beta1)
        state["v"].mul_(beta2).addcmul_(g, g, value=1 - beta2)
        root = (state["v"] / (1 - beta2 ** state["step"])).sqrt().add_(group["eps"])
        state["master"].addcdiv_(state["m"], root, value=-group["lr"] / (1 - beta1 ** state["step"]))
        p.copy_(state["master"])

    def load_state_dict(self, state_dict):
        held = copy.deepcopy(state_dict)
        super().load_state_dict(held)
        members = [p for group in self.param_groups for p in group["params"]]
        for p, place in zip(members, (i for group in held["param_groups"] for i in group["params"]), strict=True):
            if place in held["state"]:
                self.state[p] = held["state"][place]


ALL = (FlatMoments, OverData, OwnTable, Lists, Attributes, NothingInGroups, Refuses, Master)
