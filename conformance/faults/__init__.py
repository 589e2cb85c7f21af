"""The catalogue of faults, the panel of honest forms, and the kill matrix that holds the suite against both.

To add a fault, see `conformance.faults.catalogue`; to add an honest form, `conformance.faults.panel`.
"""

from __future__ import annotations

from importlib import import_module

from conformance.faults.addresses import Faulty, HonestForm
from conformance.faults.catalogue import CATALOGUE, Fault
from conformance.faults.matrix import Cell, Matrix, Subject, kill_matrix
from conformance.faults.pairs import JOINT, pair_named, random_pairs
from conformance.faults.panel import HONEST, Honest

CHAPTERS = (
    "epsilon",
    "bias_correction",
    "counter",
    "scalars",
    "moments",
    "step",
    "weight_decay",
    "amsgrad",
    "gradients",
    "groups",
    "checkpoint",
    "sessions",
    "sharding",
    "torch_habits",
    "validation",
    "stochastic",
    "torch_graphs",
)
"""Modules that register faults, in the order in which they are listed and run."""

for _module in (*CHAPTERS, "honest", "styles"):
    import_module(f"conformance.faults.{_module}")


def subject_named(name: str) -> Subject:
    """The fault, honest form or pair of faults of that name; raises KeyError where there is none."""
    return pair_named(name) if JOINT in name else CATALOGUE[name] if name in CATALOGUE else HONEST[name]


__all__ = [
    "CATALOGUE",
    "HONEST",
    "Cell",
    "Fault",
    "Faulty",
    "Honest",
    "HonestForm",
    "Matrix",
    "kill_matrix",
    "random_pairs",
    "subject_named",
]
