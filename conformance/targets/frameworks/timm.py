"""timm's own AdamW, a copy of torch's of long ago; its optimizers of other names are other algorithms."""

from __future__ import annotations

from conformance.targets.registry import Listed, Project

PROJECT = Project(
    "timm",
    "pip install 'adam-conformance[timm]'",
    tuple(
        Listed(
            address=f"timm.optim:AdamWLegacy?foreach={foreach}",
            dialect="adamw",
            what=f"timm's AdamWLegacy, {what}",
            needs=("timm", "torch"),
        )
        for foreach, what in ((False, "its for-loop"), (True, "its foreach implementation"))
    ),
)
