"""Messages between the harness and its worker: JSON with the bytes of arrays behind it; reading executes nothing."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.case import Case, Moments, Trajectory, dtype_named

LARGEST = 1 << 31
"""Bytes; a longer message is a defect of the sender."""

_HEAD = struct.Struct("<QQ")


class WireError(Exception):
    """What was read is no message."""


class Readable(Protocol):
    """What a message is read from."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""
        ...


class Writable(Protocol):
    """What a message is written to."""

    def write(self, data: bytes, /) -> Any:
        """Take all of `data`."""
        ...

    def flush(self) -> None:
        """Hold nothing back."""
        ...


def send(stream: Writable, message: Any) -> None:
    """Write one message: JSON values, arrays and bytes anywhere among them."""
    blobs = bytearray()
    text = json.dumps(_without_arrays(message, blobs)).encode()
    stream.write(_HEAD.pack(len(text), len(blobs)) + text + blobs)
    stream.flush()


def receive(stream: Readable, most: int = LARGEST) -> Any:
    """Read one message of at most so many bytes, which is also what its arrays can take in memory.

    Raises:
        EOFError: the stream ended.
        WireError: what was read is no message, or a longer one.

    """
    text_size, blob_size = _HEAD.unpack(_exactly(stream, _HEAD.size))
    if text_size + blob_size > most:
        raise WireError(f"a message of {text_size + blob_size} bytes; at most {most} are allowed")
    text, blobs = _exactly(stream, text_size), _exactly(stream, blob_size)
    try:
        return _Arrays(blobs).put_into(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WireError(f"no message: {error}") from error


def _exactly(stream: Readable, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = stream.read(size - len(data))
        if not piece:
            raise EOFError("the stream ended")
        data += piece
    return bytes(data)


_name = lru_cache(maxsize=64)(str)
"""The name of a dtype; making it takes longer than sending the array."""


def _without_arrays(value: Any, blobs: bytearray) -> Any:
    if isinstance(value, np.ndarray):
        start = len(blobs)
        blobs += value.tobytes()
        return {"__array__": [_name(value.dtype), list(value.shape), start]}
    if isinstance(value, bytes):
        start = len(blobs)
        blobs += value
        return {"__bytes__": [len(value), start]}
    if isinstance(value, dict):
        return {k: _without_arrays(v, blobs) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(v, blobs) for v in value]
    return value


class _Arrays:
    """The arrays and bytes of a message, each behind the one before: what was sent once is not used twice."""

    def __init__(self, blobs: bytes) -> None:
        self.blobs, self.used = blobs, 0

    def put_into(self, message: Any) -> Any:
        """The whole message; raises `WireError` where bytes are left over."""
        whole = self._put(message)
        if self.used != len(self.blobs):
            raise WireError(f"no message: {len(self.blobs) - self.used} bytes belong to no array")
        return whole

    def _put(self, value: Any) -> Any:
        if isinstance(value, dict):
            if "__array__" in value:
                name, shape, start = value["__array__"]
                return self._next(dtype_named(name), shape, start)
            if "__bytes__" in value:
                size, start = value["__bytes__"]
                return self._taken(size, start)
            return {k: self._put(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self._put(v) for v in value]
        return value

    def _taken(self, size: int, start: int) -> bytes:
        if start != self.used or not 0 <= size <= len(self.blobs) - start:
            raise WireError(f"no message: {size} bytes that start at byte {start}, not at {self.used}")
        self.used += size
        return self.blobs[start : self.used]

    def _next(self, dtype: np.dtype[Any], shape: list[int], start: int) -> Array:
        if start != self.used or any(n < 0 for n in shape):
            raise WireError(f"no message: an array of shape {shape} that starts at byte {start}, not at {self.used}")
        count = math.prod(shape)
        self.used += count * dtype.itemsize
        if not count:
            return np.zeros(shape, dtype)
        return np.frombuffer(self.blobs, dtype, count, start).reshape(shape).copy()


def case_message(case: Case) -> dict[str, Any]:
    """A case as a message."""
    return {**vars(case), "hyperparameters": [asdict(h) for h in case.hyperparameters]}


def case_from_message(message: dict[str, Any]) -> Case:
    """The inverse of `case_message`."""
    return Case(
        **{
            **message,
            "parameters": tuple(message["parameters"]),
            "hyperparameters": tuple(Hyperparameters(**h) for h in message["hyperparameters"]),
            "gradients": tuple(map(tuple, message["gradients"])),
            "lrs": tuple(message["lrs"]),
            "invalid": None if message["invalid"] is None else tuple(message["invalid"]),
        }
    )


def trajectory_message(trajectory: Trajectory) -> dict[str, Any]:
    """A trajectory as a message."""
    moments = [[{f.name: getattr(m, f.name) for f in fields(m)} for m in step] for step in trajectory.moments]
    return {**vars(trajectory), "moments": moments}


def trajectory_from_message(message: dict[str, Any]) -> Trajectory:
    """The inverse of `trajectory_message`; raises `WireError` on what is none."""
    try:
        return Trajectory(
            tuple(map(tuple, message["parameters"])),
            tuple(tuple(Moments(**m) for m in step) for step in message["moments"]),
            tuple((step, i) for step, i in message["changed_gradients"]),
            tuple(message["shared"]),
            tuple(message["noticed"]),
            message["refused"],
            tuple(message["late"]),
            tuple(message["disturbed"]),
            tuple(message["became"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WireError(f"no trajectory: {error}") from error
