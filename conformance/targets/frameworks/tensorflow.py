"""TensorFlow's kernel ResourceApplyAdam, with the powers of the betas that its caller keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project


class _Session:
    """Variables, and scalars in the variables' dtype, of which the powers are made in double precision."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        import tensorflow as tf

        self.hyper, self.steps = hyper, 0
        self.variables = [tf.Variable(p) for p in parameters]
        self.held = [(tf.Variable(np.zeros_like(p)), tf.Variable(np.zeros_like(p))) for p in parameters]

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """One call of the kernel a variable."""
        import tensorflow as tf

        self.steps += 1
        hyper = self.hyper
        scalars = {
            "beta1_power": hyper.beta1**self.steps,
            "beta2_power": hyper.beta2**self.steps,
            "lr": hyper.lr,
            "beta1": hyper.beta1,
            "beta2": hyper.beta2,
            "epsilon": hyper.eps,
        }
        for variable, (m, v), gradient in zip(self.variables, self.held, gradients, strict=True):
            cast = {name: tf.constant(value, variable.dtype) for name, value in scalars.items()}
            tf.raw_ops.ResourceApplyAdam(var=variable.handle, m=m.handle, v=v.handle, grad=gradient, **cast)
        return [v.numpy() for v in self.variables]

    def state(self) -> list[dict[str, Any]]:
        """The moments are the caller's variables."""
        return [{"m": m.numpy(), "v": v.numpy()} for m, v in self.held]

    def set_lr(self, lr: float) -> None:
        """The rate of the calls that follow."""
        self.hyper = self.hyper.with_(lr=lr)


def resource_apply_adam(**arguments: Any) -> Adapter:
    """`tf.raw_ops.ResourceApplyAdam`."""
    return Adapter(
        "tensorflow:raw_ops.ResourceApplyAdam",
        _Session,
        arguments,
        dtypes=("float32", "float64", "bfloat16", "float16"),
        lr_schedule=True,
        state=True,
        flush_to_zero=True,
    )


PROJECT = Project(
    "tensorflow",
    "pip install 'adam-conformance[tensorflow]'",
    (
        Listed(
            address="tensorflow:raw_ops.ResourceApplyAdam",
            dialect="epsilon-hat",
            what="TensorFlow's kernel, powers of the betas given in the variable's dtype",
            make=resource_apply_adam,
            dtypes=("float32", "float64", "bfloat16", "float16"),
        ),
    ),
)
