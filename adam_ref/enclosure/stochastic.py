"""Parameters that are rounded at random: the enclosure of what is stored, step by step.

Such a target holds its parameter in a narrow format and no copy of it in a wider one.  At each step it computes the new
parameter x in float32 or wider, and stores one of the two neighbours of x in the narrow format; x itself, where the
format has it.  What is stored is what the next step starts from.

The boxes hold every such evaluation.  Let `[lo, hi]` be the box of x, in which it lies by theorem T15 (with the last
difference, and the decay before it, rounded as in float32, everything else as in the narrow format).  Rounding down is
monotonic, and so is rounding up: from lo <= x <= hi follows down(lo) <= down(x) <= x <= up(x) <= up(hi).  Whichever of
down(x) and up(x) is stored, whatever chance decides and with what probability, lies in `[down(lo), up(hi)]`, which is
`stored`; and where lo = hi is a number of the format, nothing but that number does.

After the step the stored parameter is known to the last bit, since there is nothing else that the target goes on from:
the box of the next step starts at that point (`anchored`).  So the boxes do not grow with the number of steps, and what
a step does wrong is seen at that step to within one spacing of the format.  Moments take no part in this: they are not
rounded at random, and their boxes go on as ever.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from adam_ref.arrays import as_reals, checked_parameter
from adam_ref.enclosure.interval import Interval
from adam_ref.enclosure.numerics import Numerics
from adam_ref.enclosure.recursion import Enclosure


def stored(theta: Interval, numerics: Numerics) -> Interval:
    """The boxes of the parameter as it is stored, from those of the parameter as it was computed."""
    return theta.outward(numerics.parameter) if numerics.stochastic else theta


def anchored(enclosure: Enclosure, parameter: Any, numerics: Numerics) -> Enclosure:
    """The enclosure after a step, with the parameter as it was seen to be stored."""
    reals = as_reals(checked_parameter(parameter))
    return replace(enclosure, theta=Interval.ball(reals.astype(numerics.work), np.zeros(reals.shape)))
