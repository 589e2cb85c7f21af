"""Numbers as vectors write them: hexadecimal, each number in one way only.

`0x1.8p-3`, without trailing zeros, as C's `printf("%a")` has it and `strtod` reads it; `0` for zero of either sign;
`inf` and `-inf`.
"""

from __future__ import annotations

import math


class NumeralError(ValueError):
    """A text that is no number, or not the way in which that number is written."""


def write(number: float) -> str:
    """The one way to write `number`; raises `NumeralError` for NaN."""
    if math.isnan(number):
        raise NumeralError("NaN is not a number that a vector can have")
    if number == 0:
        return "0"
    if math.isinf(number):
        return "inf" if number > 0 else "-inf"
    digits, _, exponent = number.hex().partition("p")
    return f"{digits.rstrip('0').rstrip('.')}p{exponent}"


def read(text: str) -> float:
    """The number that `text` writes; raises `NumeralError` where `write` would have written it otherwise."""
    try:
        number = float.fromhex(text)
        canonical = write(number)
    except (ValueError, OverflowError, TypeError) as error:
        raise NumeralError(f"{text!r} is no hexadecimal number") from error
    if canonical != text:
        raise NumeralError(f"{text!r} must be written {canonical!r}")
    return number
