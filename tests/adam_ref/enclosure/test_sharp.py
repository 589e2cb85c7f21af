"""How small a defect is seen, from parameters alone: relative errors planted in the scalars of honest evaluations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from adam_ref import ADAM, BFLOAT16, FLOAT16, FLOAT32, FLOAT64, Dialect, Format, Hyperparameters, Numerics
from tests.adam_ref.enclosure.holding import Ends, enclose
from tests.adam_ref.enclosure.honest import Form, evaluate

Array = NDArray[Any]
FORMATS = {f.name: f for f in (FLOAT64, FLOAT32, BFLOAT16, FLOAT16)}
COLUMNS = 1500

AIMS = {"lr": 10, "w1": 10, "w2": 100, "eps": 10, "coupled decay": 10, "decoupled decay": 10, "absolute decay": 10}
"""In roundoffs of the format; the decay where lr*lambda is of the size of 1."""

REACHED = {"lr": 4, "w1": 4, "w2": 8, "eps": 4, "coupled decay": 4, "decoupled decay": 2, "absolute decay": 2}
"""What was reached in every format when this was written, rounded up."""

SMALL_DECAY = {"float64": 40, "float32": 6, "bfloat16": 20, "float16": 6}
"""The decoupled decay where lr*lambda = 1/64, a power of two; theta itself hides it below a roundoff times 64."""

FORMS = [
    Form(scalars="held"),
    Form(rounding="stores", scalars="held"),
    Form(rounding="registers", scalars="held", first="lerp", second="weight-first", step="folded-last"),
]


class Case(NamedTuple):
    """One tensor of histories."""

    theta: Array
    gradients: Array
    hyper: Hyperparameters
    dialect: Dialect = ADAM


def gradients_of_all_sizes(target: Format) -> list[Case]:
    """From theta = 0; powers of two for the hyperparameters, so that most operations are exact; and the defaults."""
    rng = np.random.default_rng(5)
    g = target.round(rng.standard_normal((3, COLUMNS)) * 2.0 ** rng.uniform(-2, 4, COLUMNS))
    h = Hyperparameters
    hypers = [
        h(beta1=0.0, beta2=0.0, lr=2.0**-6, eps=0.0),
        h(beta1=0.0, beta2=0.75, lr=2.0**-6, eps=0.0),
        h(beta1=0.5, beta2=0.75, lr=2.0**-6, eps=2.0**-10),
        h(),
    ]
    return [Case(np.zeros(COLUMNS), g, hyper) for hyper in hypers]


def gradients_below_epsilon(target: Format) -> list[Case]:
    """Where epsilon is most of the denominator."""
    g = target.round(np.random.default_rng(6).standard_normal((3, COLUMNS)) * 2.0**-6)
    h = Hyperparameters
    hypers = [h(beta1=0.0, beta2=0.0, lr=1.0, eps=4.0), h(beta1=0.5, beta2=0.75, lr=0.25, eps=0.5), h(eps=1.0)]
    return [Case(np.zeros(COLUMNS), g, hyper) for hyper in hypers]


def decaying(dialect: Dialect, *hypers: Hyperparameters) -> Callable[[Format], list[Case]]:
    """Without gradients, so that nothing but the decay moves theta."""

    def cases(target: Format) -> list[Case]:
        theta = target.round(np.random.default_rng(7).uniform(1, 2, COLUMNS) * 2.0**-4)
        return [Case(theta, np.zeros((2, COLUMNS)), hyper, dialect) for hyper in hypers]

    return cases


COUPLED = decaying(ADAM, Hyperparameters(beta1=0.0, beta2=0.0, lr=8.0, eps=1.0, weight_decay=0.25))
DECOUPLED = decaying(Dialect(weight_decay="decoupled"), Hyperparameters(lr=0.5, eps=0.01, weight_decay=1.0))
ABSOLUTE = decaying(Dialect(weight_decay="absolute"), Hyperparameters(eps=0.01, weight_decay=0.5))
SMALL = decaying(Dialect(weight_decay="decoupled"), Hyperparameters(lr=0.125, eps=0.01, weight_decay=0.125))

PLANTED: dict[str, tuple[str, Callable[[Format], list[Case]]]] = {
    "lr": ("lr", gradients_of_all_sizes),
    "w1": ("w1", gradients_of_all_sizes),
    "w2": ("w2", gradients_of_all_sizes),
    "eps": ("eps", gradients_below_epsilon),
    "coupled decay": ("decay", COUPLED),
    "decoupled decay": ("decay", DECOUPLED),
    "absolute decay": ("decay", ABSOLUTE),
}


def smallest_seen(target: Format, scalar: str, cases: list[Case]) -> float:
    """In roundoffs: the smallest planted error that some case shows, in every form and of either sign.

    A factor 2^(1/8) is as close as we look.
    """
    numerics = Numerics.uniform(target)
    held = [(case, enclose(case.theta, case.gradients, case.hyper, numerics, case.dialect)["theta"]) for case in cases]
    return min(
        max(threshold(case, box, form, numerics, scalar, sign) for form in FORMS for sign in (1, -1))
        for case, box in held
    )


def threshold(case: Case, box: Ends, form: Form, numerics: Numerics, scalar: str, sign: int) -> float:
    """By bisection between half a roundoff and a thousand."""
    u = numerics.parameter.roundoff
    low, high = 0.5, min(1000.0, 0.5 / u)
    if not seen(case, box, form, numerics, {scalar: sign * high * u}):
        return float("inf")
    while high / low > 2 ** (1 / 8):
        middle = (low * high) ** 0.5
        if seen(case, box, form, numerics, {scalar: sign * middle * u}):
            high = middle
        else:
            low = middle
    return high


def seen(case: Case, box: Ends, form: Form, numerics: Numerics, planted: dict[str, float]) -> bool:
    """Whether any parameter is outside."""
    run = evaluate(form, case.theta, case.gradients, case.hyper, case.dialect, numerics, planted=planted)
    theta = np.stack(run.theta)
    return bool((~(((box.lo <= theta) & (theta <= box.hi)) | box.undecided)).any())


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("defect", PLANTED)
def test_small_defects_are_seen(defect: str, name: str) -> None:
    """A wrong digit in a scalar would pass."""
    scalar, cases = PLANTED[defect]
    target = FORMATS[name]
    size = smallest_seen(target, scalar, cases(target))
    assert size <= AIMS[defect]
    assert size <= REACHED[defect], f"blunter than it was: {size:.1f} roundoffs"


@pytest.mark.parametrize("name", FORMATS)
def test_a_small_decay_is_seen_as_well_as_theta_allows(name: str) -> None:
    """A wrong digit in the decay would pass where lr*lambda is small."""
    target = FORMATS[name]
    assert smallest_seen(target, "decay", SMALL(target)) <= SMALL_DECAY[name]


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_planted_is_nothing_seen(name: str) -> None:
    """The sensitivity would be that of an unsound enclosure."""
    target = FORMATS[name]
    for _, cases in PLANTED.values():
        for case in cases(target):
            box = enclose(case.theta, case.gradients, case.hyper, Numerics.uniform(target), case.dialect)["theta"]
            assert not any(seen(case, box, form, Numerics.uniform(target), {}) for form in FORMS)
