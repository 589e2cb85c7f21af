"""ONNX Runtime's kernel AdamWOptimizer, of its training build, on sequences of tensors.

The kernel is stateless, so that what it keeps between steps is kept here; its `step` counts from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project

_DOMAIN = "com.microsoft"


@lru_cache(maxsize=64)
def _session(**attributes: float) -> Any:
    """A model of one node."""
    from onnx import TensorProto, helper
    from onnxruntime import InferenceSession

    sequences = ["params", "gradients", "m", "v"]
    ends = ["lr", "step", *sequences], ["done", "new_params", "new_m", "new_v"]
    node = helper.make_node("AdamWOptimizer", *ends, domain=_DOMAIN, **attributes)
    of_tensors = helper.make_tensor_sequence_value_info
    inputs = [
        helper.make_tensor_value_info("lr", TensorProto.FLOAT, [1]),
        helper.make_tensor_value_info("step", TensorProto.INT64, [1]),
        *(of_tensors(name, TensorProto.FLOAT, None) for name in sequences),
    ]
    outputs = [of_tensors(name, TensorProto.FLOAT, None) for name in node.output[1:]]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(_DOMAIN, 1)]
    model = helper.make_model(helper.make_graph([node], "adam", inputs, outputs), opset_imports=opsets, ir_version=9)
    return InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@dataclass
class _Held:
    session: Any
    lr: float
    m: list[Array]
    v: list[Array]
    steps: int = 0


class _Adam(Adapter):
    """`adam_mode` in the address is the kernel's: 0 as torch has it, 1 as Hugging Face had it."""

    names = {"lr": "lr", "beta1": "alpha", "beta2": "beta", "eps": "epsilon", "weight_decay": "weight_decay"}
    claims = {"dtypes": ("float32",), "weight_decay": ("decoupled",)}

    def make(self, parameters: list[Any], **named: Any) -> _Held:
        lr = named.pop("lr")
        m, v = ([np.zeros_like(p) for p in parameters] for _ in range(2))
        return _Held(_session(correct_bias=1, **named), lr, m, v)

    def step(self, optimizer: _Held, parameters: list[Any], gradients: list[Any]) -> list[Any]:
        optimizer.steps += 1
        scalars = {"lr": np.array([optimizer.lr], np.float32), "step": np.array([optimizer.steps])}
        arrays = {"params": parameters, "gradients": gradients, "m": optimizer.m, "v": optimizer.v}
        after, optimizer.m, optimizer.v = optimizer.session.run(None, {**scalars, **arrays})
        return list(after)

    def state(self, optimizer: _Held, parameters: list[Any]) -> dict[str, list[Any]]:
        return {"m": optimizer.m, "v": optimizer.v}

    def set_lr(self, optimizer: _Held, lr: float) -> None:
        optimizer.lr = lr


PROJECT = Project(
    "onnxruntime",
    "pip install 'adam-conformance[onnxruntime]'",
    tuple(
        Listed(
            address=f"onnxruntime:AdamWOptimizer?adam_mode={mode}",
            dialect=dialect,
            what=f"com.microsoft.AdamWOptimizer, {what}",
            make=_Adam,
            dtypes=("float32",),
            needs=("onnxruntime", "onnx"),
        )
        for mode, dialect, what in (
            (0, "adamw", "as torch has it"),
            (1, "epsilon-hat-decoupled", "as Hugging Face had it"),
        )
    ),
)
