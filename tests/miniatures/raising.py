"""They raise."""

from tests.miniatures.base import Miniature


class RaisesInStart(Miniature):
    """Refuses its hyperparameters."""

    def start(self, parameters, hyperparameters):
        raise ValueError("I do not like these")


class RaisesAtTheThirdStep(Miniature):
    """Two steps, and then an exception."""

    def answer(self, gradients):
        if self.made == 3:
            raise ZeroDivisionError("the third step is one too many")
        return super().answer(gradients)


class RaisesSomethingUnprintable(Miniature):
    """Says what no terminal can show, at length."""

    def answer(self, gradients):
        raise ValueError("\ud800 \x1b[31m" + "z" * 100_000)


class RaisesSomethingSpeechless(Miniature):
    """Raises an exception that raises when it is asked what it says."""

    def answer(self, gradients):
        raise SpeechlessError


class SpeechlessError(Exception):
    """Has nothing to say."""

    def __str__(self):
        raise ValueError


class InterruptsItself(Miniature):
    """Raises KeyboardInterrupt, which is not the user's."""

    def answer(self, gradients):
        raise KeyboardInterrupt


class RaisesWhenMade:
    """Cannot even be made."""

    def __init__(self):
        raise RuntimeError("no device of mine is here")

    def start(self, parameters, hyperparameters):
        """Never comes to it."""


class RecursesForever(Miniature):
    """Ends in a RecursionError."""

    def answer(self, gradients):
        return self.answer(gradients)
