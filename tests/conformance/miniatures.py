"""Tiny targets, each named after what it does.  Their addresses are `tests.conformance.miniatures:NAME`."""

import os
import sys
import time
from pathlib import Path

import numpy as np

HERE = "tests.conformance.miniatures"
PID_FILE = "MINIATURE_PID_FILE"
"""Environment variable: where a target that hangs writes the number of its process."""


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


def raises(parameters, gradients, state, lr):
    """Raises in every step."""
    raise RuntimeError("a kernel is missing")


def hangs(parameters, gradients, state, lr):
    """Never comes back from a step."""
    if PID_FILE in os.environ:
        Path(os.environ[PID_FILE]).write_text(str(os.getpid()))
    time.sleep(3600)


def dies(parameters, gradients, state, lr):
    """Ends its process, with the status of success."""
    os._exit(0)


def exits(parameters, gradients, state, lr):
    """Calls sys.exit, with the status of success."""
    sys.exit(0)


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
