"""Shapes, strides and sizes: every element is updated, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adam_ref.torch import Adam
from adam_ref.torch.tensors import is_dense
from adam_ref.torch.validation import overlaps
from tests.adam_ref.torch.oracle import PATHS, Oracle, as_float64, make, noise, parameter

SENTINEL = 77.0


def strided(shape, order, gaps, dtype=torch.float64):
    """A tensor of `shape` with its dimensions in memory `order` and `gaps` between elements, and its buffer."""
    outer = [shape[i] * gaps[i] + 1 for i in order]
    buffer = torch.full(outer, SENTINEL, dtype=dtype)
    window = buffer[tuple(slice(0, shape[i] * gaps[i], gaps[i]) for i in order)]
    return window.permute([order.index(i) for i in range(len(shape))]), buffer


@st.composite
def layouts(draw):
    shape = draw(st.lists(st.integers(0, 5), min_size=0, max_size=4))
    order = draw(st.permutations(range(len(shape))))
    gaps = draw(st.lists(st.integers(1, 2), min_size=len(shape), max_size=len(shape)))
    return shape, order, gaps


@settings(derandomize=True, deadline=None)
@given(st.lists(layouts(), min_size=1, max_size=4), st.sampled_from(sorted(PATHS)), st.booleans(), st.data())
def test_any_layout_is_updated_and_its_surroundings_are_not(many, path, optimized, data):
    """torch's fused CPU kernel ignores strides: wrong result on a strided tensor, writes outside an expanded one."""
    buffers, params, oracles = [], [], []
    for i, (shape, order, gaps) in enumerate(many):
        param, buffer = strided(shape, order, gaps)
        param.copy_(noise(*shape, seed=i))
        buffers.append(buffer)
        params.append(param.requires_grad_())
        grad, _ = strided(
            shape, data.draw(st.permutations(range(len(shape)))), data.draw(st.sampled_from([gaps, [1] * 4]))
        )
        param.grad = grad.copy_(noise(*shape, seed=10 + i))
        oracles.append(Oracle.at(param))
    optimizer = make(path, params, lr=0.1, eps=1e-3, optimized_update=optimized)
    outside = [(buffer == SENTINEL) for buffer in buffers]
    for _ in range(2):
        oracles = [
            oracle.step(param.grad, lr=0.1, eps=1e-3, optimized=optimized)
            for oracle, param in zip(oracles, params, strict=True)
        ]
        optimizer.step()
    for param, oracle, buffer, mask in zip(params, oracles, buffers, outside, strict=True):
        np.testing.assert_allclose(as_float64(param), oracle.theta, rtol=1e-12, atol=1e-14)
        assert torch.equal(buffer == SENTINEL, mask)


@settings(derandomize=True, deadline=None)
@given(layouts())
def test_dense_means_that_memory_is_filled_once(layout):
    """`is_dense` guards the kernel: it must hold exactly where the offsets are 0..n-1."""
    tensor, _ = strided(*layout)
    sizes = [range(size) for size in tensor.shape]
    offsets = [
        sum(i * s for i, s in zip(index, tensor.stride(), strict=True)) for index in np.ndindex(*map(len, sizes))
    ]
    assert is_dense(tensor) == (sorted(offsets) == list(range(tensor.numel())))


def test_the_stride_of_a_single_element_says_nothing():
    assert is_dense(torch.zeros(6).as_strided((3, 1, 2), (1, 100, 3)))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64], ids=str)
def test_channels_last_is_kept(path, dtype):
    """Moments in another memory format would make every step slow, and the fused kernel wrong."""
    param = parameter(2, 3, 4, 5, dtype=dtype).detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    reference = param.detach().contiguous().requires_grad_()
    grad = parameter(2, 3, 4, 5, dtype=dtype, seed=1).detach()
    optimizer, plain = make(path, [param]), make("loop", [reference])
    param.grad, reference.grad = grad.contiguous(memory_format=torch.channels_last), grad
    optimizer.step()
    plain.step()
    torch.testing.assert_close(param.contiguous(), reference)
    for name in ("exp_avg", "exp_avg_sq"):
        assert optimizer.state[param][name].stride() == param.stride()
    assert {choice.path for choice in optimizer.explain_path()} == {path}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("empty_at", [0, 1, 2])
def test_empty_tensor_drops_no_work(path, empty_at):
    """An empty tensor at an end of the list has made kernels skip its neighbours (pytorch #100701)."""
    params = [parameter(4, seed=i) for i in range(3)]
    params[empty_at] = torch.zeros(0, 3, dtype=torch.float64, requires_grad=True)
    before = [param.detach().clone() for param in params]
    optimizer = make(path, params)
    for param in params:
        param.grad = torch.ones_like(param)
    optimizer.step()
    for i, (param, old) in enumerate(zip(params, before, strict=True)):
        assert (param != old).all()
        assert optimizer.state[param]["step"] == 1, i


@pytest.mark.parametrize("path", PATHS)
def test_mixed_dtypes_and_counts_in_one_group(path):
    """One call for several dtypes, or the last parameter's count for all, gives wrong steps (DeepSpeed #8471)."""
    dtypes = [torch.float64, torch.float32, torch.float64, torch.complex64, torch.bfloat16, torch.float32]
    params = [torch.zeros(3, dtype=dtype, requires_grad=True) for dtype in dtypes]
    alone = [torch.zeros(3, dtype=dtype, requires_grad=True) for dtype in dtypes]
    together, apart = make(path, params), [make("loop", [param]) for param in alone]
    for t in range(6):
        for i, dtype in enumerate(dtypes):
            active = t >= i
            grad = parameter(3, dtype=dtype, seed=10 * t + i).detach()
            params[i].grad, alone[i].grad = (grad, grad.clone()) if active else (None, None)
        together.step()
        for optimizer in apart:
            optimizer.step()
    for i, (param, other) in enumerate(zip(params, alone, strict=True)):
        torch.testing.assert_close(param, other)
        assert together.state[param]["step"] == 6 - i


@pytest.mark.parametrize("path", PATHS)
def test_lazily_conjugated_gradient_is_resolved(path):
    param, reference = (parameter(4, dtype=torch.complex128) for _ in range(2))
    grad = parameter(4, dtype=torch.complex128, seed=1).detach()
    param.grad, reference.grad = grad.conj(), grad.conj().resolve_conj()
    make(path, [param]).step()
    make("loop", [reference]).step()
    torch.testing.assert_close(param, reference)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("tensor", "error", "match"),
    [
        (torch.zeros(1).expand(4), ValueError, "overlaps itself"),
        (torch.zeros(2, 1).expand(2, 3), ValueError, "overlaps itself"),
        (torch.zeros(9).as_strided((4, 3), (2, 1)), ValueError, "overlaps itself"),
        (torch.zeros(2, dtype=torch.complex64).conj(), ValueError, "resolve_conj"),
        (torch.zeros(2, dtype=torch.complex64).conj().imag, ValueError, "resolve_neg"),
    ],
)
def test_parameters_that_cannot_be_updated_are_refused(path, tensor, error, match):
    """An expanded parameter is one number written many times, and the fused kernel writes beyond it."""
    with pytest.raises(error, match=match):
        make(path, [tensor.requires_grad_()])


@pytest.mark.parametrize(
    ("shape", "strides", "shared"),
    [
        ((4, 3), (3, 1), False),
        ((4, 3), (2, 1), True),
        ((2, 3), (3, 2), False),  # neither stride steps over the other, and yet no place is used twice
        ((3, 4), (3, 2), True),
        ((2, 1, 3), (3, 0, 1), False),
        ((2, 3), (1, 1), True),
        ((0, 3), (0, 0), False),
        ((), (), False),
    ],
)
def test_overlap_is_found_in_any_layout(shape, strides, shared):
    """Where two elements are one number, an update would be applied to it twice; where none are, it is no error."""
    places = torch.arange(20).as_strided(shape, strides)
    assert overlaps(places) == (places.unique().numel() < places.numel()) == shared


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("before", "after"), [((4,), (9,)), ((4,), (1,)), ((2, 3), (3, 2))])
def test_a_parameter_that_was_resized_is_refused(path, before, after):
    """The fused kernel would read and write past the end of the moments; the loop would broadcast."""
    param = parameter(*before)
    optimizer = make(path, [param])
    param.grad = torch.ones_like(param)
    optimizer.step()
    param.data = torch.zeros(after, dtype=param.dtype)
    param.grad = torch.ones_like(param)
    with pytest.raises(RuntimeError, match="resized after its first step"):
        optimizer.step()
    assert not param.any()
    del optimizer.state[param]
    optimizer.step()
    assert param.all()


@pytest.mark.parametrize("dtype", [torch.int64, torch.float8_e5m2], ids=str)
def test_dtypes_without_a_place_for_moments_are_refused(dtype):
    with pytest.raises(TypeError, match=rf"{dtype}.*allowed are float16"):
        Adam([torch.zeros(2, dtype=dtype)])


def test_refused_group_is_not_left_behind():
    optimizer = Adam([parameter(2)])
    with pytest.raises(ValueError, match="overlaps itself"):
        optimizer.add_param_group({"params": [torch.zeros(1).expand(4).requires_grad_()]})
    assert len(optimizer.param_groups) == 1
