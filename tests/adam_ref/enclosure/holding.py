"""Hold honest evaluations against their enclosure: what lies outside, and how much of the half-width was used."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adam_ref import ADAM, CLASS_A, Dialect, Format, Hyperparameters, Numerics, advance, start
from adam_ref.formats import FLOAT32
from tests.adam_ref.enclosure.histories import SETTINGS, Setting, histories
from tests.adam_ref.enclosure.honest import DOUBLE, MIXED, SINGLE, Form, Run, evaluate

Array = NDArray[Any]
QUANTITIES = ("theta", "m", "v", "v_max")


@dataclass(frozen=True)
class Ends:
    """The boxes of one quantity over all steps: arrays of shape (steps, n)."""

    lo: Array
    hi: Array
    undecided: Array


def enclose(
    theta: Array, gradients: Iterable[Array], hyper: Hyperparameters, numerics: Numerics, dialect: Dialect = ADAM
) -> dict[str, Ends]:
    """The boxes of a case after each of its steps."""
    enclosure, seen = start(theta, numerics), []
    for g in gradients:
        enclosure = advance(enclosure, g, hyper, numerics, dialect)
        seen.append(enclosure)
    boxes = {q: [getattr(e, q) for e in seen] for q in QUANTITIES}
    return {
        q: Ends(*(np.stack([getattr(box, end) for box in of]) for end in ("lo", "hi", "undecided")))
        for q, of in boxes.items()
    }


@dataclass
class Tally:
    """What many runs gave; `outside` must stay empty."""

    forms: set[Form] = field(default_factory=set)
    runs: int = 0
    numbers: int = 0
    undecided: int = 0
    not_finite: int = 0
    outside: list[str] = field(default_factory=list)
    share: dict[str, float] = field(default_factory=dict)

    def hold(self, run: Run, ends: dict[str, Ends], form: Form, target: Format, label: str) -> None:
        """Compare one run.

        A value that is not finite, of an element in which an intermediate overflowed, is no admissible evaluation
        (see `honest`); it is counted, and not compared.  Only two kinds of run may have any.
        """
        self.forms.add(form)
        self.runs += 1
        may_overflow = form.second.startswith("lerp") or target.max_exponent < FLOAT32.max_exponent
        overflowed = np.stack(run.overflowed) & may_overflow
        for quantity, box in ends.items():
            x = np.stack(getattr(run, quantity))
            lost = overflowed & ~np.isfinite(x)
            inside = (box.lo <= x) & (x <= box.hi)
            bad = ~(inside | box.undecided | lost)
            self.numbers += x.size
            self.undecided += int(box.undecided.sum())
            self.not_finite += int((lost & ~box.undecided & ~inside).sum())
            if bad.any():
                i = tuple(map(int, np.argwhere(bad)[0]))
                lo, hi = box.lo[i], box.hi[i]
                self.outside.append(f"{label}: {quantity}{i} = {x[i]!r} is outside [{lo!r}, {hi!r}] in {form}")
            self._use(quantity, x, box, target)

    def _use(self, quantity: str, x: Array, box: Ends, target: Format) -> None:
        """The share of the half-width, away from the subnormal range, where a single number fills the box."""
        with np.errstate(all="ignore"):
            half, middle = (box.hi - box.lo) / 2, (box.hi + box.lo) / 2
            counts = np.isfinite(half) & np.isfinite(x) & (half > 2.0**10 * target.underflow)
            share = np.where(counts, np.abs(x - middle) / half, 0.0)
        self.share[quantity] = max(self.share.get(quantity, 0.0), float(share.max(initial=0.0)))


def hold_forms(
    forms: Sequence[Form],
    numerics: Numerics,
    *,
    computing: Format | None = None,
    gradients_of: Format | None = None,
    settings: Sequence[Setting] = SETTINGS,
    steps: int = 8,
    each: int = 10,
    seed: int = 0,
) -> Tally:
    """Every form once, each under one of the settings in turn."""
    tally, target = Tally(), numerics.parameter
    holders = [DOUBLE] if numerics.accuracy is CLASS_A else [SINGLE, MIXED, DOUBLE]
    order = random.Random(seed).sample(list(forms), len(forms))
    for i, setting in enumerate(settings):
        theta, gradients = histories(gradients_of or target, setting.hyper, steps, each, seed)
        ends = enclose(theta, gradients, setting.hyper, numerics, setting.dialect)
        for k, form in enumerate(order[i :: len(settings)]):
            held = holders[(i + k) % len(holders)]
            fast = np.random.default_rng([i, k]) if numerics.fast_math else None
            run = evaluate(
                form,
                theta,
                gradients,
                setting.hyper,
                setting.dialect,
                numerics,
                held=held,
                computing=computing,
                fast=fast,
            )
            tally.hold(run, ends, form, target, f"{target.name}, {setting.name}, scalars in {held.name}")
    return tally
