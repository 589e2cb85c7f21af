"""scikit-learn's private AdamOptimizer, which its neural networks train with, on a list of arrays in place."""

from __future__ import annotations

from typing import Any

from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Adam(Adapter):
    names = {"lr": "learning_rate_init", "beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon"}
    kept = ("ms", "vs", "t", "learning_rate_init")

    def make(self, parameters: list[Any], **named: Any) -> Any:
        from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

        return AdamOptimizer(parameters, **named)

    def step(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> None:
        optimizer.update_params(parameters, gradients)

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        return {"m": optimizer.ms, "v": optimizer.vs}

    def counter(self, optimizer: Any, parameters: list[Any]) -> Any:
        return optimizer.t

    def set_lr(self, optimizer: Any, lr: float) -> None:
        optimizer.learning_rate_init = lr


PROJECT = Project(
    "sklearn",
    "pip install 'adam-conformance[sklearn]'",
    (
        Listed(
            address="sklearn:AdamOptimizer",
            dialect="epsilon-hat",
            what="scikit-learn's private AdamOptimizer, of its neural networks",
            make=_Adam,
        ),
    ),
)
