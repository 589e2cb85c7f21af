"""Does the shipped Adam compute the paper's update, on every path, in every dtype, at every scale?"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from adam_ref.torch import WeightDecay
from adam_ref.torch.paths import BATCH
from tests.adam_ref.torch.oracle import DECAYS, PATHS, Oracle, as_float64, exact_first_steps, make, noise, parameter

HALF = [torch.bfloat16, torch.float16]
TOLERANCE = {torch.float64: 1e-13, torch.complex128: 1e-13, torch.float32: 2e-6, torch.complex64: 2e-6}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("optimized", [True, False])
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_update_is_the_papers(path, optimized, decay, dtype):
    """A wrong epsilon, correction, decay or path shows as a difference from the unfolded formulas."""
    settings = {"lr": 0.02, "betas": (0.8, 0.99), "eps": 1e-2}
    param = parameter(7, 5, dtype=dtype)
    oracle = Oracle.at(param)
    optimizer = make(path, [param], weight_decay=DECAYS[decay], optimized_update=optimized, **settings)
    for t in range(30):
        param.grad = 0.1 * parameter(7, 5, dtype=dtype, seed=t + 1).detach()
        oracle = oracle.step(param.grad, optimized=optimized, decay=decay, **settings)
        optimizer.step()
        np.testing.assert_allclose(as_float64(param), oracle.theta, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    np.testing.assert_allclose(as_float64(optimizer.state[param]["exp_avg"]), oracle.m, rtol=0, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(
        as_float64(optimizer.state[param]["exp_avg_sq"]), oracle.v, rtol=0, atol=TOLERANCE[dtype]
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("optimized", [True, False])
@pytest.mark.parametrize("decay", ["none", "decoupled"])
@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_half_precision_is_rounded_once(path, optimized, decay, dtype):
    """Half-precision arithmetic, or a second rounding, would be more than half an ulp from the exact result."""
    settings = {"lr": 0.02, "eps": 1e-3}
    param = parameter(300, dtype=dtype)
    oracle = Oracle.at(param)
    optimizer = make(path, [param], weight_decay=DECAYS[decay], optimized_update=optimized, **settings)
    for t in range(20):
        param.grad = noise(300, dtype=dtype, seed=t + 1, scale=1e-2)
        oracle = oracle.moved_to(param).step(param.grad, optimized=optimized, decay=decay, **settings)
        optimizer.step()
        half_ulp = torch.finfo(dtype).eps / 2
        np.testing.assert_allclose(as_float64(param), oracle.theta, rtol=half_ulp * 1.01, atol=1e-6)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("optimized", [True, False])
@pytest.mark.parametrize("t0", [0, 1, 999, 2**24 + 1])
def test_scalars_are_double(path, optimized, t0):
    """Scalars or a step count in float32 would be off by 1e-8 to 1e-5; doubles leave the rounding of beta^t."""
    settings = {"lr": 3e-4, "betas": (0.9, 1 - 1e-7), "eps": 1e-3}
    grads = [0.7, -0.2, 0.01]
    exact = exact_first_steps(grads, t0, 3e-4, (0.9, 1 - 1e-7), 1e-3, optimized=optimized)
    param = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = make(path, [param], optimized_update=optimized, **settings)
    optimizer.ensure_state(optimizer.param_groups[0], param)["step"] = t0
    for grad, update in zip(grads, exact, strict=True):
        param.detach().zero_()
        param.grad = torch.tensor(grad, dtype=torch.float64)
        optimizer.step()
        # 1-beta^t loses up to 2^-53/(1-beta) = 1.1e-9 of its value at t0 = 0, as it does for every double.
        tolerance = 1e-9 if t0 < 10 else 1e-12
        assert -param.item() == pytest.approx(float(update), rel=tolerance)


@pytest.mark.parametrize("path", PATHS)
def test_both_updates_meet_when_epsilon_is_rescaled(path):
    """Theorem T1: optimized with eps*sqrt(1-beta2^t) at step t is unoptimized with eps (with the root)."""
    plain, folded = parameter(50), parameter(50)
    first = make(path, [plain], eps=1e-2, optimized_update=False)
    second = make(path, [folded], eps=1e-2)
    for t in range(1, 40):
        second.param_groups[0]["eps"] = 1e-2 * math.sqrt(1 - 0.999**t)
        plain.grad = folded.grad = noise(50, seed=t, scale=0.1)
        first.step()
        second.step()
    torch.testing.assert_close(plain, folded, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("optimized", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, *HALF], ids=str)
class TestSpecialValues:
    """What must hold exactly, whatever the rounding."""

    def test_zero_gradient_moves_nothing(self, path, optimized, dtype):
        """An epsilon or a v that underflows to 0 gives 0/0."""
        param = parameter(33, dtype=dtype)
        before = param.detach().clone()
        optimizer = make(path, [param], optimized_update=optimized)
        for _ in range(3):
            param.grad = torch.zeros_like(param)
            optimizer.step()
        assert torch.equal(param, before)

    def test_first_step_is_at_most_lr(self, path, optimized, dtype):
        """A v that underflows while m does not makes a step of any size."""
        scales = 10.0 ** torch.arange(-45, 4, dtype=torch.float64)
        param = torch.zeros(len(scales), dtype=dtype, requires_grad=True)
        param.grad = scales.to(dtype)
        make(path, [param], lr=0.125, optimized_update=optimized).step()
        assert param.isfinite().all()
        assert param.abs().max() <= 0.125 * (1 + 1e-6)

    def test_lr_zero_moves_nothing(self, path, optimized, dtype):
        """lr = 0 must not meet a division by the step size."""
        param = parameter(33, dtype=dtype)
        before = param.detach().clone()
        for decay in (WeightDecay(), WeightDecay(0.1), WeightDecay(0.1, weight_decouple=False)):
            optimizer = make(path, [param], lr=0.0, weight_decay=decay, optimized_update=optimized)
            for grad in (noise(33, dtype=dtype), torch.zeros(33, dtype=dtype)):
                param.grad = grad
                optimizer.step()
        assert torch.equal(param, before)

    def test_absolute_decay_does_not_need_lr(self, path, optimized, dtype):
        """Absolute decay at lr = 0, and at an lr so small that their quotient overflows, still decays."""
        for lr in (0.0, 1e-320):
            param = torch.full((9,), 2.0, dtype=dtype, requires_grad=True)
            param.grad = torch.zeros_like(param)
            decay = WeightDecay(0.5, absolute=True)
            make(path, [param], lr=lr, weight_decay=decay, optimized_update=optimized).step()
            assert torch.equal(param.detach(), torch.ones(9, dtype=dtype))

    def test_epsilon_and_betas_may_be_zero(self, path, optimized, dtype):
        """Sign descent: beta1 = beta2 = eps = 0 moves each element by lr."""
        param = torch.zeros(3, dtype=dtype, requires_grad=True)
        param.grad = torch.tensor([2.0, -0.5, 1.0], dtype=dtype)
        make(path, [param], lr=0.25, betas=(0.0, 0.0), eps=0.0, optimized_update=optimized).step()
        torch.testing.assert_close(param.detach(), torch.tensor([-0.25, 0.25, -0.25], dtype=dtype))

    def test_nan_and_infinity_stay_in_their_element(self, path, optimized, dtype):
        param = torch.zeros(40, dtype=dtype, requires_grad=True)
        param.grad = torch.ones(40, dtype=dtype)
        param.grad[3], param.grad[39] = math.nan, math.inf
        make(path, [param], optimized_update=optimized).step()
        assert param.isnan().nonzero().flatten().tolist() == [3, 39]

    def test_gradient_is_not_modified(self, path, optimized, dtype):
        param = parameter(33, dtype=dtype)
        for decay in DECAYS.values():
            param.grad = noise(33, dtype=dtype)
            make(path, [param], weight_decay=decay, optimized_update=optimized).step()
            assert torch.equal(param.grad, noise(33, dtype=dtype))


@pytest.mark.parametrize("path", PATHS)
def test_float16_gradients_whose_squares_underflow_still_count(path):
    """With v in float16, g = 1e-4 gives v = 0 and a step of infinity (torch loop and foreach at eps = 1e-8)."""
    param = torch.zeros(4, dtype=torch.float16, requires_grad=True)
    optimizer = make(path, [param], lr=0.1, optimized_update=False)
    for _ in range(5):
        param.grad = torch.full((4,), 1e-4, dtype=torch.float16)
        optimizer.step()
    torch.testing.assert_close(param.detach(), torch.full((4,), -0.5, dtype=torch.float16), rtol=2e-3, atol=0)


@pytest.mark.parametrize("path", ["foreach", "fused"])
@pytest.mark.parametrize("dtype", [torch.float32, *HALF], ids=str)
@pytest.mark.parametrize("columns", [3, 4], ids=["dense", "gaps"])
def test_large_tensor_is_covered_by_its_portions(path, dtype, columns):
    """The portions that stay in the cache must cover a larger tensor, its last elements too, and its neighbours."""
    large, loop = (torch.zeros(BATCH + 37, columns, dtype=dtype)[:, :3].requires_grad_() for _ in range(2))
    small = [torch.zeros(5, dtype=dtype, requires_grad=True) for _ in range(2)]
    for optimizer, params in (
        (make(path, [small[0], large, small[1]]), [*small, large]),
        (make("loop", [loop]), [loop]),
    ):
        for param in params:
            param.grad = torch.empty_like(param).copy_(noise(*param.shape, dtype=dtype, seed=3))
        optimizer.step()
    torch.testing.assert_close(large, loop)
    assert small[0].all()
    assert small[1].all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("optimized", [True, False])
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("dtype", [*TOLERANCE, *HALF], ids=str)
def test_cuda_agrees_with_cpu(path, optimized, decay, dtype):
    tensors = {device: parameter(65, 3, dtype=dtype).detach().to(device).requires_grad_() for device in ("cpu", "cuda")}
    for device, param in tensors.items():
        on = path if device == "cuda" else "loop"
        optimizer = make(on, [param], eps=1e-3, weight_decay=DECAYS[decay], optimized_update=optimized)
        for t in range(10):
            param.grad = parameter(65, 3, dtype=dtype, seed=t).detach().to(device)
            optimizer.step()
    tolerance = TOLERANCE.get(dtype, 2e-2)
    torch.testing.assert_close(tensors["cuda"].cpu(), tensors["cpu"], rtol=tolerance, atol=tolerance)
