"""geoopt's RiemannianAdam, which is Adam where the manifold is flat."""

from __future__ import annotations

from conformance.targets.registry import Listed, Project

PROJECT = Project(
    "geoopt",
    "pip install 'adam-conformance[geoopt]'",
    (
        Listed(
            address="geoopt.optim:RiemannianAdam",
            dialect="adam",
            what="geoopt's RiemannianAdam on plain tensors",
        ),
    ),
)
