"""Tolerances that are derived: intervals that contain every admissible evaluation of Adam, and nothing else."""

from adam_ref.enclosure.accuracy import ACCURACY_CLASSES, CLASS_A, CLASS_B, AccuracyClass
from adam_ref.enclosure.interval import Interval
from adam_ref.enclosure.numerics import Numerics
from adam_ref.enclosure.recursion import Enclosure, advance, start
from adam_ref.enclosure.stochastic import anchored, stored

__all__ = [
    "ACCURACY_CLASSES",
    "CLASS_A",
    "CLASS_B",
    "AccuracyClass",
    "Enclosure",
    "Interval",
    "Numerics",
    "advance",
    "anchored",
    "start",
    "stored",
]
