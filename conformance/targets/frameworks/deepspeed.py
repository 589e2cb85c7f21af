"""DeepSpeed's CPUAdam, a vectorized kernel in C++ that it compiles when it is first used.

Its documentation says that `amsgrad`, which its signature has, is not supported; it is not claimed here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from conformance.targets.registry import Listed, Project

if TYPE_CHECKING:
    from conformance.targets.torch_optim import TorchOptimizer


def cpu_adam(**arguments: Any) -> TorchOptimizer:
    """`deepspeed.ops.adam.DeepSpeedCPUAdam`, whose decay is decoupled unless the address says `adamw_mode=False`."""
    from deepspeed.ops.adam import DeepSpeedCPUAdam

    from conformance.targets.torch_optim import TorchOptimizer

    kind = "decoupled" if arguments.get("adamw_mode", True) else "coupled"
    made = TorchOptimizer(DeepSpeedCPUAdam, arguments, kinds=(kind,))
    offered = tuple(name for name in made.capabilities.settable if name != "amsgrad")
    made.capabilities = replace(made.capabilities, settable=offered)
    return made


PROJECT = Project(
    "deepspeed",
    "pip install 'adam-conformance[deepspeed]'",
    (
        Listed(
            address="deepspeed.ops.adam:DeepSpeedCPUAdam",
            dialect="adamw",
            what="DeepSpeedCPUAdam, its decay decoupled",
            make=cpu_adam,
            dtypes=("float32", "bfloat16"),
            needs=("deepspeed", "torch"),
        ),
        Listed(
            address="deepspeed.ops.adam:DeepSpeedCPUAdam?adamw_mode=False",
            dialect="adam",
            what="the same with its decay coupled",
            make=cpu_adam,
            dtypes=("float32",),
            needs=("deepspeed", "torch"),
        ),
    ),
)
