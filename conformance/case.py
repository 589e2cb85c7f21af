"""One input, and what a target made of it.  Both are plain values that cross process borders and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from adam_ref.formats import COMPONENTS, named_format


def dtype_named(name: str) -> np.dtype[Any]:
    """The NumPy dtype of that name; bfloat16 comes from ml_dtypes, complex dtypes are NumPy's own."""
    return np.dtype(name) if name in COMPONENTS else named_format(name).dtype


def joined_arrays(arrays: Sequence[Array | None]) -> Array:
    """Arrays, all of them there, one behind the other in one that is flat."""
    return np.concatenate([a.reshape(-1) for a in arrays if a is not None])


class Unvalidated(Hyperparameters):
    """Hyperparameters as a target is given them that is to refuse one of them: they are taken as they are."""

    def __post_init__(self) -> None:
        """Nothing is checked."""


@dataclass(frozen=True)
class Case:
    """A run to make: parameters, their hyperparameters, and a gradient (or `None`) for each at each step.

    Attributes:
        dtype: name of the dtype of every array.
        parameters: the arrays before the first step.
        hyperparameters: one entry a parameter; equal entries form a group.
        gradients: for each step, one array or `None` a parameter.
        lrs: for each step, the learning rate from that step on, or `None` to leave it; empty: it never changes.
        checkpoint_after: save after that many steps, and continue in a new session that loads what was saved.
        regime: the name of the family that the history belongs to.
        device: "cpu" or "cuda".
        skipped: steps with zero gradients before the first one, whose number is `skipped + 1`: they are written into
            the step counter where that is claimed (`fast_forward`), and made elsewhere; nobody looks at them.
        manner: how the caller works with the target (`conformance.manners`); empty: plainly.
        pause: seconds to wait after each step before everything is looked at again: what was given, what was returned,
            and what belongs to the process; 0: nothing is looked at twice.
        invalid: name and value of a hyperparameter outside its range, which the target is given for every parameter in
            the place of the valid one; `None`: all are valid.
        seed: where the target rounds at random, what it draws in this run follows from this number.

    """

    dtype: str
    parameters: tuple[Array, ...]
    hyperparameters: tuple[Hyperparameters, ...]
    gradients: tuple[tuple[Array | None, ...], ...]
    lrs: tuple[float | None, ...] = ()
    checkpoint_after: int | None = None
    regime: str = ""
    device: str = "cpu"
    skipped: int = 0
    manner: str = ""
    pause: float = 0.0
    invalid: tuple[str, float] | None = None
    seed: int = 0

    @property
    def given(self) -> tuple[Hyperparameters, ...]:
        """The hyperparameters that the target is given, new ones each time."""
        if self.invalid is None:
            return tuple(replace(h) for h in self.hyperparameters)
        return tuple(Unvalidated(**{**vars(h), **dict([self.invalid])}) for h in self.hyperparameters)

    @property
    def steps(self) -> int:
        """How many steps the run has."""
        return len(self.gradients)

    @property
    def elements(self) -> int:
        """Elements of all parameters together."""
        return sum(p.size for p in self.parameters)

    @cached_property
    def joined(self) -> Case:
        """The same run with all tensors joined to one, whose hyperparameters are those of the first."""
        return replace(
            self,
            parameters=(joined_arrays(self.parameters),),
            hyperparameters=self.hyperparameters[:1],
            gradients=tuple((joined_arrays(g),) for g in self.gradients),
        )

    def lr_at(self, step: int, parameter: int) -> float:
        """The learning rate in force for `parameter` at `step` (counted from 0)."""
        set_so_far = [lr for lr in self.lrs[: step + 1] if lr is not None]
        return set_so_far[-1] if set_so_far else self.hyperparameters[parameter].lr

    def up_to(self, steps: int) -> Case:
        """The first `steps` steps of this run."""
        return replace(self, gradients=self.gradients[:steps], lrs=self.lrs[:steps])

    def of_parameter(self, parameter: int) -> Case:
        """The run of one parameter alone, in its shape."""
        return replace(
            self,
            parameters=(self.parameters[parameter],),
            hyperparameters=(self.hyperparameters[parameter],),
            gradients=tuple((g[parameter],) for g in self.gradients),
        )

    def of_element(self, parameter: int, element: int) -> Case:
        """The run of one element alone: one parameter of shape (1,)."""
        return self._of(parameter, slice(element, element + 1))

    def up_to_element(self, parameter: int, element: int) -> Case:
        """The run of one parameter alone, flattened and cut off behind that element."""
        return self._of(parameter, slice(0, element + 1))

    def _of(self, parameter: int, part: slice) -> Case:
        return replace(
            self,
            parameters=(self.parameters[parameter].reshape(-1)[part].copy(),),
            hyperparameters=(self.hyperparameters[parameter],),
            gradients=tuple(
                (None if g[parameter] is None else np.asarray(g[parameter]).reshape(-1)[part].copy(),)
                for g in self.gradients
            ),
        )


@dataclass(frozen=True)
class Moments:
    """The state of one parameter as the target holds it; `None` where it holds no such thing."""

    m: Array | None = None
    v: Array | None = None
    v_max: Array | None = None
    step: float | None = None


@dataclass(frozen=True)
class Trajectory:
    """What a target made of a case.

    Attributes:
        parameters: after each step, every parameter.
        moments: after each step, the state of every parameter; empty where the target does not show it.
        changed_gradients: (step, parameter) of every gradient that was not the same after the step.
        shared: in words, arrays that share memory and must not.
        noticed: in sentences, what the adapter saw go wrong that no number shows (a closure called twice, memory
            changed beside a parameter).
        refused: what the target said when it refused to be worked with in the manner of the case; empty where it did
            not.  The steps before are there, the later ones are not.
        late: in words, what changed between a step and the next.
        disturbed: in words, what of the process was not left as it was, in this run or an earlier one.
        became: what each of `changed_gradients` was after the step.

    """

    parameters: tuple[tuple[Array, ...], ...]
    moments: tuple[tuple[Moments, ...], ...] = ()
    changed_gradients: tuple[tuple[int, int], ...] = ()
    shared: tuple[str, ...] = field(default=())
    noticed: tuple[str, ...] = ()
    refused: str = ""
    late: tuple[str, ...] = ()
    disturbed: tuple[str, ...] = ()
    became: tuple[Array, ...] = ()

    def followed_by(self, rest: Trajectory) -> Trajectory:
        """Both as one: `rest` has the steps after these."""
        made = len(self.parameters)
        return Trajectory(
            self.parameters + rest.parameters,
            self.moments + rest.moments,
            self.changed_gradients + tuple((made + step, i) for step, i in rest.changed_gradients),
            self.shared + rest.shared,
            self.noticed + rest.noticed,
            rest.refused,
            self.late + rest.late,
            self.disturbed + rest.disturbed,
            self.became + rest.became,
        )


def array_to_json(array: Array) -> dict[str, Any]:
    """An array with its numbers in hexadecimal, which loses nothing."""
    return {"dtype": str(array.dtype), "shape": list(array.shape), "hex": to_hex(array)}


def array_from_json(data: dict[str, Any]) -> Array:
    """The inverse of `array_to_json`."""
    return from_hex(data["hex"], data["dtype"]).reshape(data["shape"])


def to_hex(array: Array) -> list[str]:
    """The numbers of an array in hexadecimal."""
    return [x.hex() for x in to_numbers(array)]


def from_hex(numbers: Sequence[str], dtype: str) -> Array:
    """The inverse of `to_hex`, without a shape; what the dtype does not hold is rounded."""
    return from_numbers([float.fromhex(h) for h in numbers], dtype)


def to_numbers(array: Array) -> list[float]:
    """The elements in row-major order; of a complex array real and imaginary parts in turn."""
    flat = np.ascontiguousarray(array).reshape(-1)
    parts = flat.view(COMPONENTS[str(flat.dtype)]) if np.iscomplexobj(flat) else flat
    numbers: list[float] = parts.astype(np.float64).tolist()
    return numbers


def from_numbers(numbers: Sequence[float] | Array, dtype: str) -> Array:
    """The inverse of `to_numbers`, without a shape; what the dtype does not hold is rounded."""
    parts = np.array(numbers, np.float64)
    return (parts.view(np.complex128) if dtype in COMPONENTS else parts).astype(dtype_named(dtype))


def case_to_json(case: Case) -> dict[str, Any]:
    """A case as JSON values, numbers in hexadecimal, so that a report alone reproduces it to the last bit."""
    return {
        "dtype": case.dtype,
        "device": case.device,
        "regime": case.regime,
        "parameters": [array_to_json(p) for p in case.parameters],
        "hyperparameters": [hyper_to_json(h) for h in case.hyperparameters],
        "gradients": [[None if g is None else array_to_json(g) for g in step] for step in case.gradients],
        "lrs": [None if lr is None else lr.hex() for lr in case.lrs],
        "checkpoint_after": case.checkpoint_after,
        "skipped": case.skipped,
        "manner": case.manner,
        "pause": case.pause,
        "invalid": None if case.invalid is None else [case.invalid[0], case.invalid[1].hex()],
        "seed": case.seed,
    }


def case_from_json(data: dict[str, Any]) -> Case:
    """The inverse of `case_to_json`; raises ValueError where the parts do not belong together."""
    case = Case(
        dtype=data["dtype"],
        parameters=tuple(array_from_json(p) for p in data["parameters"]),
        hyperparameters=tuple(_hyper_from_json(h) for h in data["hyperparameters"]),
        gradients=tuple(tuple(None if g is None else array_from_json(g) for g in step) for step in data["gradients"]),
        lrs=tuple(None if lr is None else float.fromhex(lr) for lr in data["lrs"]),
        checkpoint_after=data["checkpoint_after"],
        regime=data["regime"],
        device=data["device"],
        skipped=data["skipped"],
        manner=data["manner"],
        pause=data["pause"],
        invalid=None if data["invalid"] is None else (data["invalid"][0], float.fromhex(data["invalid"][1])),
        seed=data["seed"],
    )
    _require_coherent(case)
    return case


def _require_coherent(case: Case) -> None:
    """Raise ValueError unless each parameter has its hyperparameters, and gradients that are like it."""
    for what, row in (("hyperparameters", case.hyperparameters), *(("gradients", g) for g in case.gradients)):
        if len(row) != len(case.parameters):
            raise ValueError(f"{len(row)} {what} for {len(case.parameters)} parameters")
    for i, parameter in enumerate(case.parameters):
        for array in (parameter, *(g[i] for g in case.gradients)):
            if array is not None and (array.shape != parameter.shape or str(array.dtype) != case.dtype):
                raise ValueError(f"parameter {i} of {case.dtype} has an array of {array.dtype} of shape {array.shape}")


def hyper_to_json(hyper: Hyperparameters) -> dict[str, Any]:
    """Hyperparameters as JSON values, numbers in hexadecimal."""
    return {k: v if isinstance(v, bool) else v.hex() for k, v in vars(hyper).items()}


def _hyper_from_json(data: dict[str, Any]) -> Hyperparameters:
    values: dict[str, Any] = {k: v if isinstance(v, bool) else float.fromhex(v) for k, v in data.items()}
    return Hyperparameters(**values)
