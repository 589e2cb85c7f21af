"""They write on the channel that their worker answers on: what no worker says, or what it says at other times."""

import json
import os
import struct
import sys
import time

import numpy as np

from conformance.case import Trajectory
from conformance.isolation import wire
from tests.miniatures.base import FOREVER, RightAdam


def ours():
    """The stream of answers, and what is being answered, as a target finds them that looks at its callers."""
    frame = sys._getframe()
    while frame.f_code.co_name != "serve":
        frame = frame.f_back
    return frame.f_locals["answers"], frame.f_locals["message"]


class Forger(RightAdam):
    """Sends something of its own in its first step."""

    def meanwhile(self, gradients):
        answers, message = ours()
        self.forge(answers, message["number"])

    def forge(self, answers, number):
        wire.send(answers, {**self.answer_of(np.zeros(3, np.float32)), "number": number})

    def answer_of(self, array):
        """An answer in place of the worker's."""
        return {}


def trajectory(*parameters, **others):
    """A trajectory of these steps as a message."""
    return {**wire.trajectory_message(Trajectory(parameters)), **others}


class AnswersTwice(Forger):
    """Gives an answer that could be one, and then the worker gives another."""

    def forge(self, answers, number):
        (case,) = ours()[1]["run"]
        steps = [case["parameters"]] * len(case["gradients"])
        wire.send(answers, {"trajectories": [trajectory(*steps)], "number": number})


class AnswersAhead(Forger):
    """Answers what it has not been asked yet."""

    def forge(self, answers, number):
        wire.send(answers, {"trajectories": [], "number": number + 1})


class BreaksOff(Forger):
    """Begins an answer and dies."""

    def forge(self, answers, number):
        answers.write(struct.pack("<QQ", 1000, 0) + b"{")
        answers.flush()
        os._exit(0)


class BreaksOffAndHangs(Forger):
    """Begins an answer and never ends it."""

    def forge(self, answers, number):
        answers.write(struct.pack("<QQ", 1000, 0) + b"{")
        answers.flush()
        time.sleep(FOREVER)


class PromisesTooMuch(Forger):
    """Announces an answer of almost 2 GiB."""

    def forge(self, answers, number):
        answers.write(struct.pack("<QQ", 100, wire.LARGEST - 200))
        answers.flush()
        time.sleep(FOREVER)


class UsesBytesAgain(Forger):
    """Sends a few bytes, and a thousand arrays that are all made of them."""

    def forge(self, answers, number):
        array = {"__array__": ["float64", [125_000], 0]}
        text = json.dumps({"number": number, "x": [array] * 1000}).encode()
        answers.write(struct.pack("<QQ", len(text), 1_000_000) + text + bytes(1_000_000))
        answers.flush()


class SaysNothing(Forger):
    """An answer without an answer in it."""


class SaysAList(Forger):
    """An answer that is no object."""

    def forge(self, answers, number):
        wire.send(answers, [number])


class SaysAnErrorThatIsNone(Forger):
    """Its error is no words."""

    def answer_of(self, array):
        return {"error": {"but": [1, 2]}}


class LeavesStepsOut(Forger):
    """A trajectory of no steps, in which nothing can be wrong."""

    def answer_of(self, array):
        return {"trajectories": [trajectory()]}


class LeavesCasesOut(Forger):
    """No trajectory at all."""

    def answer_of(self, array):
        return {"trajectories": []}


class SaysWordsForNumbers(Forger):
    """Parameters that are text."""

    def forge(self, answers, number):
        (case,) = ours()[1]["run"]
        steps = [["right"]] * len(case["gradients"])
        wire.send(answers, {"trajectories": [trajectory(*steps)], "number": number})


class SaysStepsThatAreNone(Forger):
    """Gradients that changed at steps that were not made."""

    def forge(self, answers, number):
        (case,) = ours()[1]["run"]
        steps = [case["parameters"]] * len(case["gradients"])
        wire.send(answers, {"trajectories": [trajectory(*steps, changed_gradients=[[-1, 7]])], "number": number})


class SaysAnotherShape(Forger):
    """The right number of parameters, of another size."""

    def forge(self, answers, number):
        (case,) = ours()[1]["run"]
        steps = [[np.zeros(1, p.dtype) for p in case["parameters"]]] * len(case["gradients"])
        wire.send(answers, {"trajectories": [trajectory(*steps)], "number": number})


class ClaimsOnTheChannel(RightAdam):
    """Introduces itself before the worker can."""

    def __init__(self):
        super().__init__()
        answers, message = ours()
        wire.send(answers, {"capabilities": ["everything"], "version": "1", "number": message["number"]})


class HasALongName(RightAdam):
    """Its version repaints the terminal, at length."""

    def __init__(self):
        super().__init__()
        answers, message = ours()
        claims = self.capabilities.to_json()
        wire.send(answers, {"capabilities": claims, "version": "\x1b[31m" + "9" * 100_000, "number": message["number"]})
