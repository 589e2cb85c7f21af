"""thinc, which spaCy trains with: Adam as a call with a key, in place on the weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Session:
    """One optimizer at work; clipping is off unless the address asks for it.  The call zeroes the gradient it gets."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters, **arguments: Any) -> None:
        from thinc.api import Adam

        self.parameters = list(parameters)
        named = {"beta1": hyper.beta1, "beta2": hyper.beta2, "eps": hyper.eps, "L2": hyper.weight_decay}
        self.optimizer = Adam(hyper.lr, **{"grad_clip": 0.0, **named, **arguments})

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """One call a parameter."""
        for i, (weights, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
            self.parameters[i], _ = self.optimizer((i, "W"), weights, gradient)
        return self.parameters

    def state(self) -> list[dict[str, Any]]:
        """The moments are flat, and not there before the first step that updates them."""
        held, named = self.optimizer, [((i, "W"), p) for i, p in enumerate(self.parameters)]
        return [
            {
                "m": np.reshape(held.mom1.get(key, np.zeros_like(p)), p.shape),
                "v": np.reshape(held.mom2.get(key, np.zeros_like(p)), p.shape),
                "step": held.nr_update[key],
            }
            for key, p in named
        ]

    def set_lr(self, lr: float) -> None:
        """Rates are schedules."""
        from thinc.api import constant

        self.optimizer.learn_rate = constant(lr)

    def save(self) -> Any:
        """What its slots hold of the state."""
        held = self.optimizer
        return copy.deepcopy((held.mom1, held.mom2, held.nr_update, held.averages)), held.learn_rate

    def load(self, saved: Any) -> None:
        """The reverse of `save`."""
        held = self.optimizer
        held.mom1, held.mom2, held.nr_update, held.averages = copy.deepcopy(saved[0])
        held.learn_rate = saved[1]


def adam(**arguments: Any) -> Adapter:
    """`thinc.api.Adam`."""
    return Adapter(
        "thinc:Adam",
        _Session,
        arguments,
        dtypes=("float32",),
        settable=("lr", "beta1", "beta2", "eps", "weight_decay"),
        weight_decay=("decoupled",) if arguments.get("L2_is_weight_decay", True) else ("coupled",),
        lr_schedule=True,
        state=True,
        counter=True,
        checkpoint=True,
    )


PROJECT = Project(
    "thinc",
    "pip install 'adam-conformance[thinc]'",
    (
        Listed(
            address="thinc:Adam",
            dialect="epsilon-hat-decoupled",
            what="thinc.api.Adam without clipping",
            make=adam,
            dtypes=(),
        ),
        Listed(
            address="thinc:Adam?beta1=0.9",
            dialect="epsilon-hat-decoupled",
            what="the same, beta1 pinned as it must not be 0",
            make=adam,
            dtypes=("float32",),
        ),
        Listed(
            address="thinc:Adam?beta1=0.9&L2_is_weight_decay=False",
            dialect="epsilon-hat",
            what="the same with its decay coupled",
            make=adam,
            dtypes=("float32",),
        ),
    ),
)
