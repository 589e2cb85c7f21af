"""Tiny named targets: a few functions that are Adam or nearly so, and objects that misbehave, each in one way.

They are addressed as `tests.miniatures:NAME`, wherever in this package they live, and run where a target of anybody may
run: in a worker process.  What the objects do to numbers does not matter; what the harness makes of them does.

To add one: a class in the module of its kind, and a line in the table of tests/conformance/test_hostile.py.
"""

from importlib import import_module

import numpy as np

from tests.miniatures.base import HERE, PID_FILE

__all__ = ["HERE", "KINDS", "PID_FILE", "adam", "adam_without_options", "always_wrong", "epsilon_hat", "talkative"]

KINDS = (
    "base",
    "dying",
    "forging",
    "greedy",
    "meddling",
    "nonsense",
    "peeking",
    "raising",
    "remembering",
    "silent",
    "talking",
)
"""The modules of this package."""


def __getattr__(name):
    """The miniature of that name."""
    for kind in KINDS:
        found = vars(import_module(f"{HERE}.{kind}")).get(name)
        if found is not None:
            return found
    raise AttributeError(f"no miniature is called {name}")


def adam(parameters, gradients, state, lr, beta1, beta2, eps, weight_decay=0.0):
    """Algorithm 1 with coupled decay, in the dtype of its arrays."""
    return _step(parameters, gradients, state, (lr, beta1, beta2, eps, weight_decay), _outside)


def adam_without_options(parameters, gradients, state, lr, beta1, beta2, eps):
    """Algorithm 1 and nothing else."""
    return _step(parameters, gradients, state, (lr, beta1, beta2, eps, 0.0), _outside)


def epsilon_hat(parameters, gradients, state, lr, beta1, beta2, eps):
    """The form at the end of section 2 of the paper."""
    return _step(parameters, gradients, state, (lr, beta1, beta2, eps, 0.0), _hat)


def always_wrong(parameters, gradients, state, lr, beta1, beta2, eps):
    """Steps twice as far as it should."""
    return _step(parameters, gradients, state, (2 * lr, beta1, beta2, eps, 0.0), _outside)


def talkative(parameters, gradients, state, lr, beta1, beta2, eps):
    """Right, and prints while at it."""
    print("talking on standard output")  # noqa: T201
    return _step(parameters, gradients, state, (lr, beta1, beta2, eps, 0.0), _outside)


def _outside(m, v, t, lr, beta1, beta2, eps):
    return lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)


def _hat(m, v, t, lr, beta1, beta2, eps):
    return lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t) * m / (np.sqrt(v) + eps)


def _step(parameters, gradients, state, hyper, update):
    lr, beta1, beta2, eps, decay = hyper
    t, ms, vs = state or (0, [0 * p for p in parameters], [0 * p for p in parameters])
    gradients = [g + decay * p for g, p in zip(gradients, parameters, strict=True)] if decay else gradients
    ms = [beta1 * m + (1 - beta1) * g for m, g in zip(ms, gradients, strict=True)]
    vs = [beta2 * v + (1 - beta2) * (g * g) for v, g in zip(vs, gradients, strict=True)]
    parameters = [p - update(m, v, t + 1, lr, beta1, beta2, eps) for p, m, v in zip(parameters, ms, vs, strict=True)]
    return parameters, (t + 1, ms, vs)
