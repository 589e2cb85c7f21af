"""Adam in NumPy float64, as Algorithm 1 of Kingma & Ba (arXiv 1412.6980) has it.

`update` is the whole of it and reads like the paper.  `init` and `step` carry it over arrays of any shape, lists of
arrays, complex arrays, and large arrays in blocks that fit the cache (`adam_ref.arrays`).  What every float64
evaluation of it may deviate by is in `adam_ref.enclosure`; what this one does deviate by, in `adam_ref.exact`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from adam_ref.arrays import Array, as_reals, checked_gradient, checked_parameter, from_reals, map_blocks
from adam_ref.dialect import ADAM, Dialect
from adam_ref.hyperparameters import Hyperparameters


def update(
    theta: Array, m: Array, v: Array, v_max: Array, g: Array, t: int, hyper: Hyperparameters, dialect: Dialect
) -> tuple[Array, Array, Array, Array]:
    """One step of Adam on real arrays of one shape: `(theta, m, v, v_max)` after step `t >= 1`."""
    lr, beta1, beta2, eps = hyper.lr, hyper.beta1, hyper.beta2, hyper.eps

    if hyper.maximize:
        g = -g
    if hyper.weight_decay:
        if dialect.weight_decay == "coupled":
            g = g + hyper.weight_decay * theta
        elif dialect.weight_decay == "decoupled":
            theta = theta - lr * hyper.weight_decay * theta
        else:
            theta = theta - hyper.weight_decay * theta

    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * square(g, dialect)

    c1 = 1 - beta1**t if dialect.correct_m else 1.0
    c2 = 1 - beta2**t if dialect.correct_v else 1.0
    m_hat = m / c1
    if hyper.amsgrad:
        v_max = np.maximum(v_max, v if dialect.amsgrad == "raw" else v / c2)
        v_hat = v_max / c2 if dialect.amsgrad == "raw" else v_max
    else:
        v_hat = v / c2

    if dialect.epsilon == "outside":
        denominator = np.sqrt(v_hat + hyper.eps_root) + eps
    elif dialect.epsilon == "hat":
        denominator = np.sqrt(v_hat + hyper.eps_root) + eps / np.sqrt(c2)
    elif dialect.epsilon == "inside-corrected":
        denominator = np.sqrt(v_hat + hyper.eps_root + eps)
    else:
        denominator = np.sqrt(v_hat + hyper.eps_root + eps / c2)

    theta = theta - lr * m_hat / denominator
    return theta, m, v, v_max


def square(g: Array, dialect: Dialect) -> Array:
    """`g^2`; for a complex gradient, whose parts lie along the last axis, what the dialect takes it to be."""
    if dialect.complex_square == "modulus" and g.ndim == 2:
        return np.broadcast_to(np.sum(g * g, axis=-1, keepdims=True), g.shape)
    return g * g


@dataclass(frozen=True)
class State:
    """One parameter on its way: `theta` and the moments `m`, `v`, all float64 (or complex128) of one shape.

    `t` counts the steps in which the parameter had a gradient.  `v_max` is AMSGrad's maximum, zero without it.
    Of a complex parameter, `v` and `v_max` hold those of the real part and of the imaginary part as one complex number.
    """

    t: int
    theta: Array
    m: Array
    v: Array
    v_max: Array


@overload
def init(parameters: Sequence[Any]) -> list[State]: ...
@overload
def init(parameters: Array) -> State: ...
def init(parameters: Any) -> Any:
    """The state before the first step: moments zero, `t = 0`.

    Args:
        parameters: a floating or complex array of any shape (0-d and empty included), or a list of such arrays.

    Raises:
        ArrayError: an array that is not floating or complex.

    """
    if isinstance(parameters, list | tuple):
        return [init(parameter) for parameter in parameters]
    theta = checked_parameter(parameters)
    return State(0, theta, np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta))


@overload
def step(state: list[State], gradient: Any, hyper: Hyperparameters, dialect: Dialect = ADAM) -> list[State]: ...
@overload
def step(state: State, gradient: Any, hyper: Hyperparameters, dialect: Dialect = ADAM) -> State: ...
def step(state: Any, gradient: Any, hyper: Hyperparameters, dialect: Dialect = ADAM) -> Any:
    """One step of Adam (Algorithm 1), nothing changed in place.

    Args:
        state: what `init` or `step` returned.
        gradient: an array of the parameter's shape, or a list of them where `state` is a list; `None` in a list means
            that this parameter has no gradient, so that nothing about it changes, its `t` included.
        hyper: the hyperparameters of this step; a schedule passes another `lr` each time.
        dialect: the variant of Adam.

    Raises:
        ArrayError: a gradient of another shape or kind than the parameter, or a list of another length.

    """
    if isinstance(state, list):
        return [
            s if g is None else step(s, g, hyper, dialect)
            for s, g in zip(state, checked_gradient(gradient, len(state)), strict=True)
        ]
    g = checked_gradient(gradient, state.theta)
    arrays = [as_reals(a) for a in (state.theta, state.m, state.v, state.v_max, g)]
    with np.errstate(all="ignore"):
        after = map_blocks(update, arrays, state.t + 1, hyper, dialect)
    return State(state.t + 1, *(from_reals(a, state.theta) for a in after))
