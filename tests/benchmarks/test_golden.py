"""What the reference costs: golden against torch's float64 Adam, the enclosure against golden.

    pytest tests/benchmarks/test_golden.py -o addopts="--import-mode=importlib" --benchmark-only

The two are stepped in turns in one run, on one thread.  In "extra_info" (and on the terminal with `-s`) `ratio` is the
median of neighbouring steps' quotients by the wall clock, `cpu_ratio` the same by the processor time of the thread, for
a machine that others share.  Nothing is asserted: timings are no test.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest

from adam_ref import FLOAT32, FLOAT64, Hyperparameters, Numerics, advance, golden, start

LARGE = 10_000_000
MEDIUM = 1_000_000
SMALL = 100_000
HYPER = Hyperparameters()
TORCH = {"loop": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


def race(benchmark, ours, theirs, rounds):
    """Call both in turns, and keep the median ratios of neighbours, ours over theirs."""
    times = {"ours": [], "theirs": []}

    def timed(name, function):
        wall, cpu = time.perf_counter(), time.thread_time()
        function()
        times[name].append((time.perf_counter() - wall, time.thread_time() - cpu))

    benchmark.pedantic(timed, ("ours", ours), setup=lambda: timed("theirs", theirs), rounds=rounds, warmup_rounds=2)
    for i, name in enumerate(("ratio", "cpu_ratio")):
        quotients = [a[i] / b[i] for a, b in zip(times["ours"], times["theirs"], strict=True)]
        benchmark.extra_info[name] = round(statistics.median(quotients[-rounds:]), 3)
    print(f"  {benchmark.extra_info}", end="")  # noqa: T201 (shown with -s)


def golden_steps(n):
    """A function that takes the golden state one step further."""
    gradient = np.random.default_rng(0).standard_normal(n)
    state = golden.init(np.zeros(n))

    def step():
        nonlocal state
        state = golden.step(state, gradient, HYPER)

    return step


@pytest.mark.benchmark(group="golden step against torch float64, one thread, 10 million elements")
@pytest.mark.parametrize("path", TORCH)
def test_golden_against_torch(benchmark, path):
    """The aim is a ratio of at most 1 for torch's for-loop."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    parameter = torch.zeros(LARGE, dtype=torch.float64, requires_grad=True)
    parameter.grad = torch.randn(LARGE, dtype=torch.float64)
    optimizer = torch.optim.Adam([parameter], **TORCH[path])
    try:
        race(benchmark, golden_steps(LARGE), optimizer.step, rounds=11)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.benchmark(group="enclosure step against golden step")
@pytest.mark.parametrize("n", [SMALL, MEDIUM], ids=["100k", "1M"])
@pytest.mark.parametrize("target", [FLOAT32, FLOAT64], ids=lambda f: f.name)
def test_enclosure_against_golden(benchmark, target, n):
    """The aim is a ratio of at most 15."""
    gradient = target.round(np.random.default_rng(0).standard_normal(n))
    numerics = Numerics.uniform(target)
    boxes = start(np.zeros(n), numerics)

    def enclose():
        nonlocal boxes
        boxes = advance(boxes, gradient, HYPER, numerics)

    race(benchmark, enclose, golden_steps(n), rounds=5 if n == MEDIUM else 31)
