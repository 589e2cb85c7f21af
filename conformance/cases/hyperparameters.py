"""Which hyperparameters cases use: a pinned list that every run covers, and a strategy that goes beyond it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from adam_ref import Hyperparameters
from conformance.capabilities import Capabilities
from conformance.cases.regimes import Regime

PINNED: tuple[tuple[str, Hyperparameters], ...] = (
    ("the paper's defaults", Hyperparameters()),
    (
        "a large lr, a small beta2, and digits that no rounding or printing keeps",
        Hyperparameters(lr=0.123456789, beta1=0.8123456789, beta2=0.9012345678, eps=1.23456789e-7),
    ),
    ("beta1 = 0: no first moment", Hyperparameters(lr=0.03, beta1=0.0, beta2=0.99)),
    ("beta1^2 = beta2: where the step bound grows with t", Hyperparameters(lr=0.01, beta1=0.9, beta2=0.81)),
    ("a large eps", Hyperparameters(lr=0.02, beta1=0.9, beta2=0.98, eps=1e-2)),
)

EXACT: tuple[tuple[str, Hyperparameters], ...] = (
    ("powers of two throughout", Hyperparameters(lr=2.0**-7, beta1=0.5, beta2=0.5, eps=2.0**-12)),
    ("no memory: no scalar but lr and eps is left", Hyperparameters(lr=2.0**-3, beta1=0.0, beta2=0.0, eps=2.0**-4)),
    ("powers of two, eps = 0", Hyperparameters(lr=2.0**-5, beta1=0.75, beta2=0.5, eps=0.0)),
    ("powers of two, beta1 = 0", Hyperparameters(lr=2.0**-3, beta1=0.0, beta2=0.75, eps=2.0**-4)),
)

DECAYS = ((0.0987654321, 0.1, 0.5), (0.95, 0.6, 0.65), (1e-3, 0.1, 0.5))
"""Coefficients, and the range that lr is brought into with them, in turn from one set to the next.

The first moves the parameter by 1e-2 a step at lr = 0.1; the second leaves two fifths of it, and less than a tenth
where a schedule makes lr half as large again.  1 - lr*lambda stays positive, as the enclosure has it.
"""

COMBINED: tuple[dict[str, bool], ...] = (
    {},
    {"weight_decay": True},
    {"maximize": True},
    {"weight_decay": True, "maximize": True},
)
"""Features that a regime with the feature "combined" has beside its own, in turn from one set to the next."""


def pinned(regime: Regime, capabilities: Capabilities) -> list[Hyperparameters]:
    """The hyperparameters that every run of `regime` covers."""
    base = regime.features.get("sets") or (EXACT if regime.features.get("exact") else PINNED)
    if regime.features.get("combined"):
        base = (*base[:2], EXACT[0], *base[2:])
    fitted = [fit(hyper, regime, capabilities, i) for i, (_, hyper) in enumerate(base)]
    return list(dict.fromkeys(fitted))


def drawn(regime: Regime, capabilities: Capabilities, dtype: str) -> st.SearchStrategy[Hyperparameters]:
    """Hyperparameters beyond the pinned ones: what Hypothesis draws is a number that they are made from.

    The number that it begins with makes others in each regime and dtype, so that no two runs are spent on one set.
    """
    own = zlib.crc32(f"{regime.name} {dtype}".encode())
    return st.integers(0, 2**32 - 1).map(lambda n: _made(np.random.default_rng([own, n]), regime, capabilities))


def _made(generator: np.random.Generator, regime: Regime, capabilities: Capabilities) -> Hyperparameters:
    """Of any magnitude that is in use, with digits that no rounding or printing keeps; beta1 = 0 now and then.

    beta2 is at least 1/2, from where on a lerp of v from the old value is admissible.
    """

    def between(low: float, high: float) -> float:
        return float(10.0 ** generator.uniform(low, high))

    def one_of(values: Sequence[float]) -> float:
        return float(generator.choice(values))

    values: dict[str, Any]
    if regime.features.get("exact"):
        values = {
            "lr": one_of([2.0**-k for k in (1, 4, 8, 10)]),
            "beta1": one_of([0.0, 0.5, 0.75, 0.875]),
            "beta2": one_of([0.5, 0.75, 0.875]),
            "eps": one_of([0.0, 2.0**-20, 2.0**-7]),
        }
    else:
        values = {
            "lr": between(-5, 1),
            "beta1": one_of([0.0, *(1 - between(-2.5, -0.3) for _ in range(4))]),
            "beta2": 1 - between(-4, -0.31),
            "eps": between(-10, 0),
        }
    return fit(Hyperparameters(**values), regime, capabilities, int(generator.integers(len(COMBINED) * len(DECAYS))))


def fit(hyper: Hyperparameters, regime: Regime, capabilities: Capabilities, turn: int = 0) -> Hyperparameters:
    """`hyper` with the features of the regime, and with what the target does not let its user set."""
    wanted: dict[str, Any] = {}
    features = regime.features
    if features.get("combined"):
        features = features | COMBINED[turn % len(COMBINED)]
    if features.get("weight_decay") and capabilities.weight_decay:
        coefficient, low, high = DECAYS[turn % len(DECAYS)]
        wanted |= {"weight_decay": coefficient, "lr": min(max(hyper.lr, low), high)}
    for flag in ("amsgrad", "maximize"):
        if features.get(flag) is True or (features.get(flag) == "in turn" and turn % 2):
            wanted[flag] = True
    return settable(hyper.with_(**wanted), capabilities)


def with_all_features(hyper: Hyperparameters, decay: str, capabilities: Capabilities) -> Hyperparameters:
    """`hyper` with AMSGrad, `maximize` and weight decay of the kind `decay`, each where the target has it."""
    features = {"amsgrad": True, "maximize": True, "weight_decay": 0.1 if decay in capabilities.weight_decay else 0.0}
    return settable(hyper.with_(**features), capabilities)


def settable(hyper: Hyperparameters, capabilities: Capabilities) -> Hyperparameters:
    """`hyper` where its entries can be set; elsewhere what the target has pinned, or the paper's defaults."""
    can = {k: v for k, v in vars(hyper).items() if k in capabilities.settable}
    return Hyperparameters(**{**can, **capabilities.pinned})
