"""The catalogue of faults, the panel of honest forms, and the kill matrix that holds the suite against both.

To add a fault, see `conformance.faults.catalogue`; to add an honest form, `conformance.faults.panel`.
"""

from __future__ import annotations

from importlib import import_module

from conformance.faults.addresses import Faulty, HonestForm
from conformance.faults.catalogue import CATALOGUE, Fault
from conformance.faults.matrix import Cell, Matrix, kill_matrix
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
)
"""Modules that register faults, in the order in which they are listed and run."""

for _module in (*CHAPTERS, "honest", "styles"):
    import_module(f"conformance.faults.{_module}")

__all__ = ["CATALOGUE", "HONEST", "Cell", "Fault", "Faulty", "Honest", "HonestForm", "Matrix", "kill_matrix"]
