"""TensorFlow's kernel ResourceApplyAdam, with all that its caller keeps for it: moments, and the powers of the betas.

The scalars are in the variables' dtype, as the kernel takes them; their powers are made in double precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.targets.registry import Listed, Project
from conformance.targets.tensorflow_variables import TensorFlowAdapter

_DTYPES = ("float32", "float64", "bfloat16", "float16")


@dataclass
class _Held:
    scalars: dict[str, float]
    moments: list[tuple[Any, Any]]
    steps: int = 0


class _Adam(TensorFlowAdapter):
    names = {"lr": "lr", "beta1": "beta1", "beta2": "beta2", "eps": "epsilon"}
    claims = {**TensorFlowAdapter.claims, "dtypes": _DTYPES}

    def make(self, parameters: list[Any], **named: Any) -> _Held:
        zeros = [np.zeros_like(p.numpy()) for p in parameters]
        return _Held(named, [(self.to_parameter(zero), self.to_parameter(zero)) for zero in zeros])

    def step(self, optimizer: _Held, parameters: list[Any], gradients: list[Any]) -> None:
        import tensorflow as tf

        optimizer.steps += 1
        powers = {f"{beta}_power": optimizer.scalars[beta] ** optimizer.steps for beta in ("beta1", "beta2")}
        for variable, (m, v), gradient in zip(parameters, optimizer.moments, gradients, strict=True):
            cast = {k: tf.constant(value, variable.dtype) for k, value in {**powers, **optimizer.scalars}.items()}
            tf.raw_ops.ResourceApplyAdam(var=variable.handle, m=m.handle, v=v.handle, grad=gradient, **cast)

    def state(self, optimizer: _Held, parameters: list[Any]) -> dict[str, list[Any]]:
        return {"m": [m for m, _ in optimizer.moments], "v": [v for _, v in optimizer.moments]}

    def set_lr(self, optimizer: _Held, lr: float) -> None:
        optimizer.scalars["lr"] = lr


PROJECT = Project(
    "tensorflow",
    "pip install 'adam-conformance[tensorflow]'",
    (
        Listed(
            address="tensorflow:raw_ops.ResourceApplyAdam",
            dialect="epsilon-hat",
            what="TensorFlow's kernel, powers of the betas given in the variable's dtype",
            make=_Adam,
            dtypes=_DTYPES,
        ),
    ),
)
