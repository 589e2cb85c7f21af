"""What the miniatures are made of."""

import numpy as np

from conformance.capabilities import Capabilities

HERE = "tests.miniatures"

FOREVER = 3600.0
"""Seconds; no test waits that long."""

PID_FILE = "MINIATURE_PID_FILE"
"""Environment variable: where a target that hangs writes the number of its process."""


class Miniature:
    """Plain gradient descent, which answers properly and is no Adam."""

    capabilities = Capabilities(dtypes=("float32", "float64"), lr_schedule=True)

    def __init__(self):
        self.name = f"tests.miniatures:{type(self).__name__}"

    def start(self, parameters, hyperparameters):
        self.parameters, self.lr, self.made = [p.copy() for p in parameters], hyperparameters[0].lr, 0
        return self

    def step(self, gradients):
        self.made += 1
        return self.answer(gradients)

    def answer(self, gradients):
        self.parameters = [
            p - p.dtype.type(self.lr) * g for p, g in zip(self.parameters, gradients, strict=True) if g is not None
        ]
        return self.parameters

    def set_lr(self, lr):
        self.lr = lr


class GradientDescent(Miniature):
    """Behaves; is no Adam."""


class RightAdam(Miniature):
    """Algorithm 1, so that nothing but its misbehaviour, `meanwhile`, keeps it from conforming."""

    capabilities = Capabilities()

    def start(self, parameters, hyperparameters):
        self.parameters, self.hyper, self.made = [p.copy() for p in parameters], hyperparameters[0], 0
        self.m, self.v = ([np.zeros_like(p) for p in parameters] for _ in range(2))
        return self

    def answer(self, gradients):
        self.meanwhile(gradients)
        h, t = self.hyper, self.made
        self.m = [h.beta1 * m + (1 - h.beta1) * g for m, g in zip(self.m, gradients, strict=True)]
        self.v = [h.beta2 * v + (1 - h.beta2) * g * g for v, g in zip(self.v, gradients, strict=True)]
        self.parameters = [
            p - h.lr * (m / (1 - h.beta1**t)) / (np.sqrt(v / (1 - h.beta2**t)) + h.eps)
            for p, m, v in zip(self.parameters, self.m, self.v, strict=True)
        ]
        return self.parameters

    def meanwhile(self, gradients):
        """What it does in each step beside its work."""


instance = GradientDescent()
"""An object, where the others are classes of objects."""
