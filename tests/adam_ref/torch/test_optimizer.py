"""Adam as a torch.optim.Optimizer: groups, closures, schedulers, hooks, validation, and which path is taken."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from adam_ref.torch import Adam, GenericAdaptiveOptimizer, WeightDecay
from tests.adam_ref.torch.oracle import PATHS, drive, make, noise, parameter

on_every_path = pytest.mark.parametrize("path", PATHS)


@on_every_path
class TestStep:
    def test_closure_runs_with_gradients_and_its_value_is_returned(self, path):
        """A closure under no_grad cannot call backward (HeavyBall #10)."""
        param = parameter(3)
        optimizer = make(path, [param])

        def closure():
            optimizer.zero_grad()
            loss = (param**2).sum()
            loss.backward()
            return loss

        before = param.detach().clone()
        assert optimizer.step(closure).item() == (before**2).sum().item()
        assert (param != before).all()
        assert make(path, [param]).step() is None

    def test_parameter_without_gradient_is_left_alone(self, path):
        """No state, no count, no decay for a parameter that took no part."""
        idle, active = parameter(3), parameter(3)
        before = idle.detach().clone()
        optimizer = make(path, [idle, active], weight_decay=WeightDecay(0.1))
        active.grad = torch.ones_like(active)
        optimizer.step()
        assert torch.equal(idle, before)
        assert idle not in optimizer.state
        assert optimizer.state[active]["step"] == 1
        optimizer.explain_path()
        assert idle not in optimizer.state

    def test_late_first_gradient_counts_from_one(self, path):
        """A global count makes the late parameter's first step 25 % too small (InfiniTrain #235)."""
        late, other = torch.zeros(3, requires_grad=True), parameter(3)
        optimizer = make(path, [other, late], lr=0.1, optimized_update=False)
        drive(optimizer, [other], 0, 10)
        late.grad = torch.ones(3)
        optimizer.step()
        torch.testing.assert_close(late.detach(), torch.full((3,), -0.1))

    def test_sparse_gradient_is_refused_before_anything_changes(self, path):
        table, dense = torch.nn.Embedding(5, 2, sparse=True), parameter(3)
        before = dense.detach().clone()
        optimizer = make(path, [dense, table.weight])
        dense.grad = torch.ones_like(dense)
        table(torch.tensor([1])).sum().backward()
        with pytest.raises(RuntimeError, match=r"dense gradients.*sparse"):
            optimizer.step()
        assert torch.equal(dense, before)

    def test_state_is_like_the_parameter(self, path):
        for dtype, kept in ((torch.float16, torch.float32), (torch.bfloat16, torch.float32), (torch.complex64,) * 2):
            param = parameter(3, dtype=dtype)
            optimizer = make(path, [param])
            drive(optimizer, [param], 0, 2)
            state = optimizer.state[param]
            assert state["step"] == 2
            assert {name: state[name].dtype for name in state if name != "step"} == {
                "exp_avg": kept,
                "exp_avg_sq": kept,
            }

    def test_works_with_a_gradient_scaler(self, path):
        """GradScaler unscales once and skips a step with an infinite gradient (pytorch #94060)."""
        param = torch.zeros(3, requires_grad=True)
        optimizer, scaler = make(path, [param], lr=0.1), torch.amp.GradScaler("cpu", init_scale=1024.0)
        scaler.scale((param * 3).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        torch.testing.assert_close(param.detach(), torch.full((3,), -0.1))
        param.grad = torch.tensor([1.0, math.inf, 1.0])
        scaler.step(optimizer)
        assert optimizer.state[param]["step"] == 1

    def test_converges(self, path):
        target, param = noise(20, seed=5), parameter(20)
        optimizer = make(path, [param], lr=0.05)
        for _ in range(800):
            optimizer.zero_grad()
            ((param - target) ** 2).sum().backward()
            optimizer.step()
        torch.testing.assert_close(param.detach(), target, rtol=0, atol=1e-6)


@on_every_path
class TestGroups:
    def test_each_group_has_its_own_hyperparameters(self, path):
        settings = [
            {"lr": 0.1},
            {"betas": (0.5, 0.7)},
            {"eps": 0.3},
            {"weight_decay": WeightDecay(0.2, weight_decouple=False)},
            {"weight_decay": 0.5},
            {"optimized_update": False, "eps": 0.1},
        ]
        params, alone = ([parameter(4, seed=i) for i in range(len(settings))] for _ in range(2))
        groups = [{"params": [param], **own} for param, own in zip(params, settings, strict=True)]
        together = make(path, groups[:4])
        for group in groups[4:]:
            together.add_param_group(group)
        drive(together, params, 0, 5)
        for i, (param, own) in enumerate(zip(alone, settings, strict=True)):
            optimizer = make("loop", [{"params": [param], **own}])
            for t in range(5):
                generator = torch.Generator().manual_seed(1000 * t + i)
                param.grad = torch.randn(4, dtype=torch.float64, generator=generator)
                optimizer.step()
            torch.testing.assert_close(params[i], param, rtol=1e-12, atol=1e-14)

    def test_a_number_in_a_group_keeps_the_kind_of_the_constructor(self, path):
        optimizer = make(
            path, [{"params": [parameter(2)], "weight_decay": 0.5}], weight_decay=WeightDecay(absolute=True)
        )
        assert optimizer.param_groups[0]["weight_decay"] == 0.5
        assert optimizer.param_groups[0]["absolute_weight_decay"] is True

    def test_scheduler_changes_the_rate_at_once(self, path):
        """A rate captured at construction is a bug that has shipped."""
        param = torch.zeros(2, requires_grad=True)
        optimizer = make(path, [param], lr=1.0, optimized_update=False)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5**epoch)
        for _ in range(3):
            param.grad = torch.ones(2)
            optimizer.step()
            scheduler.step()
        torch.testing.assert_close(param.detach(), torch.full((2,), -1.75))

    def test_one_cycle_changes_rate_and_beta1(self, path):
        param = parameter(2)
        optimizer = make(path, [param])
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=10)
        seen = set()
        for t in range(9):
            drive(optimizer, [param], t, 1)
            scheduler.step()
            seen.add(optimizer.param_groups[0]["betas"][0])
        assert len(seen) > 3

    def test_rate_in_a_tensor_is_read_at_every_step(self, path):
        lr, param = torch.tensor(1.0), torch.zeros(2, requires_grad=True)
        optimizer = make(path, [param], lr=lr)
        for value in (1.0, 0.25):
            lr.fill_(value)
            param.grad = torch.ones(2)
            optimizer.step()
        torch.testing.assert_close(param.detach(), torch.full((2,), -1.25))

    def test_groups_must_not_share_a_tensor_rate(self, path):
        """A scheduler fills the tensor in place, so the last group's rate would rule all (pytorch #126854)."""
        with pytest.raises(ValueError, match="share one lr tensor"):
            make(path, [{"params": [parameter(2)]}, {"params": [parameter(2)]}], lr=torch.tensor(0.1))

    def test_callers_dicts_are_not_modified(self, path):
        """The published original writes into the caller's defaults."""
        defaults, group = {"warmup": 5}, {"params": [parameter(2)]}
        kept = dict(group)
        optimizer = make(path, [group], defaults=defaults)
        assert defaults == {"warmup": 5}
        assert group == kept
        assert optimizer.param_groups[0]["warmup"] == 5


class Warmup(Adam):
    """Linear warm-up by the `get_lr` hook."""

    def get_lr(self, state, group):
        return super().get_lr(state, group) * min(1.0, state["step"] / group["warmup"])


class Belief(Adam):
    """AdaBelief-like: the second moment of `g - m`, by the `get_mv` hook."""

    def get_mv(self, state, group, grad):
        beta1, beta2 = group["betas"]
        m, v = state["exp_avg"], state["exp_avg_sq"]
        m.lerp_(grad, 1 - beta1)
        v.mul_(beta2).addcmul_(grad - m, grad - m, value=1 - beta2)
        return m, v


class SignDescent(GenericAdaptiveOptimizer):
    """The least a subclass of the base class has to say."""

    def init_state(self, state, group, param):
        state["step"] = 0

    def step_param(self, state, group, grad, param):
        state["step"] += 1
        param.sub_(grad.sign(), alpha=self.get_lr(state, group))


@on_every_path
class TestHooks:
    def test_get_lr_is_honoured_by_every_path_and_by_decay(self, path):
        """The original decays with group["lr"] instead: 0.1 where 1e-4 was due in the first warm-up step."""
        param = torch.ones(2, dtype=torch.float64, requires_grad=True)
        options = {"lr": 1.0, "weight_decay": WeightDecay(0.1), "defaults": {"warmup": 1000}}
        optimizer = Warmup([param], **options, **PATHS[path])
        param.grad = torch.zeros_like(param)
        optimizer.step()
        torch.testing.assert_close(param.detach(), torch.full_like(param, 0.9999).detach(), rtol=1e-15, atol=0)
        assert optimizer.explain_path()[0].path == path

    def test_get_lr_may_give_a_tensor(self, path):
        """A subclass that scales a rate held in a tensor gives one, which torch's multi-tensor operations refuse."""

        class Halved(Adam):
            def get_lr(self, state, group):
                return group["lr"] * 0.5

        param, reference = parameter(5), parameter(5)
        drive(Halved([param], lr=torch.tensor(0.1, dtype=torch.float64), **PATHS[path]), [param], 0, 3)
        drive(Halved([reference], lr=0.1, **PATHS[path]), [reference], 0, 3)
        assert torch.equal(param, reference)

    def test_overridden_hook_takes_the_loop_and_says_so(self, path):
        """A fast path that ignored the hook would silently compute plain Adam."""
        param, reference = parameter(5), parameter(5)
        optimizer, plain = Belief([param], **PATHS[path]), Belief([reference])
        drive(optimizer, [param], 0, 3)
        drive(plain, [reference], 0, 3)
        assert torch.equal(param, reference)
        choice = optimizer.explain_path()[0]
        assert choice.path == "loop"
        assert path == "loop" or "Belief overrides get_mv" in choice.reason

    def test_hook_replaced_on_the_instance_counts_as_overridden(self, path):
        optimizer = make(path, [parameter(5)])
        optimizer.adam_update = lambda *_: None
        drive(optimizer, optimizer.param_groups[0]["params"], 0, 1)
        assert torch.equal(optimizer.param_groups[0]["params"][0], parameter(5))

    def test_own_weight_decay_takes_the_loop(self, path):
        class Towards(WeightDecay):
            def __call__(self, param, grad, group):
                return grad + self.weight_decay * (param - 1)

        optimizer = make(path, [torch.ones(3, requires_grad=True)], weight_decay=Towards(0.1))
        optimizer.param_groups[0]["params"][0].grad = torch.zeros(3)
        optimizer.step()
        assert torch.equal(optimizer.param_groups[0]["params"][0].detach(), torch.ones(3))
        assert optimizer.explain_path()[0].path == "loop"

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.complex64], ids=str)
    def test_base_class_serves_another_optimizer(self, path, dtype):
        param = torch.zeros(2, dtype=dtype, requires_grad=True)
        defaults = {"note": 1}
        optimizer = SignDescent([param], defaults, 0.5, (0.9, 0.999), 1e-8)
        assert defaults == {"note": 1}
        param.grad = torch.ones_like(param)
        optimizer.step()
        expected = torch.full((2,), -0.5, dtype=dtype)
        torch.testing.assert_close(param.detach(), expected)

    def test_base_class_alone_says_what_is_missing(self, path):
        param = parameter(2)
        optimizer = GenericAdaptiveOptimizer([param], {}, 0.1, (0.9, 0.999), 1e-8)
        param.grad = torch.ones_like(param)
        with pytest.raises(NotImplementedError, match="must override step_param"):
            optimizer.step()


@on_every_path
class TestExplainPath:
    def test_every_parameter_is_explained(self, path):
        strided, transposed = torch.zeros(6)[::2].requires_grad_(), torch.zeros(2, 3).t().requires_grad_()
        other_order = torch.zeros(2, 3, requires_grad=True)
        optimizer = make(path, [{"params": [parameter(2), strided]}, {"params": [transposed, other_order]}])
        other_order.grad = torch.ones(3, 2).t()
        choices = optimizer.explain_path()
        assert [(choice.group, choice.index) for choice in choices] == [(0, 0), (0, 1), (1, 0), (1, 1)]
        expected = ["fused", "loop", "fused", "loop"] if path == "fused" else [path] * 4
        assert [choice.path for choice in choices] == expected
        if path == "fused":
            assert "leave gaps" in choices[1].reason
            assert "grad has strides (1, 2)" in choices[3].reason

    def test_tensor_subclass_takes_the_loop(self, path):
        class Tagged(torch.Tensor):
            pass

        optimizer = make(path, [torch.zeros(2).as_subclass(Tagged).requires_grad_()])
        assert optimizer.explain_path()[0].path == "loop"


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"lr": -1.0}, ValueError, r"lr must be finite and >= 0, got -1.0"),
        ({"lr": math.nan}, ValueError, "lr must be finite"),
        ({"lr": math.inf}, ValueError, "lr must be finite"),
        ({"lr": "1"}, TypeError, "lr must be a real number, got '1' of type str"),
        ({"lr": torch.ones(2)}, ValueError, "one real number"),
        ({"lr": torch.tensor(-1.0)}, ValueError, "lr must be finite"),
        ({"betas": (1.0, 0.9)}, ValueError, r"betas\[0\] must lie in \[0, 1\), got 1.0"),
        ({"betas": (0.9, -0.1)}, ValueError, r"betas\[1\]"),
        ({"betas": (0.9, math.nan)}, ValueError, r"betas\[1\]"),
        ({"betas": 0.9}, TypeError, "pair"),
        ({"betas": (0.9,)}, TypeError, "pair"),
        ({"eps": -1e-8}, ValueError, "eps must be finite and >= 0"),
        ({"eps": None}, TypeError, "eps"),
        ({"eps": True}, TypeError, "eps"),
        ({"weight_decay": 0.1}, TypeError, "which kind is meant"),
        ({"optimized_update": 1}, TypeError, "optimized_update must be True or False"),
        ({"foreach": True, "fused": True}, ValueError, "ask for one"),
        ({"foreach": True, "fused": 1}, TypeError, "fused must be True or False"),
    ],
)
def test_wrong_hyperparameters_are_refused(options, error, match):
    """The message says what was given and what is allowed; a group is judged like the constructor."""
    with pytest.raises(error, match=match):
        Adam([parameter(2)], **options)


@pytest.mark.parametrize(
    "entry",
    [
        {"lr": -1.0},
        {"betas": (0.9, 1.0)},
        {"eps": -1.0},
        {"weight_decay": -1.0},
        {"amsgrad": True},
        {"maximize": True},
    ],
)
def test_wrong_group_entries_are_refused(entry):
    optimizer = Adam([parameter(2)])
    with pytest.raises(ValueError, match=next(iter(entry))):
        optimizer.add_param_group({"params": [parameter(2)], **entry})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((-0.1,), ValueError),
        ((math.nan,), ValueError),
        (("x",), TypeError),
        ((0.1, 1), TypeError),
        ((0.1, False, True), ValueError),
    ],
)
def test_wrong_weight_decay_is_refused(arguments, error):
    with pytest.raises(error, match="weight"):
        WeightDecay(*arguments)


class TestValues:
    def test_weight_decay_is_immutable(self):
        """One mutable default shared by all optimizers is a wart of the original."""
        with pytest.raises(dataclasses.FrozenInstanceError):
            WeightDecay().weight_decay = 1.0

    def test_weight_decay_falls_back_to_itself(self):
        """Called as seed.md has it, with a group that holds no decay entries."""
        param, grad = torch.ones(2), torch.zeros(2)
        assert torch.equal(WeightDecay(0.5, weight_decouple=False)(param, grad, {}), torch.full((2,), 0.5))
        assert WeightDecay(0.5)(param, grad, {"lr": 0.5}) is grad
        assert torch.equal(param, torch.full((2,), 0.75))
        assert not grad.any()

    def test_hyperparameters_of_any_numeric_type_are_held_as_doubles(self):
        optimizer = Adam([parameter(2)], lr=1, betas=[np.float32(0.5), 0.0], eps=np.float64(0.0))
        group = optimizer.param_groups[0]
        assert [type(group[name]) for name in ("lr", "eps")] == [float, float]
        assert group["betas"] == (0.5, 0.0)

    def test_lazy_parameters_may_be_given_before_their_shape_is_known(self):
        layer = torch.nn.LazyLinear(3)
        optimizer = Adam(layer.parameters())
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        assert optimizer.state[layer.weight]["exp_avg"].shape == (3, 2)


def test_importing_the_reference_does_not_import_torch():
    script = "import sys, adam_ref; assert 'torch' not in sys.modules, 'torch was imported'"
    subprocess.run([sys.executable, "-c", script], check=True)
