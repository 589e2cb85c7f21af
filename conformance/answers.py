"""What an answer must be before anything in it is compared: as many arrays as were asked for, each as it was asked for.

The functions return what is wrong, as a sentence, and "" where nothing is.  The protocol asks them where the target
runs; a host that gets its answers from another process asks them again, since whoever wrote these may have been anyone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from adam_ref.arrays import Array
from adam_ref.formats import FormatError
from conformance.case import Case, Moments, Trajectory, dtype_named
from conformance.manners import hyperparameters_refusable, manner_refusable

_ANSWER, _ENTRY, _WIDEST = 1 << 20, 1 << 10, 16
"""Bytes: of an answer as a whole and of each parameter at each step, beside its numbers, and of one number."""


MOST_OF_A_CHECKPOINT = 1 << 28
"""Bytes; as many as a line of the process protocol may have."""


def most_bytes(cases: Sequence[Case]) -> int:
    """The size that no honest answer on these cases comes near: parameters, three moments, and words."""
    entries = sum(case.steps * len(case.parameters) for case in cases)
    numbers = sum(case.steps * case.elements for case in cases)
    return _ANSWER + entries * _ENTRY + 4 * _WIDEST * numbers


def wrong_parameters(case: Case, step: int, arrays: Any) -> str:
    """What is wrong with the parameters after step number `step` (from 0)."""
    count = len(case.parameters)
    if not isinstance(arrays, list | tuple) or len(arrays) != count:
        return (
            f"step {step + 1} returned {_describe(arrays)}; a list of as many parameters as were given, {count}, "
            "is expected"
        )
    for i, (got, want) in enumerate(zip(arrays, case.parameters, strict=True)):
        if not isinstance(got, np.ndarray):
            return f"step {step + 1} returned parameter {i} as {_describe(got)}; an array is expected"
        if got.shape != want.shape or got.dtype != want.dtype:
            return (
                f"step {step + 1} returned parameter {i} with shape {got.shape} and dtype {got.dtype}; "
                f"it was given with shape {want.shape} and dtype {want.dtype}"
            )
    return ""


def wrong_state(case: Case, moments: Sequence[Moments]) -> str:
    """What is wrong with the state after a step; that a moment is missing is for the checks to say."""
    if len(moments) != len(case.parameters):
        return f"state gave {len(moments)} entries for {len(case.parameters)} parameters"
    for i, (moment, parameter) in enumerate(zip(moments, case.parameters, strict=True)):
        if not (moment.step is None or isinstance(moment.step, int | float)):
            return f"state gave {_describe(moment.step)} for the counter of parameter {i}; a number is expected"
        for name in ("m", "v", "v_max"):
            if wrong := _wrong_moment(f"{name} of parameter {i}", getattr(moment, name), parameter):
                return wrong
    return ""


def _wrong_moment(name: str, array: Any, parameter: Array) -> str:
    if array is None:
        return ""
    if not isinstance(array, np.ndarray):
        return f"{name} is {_describe(array)}; an array is expected"
    if array.shape != parameter.shape:
        return f"{name} has shape {array.shape}; the parameter has {parameter.shape}"
    if not _is_number(array.dtype):
        return f"{name} has dtype {array.dtype}; a floating-point or complex one is expected"
    return ""


@lru_cache(maxsize=64)
def _is_number(dtype: np.dtype[Any]) -> bool:
    """Whether it is one of the formats that we know, in this machine's order of bytes."""
    try:
        return dtype_named(str(dtype)) == dtype
    except FormatError:
        return False


def wrong_trajectory(case: Case, trajectory: Trajectory, *, state: bool) -> str:
    """What is wrong with an answer as a whole, where `state` says whether the target claims to show its state."""
    if trajectory.refused and not (manner_refusable(case) or hyperparameters_refusable(case)):
        return "the answer refuses what may not be refused"
    made = min(len(trajectory.parameters), case.steps) if trajectory.refused else case.steps
    for name, count in {"parameters": made, "moments": made if state else 0}.items():
        if len(getattr(trajectory, name)) != count:
            return f"the answer has {name} of {len(getattr(trajectory, name))} steps; {count} are expected"
    for step, arrays in enumerate(trajectory.parameters):
        if wrong := wrong_parameters(case, step, arrays):
            return wrong
    for moments in trajectory.moments:
        if wrong := wrong_state(case, moments):
            return wrong
    places = {(step, i) for step in range(case.steps) for i in range(len(case.parameters))}
    if not places.issuperset(trajectory.changed_gradients):
        return f"the answer has changed gradients at {trajectory.changed_gradients[:3]}, which the case has not"
    if len(trajectory.became) != len(trajectory.changed_gradients):
        return f"the answer has {len(trajectory.became)} gradients for {len(trajectory.changed_gradients)} changed ones"
    words = (*trajectory.shared, *trajectory.noticed, trajectory.refused, *trajectory.late, *trajectory.disturbed)
    if not all(isinstance(said, str) for said in words):
        return "the answer says in the place of words what are none"
    return ""


def _describe(value: Any) -> str:
    """The type of `value` in words, and its length where it has one to speak of."""
    return type(value).__name__ + (f" of length {len(value)}" if isinstance(value, list | tuple) else "")
