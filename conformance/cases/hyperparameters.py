"""Which hyperparameters cases use: a pinned list that every run covers, and a strategy that goes beyond it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from adam_ref import Hyperparameters
from conformance.capabilities import Capabilities
from conformance.cases.regimes import Regime

PINNED: tuple[tuple[str, Hyperparameters], ...] = (
    ("the paper's defaults", Hyperparameters()),
    ("a large lr and a small beta2", Hyperparameters(lr=0.1, beta1=0.8, beta2=0.9)),
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

DECAY = 0.1
"""A coefficient that moves the parameter by 1e-2 a step at lr = 0.1."""


def pinned(regime: Regime, capabilities: Capabilities) -> list[Hyperparameters]:
    """The hyperparameters that every run of `regime` covers."""
    base = EXACT if regime.features.get("exact") else PINNED
    fitted = [fit(hyper, regime, capabilities) for _, hyper in base]
    return list(dict.fromkeys(fitted))


def drawn(regime: Regime, capabilities: Capabilities) -> st.SearchStrategy[Hyperparameters]:
    """Hyperparameters beyond the pinned ones."""
    exact = bool(regime.features.get("exact"))
    betas = st.sampled_from([0.5, 0.75, 0.875]) if exact else st.sampled_from([0.5, 0.7, 0.9, 0.95, 0.98, 0.99, 0.999])
    values: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {
            "lr": st.sampled_from([2.0**-k for k in (1, 4, 8, 10)] if exact else [1.0, 0.1, 3e-3, 1e-3, 1e-5]),
            "beta1": st.one_of(st.just(0.0), betas),
            "beta2": betas,
            "eps": st.sampled_from([0.0, 2.0**-20, 2.0**-7] if exact else [1e-8, 1e-6, 1e-4, 1e-2, 1e-10]),
        }
    )
    return values.map(lambda v: fit(Hyperparameters(**v), regime, capabilities))


def fit(hyper: Hyperparameters, regime: Regime, capabilities: Capabilities) -> Hyperparameters:
    """`hyper` with the features of the regime, and with what the target does not let its user set."""
    wanted: dict[str, Any] = {}
    if regime.features.get("weight_decay") and capabilities.weight_decay:
        wanted |= {"weight_decay": DECAY, "lr": max(hyper.lr, 0.1)}
    for flag in ("amsgrad", "maximize"):
        if regime.features.get(flag):
            wanted[flag] = True
    return settable(hyper.with_(**wanted), capabilities)


def settable(hyper: Hyperparameters, capabilities: Capabilities) -> Hyperparameters:
    """`hyper` where its entries can be set; elsewhere what the target has pinned, or the paper's defaults."""
    can = {k: v for k, v in vars(hyper).items() if k in capabilities.settable}
    return Hyperparameters(**{**can, **capabilities.pinned})
