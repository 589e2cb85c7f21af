"""What a target claims to offer.  What is not claimed is skipped, and listed as skipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from adam_ref import Hyperparameters
from adam_ref.dialect import AXES
from adam_ref.formats import COMPONENTS, FLOAT32, FORMATS, named_format
from adam_ref.hyperparameters import HyperparameterError
from conformance.manners import MANNERS

DEVICES = ("cpu", "cuda")

SETTABLE = ("lr", "beta1", "beta2", "eps", "weight_decay", "eps_root", "amsgrad", "maximize")
"""Names of `adam_ref.Hyperparameters`, all of which a target may or may not let its user set."""

_NAMES: dict[str, tuple[str, ...]] = {
    "dtypes": (*FORMATS, *COMPONENTS),
    "devices": DEVICES,
    "settable": SETTABLE,
    "weight_decay": AXES["weight_decay"],
    "manners": tuple(MANNERS),
}
"""Claims that are names, and which names there are."""


class CapabilityError(ValueError):
    """A claim that makes no sense; the message says what was claimed and what can be."""


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
        checkpoint: `save` and `load`, in the same process and in another one.
        fast_forward: its step counter can be written (`fast_forward`).
        walks: steps take microseconds, so that in the place of `fast_forward` tens of thousands of them are made.
        several: more than one parameter array at a time.
        any_shape: a parameter may have no axes, or no elements.
        processes: several processes run it together, and where they disagree is noticed.
        gradients: what a step does to the gradients it is given can be seen.
        memory: which of its arrays overlap can be seen (`shared_memory`).
        manners: ways of working with it that its adapter knows (`conformance.manners`).
        flush_to_zero: it runs where subnormal numbers are flushed to zero.
        refuses_invalid: hyperparameters outside their ranges are refused with a ValueError, as is the custom of torch's
            optimizers; where it is not claimed, nothing is said about them.
        stochastic_rounding: parameters of bfloat16 and float16 are computed in float32 or wider, without a copy of them
            in a wider format, and rounded at random to one of the two neighbours, to each the more likely the nearer it
            is; `seed` of the target decides what is drawn.

    Raises:
        CapabilityError: a name that is none, a hyperparameter that cannot be pinned so, a flag that is no bool.

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
    fast_forward: bool = False
    walks: bool = False
    several: bool = True
    any_shape: bool = True
    processes: bool = False
    gradients: bool = True
    memory: bool = False
    manners: tuple[str, ...] = ()
    flush_to_zero: bool = False
    refuses_invalid: bool = False
    stochastic_rounding: bool = False

    def __post_init__(self) -> None:
        for claim, allowed in _NAMES.items():
            object.__setattr__(self, claim, _names(claim, getattr(self, claim), allowed))
        object.__setattr__(self, "pinned", _pinned(self.pinned))
        for flag in {f.name for f in fields(self)} - {*_NAMES, "pinned"}:
            if not isinstance(value := getattr(self, flag), bool):
                raise CapabilityError(f"{flag} = {value!r} cannot be claimed: it must be True or False")

    def offers(self, name: str) -> bool:
        """Whether the hyperparameter can be there: it can be set, or is pinned to something that is not 0 or off."""
        return bool(self.pinned.get(name, name in self.settable))

    def varies(self, name: str) -> bool:
        """Whether the hyperparameter can have one value and another."""
        return name in self.settable and name not in self.pinned

    @property
    def schedules(self) -> bool:
        """Whether the learning rate can change between steps, and starts where a case wants it."""
        return self.lr_schedule and "lr" not in self.pinned

    def rounds_at_random(self, dtype: str) -> bool:
        """Whether parameters of that dtype are rounded at random."""
        return self.stochastic_rounding and named_format(dtype).precision < FLOAT32.precision

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def of(cls, claims: Any, read: Capabilities | None = None) -> Capabilities:
        """`claims` as they are, or made of a mapping; what the mapping leaves out is as in `read`, or the default.

        Raises:
            CapabilityError: neither capabilities nor a mapping of their names to claims.

        """
        if isinstance(claims, Capabilities):
            return claims
        names = [f.name for f in fields(cls)]
        if not isinstance(claims, Mapping):
            raise CapabilityError(f"capabilities = {claims!r} are none: write a dict of {', '.join(names)}")
        unknown = [name for name in claims if name not in names]
        if unknown:
            raise CapabilityError(f"there is no capability {unknown[0]!r}: allowed are {', '.join(names)}")
        return cls(**{**(vars(read) if read else {}), **claims})


def _names(claim: str, given: Any, allowed: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, list | tuple):
        raise CapabilityError(f"{claim} = {given!r} cannot be claimed: it must be a list of names")
    for name in given:
        if name not in allowed:
            raise CapabilityError(f"{claim} cannot be {name!r}: allowed are {', '.join(allowed)}")
    return tuple(given)


def _pinned(given: Any) -> dict[str, Any]:
    """The pinned hyperparameters as Python numbers and flags."""
    if not isinstance(given, Mapping) or not set(given) <= set(SETTABLE):
        raise CapabilityError(
            f"pinned = {given!r} cannot be claimed: it must be a dict whose keys are among {SETTABLE}"
        )
    try:
        values = vars(Hyperparameters(**given))
    except HyperparameterError as error:
        raise CapabilityError(str(error)) from error
    return {name: values[name] for name in given}
