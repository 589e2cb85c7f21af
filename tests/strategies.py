"""What several test files draw from: hyperparameters, dialects and gradient histories by regime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from adam_ref import Dialect, Hyperparameters
from adam_ref.arrays import Array
from adam_ref.dialect import AXES

History = Callable[[np.random.Generator, int, int], Array]


def noise(scale: float) -> History:
    """Normal gradients of one scale."""
    return lambda rng, steps, elements: rng.standard_normal((steps, elements)) * scale


def constant(rng, steps, elements):
    """The same gradient for ever: v converges, and stops where its increments round to nothing."""
    return np.tile(rng.random(elements) + 0.5, (steps, 1))


def alternating(rng, steps, elements):
    """Signs in turn: the terms of m cancel."""
    return constant(rng, steps, elements) * np.where(np.arange(steps)[:, None] % 2, 1.0, -1.0)


def spike_first(rng, steps, elements):
    """One gradient, then zeros: nothing but decay."""
    history = np.zeros((steps, elements))
    history[0] = rng.random(elements) * 100 + 1
    return history


def zeros_then_spike(rng, steps, elements):
    """Half of the time nothing at all."""
    history = np.zeros((steps, elements))
    history[steps // 2] = rng.random(elements) * 1e6 + 1
    return history


def mixed_scales(rng, steps, elements):
    """Each element at a scale of its own."""
    return rng.standard_normal((steps, elements)) * 10.0 ** rng.integers(-150, 150, size=elements)


def wild(rng, steps, elements):
    """Each gradient at a scale of its own."""
    return rng.standard_normal((steps, elements)) * 10.0 ** rng.integers(-150, 150, size=(steps, elements))


def largest_step(rng, steps, elements):
    """Growing like (beta2/beta1)^i, which makes the step the largest (theorem T9)."""
    return (0.9 / 0.999) ** (steps - np.arange(steps)[:, None]) * (rng.random(elements) + 0.5)


def denormal(rng, steps, elements):
    """A few times the smallest number."""
    return np.round(rng.standard_normal((steps, elements)) * 100) * 5e-324


def sparse(rng, steps, elements):
    """Zero four times out of five."""
    return rng.standard_normal((steps, elements)) * (rng.random((steps, elements)) < 0.2)


REGIMES: dict[str, History] = {
    "noise": noise(1.0),
    "tiny noise": noise(1e-150),
    "huge noise": noise(1e150),
    "noise around eps": noise(1e-8),
    "constant": constant,
    "alternating": alternating,
    "spike first": spike_first,
    "zeros then spike": zeros_then_spike,
    "mixed scales": mixed_scales,
    "wild": wild,
    "largest step": largest_step,
    "sparse": sparse,
    "denormal": denormal,
}

SUBNORMAL = ("denormal",)
"""Regimes in which m itself is subnormal, so that relative errors mean nothing."""

dialects: st.SearchStrategy[Dialect] = st.builds(Dialect, **{axis: st.sampled_from(v) for axis, v in AXES.items()})

hyperparameters: st.SearchStrategy[Hyperparameters] = st.builds(
    Hyperparameters,
    lr=st.one_of(st.sampled_from([1e-3, 0.1, 1.0, 0.0, 1e10, 1e-300]), st.floats(1e-6, 10.0)),
    beta1=st.one_of(st.sampled_from([0.9, 0.0, 0.3, 0.999]), st.floats(0.0, 0.9999)),
    beta2=st.one_of(st.sampled_from([0.999, 0.0, 0.5, 0.81]), st.floats(0.0, 0.999999)),
    eps=st.sampled_from([1e-8, 0.0, 1e-3, 1e-300, 1.0]),
    weight_decay=st.sampled_from([0.0, 1e-2, 0.5]),
    eps_root=st.sampled_from([0.0, 1e-16]),
    amsgrad=st.booleans(),
    maximize=st.booleans(),
)


@st.composite
def histories(draw, steps=40, elements=4):
    """An array of gradients, at most (steps, elements), whose columns may come from different regimes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    length = draw(st.integers(1, steps))
    names = draw(st.lists(st.sampled_from(sorted(REGIMES)), min_size=1, max_size=elements))
    return np.concatenate([REGIMES[name](rng, length, 1) for name in names], axis=1)
