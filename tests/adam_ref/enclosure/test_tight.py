"""The boxes are no larger than honest evaluations need, up to a factor: one that admits everything is sound too."""

from __future__ import annotations

import numpy as np
import pytest

from adam_ref import ADAM, BFLOAT16, FLOAT16, FLOAT32, FLOAT64, Format, Hyperparameters, Numerics
from tests.adam_ref.enclosure.holding import Tally, enclose
from tests.adam_ref.enclosure.honest import evaluate, some_forms

LEAST = {"float64": 0.25, "float32": 0.35, "bfloat16": 0.3, "float16": 0.4}
"""What the figures were when this was written, rounded down: (theta, m, v) float64 0.28, 0.45, 0.63;
float32 0.39, 0.60, 0.76; bfloat16 0.31, 0.59, 0.69; float16 0.88, 0.67, 0.45."""


@pytest.mark.parametrize("target", [FLOAT64, FLOAT32, BFLOAT16, FLOAT16], ids=lambda f: f.name)
def test_honest_forms_use_a_good_part_of_the_half_width(target: Format) -> None:
    """A defect as large as the slack would hide in boxes that nothing honest fills.

    Ordinary gradients and the default hyperparameters (eps away from underflow), from theta = 0, so that what is
    measured is the rounding of the update and not the last rounding of a large parameter.
    """
    hyper, numerics, tally = Hyperparameters(eps=1e-4), Numerics.uniform(target), Tally()
    theta = np.zeros(500)
    gradients = target.round(np.random.default_rng(3).standard_normal((6, 500)))
    ends = enclose(theta, gradients, hyper, numerics)
    for form in some_forms(150, seed=1):
        tally.hold(evaluate(form, theta, gradients, hyper, ADAM, numerics), ends, form, target, target.name)
    assert not tally.outside
    shares = {quantity: tally.share[quantity] for quantity in ("theta", "m", "v")}
    assert min(shares.values()) >= 0.2, shares
    assert min(shares.values()) >= LEAST[target.name], f"looser than it was: {shares}"
