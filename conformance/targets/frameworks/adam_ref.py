"""The torch Adam that we ship."""

from __future__ import annotations

from conformance.targets.registry import Listed, Project

_DTYPES = ("float32", "float64", "bfloat16", "float16")

PROJECT = Project(
    "adam_ref",
    "pip install 'adam-conformance[torch]'",
    (
        Listed(
            address="adam_ref.torch:Adam?optimized_update=False",
            dialect="adam",
            what="the shipped torch Adam, Algorithm 1",
            dtypes=_DTYPES,
            needs=("torch",),
        ),
        Listed(
            address="adam_ref.torch:Adam",
            dialect="epsilon-hat",
            what="the shipped torch Adam, optimized update",
            dtypes=_DTYPES,
            needs=("torch",),
        ),
        Listed(
            address="adam_ref.torch:Adam?optimized_update=False&fused=True",
            dialect="adam",
            what="the shipped torch Adam on torch's fused kernel",
            dtypes=_DTYPES,
            needs=("torch",),
        ),
    ),
)
