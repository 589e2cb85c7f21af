"""A framework as somebody else might have one: arrays of its own, and an Adam that assigns to them.

It stands for the framework that the README adapts, and imports nothing of ours.
"""

import numpy as np


class array:  # noqa: N801
    """What it computes with."""

    def __init__(self, numbers):
        self.held = np.array(numbers)

    def numpy(self):
        return self.held.copy()


class Adam:
    """The optimized update."""

    def __init__(self, parameters, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        self.parameters, self.learning_rate = parameters, learning_rate
        self.betas, self.epsilon, self.t = (beta_1, beta_2), epsilon, 0
        self.m, self.v = ([array(np.zeros_like(p.held)) for p in parameters] for _ in range(2))

    def apply(self, gradients):
        (b1, b2), self.t = self.betas, self.t + 1
        size = self.learning_rate * (1 - b2**self.t) ** 0.5 / (1 - b1**self.t)
        for p, g, m, v in zip(self.parameters, gradients, self.m, self.v, strict=True):
            m.held = b1 * m.held + (1 - b1) * g.held
            v.held = b2 * v.held + (1 - b2) * g.held * g.held
            p.held = (p.held - size * m.held / (np.sqrt(v.held) + self.epsilon)).astype(p.held.dtype)
