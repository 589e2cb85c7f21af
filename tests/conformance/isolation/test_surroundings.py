"""What a target did to its process is told from what it may do, and is put back."""

import ctypes
import locale
import os
import random
import time

import numpy as np
import pytest
import torch

from conformance.isolation.surroundings import Surroundings
from tests.miniatures import meddling


def state_of_generators():
    kind, key, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), kind, key.tobytes(), rest


def seed_numpy(seed):
    np.random.seed(seed)  # noqa: NPY002


DEEDS = {
    "the working directory is /": lambda: os.chdir("/"),
    "the locale is ": lambda: locale.setlocale(locale.LC_ALL, "C" if locale.setlocale(locale.LC_ALL) != "C" else ""),
    "the arithmetic is rounding up": lambda: ctypes.CDLL(None).fesetround(meddling.UPWARD[os.uname().machine]),
    "subnormal numbers flushed to zero": lambda: torch.set_flush_denormal(True),
    "NumPy's handling of floating-point errors is ": lambda: np.seterr(all="raise"),
    "torch's default dtype is torch.float64": lambda: torch.set_default_dtype(torch.float64),
    "torch's gradient mode is False": lambda: torch.set_grad_enabled(False),
    "torch's choice of deterministic algorithms is True": lambda: torch.use_deterministic_algorithms(True),
    "the seed of Python's random generator": lambda: random.seed(3),
    "the seed of NumPy's random generator": lambda: seed_numpy(3),
    "the seed of torch's random generator": lambda: torch.manual_seed(3),
    "numpy.sqrt was replaced": lambda: setattr(np, "sqrt", abs),
    "torch.sqrt was replaced": lambda: setattr(torch, "sqrt", abs),
    "time.time was replaced": lambda: setattr(time, "time", abs),
}


@pytest.mark.parametrize("words", DEEDS)
def test_what_changed_is_said_and_put_back(words):
    """A change that is not seen passes; one that is not put back spoils the next run, or the judge's own arithmetic."""
    before = Surroundings.now()
    DEEDS[words]()
    (said,) = before.settle()
    assert words in said
    assert Surroundings.now().settle() == []


def test_rounding_and_flushing_end_when_they_are_put_back():
    before = Surroundings.now()
    torch.set_flush_denormal(True)
    ctypes.CDLL(None).fesetround(meddling.UPWARD[os.uname().machine])
    before.settle()
    assert np.float64(1) + np.float64(2**-60) == 1.0
    assert np.float64(2.0**-1022) / np.float64(2) > 0


@pytest.mark.parametrize("numbers", [0, 1, 311, 312, 623, 624, 10_000])
def test_drawing_numbers_is_no_seeding(numbers):
    """JAX and Keras draw from the global generators when they compile or name things; nobody's numbers come again."""
    before = Surroundings.now()
    np.random.random_sample(numbers)  # noqa: NPY002
    for _ in range(numbers):
        random.random()
    torch.rand(3)
    assert before.settle() == []


@pytest.mark.parametrize("drawn", [0, 1])
def test_the_same_seed_again_is_seeding(drawn):
    """A target that seeds in each step has done so before anybody looks."""
    kept = Surroundings.now()
    for seed in (random.seed, seed_numpy):
        seed(7)
    random.random()
    before = Surroundings.now()
    for seed in (random.seed, seed_numpy):
        seed(7)
    for _ in range(drawn):
        random.random()
    assert [words.split("'")[0] for words in before.settle()] == ["the seed of Python", "the seed of NumPy"]
    kept.settle()


def test_looking_leaves_the_generators_as_they_were():
    """Otherwise judging a target changes what its caller draws."""
    before = state_of_generators()
    Surroundings.now().settle()
    assert state_of_generators() == before


def test_what_use_changes_says_nothing_after_a_long_time():
    before = Surroundings.now()
    random.seed(5)
    assert before.settle(long_ago=True) == []
    assert before.settle() == ["the seed of Python's random generator was changed"]
