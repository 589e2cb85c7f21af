"""Floating-point formats: the few numbers about them that a derived tolerance needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class FormatError(ValueError):
    """A format that is not known; the message lists those that are."""


@dataclass(frozen=True)
class Format:
    """A binary floating-point format with round-to-nearest (IEEE 754-2019, section 3.3).

    Attributes:
        name: NumPy's name of the dtype (bfloat16 is ml_dtypes').
        precision: bits in the significand, the hidden one included.
        min_exponent: exponent of the smallest normal number.
        max_exponent: exponent of the largest finite number.
        flush_to_zero: subnormal numbers may be read and written as zero.

    """

    name: str
    precision: int
    min_exponent: int
    max_exponent: int
    flush_to_zero: bool = False

    @property
    def roundoff(self) -> float:
        """`u`: the largest relative error of one rounding to nearest, half an ulp of 1."""
        return math.ldexp(1.0, -self.precision)

    @property
    def smallest_normal(self) -> float:
        """The smallest positive number with full precision."""
        return math.ldexp(1.0, self.min_exponent)

    @property
    def underflow(self) -> float:
        """The largest absolute error of one rounding in the subnormal range.

        Half the smallest subnormal, rounded up to what float64 can hold; the smallest normal where subnormals flush.
        """
        if self.flush_to_zero:
            return self.smallest_normal
        return max(math.ldexp(1.0, self.min_exponent - self.precision), math.ulp(0.0))

    @property
    def largest(self) -> float:
        """`Omega`, the largest finite number."""
        return math.ldexp(2.0 - math.ldexp(1.0, 1 - self.precision), self.max_exponent)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype; ml_dtypes is imported where the format is bfloat16."""
        if self.name == "bfloat16":
            import ml_dtypes

            bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
            return bfloat16
        return np.dtype(self.name)

    def flushing(self) -> Format:
        """The same format on a device that flushes subnormals."""
        return replace(self, flush_to_zero=True)

    def round(self, values: Any) -> Array:
        """`values` rounded to nearest in this format, ties to even, as float64 (infinite past `largest`).

        In one rounding: casting to bfloat16 goes through float32 and so rounds twice.
        """
        exact = np.asarray(values, dtype=np.float64)
        if self.precision >= 53:
            return exact
        spacing = self._spacing(exact)
        rounded = np.rint(exact / spacing) * spacing
        return np.where(np.abs(rounded) > self.largest, np.copysign(np.inf, rounded), rounded)

    def neighbours(self, values: Any) -> tuple[Array, Array]:
        """The numbers of this format next below and next above each of `values`, as float64.

        Both are the value itself where it is such a number; beyond `largest` the outer one is infinite.
        """
        exact = np.asarray(values, dtype=np.float64)
        if self.precision >= 53:
            return exact, exact
        spacing = self._spacing(exact)
        with np.errstate(invalid="ignore"):
            below, above = (integer(exact / spacing) * spacing for integer in (np.floor, np.ceil))
        below = np.where(below < -self.largest, -np.inf, np.minimum(below, self.largest))
        above = np.where(above > self.largest, np.inf, np.maximum(above, -self.largest))
        return below, above

    def _spacing(self, exact: Array) -> Array:
        """How far apart the numbers of this format lie around each of `exact`; past `largest` as just below it."""
        spacing = np.spacing(np.minimum(np.abs(exact), self.largest)) * math.ldexp(1.0, 53 - self.precision)
        return np.maximum(spacing, self.ulp(0.0))

    def holds(self, value: float) -> bool:
        """Whether `value` is a number of this format, so that casting it is exact."""
        if value == 0.0:
            return True
        if not math.isfinite(value) or abs(value) > self.largest:
            return False
        significand, exponent = math.frexp(value)
        digits = self.precision - max(0, self.min_exponent + 1 - exponent)
        return digits > 0 and math.ldexp(significand, digits).is_integer()

    def ulp(self, value: float) -> float:
        """The distance between neighbours of this format at `value`, in the format's own exponent range."""
        if not math.isfinite(value):
            return math.nan
        exponent = math.frexp(value)[1] - 1 if value else self.min_exponent
        return math.ldexp(1.0, max(exponent, self.min_exponent) - self.precision + 1)


FLOAT64 = Format("float64", 53, -1022, 1023)
FLOAT32 = Format("float32", 24, -126, 127)
BFLOAT16 = Format("bfloat16", 8, -126, 127)
FLOAT16 = Format("float16", 11, -14, 15)

FORMATS: dict[str, Format] = {f.name: f for f in (FLOAT64, FLOAT32, BFLOAT16, FLOAT16)}
COMPONENTS: dict[str, str] = {"complex128": "float64", "complex64": "float32"}


def named_format(name: str) -> Format:
    """The format called `name`; of a complex dtype, the format of its parts."""
    try:
        return FORMATS[COMPONENTS.get(name, name)]
    except KeyError:
        known = ", ".join((*FORMATS, *COMPONENTS))
        raise FormatError(f"no floating-point format is called {name!r}: the formats are {known}") from None
