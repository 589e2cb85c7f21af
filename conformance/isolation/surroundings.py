"""What belongs to the process and not to an optimizer: how it was, what of it has changed, and putting it back.

Torch's part is looked at where torch has been imported.  To add one more thing: a `Facet` in `FACETS`.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import json
import locale
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import BuiltinFunctionType, ModuleType
from typing import Any

import numpy as np

_ENVIRONMENT = 256
"""Bytes that hold C's `fenv_t` on any machine."""

_NAMED = 5
"""How many replaced functions a sentence names."""


@dataclass(frozen=True)
class Facet:
    """One thing that can be read and put back.

    Attributes:
        name: what it is.
        read: how it is; `None` where there is no such thing.
        restore: puts it back to what was read.
        telling: whether what was read says something to a reader.
        moving: whether use changes it, and looking: only a short time tells, and it is put back in any case.
        quick: whether it can be read in microseconds.

    """

    name: str
    read: Callable[[], Any]
    restore: Callable[[Any], object]
    telling: bool = True
    moving: bool = False
    quick: bool = True

    def now(self) -> Any:
        """How it is; `None` where that cannot be found out."""
        with contextlib.suppress(Exception):
            return self.read()
        return None

    def change(self, before: Any, now: Any) -> str:
        """What has changed, in words; "" where nothing has."""
        if before is None or now is None or before == now:
            return ""
        if isinstance(before, Functions):
            return f"{before.replaced(now)} was replaced"
        return f"{self.name} is {now}; it was {before}" if self.telling else f"{self.name} was changed"


@dataclass(frozen=True)
class Arithmetic:
    """How this thread rounds and treats subnormal numbers, and all that the C library needs to restore it."""

    rounding: str
    subnormals: str
    saved: bytes = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"rounding {self.rounding}, subnormal numbers {self.subnormals}"


_LIBRARY = ctypes.CDLL(None)


def _arithmetic() -> Arithmetic:
    one, little, smallest = 1.0, 2.0**-60, sys.float_info.min
    up, down, toward_zero = one + little > one, -one - little < -one, one - little < one
    rounding = "up" if up else "down" if down else "toward zero" if toward_zero else "to nearest"
    subnormals = "kept" if smallest / 2 > 0.0 and smallest - smallest / 2 > 0.0 else "flushed to zero"
    saved = ctypes.create_string_buffer(_ENVIRONMENT)
    with contextlib.suppress(AttributeError):
        _LIBRARY.fegetenv(saved)
    return Arithmetic(rounding, subnormals, saved.raw)


def _restore_arithmetic(before: Arithmetic) -> None:
    with contextlib.suppress(AttributeError):
        _LIBRARY.fesetenv(ctypes.create_string_buffer(before.saved, _ENVIRONMENT))


@dataclass(frozen=True, eq=False)
class Functions:
    """The public names of modules that everybody relies on, and all names of ours."""

    held: dict[str, dict[str, Any]]

    @classmethod
    def now(cls) -> Functions:
        """As they are."""
        return cls({module.__name__: dict(vars(module)) for module in _watched()})

    def _differences(self, other: Functions) -> Iterator[tuple[str, str]]:
        for module, names in self.held.items():
            others = other.held.get(module, names)
            for name, value in names.items():
                if others.get(name) is not value and _counts(module, name, value):
                    yield module, name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Functions) and next(self._differences(other), None) is None

    def replaced(self, now: Functions) -> str:
        """The names of what is no longer what it was."""
        names = [f"{module}.{name}" for module, name in self._differences(now)]
        return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")

    def restore(self) -> None:
        """Put everything back."""
        for module, name in self._differences(Functions.now()):
            setattr(sys.modules[module], name, self.held[module][name])


_FOREIGN = (builtins, json, math, os, random, time, np)

_OURS = ("adam_ref", "conformance")


def _watched() -> list[ModuleType]:
    ours = [name for name in sys.modules if name.partition(".")[0] in _OURS]
    return [*_FOREIGN, *(sys.modules[name] for name in ("torch", *ours) if name in sys.modules)]


def _counts(module: str, name: str, value: Any) -> bool:
    """Whether nobody has any business replacing it; torch itself replaces what of it is written in Python."""
    if module == "torch" and not isinstance(value, BuiltinFunctionType):
        return False
    return callable(value) and (not name.startswith("_") or module.partition(".")[0] in _OURS)


@dataclass(frozen=True)
class Mersenne:
    """The state of a Mersenne twister; two states are as good as equal where the later comes of drawing numbers.

    Libraries draw from the global generators when they compile or name things; seeding them is another matter, since
    it repeats what the caller has drawn already.  Looking draws a number too, so that the same seed again is seen; who
    seeds the same again and then draws more than was drawn before cannot be told from who only drew.

    Attributes:
        key, place: after that number.
        whole: before it, as the generator's own library has it.

    """

    key: bytes
    place: int
    whole: Any = field(compare=False, repr=False)

    def __eq__(self, later: object) -> bool:
        if not isinstance(later, Mersenne):
            return NotImplemented
        if self.key == later.key:
            return self.place < later.place  # the later look has drawn one more
        return any(key == later.key for key in self._next_keys())

    def _next_keys(self) -> Iterator[bytes]:
        """The keys that so many numbers more would bring."""
        twister = np.random.MT19937()
        key = np.frombuffer(self.key, np.uint32)
        for _ in range(_BLOCKS):
            twister.state = {"bit_generator": "MT19937", "state": {"key": key, "pos": key.size}}
            twister.random_raw()
            key = np.asarray(twister.state["state"]["key"])
            yield key.tobytes()


_BLOCKS = 100
"""Of 624 numbers each: how many a library may draw in one run."""


def _numpy_generator() -> Mersenne | None:
    state = np.random.get_state()  # noqa: NPY002 (it is the global one that is looked at)
    np.random.random_sample()  # noqa: NPY002
    kind, key, place, *_ = np.random.get_state()  # noqa: NPY002
    return Mersenne(np.asarray(key).tobytes(), int(place), state) if kind == "MT19937" else None


def _python_generator() -> Mersenne:
    state = random.getstate()
    random.random()
    *key, place = random.getstate()[1]
    return Mersenne(np.array(key, np.uint32).tobytes(), place, state)


def _of_torch(read: Callable[[Any], Any], fresh: Any = None) -> Callable[[], Any]:
    """Reads something of torch; where that has not been imported, it is what it would be directly afterwards."""
    return lambda: read(sys.modules["torch"]) if "torch" in sys.modules else fresh


def _in_torch(restore: Callable[[Any, Any], object]) -> Callable[[Any], object]:
    return lambda before: restore(sys.modules["torch"], before)


@dataclass(frozen=True)
class Seeded:
    """What torch's generators were seeded with, and all that the processor's own needs to go on where it was."""

    seed: int
    whole: Any = field(compare=False, repr=False)


def _restore_torch(torch: Any, before: Seeded) -> None:
    torch.manual_seed(before.seed)
    torch.set_rng_state(before.whole)


GENERATORS = (
    Facet(
        "the seed of Python's random generator",
        _python_generator,
        lambda before: random.setstate(before.whole),
        telling=False,
        moving=True,
        quick=False,
    ),
    Facet(
        "the seed of NumPy's random generator",
        _numpy_generator,
        lambda before: np.random.set_state(before.whole),  # noqa: NPY002
        telling=False,
        moving=True,
        quick=False,
    ),
    Facet(
        "the seed of torch's random generator",
        _of_torch(lambda t: Seeded(t.initial_seed(), t.get_rng_state())),
        _in_torch(_restore_torch),
        telling=False,
    ),
)
"""What random numbers are drawn from that belongs to nobody."""

FACETS = (
    Facet("a function", Functions.now, Functions.restore, quick=False),
    Facet("the arithmetic", _arithmetic, _restore_arithmetic),
    Facet("NumPy's handling of floating-point errors", np.geterr, lambda before: np.seterr(**before)),
    Facet("the working directory", os.getcwd, os.chdir),
    Facet("the locale", lambda: locale.setlocale(locale.LC_ALL), lambda was: locale.setlocale(locale.LC_ALL, was)),
    Facet(
        "torch's default dtype",
        _of_torch(lambda t: str(t.get_default_dtype()), "torch.float32"),
        _in_torch(lambda t, before: t.set_default_dtype(getattr(t, before.partition(".")[2]))),
    ),
    Facet(
        "torch's gradient mode",
        _of_torch(lambda t: t.is_grad_enabled(), True),
        _in_torch(lambda t, before: t.set_grad_enabled(before)),
    ),
    Facet(
        "torch's number of threads",
        _of_torch(lambda t: t.get_num_threads()),
        _in_torch(lambda t, before: t.set_num_threads(before)),
    ),
    Facet(
        "torch's choice of deterministic algorithms",
        _of_torch(lambda t: t.are_deterministic_algorithms_enabled(), False),
        _in_torch(lambda t, before: t.use_deterministic_algorithms(before)),
    ),
    *GENERATORS,
)
"""In the order in which they are put back: the functions that the others need come first."""


@dataclass(frozen=True)
class Surroundings:
    """How everything was at one moment."""

    values: tuple[tuple[Facet, Any], ...]

    @classmethod
    def now(cls, *, quick: bool = False) -> Surroundings:
        """As they are: all of them, or those that are read in no time."""
        return cls(tuple((facet, facet.now()) for facet in FACETS if facet.quick or not quick))

    @classmethod
    def drawn_from(cls) -> Surroundings:
        """The random generators alone."""
        return cls(tuple((facet, facet.now()) for facet in GENERATORS))

    def put_back(self) -> None:
        """Everything is as it was."""
        for facet, before in self.values:
            if before is not None:
                facet.restore(before)

    def settle(self, *, long_ago: bool = False) -> list[str]:
        """Put back what has changed since, and say what it was; where that was long ago, only what use leaves alone."""
        said = []
        for facet, before in self.values:
            if facet.moving and long_ago:
                continue
            if change := facet.change(before, facet.now()):
                said.append(change)
            if before is not None and (change or facet.moving):
                facet.restore(before)
        return said


def reseed(seed: int) -> None:
    """Seed the global random generators of Python, NumPy and, where it has been imported, torch."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (it is the global one that targets may draw from)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
