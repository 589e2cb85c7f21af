"""torchao's Adam and AdamW in full precision, the classes under its low-bit ones; each step is compiled."""

from __future__ import annotations

from conformance.targets.registry import Listed, Project

PROJECT = Project(
    "torchao",
    "pip install 'adam-conformance[torchao]'",
    (
        Listed(
            address="torchao.optim:_AdamW",
            dialect="adamw",
            what="torchao's _AdamW, full precision",
            dtypes=("float32",),
        ),
    ),
)
