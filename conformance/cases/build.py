"""Cases made of a regime, hyperparameters and a seed; bulk comes from vectors, choice from Hypothesis."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from adam_ref import Format, Hyperparameters
from adam_ref.arrays import Array
from adam_ref.formats import COMPONENTS, named_format
from conformance.capabilities import Capabilities
from conformance.case import Case, dtype_named
from conformance.cases import hyperparameters
from conformance.cases.regimes import Draw, Regime

FACTORS = (None, 0.0, 1.5, 0.123, None, None, 0.5, None)
"""What a schedule multiplies the first learning rate by: down to zero, beyond the first one, and kept for a while."""


def case_of(
    regime: Regime,
    hyper: Hyperparameters,
    dtype: str,
    seed: int,
    *,
    elements: int | None = None,
    steps: int | None = None,
    device: str = "cpu",
) -> Case:
    """One tensor of `elements` elements (of the regime's own number by default), each a history of its own."""
    generator = np.random.default_rng(seed)
    elements = elements or regime.elements
    fmt = named_format(dtype)
    parts = 2 if dtype in COMPONENTS else 1
    gradients = regime.gradients(Draw(generator, steps or regime.steps, elements * parts, hyper, fmt))
    start = np.zeros(elements * parts)
    if regime.features.get("parameters"):
        start = fmt.round(_starts(generator, start.shape, fmt))
    rates: tuple[float | None, ...] = ()
    if regime.features.get("schedule"):
        factors = (FACTORS[i % len(FACTORS)] for i in range(len(gradients)))
        rates = tuple(None if factor is None else hyper.lr * factor for factor in factors)
    return Case(
        dtype=dtype,
        parameters=(as_dtype(start, dtype),),
        hyperparameters=(hyper,),
        gradients=tuple((as_dtype(g, dtype),) for g in gradients),
        lrs=rates,
        regime=regime.name,
        device=device,
    )


def _starts(generator: np.random.Generator, shape: tuple[int, ...], fmt: Format) -> Array:
    """Between 1/2 and 2 with either sign; every fourth of any magnitude whose square the format carries with ease."""
    high = min(3.0, 0.5 * np.log10(fmt.largest) - 1.3)
    scale = np.where(np.arange(*shape) % 4 == 3, 10.0 ** generator.uniform(-4, high, shape), 1.0)
    return np.asarray(generator.uniform(0.5, 2.0, shape) * generator.choice([-1.0, 1.0], size=shape) * scale)


def as_dtype(values: Array, dtype: str) -> Array:
    """Real numbers as an array of the dtype; pairs of them where it is complex."""
    if dtype in COMPONENTS:
        return np.asarray(values[..., 0::2] + 1j * values[..., 1::2]).astype(dtype)
    return values.astype(dtype_named(dtype))


def beside(one: Case, other: Case) -> Case:
    """The histories of both in one tensor, as far as both go."""
    steps = zip(one.gradients, other.gradients, strict=False)
    return replace(
        one,
        parameters=(np.concatenate([one.parameters[0], other.parameters[0]]),),
        gradients=tuple((np.concatenate([g for (g,) in pair if g is not None]),) for pair in steps),
    )


def pinned_cases(
    regime: Regime, capabilities: Capabilities, dtype: str, seed: int, device: str, at_most: int | None = None
) -> list[Case]:
    """One case for each pinned set of hyperparameters (the first `at_most` of them)."""
    sets = hyperparameters.pinned(regime, capabilities)[:at_most]
    return [case_of(regime, hyper, dtype, seed + i, device=device) for i, hyper in enumerate(sets)]


def drawn_cases(regime: Regime, capabilities: Capabilities, dtype: str, device: str) -> st.SearchStrategy[Case]:
    """Cases with other hyperparameters, sizes and seeds."""
    return st.builds(
        lambda hyper, seed, elements: case_of(regime, hyper, dtype, seed, elements=elements, device=device),
        hyperparameters.drawn(regime, capabilities, dtype),
        st.integers(0, 2**32 - 1),
        st.sampled_from([17, 64, 129]),
    )
