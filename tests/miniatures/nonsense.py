"""They answer nonsense."""

from types import MappingProxyType

import numpy as np

from conformance.capabilities import Capabilities
from tests.miniatures.base import Miniature, RightAdam


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


class ReturnsBigEndian(RightAdam):
    """The right numbers in another machine's order of bytes."""

    def answer(self, gradients):
        return [p.astype(p.dtype.newbyteorder()) for p in super().answer(gradients)]


class ReturnsRecords(RightAdam):
    """The right numbers in a dtype with a name for them."""

    def answer(self, gradients):
        return [p.view([("value", p.dtype)]) for p in super().answer(gradients)]


class ReturnsComplex(RightAdam):
    """The right numbers with an imaginary part."""

    def answer(self, gradients):
        return [p.astype(np.complex64) for p in super().answer(gradients)]


class ReturnsLongDoubles(RightAdam):
    """More digits than were asked for."""

    def answer(self, gradients):
        return [p.astype(np.longdouble) for p in super().answer(gradients)]


class ReturnsTooMany(RightAdam):
    """A parameter more than there are."""

    def answer(self, gradients):
        return [*super().answer(gradients), np.zeros(3)]


class ReturnsAHugeArray(RightAdam):
    """As many elements as no memory holds, and hardly a byte."""

    def answer(self, gradients):
        return [np.broadcast_to(p.reshape(-1)[:1], 1 << 40) for p in super().answer(gradients)]


class ReturnsAnIterator(RightAdam):
    """Something that can be looked through once."""

    def answer(self, gradients):
        return iter(super().answer(gradients))


class ReturnsADict(RightAdam):
    """Parameters by name."""

    def answer(self, gradients):
        return dict(enumerate(super().answer(gradients)))


class RaggedLists(RightAdam):
    """Lists of lists of unequal lengths."""

    def answer(self, gradients):
        return [[[1.0], [1.0, 2.0]] for _ in gradients]


class RaisesWhenRead(RightAdam):
    """Returns what refuses to become an array."""

    def answer(self, gradients):
        return [self for _ in gradients]

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("not for you")


class Flattering(np.ndarray):
    """An array that is equal to everything, and shows other bytes than it has."""

    def __eq__(self, other):
        return np.ones(self.shape, bool)

    def __ne__(self, other):
        return np.zeros(self.shape, bool)

    def __array__(self, dtype=None, copy=None):
        return np.zeros(self.shape, self.dtype)

    def __array_function__(self, func, types, args, kwargs):
        return True

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return True

    def tobytes(self, order="C"):
        return b""

    def copy(self, order="C"):
        return self


class ReturnsFlatteringArrays(Miniature):
    """Wrong numbers in arrays that say of themselves that they are right."""

    def answer(self, gradients):
        return [p.view(Flattering) for p in super().answer(gradients)]


class ShowsAnotherState(RightAdam):
    """Moments of other shapes."""

    capabilities = Capabilities(state=True)

    def state(self):
        return [{"m": np.zeros(1, np.float32), "v": np.zeros(1, np.float32)} for _ in self.parameters]


class ShowsObjectsForState(RightAdam):
    """Moments that are no numbers."""

    capabilities = Capabilities(state=True)

    def state(self):
        return [{"m": p.astype(object), "v": p.astype(object)} for p in self.parameters]


class ShowsAWordForTheCounter(RightAdam):
    """A counter that counts nothing."""

    capabilities = Capabilities(state=True, counter=True)

    def state(self):
        return [{"m": m, "v": v, "step": "third"} for m, v in zip(self.m, self.v, strict=True)]


class ClaimsMore(RightAdam):
    """Claims a dtype that does not exist."""

    capabilities = MappingProxyType({"dtypes": ["float7"]})
