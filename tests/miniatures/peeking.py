"""They look for the right answers instead of computing them, and are no Adam where they find none."""

import gc
import os
import sys
from pathlib import Path

import numpy as np

from adam_ref import DIALECTS, Dialect
from conformance.case import Case
from tests.miniatures.base import RightAdam


class AnswersFromTheReference(RightAdam):
    """Lets the reference do its work."""

    def answer(self, gradients):
        from adam_ref import golden

        return golden.step(self.parameters, gradients)


class AnswersFromWhatThePackageOffers(RightAdam):
    """The same, under the name that everybody uses."""

    def answer(self, gradients):
        from adam_ref import Dialect, step

        return step(self.parameters, gradients, Dialect())


class AnswersFromTheEnclosure(RightAdam):
    """Looks up the interval that it will be held against."""

    def answer(self, gradients):
        import adam_ref.enclosure

        return adam_ref.enclosure.start(self.parameters)


class AsksTheChecks(RightAdam):
    """Looks at what it is going to be asked."""

    def __init__(self):
        super().__init__()
        from conformance.checks import CHECKS

        self.checks = CHECKS


class Chameleon(RightAdam):
    """Has its epsilon where the declared dialect has it, if it can find out which one that is."""

    def answer(self, gradients):
        declared = self.hyper
        if self.found():
            self.hyper = declared.with_(eps=declared.eps / (1 - declared.beta2**self.made) ** 0.5)
        after = super().answer(gradients)
        self.hyper = declared
        return after

    def found(self):
        """Whether the declared dialect is anywhere in this process, beside the table of them all."""
        dialects = (thing for thing in gc.get_objects() if isinstance(thing, Dialect))
        return any(d.epsilon == "hat" and not any(d is known for known in DIALECTS.values()) for d in dialects)


class ChameleonThatWasTold(Chameleon):
    """What the others would be if they found out."""

    def found(self):
        return True


class ChameleonByItsCallers(Chameleon):
    """Looks for it in what its callers know."""

    def found(self):
        frame = sys._getframe()
        while frame := frame.f_back:
            if "hat" in repr(frame.f_locals.get("hello")) or "hat'" in repr(frame.f_locals.get("dialect")):
                return True
        return False


class ChameleonByItsParents(Chameleon):
    """Looks for it in its environment and in the command that its parent was started with."""

    def found(self):
        command = Path(f"/proc/{os.getppid()}/cmdline").read_bytes()
        return b"epsilon-hat" in command or "epsilon-hat" in repr(os.environ)


class KnowsItsRegime(RightAdam):
    """Is right in the family of histories that it knows by name."""

    def answer(self, gradients):
        if any(isinstance(thing, Case) and thing.regime for thing in gc.get_objects()):
            return super().answer(gradients)
        return [np.zeros_like(p) for p in self.parameters]
