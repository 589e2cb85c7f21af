"""What a target claims to offer.  What is not claimed is skipped, and listed as skipped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

SETTABLE = ("lr", "beta1", "beta2", "eps", "weight_decay", "eps_root", "amsgrad", "maximize")
"""Names of `adam_ref.Hyperparameters`, all of which a target may or may not let its user set."""


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """The claims of one target.

    Attributes:
        dtypes: NumPy names of the parameter dtypes it takes.
        devices: "cpu", "cuda".
        settable: hyperparameters its user can set; the others keep the paper's defaults, or what `pinned` says.
        pinned: hyperparameters fixed by the target's address or by the target itself, by name.
        weight_decay: the kinds of decay it offers; the kind of the declared dialect must be among them.
        groups: different hyperparameters for different parameters.
        none_gradients: a gradient may be missing (`None`) for some parameters at some steps.
        lr_schedule: the learning rate may change between steps.
        state: the moments can be read.
        counter: a step counter can be read with the state.
        checkpoint: `save` and `load`.
        several: more than one parameter array at a time.
        flush_to_zero: it runs where subnormal numbers are flushed to zero.

    """

    dtypes: tuple[str, ...] = ("float32", "float64")
    devices: tuple[str, ...] = ("cpu",)
    settable: tuple[str, ...] = ("lr", "beta1", "beta2", "eps")
    pinned: dict[str, Any] = field(default_factory=dict)
    weight_decay: tuple[str, ...] = ()
    groups: bool = False
    none_gradients: bool = False
    lr_schedule: bool = False
    state: bool = False
    counter: bool = False
    checkpoint: bool = False
    several: bool = True
    flush_to_zero: bool = False

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Capabilities:
        """The inverse of `to_json`."""
        claims: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**claims)
