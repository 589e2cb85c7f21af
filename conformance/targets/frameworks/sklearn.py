"""scikit-learn's private AdamOptimizer, which its neural networks train with."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Session:
    """One AdamOptimizer at work on a list of arrays, in place."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

        self.parameters = list(parameters)
        self.optimizer = AdamOptimizer(
            self.parameters,
            learning_rate_init=hyper.lr,
            beta_1=hyper.beta1,
            beta_2=hyper.beta2,
            epsilon=hyper.eps,
        )

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """`update_params` adds to the arrays."""
        self.optimizer.update_params(self.parameters, list(gradients))
        return self.parameters

    def state(self) -> list[dict[str, Any]]:
        """`ms`, `vs` and the one `t`."""
        held = self.optimizer
        return [{"m": m, "v": v, "step": held.t} for m, v in zip(held.ms, held.vs, strict=True)]

    def set_lr(self, lr: float) -> None:
        """Every step is made from the initial rate."""
        self.optimizer.learning_rate_init = lr

    def save(self) -> Any:
        """Its attributes, as pickling keeps them."""
        return copy.deepcopy(vars(self.optimizer))

    def load(self, saved: Any) -> None:
        """The reverse of `save`."""
        vars(self.optimizer).update(copy.deepcopy(saved))


def adam(**arguments: Any) -> Adapter:
    """`sklearn.neural_network._stochastic_optimizers.AdamOptimizer`."""
    return Adapter(
        "sklearn:AdamOptimizer", _Session, arguments, lr_schedule=True, state=True, counter=True, checkpoint=True
    )


PROJECT = Project(
    "sklearn",
    "pip install 'adam-conformance[sklearn]'",
    (
        Listed(
            address="sklearn:AdamOptimizer",
            dialect="epsilon-hat",
            what="scikit-learn's private AdamOptimizer, of its neural networks",
            make=adam,
        ),
    ),
)
