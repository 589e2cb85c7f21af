"""Faults and honest forms by address: `conformance.faults:Faulty?fault=ID`, `conformance.faults:HonestForm?form=ID`.

`conformance.faults:Faulty?fault=ID&beside=ID` has two faults at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.faults.catalogue import CATALOGUE, CatalogueError
from conformance.faults.pairs import JOINT, pair_named
from conformance.faults.panel import HONEST
from conformance.protocol import Session, TargetError


class Faulty:
    """A fault of the catalogue, or two, as a target; raises `TargetError` where there is none of that name."""

    def __init__(self, fault: str, beside: str = "") -> None:
        for name in filter(None, (fault, beside)):
            if name not in CATALOGUE:
                raise TargetError(f"no fault is called {name!r}; see adam-conformance list faults")
        try:
            self.target = (pair_named(f"{fault}{JOINT}{beside}") if beside else CATALOGUE[fault]).target()
        except CatalogueError as error:
            raise TargetError(str(error)) from error
        self.name, self.capabilities = self.target.name, self.target.capabilities

    def start(self, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        """A session of the defective Adam."""
        return self.target.start(parameters, hyperparameters)

    def start_in(self, manner: str, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        """The same, worked with in that manner, where there are manners."""
        started: Session = self.target.start_in(manner, parameters, hyperparameters)  # type: ignore[attr-defined]
        return started

    def seed(self, number: int) -> None:
        """What its sessions draw follows from this."""
        self.target.seed(number)  # type: ignore[attr-defined]


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

    def start_in(self, manner: str, parameters: Sequence[Array], hyperparameters: Sequence[Hyperparameters]) -> Session:
        """The same, worked with in that manner, where there are manners."""
        started: Session = self.target.start_in(manner, parameters, hyperparameters)  # type: ignore[attr-defined]
        return started

    def seed(self, number: int) -> None:
        """What its sessions draw follows from this."""
        self.target.seed(number)  # type: ignore[attr-defined]
