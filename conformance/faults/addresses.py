"""Faults and honest forms by address: `conformance.faults:Faulty?fault=ID`, `conformance.faults:HonestForm?form=ID`."""

from __future__ import annotations

from collections.abc import Sequence

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.faults.catalogue import CATALOGUE
from conformance.faults.panel import HONEST
from conformance.protocol import Session, TargetError


class Faulty:
    """A fault of the catalogue as a target; raises `TargetError` where there is none of that name."""

    def __init__(self, fault: str) -> None:
        if fault not in CATALOGUE:
            raise TargetError(f"no fault is called {fault!r}; see adam-conformance list faults")
        self.target = CATALOGUE[fault].target()
        self.name, self.capabilities = self.target.name, self.target.capabilities

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        """A session of the defective Adam."""
        return self.target.start(parameters, hyperparameters)


class HonestForm:
    """A form of the panel as a target; raises `TargetError` where there is none of that name."""

    def __init__(self, form: str) -> None:
        if form not in HONEST:
            raise TargetError(f"no honest form is called {form!r}; there are {', '.join(HONEST)}")
        self.target = HONEST[form].target()
        self.name, self.capabilities = self.target.name, self.target.capabilities

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        """A session of the correct Adam."""
        return self.target.start(parameters, hyperparameters)
