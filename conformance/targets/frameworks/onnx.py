"""The operator ai.onnx.preview.training.Adam, as ONNX's reference evaluator runs it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.targets.adapter import Adapter
from conformance.targets.registry import Listed, Project

_DOMAIN = "ai.onnx.preview.training"


@lru_cache(maxsize=64)
def _evaluator(hyper: Hyperparameters) -> Any:
    """A model of one node, whose attributes are what the hyperparameters but the rate are."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    attributes = {"alpha": hyper.beta1, "beta": hyper.beta2, "epsilon": hyper.eps}
    node = helper.make_node(
        "Adam",
        ["R", "T", "X", "G", "V", "H"],
        ["X_new", "V_new", "H_new"],
        domain=_DOMAIN,
        norm_coefficient=hyper.weight_decay,
        **attributes,
    )
    inputs = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in node.input]
    outputs = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in node.output]
    graph = helper.make_graph([node], "adam", inputs, outputs)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(_DOMAIN, 1)]
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets))


class _Session:
    """The state is the caller's; `T` counts from 1, for with T = 0 the operator corrects no bias."""

    def __init__(self, parameters: Sequence[Array], hyper: Hyperparameters) -> None:
        self.hyper, self.steps = hyper, 0
        self.parameters = list(parameters)
        self.held = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]

    def step(self, gradients: Sequence[Array | None]) -> list[Array]:
        """One evaluation a parameter."""
        self.steps += 1
        evaluator = _evaluator(self.hyper.with_(lr=0.0))
        for i, (x, g, (v, h)) in enumerate(zip(self.parameters, gradients, self.held, strict=True)):
            rate, count = np.array(self.hyper.lr, x.dtype), np.array(self.steps)
            new, v_new, h_new = evaluator.run(None, {"R": rate, "T": count, "X": x, "G": g, "V": v, "H": h})
            self.parameters[i], self.held[i] = new, (v_new, h_new)
        return self.parameters

    def state(self) -> list[dict[str, Any]]:
        """The operator calls the moments V and H."""
        return [{"m": v, "v": h} for v, h in self.held]

    def set_lr(self, lr: float) -> None:
        """`R` of the steps that follow."""
        self.hyper = self.hyper.with_(lr=lr)


def adam(**arguments: Any) -> Adapter:
    """The operator in its form for one tensor."""
    return Adapter(
        "onnx:Adam",
        _Session,
        arguments,
        settable=("lr", "beta1", "beta2", "eps", "weight_decay"),
        weight_decay=("coupled",),
        lr_schedule=True,
        state=True,
    )


PROJECT = Project(
    "onnx",
    "pip install 'adam-conformance[onnx]'",
    (Listed(address="onnx:Adam", dialect="epsilon-hat", what="ai.onnx.preview.training.Adam, reference", make=adam),),
)
