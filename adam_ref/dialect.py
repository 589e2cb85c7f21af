"""The legitimate variants of Adam.  A dialect is declared; it is never guessed into a pass.

To add one: add a line to `DIALECTS`.  To add an axis: add a field to `Dialect`, its branch in `golden`, `exact` and
`enclosure`, and a clause in specs/adam.md.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

AXES: dict[str, tuple[Any, ...]] = {
    "epsilon": ("outside", "hat", "inside-corrected", "inside-raw"),
    "correct_m": (True, False),
    "correct_v": (True, False),
    "weight_decay": ("coupled", "decoupled", "absolute"),
    "amsgrad": ("raw", "corrected"),
    "complex_square": ("componentwise", "modulus"),
}


class DialectError(ValueError):
    """A dialect that does not exist; the message lists those that do."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """Where implementations of Adam differ by design.

    Attributes:
        epsilon: where epsilon goes.
            "outside": sqrt(v_hat) + eps (Algorithm 1);
            "hat": sqrt(v) + eps with the correction of v folded into the step size (end of section 2 of the paper),
            which is epsilon outside of size eps / sqrt(1 - beta2^t) by theorem T1;
            "inside-corrected": sqrt(v_hat + eps); "inside-raw": sqrt((v + eps) / (1 - beta2^t)).
        correct_m: divide m by 1 - beta1^t.
        correct_v: divide v by 1 - beta2^t.
        weight_decay: "coupled" adds lambda * theta to the gradient; "decoupled" multiplies theta by 1 - lr * lambda
            before the step; "absolute" multiplies it by 1 - lambda (theorem T12).
        amsgrad: where asked for, the maximum is taken of the "raw" v or of the "corrected" v_hat (theorem T13).
        complex_square: the second moment of a complex gradient: real and imaginary part are two independent reals
            ("componentwise", as in torch), or both use abs(g)^2 ("modulus", as in optax).

    Raises:
        DialectError: a value that is none of `AXES`.

    """

    epsilon: str = "outside"
    correct_m: bool = True
    correct_v: bool = True
    weight_decay: str = "coupled"
    amsgrad: str = "raw"
    complex_square: str = "componentwise"

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in AXES[field.name]:
                allowed = ", ".join(map(repr, AXES[field.name]))
                raise DialectError(f"{field.name} = {value!r} is not a dialect: it must be one of {allowed}")

    def with_(self, **changes: Any) -> Dialect:
        """The same dialect with some axes replaced (validated again)."""
        return replace(self, **changes)

    def differences(self, other: Dialect) -> dict[str, Any]:
        """The axes on which `self` differs from `other`, with the values of `self`."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)}


ADAM = Dialect()

DIALECTS: dict[str, Dialect] = {
    "adam": ADAM,
    "adamw": Dialect(weight_decay="decoupled"),
    "adam-absolute": Dialect(weight_decay="absolute"),
    "epsilon-hat": Dialect(epsilon="hat"),
    "epsilon-hat-decoupled": Dialect(epsilon="hat", weight_decay="decoupled"),
    "epsilon-hat-absolute": Dialect(epsilon="hat", weight_decay="absolute"),
    "epsilon-inside": Dialect(epsilon="inside-corrected"),
    "epsilon-inside-raw": Dialect(epsilon="inside-raw"),
    "no-bias-correction": Dialect(correct_m=False, correct_v=False),
    "no-bias-correction-decoupled": Dialect(correct_m=False, correct_v=False, weight_decay="decoupled"),
    "optax": Dialect(weight_decay="decoupled", amsgrad="corrected", complex_square="modulus"),
}


def named_dialect(name: str) -> Dialect:
    """The dialect called `name`; raises `DialectError` with the list of names where there is none."""
    try:
        return DIALECTS[name]
    except KeyError:
        raise DialectError(f"no dialect is called {name!r}: the names are {', '.join(DIALECTS)}") from None


def name_of(dialect: Dialect) -> str:
    """The name of `dialect`, or its distance from `adam` axis by axis where it has none."""
    for name, candidate in DIALECTS.items():
        if candidate == dialect:
            return name
    return "adam with " + ", ".join(f"{axis}={value}" for axis, value in dialect.differences(ADAM).items())
