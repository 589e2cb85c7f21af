"""Faults of checkpoints: what is lost, rounded, mixed up or left alive between saving and loading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.faults.adam import Adam, Slot, Step, common, rounded
from conformance.faults.catalogue import Chapter, Piece

fault = Chapter("checkpoints")
RESUME = ("metamorphic.resume",)
ELSEWHERE = ("checkpoints.another-process",)
Entry = dict[str, Any]


def _without(*names: str) -> Piece:
    """Loading that leaves these as a fresh session has them."""

    def restore(a: Adam, slot: Slot, entry: Entry) -> None:
        fresh = {name: getattr(slot, name) for name in names}
        Adam.restore(a, slot, {**entry, **fresh})

    return restore


def _changing(**change: Callable[[Entry], Any]) -> Piece:
    """Loading that changes these by a function of the entry."""

    def restore(a: Adam, slot: Slot, entry: Entry) -> None:
        Adam.restore(a, slot, {**entry, **{name: f(entry) for name, f in change.items()}})

    return restore


fault(
    "moments-lost-on-load",
    "the moments are zero after loading",
    caught_by=RESUME,
    stands_for=("tinker-feedback #127", "KempnerForge #114"),
    restore=_without("m", "v"),
)
fault("m-lost-on-load", "the first moment is zero after loading", caught_by=RESUME, restore=_without("m"))
fault("v-lost-on-load", "the second moment is zero after loading", caught_by=RESUME, restore=_without("v"))
fault(
    "maximum-lost-on-load",
    "AMSGrad's maximum is zero after loading",
    caught_by=RESUME,
    restore=_without("v_max"),
)
fault("counter-lost-on-load", "the counter starts again after loading", caught_by=RESUME, restore=_without("t"))
fault(
    "counter-ahead-on-load",
    "the counter is one ahead after loading",
    caught_by=RESUME,
    restore=_changing(t=lambda e: e["t"] + 1),
)
fault(
    "counter-behind-on-load",
    "the counter is one behind after loading",
    caught_by=RESUME,
    restore=_changing(t=lambda e: e["t"] - 1),
)
fault(
    "lr-lost-on-load",
    "the learning rate is that of the constructor after loading, not the scheduler's last",
    caught_by=RESUME,
    restore=_without("lr"),
)
fault(
    "moments-in-bfloat16-on-load",
    "the moments are cast to bfloat16 on loading",
    caught_by=RESUME,
    stands_for=("pytorch #75224", "fairseq2 #212"),
    restore=_changing(m=lambda e: rounded(e["m"], "bfloat16"), v=lambda e: rounded(e["v"], "bfloat16")),
)
fault(
    "moments-in-float16-on-save",
    "the moments are cast to float16 on saving",
    caught_by=RESUME,
    saved=lambda a, s: Adam.saved(a, s) | {"m": rounded(s.m, "float16"), "v": rounded(s.v, "float16")},
)
fault(
    "moments-in-float32-on-save",
    "the moments of a float64 parameter are cast to float32 on saving",
    caught_by=RESUME,
    dtypes=("float64",),
    saved=lambda a, s: Adam.saved(a, s) | {"m": rounded(s.m, "float32"), "v": rounded(s.v, "float32")},
)
fault(
    "moments-as-text-on-save",
    "the moments go through a text of six digits on saving",
    caught_by=RESUME,
    saved=lambda a, s: Adam.saved(a, s) | {"m": _six_digits(s.m), "v": _six_digits(s.v)},
)


def _six_digits(array: Array) -> Array:
    return np.array([float(f"{x:.6g}") for x in array.tolist()], array.dtype)


fault(
    "m-and-v-swapped-on-load",
    "the moments are swapped on loading",
    caught_by=RESUME,
    restore=_changing(m=lambda e: e["v"], v=lambda e: e["m"]),
)
fault(
    "moments-corrected-on-save",
    "the corrected moments are saved",
    caught_by=RESUME,
    saved=lambda a, s: Adam.saved(a, s) | {"m": s.m / (1 - s.hyper.beta1 ** max(s.t, 1))},
)
fault(
    "moments-of-the-first-on-load",
    "every parameter of one size is given the moments of the first on loading",
    caught_by=RESUME,
    load=lambda a, saved: Adam.load(a, [next(e for e in saved if e["m"].size == one["m"].size) for one in saved]),
)
fault(
    "only-the-first-loaded",
    "only the first parameter's state is loaded",
    caught_by=RESUME,
    load=lambda a, saved: a.restore(a.slots[0], saved[0]),
)
fault(
    "order-reversed-on-load",
    "states of one size come back in reverse order",
    caught_by=RESUME,
    load=lambda a, saved: Adam.load(a, _reversed_alike(saved)),
)


def _reversed_alike(saved: list[Entry]) -> list[Entry]:
    piles: dict[int, list[Entry]] = {}
    for entry in saved:
        piles.setdefault(entry["m"].size, []).append(entry)
    return [piles[entry["m"].size].pop() for entry in saved]


fault(
    "one-counter-on-load",
    "every parameter is given the first one's counter on loading",
    caught_by=RESUME,
    load=lambda a, saved: Adam.load(a, [entry | {"t": saved[0]["t"]} for entry in saved]),
)


def _load_with_default_betas(a: Adam, saved: list[Entry]) -> None:
    Adam.load(a, saved)
    plain = Hyperparameters()
    for slot in a.slots:
        slot.hyper = slot.hyper.with_(beta1=plain.beta1, beta2=plain.beta2)


fault(
    "default-betas-after-load",
    "loading goes on with the default betas",
    caught_by=RESUME,
    load=_load_with_default_betas,
)


def _powers_before_betas(a: Adam, saved: list[Entry]) -> None:
    Adam.load(a, saved)
    for slot in a.slots:
        slot.past["stale"] = 0.9**slot.t, 0.999**slot.t, slot.t


def _stale_power(which: int, beta: float, x: Step) -> float:
    stale = x.slot.past.get("stale")
    power: float = beta**x.t if stale is None else stale[which] * beta ** (x.t - stale[2])
    return 1 - power


fault(
    "beta-powers-before-the-betas",
    "running powers of beta are recomputed on loading before the betas are restored",
    caught_by=RESUME,
    stands_for=("tt-metal #53212",),
    load=_powers_before_betas,
    correction1=lambda _, x: _stale_power(0, x.beta1, x),
    correction2=lambda _, x: _stale_power(1, x.beta2, x),
)
fault(
    "first-checkpoint-empty",
    "a checkpoint that is taken after the first step holds no moments",
    caught_by=("checkpoints.any-step",),
    saved=lambda a, slot: {**Adam.saved(a, slot), **({"m": 0 * slot.m, "v": 0 * slot.v} if slot.t == 1 else {})},
)


def _left_in_memory(*names: str) -> Piece:
    """Saving that puts these into a table in memory, by the parameter's place, and everything else into the entry."""

    def saved(a: Adam, slot: Slot) -> Entry:
        entry = Adam.saved(a, slot)
        common(a)[slot.index] = {name: entry.pop(name) for name in names}
        return entry

    return saved


def _found_in_memory(*names: str) -> Piece:
    """Loading that looks for these in the table, and leaves them as a fresh session has them where it finds none."""

    def restore(a: Adam, slot: Slot, entry: Entry) -> None:
        fresh = {name: getattr(slot, name) for name in names}
        Adam.restore(a, slot, {**entry, **common(a).get(slot.index, fresh)})

    return restore


for _where, _what, _names in (
    ("moments-in-a-class-attribute", "the moments are", ("m", "v")),
    ("counter-in-a-global-variable", "the counter is", ("t",)),
    ("lr-in-a-global-variable", "the scheduler's last learning rate is", ("lr",)),
):
    fault(
        _where,
        f"{_what} left out of checkpoints, and found in memory on loading",
        caught_by=ELSEWHERE,
        saved=_left_in_memory(*_names),
        restore=_found_in_memory(*_names),
    )


def _handed_over(a: Adam) -> list[int]:
    """Numbers under which the entries of a checkpoint can be found in memory."""
    entries = Adam.save(a)
    common(a).update({id(entry): entry for entry in entries})
    return [id(entry) for entry in entries]


fault(
    "checkpoint-of-references",
    "a checkpoint holds where in memory the moments are",
    caught_by=ELSEWHERE,
    save=_handed_over,
    load=lambda a, saved: Adam.load(a, [common(a)[number] for number in saved]),
)
