"""The operator ai.onnx.preview.training.Adam, in its form for one tensor, as ONNX's reference evaluator runs it.

The operator is stateless, so that what it keeps between steps is kept here; `T` counts from 1, for with T = 0 it
corrects no bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project

_DOMAIN = "ai.onnx.preview.training"


@lru_cache(maxsize=64)
def _evaluator(**attributes: float) -> Any:
    """A model of one node."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    ends = ["R", "T", "X", "G", "V", "H"], ["X_new", "V_new", "H_new"]
    node = helper.make_node("Adam", *ends, domain=_DOMAIN, **attributes)
    inputs, outputs = ([helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in names] for names in ends)
    graph = helper.make_graph([node], "adam", inputs, outputs)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(_DOMAIN, 1)]
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets))


@dataclass
class _Held:
    evaluator: Any
    lr: float
    moments: list[list[Array]]
    steps: int = 0


class _Adam(Adapter):
    names = {"lr": "lr", "beta1": "alpha", "beta2": "beta", "eps": "epsilon", "weight_decay": "norm_coefficient"}
    claims = {"weight_decay": ("coupled",)}

    def make(self, parameters: list[Any], **named: Any) -> _Held:
        lr = named.pop("lr")
        return _Held(_evaluator(**named), lr, [[np.zeros_like(p), np.zeros_like(p)] for p in parameters])

    def step(self, optimizer: _Held, parameters: list[Any], gradients: list[Any]) -> list[Any]:
        optimizer.steps += 1
        after = []
        for i, (x, g) in enumerate(zip(parameters, gradients, strict=True)):
            scalars = {"R": np.array(optimizer.lr, x.dtype), "T": np.array(optimizer.steps)}
            arrays = {"X": x, "G": g, **dict(zip("VH", optimizer.moments[i], strict=True))}
            new, *optimizer.moments[i] = optimizer.evaluator.run(None, {**scalars, **arrays})
            after.append(new)
        return after

    def state(self, optimizer: _Held, parameters: list[Any]) -> dict[str, list[Any]]:
        return {"m": [v for v, _ in optimizer.moments], "v": [h for _, h in optimizer.moments]}

    def set_lr(self, optimizer: _Held, lr: float) -> None:
        optimizer.lr = lr


PROJECT = Project(
    "onnx",
    "pip install 'adam-conformance[onnx]'",
    (Listed(address="onnx:Adam", dialect="epsilon-hat", what="ai.onnx.preview.training.Adam, reference", make=_Adam),),
)
