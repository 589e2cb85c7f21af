"""Sonnet 2, on TensorFlow."""

from __future__ import annotations

from typing import Any

from conformance.targets.registry import Listed, Project
from conformance.targets.tensorflow_variables import TensorFlowAdapter

_DTYPES = ("float32", "float64", "bfloat16")


class _Adam(TensorFlowAdapter):
    names = {"lr": "learning_rate", "beta1": "beta1", "beta2": "beta2", "eps": "epsilon"}
    claims = {**TensorFlowAdapter.claims, "dtypes": _DTYPES}

    def make(self, parameters: list[Any], **named: Any) -> Any:
        import sonnet

        return sonnet.optimizers.Adam(**named)

    def step(self, optimizer: Any, parameters: list[Any], gradients: list[Any]) -> None:
        optimizer.apply(gradients, parameters)

    def state(self, optimizer: Any, parameters: list[Any]) -> dict[str, list[Any]]:
        return {"m": optimizer.m, "v": optimizer.v}

    def counter(self, optimizer: Any, parameters: list[Any]) -> Any:
        return int(optimizer.step.numpy())

    def set_lr(self, optimizer: Any, lr: float) -> None:
        optimizer.learning_rate = lr


PROJECT = Project(
    "sonnet",
    "pip install 'adam-conformance[sonnet]'",
    (
        Listed(
            address="sonnet:Adam",
            dialect="adam",
            what="sonnet.optimizers.Adam",
            make=_Adam,
            dtypes=_DTYPES,
            needs=("sonnet", "tensorflow"),
        ),
    ),
)
