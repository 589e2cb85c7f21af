"""How long the suite takes to find a fault, to finish a run with findings, and to let a correct target pass.

    pytest tests/benchmarks/test_suite.py -o addopts="--import-mode=importlib" --benchmark-only -s

Quick profile, float32 and float64, in one warm process, as `check_adam` runs it.  The faults are every tenth of the
catalogue, or every n-th with `ADAM_BENCHMARK_EVERY=n`.  `first` is from the start of the run to the first finding,
`whole` to the report with shrunken findings and their diagnosis, each as median, 95th percentile and largest, by the
wall clock and (`cpu_...`) by the processor time of this process, for a machine that others share.  Nothing is asserted:
timings are no test.
"""

from __future__ import annotations

import os
import statistics
import time

import pytest

from conformance.faults import CATALOGUE, HONEST
from conformance.isolation.hosts import InProcess
from conformance.report import FAIL
from conformance.suite import Plan, Progress, run

EVERY = int(os.environ.get("ADAM_BENCHMARK_EVERY", "10"))
CONFORMING = ("in-pieces", "shipped-adam", "torch-adam-foreach")


def now():
    return time.perf_counter(), time.process_time()


class FirstFinding(Progress):
    """When the first check failed; the end of the run, where none did."""

    def __init__(self):
        self.at = None

    def ended(self, result):
        if self.at is None and result.status == FAIL:
            self.at = now()


def timed(subject):
    """Wall and processor seconds to the first finding and to the report."""
    watch, began = FirstFinding(), now()
    dtypes = tuple(d for d in ("float32", "float64") if d in subject.dtypes)
    run(InProcess(subject.target()), Plan(subject.dialect, dtypes, profile="quick"), watch)
    ended = now()
    return [[b - a for a, b in zip(began, end, strict=True)] for end in (watch.at or ended, ended)]


def spread(seconds):
    ordered = sorted(seconds)
    middle, most = statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))]
    return f"median {middle:.2f} s, 95 % {most:.2f} s, largest {ordered[-1]:.2f} s"


@pytest.fixture(autouse=True)
def warm():
    """One thread, and everything imported and computed once."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    timed(HONEST["in-pieces"])
    yield
    torch.set_num_threads(threads)


@pytest.mark.benchmark(group="suite, quick profile, warm process")
def test_faults(benchmark):
    """The aims: median 0.5 s and 95 % within 2 s to the first finding, 5 s for the whole run."""
    subjects = [f for f in list(CATALOGUE.values())[::EVERY] if {"float32", "float64"} & set(f.dtypes)]
    found = []
    benchmark.pedantic(lambda: found.extend(map(timed, subjects)), rounds=1)
    for i, name in enumerate(("first", "whole")):
        for j, clock in enumerate(("", "cpu_")):
            benchmark.extra_info[clock + name] = spread([times[i][j] for times in found])
    benchmark.extra_info["faults"] = len(subjects)
    slowest = sorted(zip(found, subjects, strict=True), key=lambda pair: -pair[0][1][1])[:5]
    benchmark.extra_info["slowest"] = {s.id: round(times[1][1], 1) for times, s in slowest}
    print(f"\n  {benchmark.extra_info}")  # noqa: T201 (shown with -s)


@pytest.mark.benchmark(group="suite, quick profile, warm process")
@pytest.mark.parametrize("name", CONFORMING)
def test_conforming(benchmark, name):
    """The aim: 8 s."""
    found = []
    benchmark.pedantic(lambda: found.append(timed(HONEST[name])), rounds=1)
    benchmark.extra_info["seconds"], benchmark.extra_info["cpu_seconds"] = (round(t, 2) for t in found[0][1])
    print(f"\n  {benchmark.extra_info}")  # noqa: T201 (shown with -s)
