"""Vectors against the exact reference: the exact value, rounded to the format, lies in every row.

The exact value itself is seldom a number of the format.  Rounded to nearest it is what an evaluation gives that
computes in unbounded precision and rounds once, which is admissible.  Needs the extra `exact`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from adam_ref import Format
from conformance.usage import UsageError
from conformance.vectors.model import Tensor, VectorError, VectorFile


def certify(file: VectorFile) -> int:
    """Hold every row against the exact reference; returns how many were, those that are undecided left out.

    Raises:
        VectorError: the exact value lies outside a row, or a row of class A outside that of class B.

    """
    _need_flint()
    return sum(_certify(tensor, file) for tensor in file.tensors if tensor.vectors)


def _need_flint() -> None:
    try:
        import adam_ref.exact  # noqa: F401
    except ImportError as error:
        raise UsageError(str(error)) from error


def _certify(tensor: Tensor, file: VectorFile) -> int:
    done = 0
    for number, (step, state) in enumerate(_exact(tensor, file)):
        for quantity in tensor.quantities(file.chapter):
            balls = getattr(state, quantity).values
            for vector, ball in zip(tensor.vectors, balls, strict=True):
                row = vector.rows[quantity][number]
                if row is None:
                    continue
                done += 1
                value = nearest(ball, file.format)
                ordered = all(a <= b for a, b in pairwise(row))
                if not (ordered and row[1] <= value <= row[2]):
                    raise VectorError(
                        f"vector {vector.id}, {quantity} after step {step}: the exact value is {value!r} in "
                        f"{file.format_name}, outside {row!r}"
                    )
    return done


def _exact(tensor: Tensor, file: VectorFile) -> Iterator[tuple[int, Any]]:
    """The exact state after each step that is compared."""
    from adam_ref import exact

    case = tensor.case(file.format)
    state = exact.init(case.parameters[0])
    for step, (gradient,) in enumerate(case.gradients, 1):
        if gradient is not None:
            state = exact.step(state, gradient, tensor.hyper.with_(lr=case.lr_at(step - 1, 0)), file.dialect)
        if step in tensor.compared:
            yield step, state


def nearest(ball: Any, fmt: Format) -> float:
    """The middle of an Arb ball rounded to nearest in the format, ties to even; NaN where the value is undefined."""
    if ball.is_nan():
        return math.nan
    significand, exponent = (int(part) for part in ball.mid().man_exp())
    if not significand:
        return 0.0
    top = abs(significand).bit_length() + exponent - 1
    if top > fmt.max_exponent:
        return math.copysign(math.inf, significand)
    spacing = max(top, fmt.min_exponent) - fmt.precision + 1
    units = _rounded(significand, spacing - exponent)
    rounded = math.ldexp(units, spacing) if abs(units).bit_length() + spacing <= 1024 else math.inf * units
    return rounded if abs(rounded) <= fmt.largest else math.copysign(math.inf, rounded)


def _rounded(number: int, places: int) -> int:
    """`number / 2^places` to the nearest integer, ties to even."""
    if places <= 0:
        return number << -places
    whole, rest = divmod(number, 1 << places)
    half = 1 << (places - 1)
    return whole + (rest > half or (rest == half and whole % 2 == 1))
