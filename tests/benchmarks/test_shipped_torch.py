"""The shipped torch Adam against torch.optim.Adam: ratios, measured in turns in one run, one thread.

    pytest tests/benchmarks/test_shipped_torch.py -o addopts="--import-mode=importlib" --benchmark-only

prints our times; `ratio` under "extra_info" (with `--benchmark-json FILE`, and on the terminal with `-s`) is ours
divided by torch's, 1 meaning equal. Nothing is asserted: a shared machine is no place for a timing test.
"""

from __future__ import annotations

import statistics
import time

import pytest
import torch

from adam_ref.torch import Adam, WeightDecay

ROUNDS = 31
ONE_LARGE = [10_000_000]
MANY_SMALL = [100] * 1000
PATHS = {"loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def parameters(sizes, dtype):
    params = [torch.ones(size, dtype=dtype, requires_grad=True) for size in sizes]
    for param in params:
        param.grad = torch.full_like(param, 0.5)
    return params


def race(benchmark, ours, theirs):
    """Step both optimizers in turns, and keep the median ratio of neighbouring steps."""
    reference = []

    def step_theirs():
        start = time.perf_counter()
        theirs.step()
        reference.append(time.perf_counter() - start)

    benchmark.pedantic(ours.step, setup=step_theirs, rounds=ROUNDS, warmup_rounds=2)
    reference = reference[-ROUNDS:]
    ratio = statistics.median(a / b for a, b in zip(benchmark.stats.stats.data, reference, strict=True))
    torch_ms = 1e3 * statistics.median(reference)
    benchmark.extra_info.update(ratio=round(ratio, 3), torch_ms=round(torch_ms, 2))
    print(f"  ratio {ratio:.3f} (torch {torch_ms:.2f} ms)", end="")  # noqa: T201 (shown with -s)


@pytest.mark.benchmark(group="shipped torch Adam")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("optimized", [True, False], ids=["optimized", "unoptimized"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_one_large_tensor(benchmark, path, optimized, dtype):
    """10 million parameters: what the arithmetic and the memory cost."""
    theirs = torch.optim.Adam(parameters(ONE_LARGE, dtype), **PATHS[path])
    ours = Adam(parameters(ONE_LARGE, dtype), optimized_update=optimized, **PATHS[path])
    race(benchmark, ours, theirs)


@pytest.mark.benchmark(group="shipped torch Adam")
@pytest.mark.parametrize("path", PATHS)
def test_many_small_tensors(benchmark, path):
    """1000 tensors of 100 elements: what the bookkeeping costs."""
    theirs = torch.optim.Adam(parameters(MANY_SMALL, torch.float32), **PATHS[path])
    race(benchmark, Adam(parameters(MANY_SMALL, torch.float32), **PATHS[path]), theirs)


@pytest.mark.benchmark(group="shipped torch Adam")
@pytest.mark.parametrize(
    ("decay", "theirs"),
    [
        (WeightDecay(0.01), torch.optim.AdamW),
        (WeightDecay(1e-5, absolute=True), torch.optim.AdamW),
        (WeightDecay(0.01, weight_decouple=False), torch.optim.Adam),
    ],
    ids=["decoupled", "absolute", "coupled"],
)
def test_decay_on_the_fused_kernel(benchmark, decay, theirs):
    """Each kind of decay must stay inside the kernel."""
    reference = theirs(parameters(ONE_LARGE, torch.float32), weight_decay=0.01, fused=True)
    race(benchmark, Adam(parameters(ONE_LARGE, torch.float32), weight_decay=decay, fused=True), reference)
