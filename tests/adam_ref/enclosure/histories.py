"""Hyperparameters and gradient histories for the evidence about the enclosure: one column is one scalar history."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adam_ref import ADAM, Dialect, Format, Hyperparameters

Array = NDArray[Any]
Rng = np.random.Generator


@dataclass(frozen=True)
class Setting:
    """Hyperparameters with the dialect they are used in."""

    name: str
    hyper: Hyperparameters
    dialect: Dialect = ADAM


def _h(**changes: Any) -> Hyperparameters:
    return Hyperparameters(**changes)


HAT, INSIDE, RAW = (Dialect(epsilon=e) for e in ("hat", "inside-corrected", "inside-raw"))
DECOUPLED, ABSOLUTE = (Dialect(weight_decay=w) for w in ("decoupled", "absolute"))
CORRECTED = Dialect(amsgrad="corrected")

SETTINGS = [
    Setting("defaults", _h()),
    Setting("hat", _h(), HAT),
    Setting("large eps", _h(eps=1e-2)),
    Setting("large eps, hat", _h(eps=1e-2), HAT),
    Setting("eps = 0", _h(eps=0.0)),
    Setting("eps of a power of two", _h(eps=2.0**-20, lr=2.0**-10)),
    Setting("eps 1e-16", _h(eps=1e-16), HAT),
    Setting("inside", _h(eps=1e-6), INSIDE),
    Setting("inside, raw", _h(eps=1e-6), RAW),
    Setting("eps_root", _h(eps_root=1e-8)),
    Setting("eps_root and eps = 0", _h(eps=0.0, eps_root=1e-6)),
    Setting("eps_root, hat", _h(eps=1e-4, eps_root=1e-6), HAT),
    Setting("eps_root, inside", _h(eps=1e-4, eps_root=1e-6), INSIDE),
    Setting("beta1 = 0", _h(beta1=0.0)),
    Setting("beta1 = 0, powers of two", _h(beta1=0.0, beta2=0.5, lr=2.0**-10)),
    Setting("beta1 = beta2 = 0", _h(beta1=0.0, beta2=0.0, lr=0.125)),
    Setting("beta2 = 0", _h(beta2=0.0)),
    Setting("beta1^2 = beta2", _h(beta1=0.9, beta2=0.81)),
    Setting("beta1^2 > beta2", _h(beta1=0.95, beta2=0.7)),
    Setting("powers of two", _h(beta1=0.5, beta2=0.5, lr=2.0**-7)),
    Setting("three quarters", _h(beta1=0.75, beta2=0.75, lr=0.5, eps=2.0**-12)),
    Setting("small betas", _h(beta1=0.1, beta2=0.3)),
    Setting("beta1 = 0.45", _h(beta1=0.45, beta2=0.55)),
    Setting("slow", _h(beta1=0.99, beta2=0.9999)),
    Setting("slower", _h(beta1=0.9999, beta2=0.99999, eps=1e-4)),
    Setting("slower, hat, small lr", _h(lr=1e-5, beta2=0.99999, eps=1e-2), HAT),
    Setting("lr = 0", _h(lr=0.0)),
    Setting("large lr", _h(lr=3.0)),
    Setting("maximize", _h(maximize=True)),
    Setting("coupled", _h(weight_decay=0.01)),
    Setting("coupled, maximize", _h(weight_decay=0.1, maximize=True, eps=1e-3)),
    Setting("decoupled", _h(lr=0.1, weight_decay=0.1), DECOUPLED),
    Setting("decoupled, half", _h(lr=0.5, weight_decay=1.0), DECOUPLED),
    Setting("decoupled, 0.45", _h(lr=0.9, weight_decay=0.5), DECOUPLED),
    Setting("decoupled, 0.9", _h(lr=0.9, weight_decay=1.0), DECOUPLED),
    Setting("decoupled, lr = 0", _h(lr=0.0, weight_decay=0.1), DECOUPLED),
    Setting("decoupled, hat", _h(weight_decay=10.0, eps=1e-4), HAT.with_(weight_decay="decoupled")),
    Setting("absolute", _h(weight_decay=0.01), ABSOLUTE),
    Setting("absolute, 0.3", _h(weight_decay=0.3), ABSOLUTE),
    Setting("amsgrad", _h(amsgrad=True)),
    Setting("amsgrad, hat", _h(amsgrad=True, eps=1e-4), HAT),
    Setting("amsgrad, corrected", _h(amsgrad=True), CORRECTED),
    Setting("amsgrad, corrected, hat", _h(amsgrad=True, eps=1e-3), CORRECTED.with_(epsilon="hat")),
    Setting("amsgrad, corrected, inside raw", _h(amsgrad=True, eps=1e-3), CORRECTED.with_(epsilon="inside-raw")),
    Setting("amsgrad, decoupled", _h(amsgrad=True, weight_decay=1.0), DECOUPLED),
    Setting("no bias correction", _h(), Dialect(correct_m=False, correct_v=False)),
    Setting("m alone corrected", _h(), Dialect(correct_v=False)),
    Setting("v alone corrected", _h(lr=2.0**-9), Dialect(correct_m=False)),
    Setting("v alone corrected, large eps", _h(eps=0.1, lr=2.0**-9), Dialect(correct_m=False)),
    Setting(
        "no correction, powers of two", _h(beta1=0.5, beta2=0.75, lr=0.25), Dialect(correct_m=False, correct_v=False)
    ),
]


def histories(target: Format, hyper: Hyperparameters, steps: int, each: int, seed: int = 0) -> tuple[Array, Array]:
    """Parameters of shape (n,) and gradients of shape (steps, n), all numbers of `target`, `each` columns a regime."""
    rng = np.random.default_rng([seed, zlib.crc32(repr((target.name, hyper)).encode())])
    columns = np.concatenate([regime(target, hyper, rng, steps, each) for regime in REGIMES], axis=1)
    gradients = target.round(columns)
    n = gradients.shape[1]
    theta = rng.standard_normal(n) * 10.0 ** rng.integers(-3, 3, n)
    theta = np.where(np.arange(n) % 2 == 0, 0.0, theta)
    largest = np.abs(gradients) >= target.largest
    return target.round(theta), np.where(largest, np.sign(gradients) * target.largest, gradients)


def normal(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """Ordinary gradients."""
    return rng.standard_normal((steps, n))


def around_epsilon(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """Where epsilon matters, and dialects differ."""
    scale = max(hyper.eps, 4 * target.smallest_normal, 1e-12)
    return rng.standard_normal((steps, n)) * scale * 10.0 ** rng.uniform(-2, 4, n)


def zeros(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """Exact zeros, here and there."""
    return rng.standard_normal((steps, n)) * (rng.random((steps, n)) < rng.choice([0.0, 0.3, 0.7], n))


def zeros_then_spike(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """Correction factors large, moments exactly zero; then one gradient."""
    g = np.zeros((steps, n))
    g[rng.integers(0, steps, n), np.arange(n)] = 10.0 ** rng.uniform(-4, 2, n)
    return g


def spike_then_decay(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """What AMSGrad is for."""
    return (
        10.0 ** rng.uniform(-1, 2, n) * 0.3 ** np.arange(steps)[:, None] * (1 + 0.01 * rng.standard_normal((steps, n)))
    )


def mixed_scales(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """Scales from tiny to large, another one each step."""
    return rng.choice([-1.0, 1.0], (steps, n)) * 10.0 ** rng.uniform(-10, 3, (steps, n))


def alternating(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """The first moment cancels."""
    return 10.0 ** rng.uniform(-3, 1, n) * (-1.0) ** np.arange(steps)[:, None] * (1 + rng.uniform(0, 0.2, (steps, n)))


def extremal(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """Theorem T9: the history that makes the step as large as it can be."""
    ratio = hyper.beta2 / hyper.beta1 if hyper.beta1 and hyper.beta2 else 2.0
    return rng.choice([-1.0, 1.0], n) * rng.uniform(0.5, 2, n) * ratio ** np.arange(steps)[:, None]


def underflowing_squares(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """g is normal, g^2 is not."""
    root = np.sqrt(target.smallest_normal)
    return rng.standard_normal((steps, n)) * root * 2.0 ** rng.uniform(-target.precision / 2 - 4, 6, n)


def overflowing_squares(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """g is finite, g^2 is not, or just so."""
    root = np.sqrt(target.largest)
    return rng.choice([-1.0, 1.0], (steps, n)) * root * 2.0 ** rng.uniform(-4, 2, (steps, n))


def subnormal(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """Gradients that are subnormal themselves, or become so times w1."""
    return rng.standard_normal((steps, n)) * target.smallest_normal * 2.0 ** rng.uniform(-target.precision + 1, 4, n)


def constant(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """The difference of the lerp form vanishes."""
    return np.broadcast_to(10.0 ** rng.uniform(-4, 1, n), (steps, n))


def large(target: Format, hyper: Hyperparameters, rng: Rng, steps: int, n: int) -> Array:
    """Close to the largest number."""
    return rng.choice([-1.0, 1.0], (steps, n)) * target.largest * 2.0 ** -rng.uniform(0, 3, (steps, n))


REGIMES = [
    normal,
    around_epsilon,
    zeros,
    zeros_then_spike,
    spike_then_decay,
    mixed_scales,
    alternating,
    extremal,
    underflowing_squares,
    overflowing_squares,
    subnormal,
    constant,
    large,
]
