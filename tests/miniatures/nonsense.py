"""They answer nonsense."""

import numpy as np

from conformance.capabilities import Capabilities
from tests.miniatures.base import Miniature


class ReturnsNothing(Miniature):
    """Steps in place and returns None."""

    def answer(self, gradients):
        super().answer(gradients)


class ReturnsTooFew(Miniature):
    """Leaves the last parameter out."""

    def answer(self, gradients):
        return super().answer(gradients)[:-1]


class ReturnsAnotherShape(Miniature):
    """Flattens what it returns, with an element more."""

    def answer(self, gradients):
        return [np.append(p, p.dtype.type(0)) for p in super().answer(gradients)]


class ReturnsAnotherDtype(Miniature):
    """Returns float64 whatever it was given."""

    def answer(self, gradients):
        return [p.astype(np.float64) for p in super().answer(gradients)]


class ReturnsText(Miniature):
    """Returns words for numbers."""

    def answer(self, gradients):
        return ["well done" for _ in gradients]


class ReturnsObjects(Miniature):
    """Returns arrays of Python objects."""

    def answer(self, gradients):
        return [p.astype(object) for p in super().answer(gradients)]


class ReturnsInputs(Miniature):
    """Returns the parameters as they were given: it does nothing at all."""

    def answer(self, gradients):
        return self.parameters


class ReturnsNaN(Miniature):
    """Returns NaN throughout."""

    def answer(self, gradients):
        return [np.full_like(p, np.nan) for p in self.parameters]


class ReturnsTheGradients(Miniature):
    """Hands the gradients back, the very arrays."""

    def answer(self, gradients):
        return list(gradients)


class ChangesGradients(Miniature):
    """Overwrites the gradients that it was given."""

    def answer(self, gradients):
        for g in gradients:
            g.fill(0)
        return super().answer(gradients)


class ShowsNoState(Miniature):
    """Claims to show its state and has no such method."""

    capabilities = Capabilities(state=True)


class ShowsNonsenseForState(Miniature):
    """Shows a state that is none."""

    capabilities = Capabilities(state=True)

    def state(self):
        return "fine, thank you"


class ClaimsNonsense:
    """Has capabilities that are none."""

    name = "tests.miniatures:ClaimsNonsense"
    capabilities = "everything"

    def start(self, parameters, hyperparameters):
        """Never comes to it."""
