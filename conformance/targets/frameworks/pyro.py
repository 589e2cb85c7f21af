"""Pyro's ClippedAdam; clipping is an addition of its own, off where `clip_norm` is infinite (`1e999` in an address)."""

from __future__ import annotations

from conformance.targets.registry import Listed, Project

PROJECT = Project(
    "pyro",
    "pip install 'adam-conformance[pyro]'",
    (
        Listed(
            address="pyro.optim.clipped_adam:ClippedAdam",
            dialect="epsilon-hat",
            what="Pyro's ClippedAdam as it comes, gradients clipped at 10",
            dtypes=(),
        ),
        Listed(
            address="pyro.optim.clipped_adam:ClippedAdam?clip_norm=1e999",
            dialect="epsilon-hat",
            what="Pyro's ClippedAdam without clipping",
        ),
    ),
)
