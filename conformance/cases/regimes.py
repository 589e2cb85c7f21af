"""Named families of gradient histories, each with the reason why it is there.

To add one: write a function that fills an array of shape (steps, elements) and decorate it with `regime`.  It must be
used by a check (`conformance.checks.update` makes one for each regime), and a fault of the catalogue must be caught by it
and by few others; tests hold that together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from adam_ref import Format, Hyperparameters
from adam_ref.arrays import Array

History = Callable[[np.random.Generator, int, int, Hyperparameters, Format], Array]


@dataclass(frozen=True)
class Regime:
    """A family of histories.

    Attributes:
        name: its id.
        reason: what it makes visible.
        steps: how many steps it needs.
        history: `(generator, steps, elements, hyperparameters, format) -> array (steps, elements)` of float64.
        features: what the run needs beside gradients: "amsgrad", "maximize", "weight_decay" (True, or "where claimed"),
            "schedule" (lr changes), "parameters" (that do not start at zero), "exact" (powers of two).

    """

    name: str
    reason: str
    steps: int
    history: History
    features: dict[str, object]

    def gradients(
        self,
        generator: np.random.Generator,
        elements: int,
        hyper: Hyperparameters,
        fmt: Format,
        steps: int | None = None,
    ) -> Array:
        """A history in numbers of the format, shape (steps, elements)."""
        drawn = self.history(generator, steps or self.steps, elements, hyper, fmt)
        return fmt.round(np.clip(drawn, -fmt.largest, fmt.largest))


REGIMES: dict[str, Regime] = {}


def regime(name: str, reason: str, steps: int, **features: object) -> Callable[[History], History]:
    """Register a history under `name`."""

    def register(history: History) -> History:
        REGIMES[name] = Regime(name, reason, steps, history, features)
        return history

    return register


def _signs(generator: np.random.Generator, *shape: int) -> Array:
    return generator.choice([-1.0, 1.0], size=shape)


@regime("ordinary", "what training looks like: normal gradients of magnitude near 1", 12)
def ordinary(generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format) -> Array:
    """N(0, 1), each element with a scale of its own within a factor of 30."""
    return generator.standard_normal((steps, elements)) * 10.0 ** generator.uniform(-1, 0.5, elements)


@regime(
    "near-epsilon",
    "gradients within a hundredfold of eps: only here does it show where epsilon goes, whether it is scaled, and whether "
    "it is there at all (on ordinary gradients it changes less than float32 scalars are off by)",
    8,
)
def near_epsilon(
    generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format
) -> Array:
    """Magnitudes from eps/100 to 100*eps, as far as the format carries their squares."""
    eps = hyper.eps or 1e-8
    smallest = (fmt.smallest_normal / (1 - hyper.beta2)) ** 0.5 if fmt.smallest_normal > 1e-30 else 0.0
    scale = np.maximum(
        eps * 10.0 ** generator.uniform(-2, 2, elements), smallest * 10.0 ** generator.uniform(0, 2, elements)
    )
    return _signs(generator, steps, elements) * generator.uniform(0.25, 1.0, (steps, elements)) * scale


@regime(
    "zeros-then-spike",
    "nothing and then a spike: bias correction and step counter are alone in deciding how large the step is",
    9,
)
def zeros_then_spike(
    generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format
) -> Array:
    """Zeros for a number of steps that differs between elements, then one gradient, then small ones."""
    first = np.arange(elements) % (steps - 1)
    late = np.arange(steps)[:, None] >= first[None, :]
    spike = np.arange(steps)[:, None] == first[None, :]
    size = generator.uniform(0.5, 2.0, elements) * _signs(generator, elements)
    return np.where(spike, size, np.where(late, 0.01 * generator.standard_normal((steps, elements)), 0.0))


@regime(
    "spike-then-decay",
    "a spike and then ever smaller gradients: v falls, and whoever keeps the largest v where it was not asked for shows",
    14,
)
def spike_then_decay(
    generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format
) -> Array:
    """A spike, then gradients that halve, with a second smaller spike on the way."""
    decay = 0.5 ** np.arange(steps)[:, None]
    second = np.where(np.arange(steps)[:, None] == steps // 2, 0.3, 0.0)
    return (decay + second) * generator.uniform(0.5, 1.0, (steps, elements)) * _signs(generator, elements)


@regime(
    "mixed-scales",
    "magnitudes from 1e-12 to 1e6 in one tensor: shared denominators, clipping, and sums over elements show",
    8,
)
def mixed_scales(
    generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format
) -> Array:
    """Each element has a magnitude of its own, as wide as the format carries the squares."""
    low = max(-12.0, 0.5 * np.log10(fmt.smallest_normal / (1 - hyper.beta2)) + 1)
    high = min(6.0, 0.5 * np.log10(fmt.largest) - 1)
    return generator.standard_normal((steps, elements)) * 10.0 ** generator.uniform(low, high, elements)


@regime("alternating-signs", "the first moment cancels while the second grows: a lost sign or an abs() shows", 15)
def alternating_signs(
    generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format
) -> Array:
    """Signs that alternate with periods from 1 to 4."""
    period = 1 + np.arange(elements) % 4
    sign = 1.0 - 2.0 * ((np.arange(steps)[:, None] // period[None, :]) % 2)
    return sign * generator.uniform(0.7, 1.4, (steps, elements))


@regime(
    "extremal",
    "the history of theorem T9, g_i proportional to (beta1/beta2)^(t-i), makes the largest step there is; whoever clips "
    "the update at lr, or trusts the paper's bound, shows",
    24,
)
def extremal(generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format) -> Array:
    """The extremal history of the last step, times a factor an element."""
    ratio = hyper.beta1 / hyper.beta2 if hyper.beta2 else 0.0
    weights = np.maximum(ratio, 1e-3) ** np.arange(steps - 1, -1, -1)
    return weights[:, None] * generator.uniform(0.5, 2.0, elements) * _signs(generator, elements)


@regime(
    "extreme-squares",
    "gradients whose squares underflow or overflow in the format: a v that saturates, or a NaN, shows",
    6,
)
def extreme_squares(
    generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format
) -> Array:
    """Half the elements near the root of the smallest normal number, half near the root of the largest."""
    low, high = np.sqrt(fmt.smallest_normal), np.sqrt(fmt.largest)
    scale = np.where(np.arange(elements) % 2, low * 10.0 ** generator.uniform(-3, 3, elements), high)
    scale = np.where(scale == high, high * 10.0 ** generator.uniform(-3, 0.5, elements), scale)
    return generator.uniform(0.5, 1.0, (steps, elements)) * _signs(generator, steps, elements) * scale


@regime("subnormals", "gradients and moments in the subnormal range: flushing to zero shows", 5)
def subnormals(generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format) -> Array:
    """Magnitudes around the smallest normal number."""
    scale = fmt.smallest_normal * 2.0 ** generator.uniform(-min(20, fmt.precision - 2), 6, elements)
    return generator.uniform(0.5, 1.0, (steps, elements)) * _signs(generator, steps, elements) * scale


@regime("exact-zeros", "gradients that are exactly zero here and there: skipped elements and 0/0 show", 12)
def exact_zeros(
    generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format
) -> Array:
    """Ordinary gradients, two thirds of them replaced by zero; element 0 never has any."""
    drawn = generator.standard_normal((steps, elements)) * (generator.uniform(size=(steps, elements)) < 1 / 3)
    drawn[:, 0] = 0.0
    return drawn


@regime(
    "constant",
    "the same gradient at every step: m_hat and v_hat are then exact (theorem T8), and any error of the bias correction "
    "stands alone",
    20,
)
def constant(generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format) -> Array:
    """One gradient an element, for all steps."""
    return np.broadcast_to(generator.standard_normal(elements), (steps, elements)).copy()


@regime(
    "few-roundings",
    "powers of two for hyperparameters and gradients: most operations are then exact, the enclosure a few roundings wide, "
    "and the smallest errors show",
    3,
    exact=True,
)
def few_roundings(
    generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format
) -> Array:
    """Powers of two in every second element, ordinary numbers in the others."""
    powers = 2.0 ** generator.integers(-6, 6, size=(steps, elements))
    drawn = np.where(np.arange(elements) % 2, powers, generator.uniform(0.5, 2.0, (steps, elements)))
    return drawn * _signs(generator, elements)


def _late(generator: np.random.Generator, steps: int, elements: int, zeros: int) -> Array:
    drawn = generator.standard_normal((steps, elements))
    drawn[:zeros] = 0.0
    return drawn


@regime(
    "beyond-256",
    "gradients only after 280 steps of zeros: a counter kept in bfloat16 has stopped at 256 by then, and the enclosure is "
    "still as narrow as at the start",
    288,
)
def beyond_256(generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format) -> Array:
    """Zeros for all but the last 8 steps."""
    return _late(generator, steps, elements, steps - 8)


@regime(
    "beyond-2048",
    "gradients only after 2,052 steps of zeros: a counter kept in float16 has stopped at 2,048 by then",
    2058,
)
def beyond_2048(
    generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format
) -> Array:
    """Zeros for all but the last 6 steps."""
    return _late(generator, steps, elements, steps - 6)


@regime(
    "weight-decay",
    "parameters away from zero, and lr*lambda near 1e-2: the kind of decay, its place before the update and its factor show",
    10,
    weight_decay=True,
    parameters=True,
)
def weight_decay(
    generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format
) -> Array:
    """Ordinary gradients, and none worth the name in every third element, so that decay acts alone there."""
    drawn = generator.standard_normal((steps, elements))
    drawn[:, ::3] *= 1e-3
    return drawn


@regime(
    "amsgrad",
    "AMSGrad on gradients that fall and rise again: whether the maximum is kept, stored, and of what, shows (theorem T13)",
    16,
    amsgrad=True,
)
def amsgrad(generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format) -> Array:
    """A spike, a hundredth of it for most steps, and a second spike."""
    drawn = 0.01 * generator.uniform(0.5, 1.5, (steps, elements))
    drawn[0] = generator.uniform(0.5, 1.5, elements)
    drawn[3 * steps // 4] = generator.uniform(0.5, 1.5, elements)
    return drawn * _signs(generator, elements)


@regime(
    "maximize",
    "ascent, with weight decay where there is any: the gradient must change its sign, and nothing else (lr must not)",
    8,
    maximize=True,
    weight_decay="where claimed",
    parameters=True,
)
def maximize(generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format) -> Array:
    """Ordinary gradients."""
    return generator.standard_normal((steps, elements))


@regime(
    "schedule",
    "a learning rate that changes between steps: one that was captured at the start, or applied a step late, shows",
    8,
    schedule=True,
)
def schedule(generator: np.random.Generator, steps: int, elements: int, hyper: Hyperparameters, fmt: Format) -> Array:
    """Ordinary gradients."""
    return generator.standard_normal((steps, elements))
