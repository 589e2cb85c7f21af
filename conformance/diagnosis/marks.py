"""Defects known by a mark that they leave, whatever else the target does."""

from __future__ import annotations

import math
from collections.abc import Sequence

from adam_ref.formats import named_format
from conformance.diagnosis.evidence import Exhibit
from conformance.diagnosis.result import FAULT, Diagnosis


def underflowing_epsilon(failing: Sequence[Exhibit]) -> list[Diagnosis]:
    """The one defect that needs no search: `eps` is 0 in the format, and the step 0/0 or m/0."""
    caught: dict[tuple[str, float], list[str]] = {}
    for exhibit in failing:
        eps, dtype = exhibit.case.hyperparameters[0].eps, exhibit.case.dtype
        spoilt = exhibit.violation is not None and not math.isfinite(exhibit.violation.got)
        if eps and spoilt and float(named_format(dtype).round(eps)) == 0.0:
            caught.setdefault((dtype, eps), []).append(exhibit.check.id)
    return [
        Diagnosis(
            "eps-underflows",
            FAULT,
            tuple(checks),
            f"eps = {eps:g} rounds to 0 in {dtype}, whose smallest positive number is "
            f"{named_format(dtype).ulp(0.0):.3g}; where v is 0 as well, a zero gradient gives 0/0 = NaN and any other "
            "an infinity",
            ("clause SPE-1", "optax #1754", "chainer #6299", "Optimisers.jl #167"),
        )
        for (dtype, eps), checks in caught.items()
    ]
