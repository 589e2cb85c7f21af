"""Messages between the harness and its worker: JSON with the arrays' bytes behind it; reading executes nothing."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, fields
from typing import Any, BinaryIO

import numpy as np

from adam_ref import Hyperparameters
from adam_ref.arrays import Array
from conformance.case import Case, Moments, Trajectory, dtype_named

LARGEST = 1 << 31
"""Bytes; a longer message is a defect of the sender."""

_HEAD = struct.Struct("<QQ")


class WireError(Exception):
    """What was read is no message."""


def send(stream: BinaryIO, message: Any) -> None:
    """Write one message: JSON values, arrays anywhere among them."""
    blobs = bytearray()
    text = json.dumps(_without_arrays(message, blobs)).encode()
    stream.write(_HEAD.pack(len(text), len(blobs)) + text + blobs)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one message; raises EOFError at the end of the stream, `WireError` on anything that is no message."""
    text_size, blob_size = _HEAD.unpack(_exactly(stream, _HEAD.size))
    if text_size + blob_size > LARGEST:
        raise WireError(f"a message of {text_size + blob_size} bytes; at most {LARGEST} are allowed")
    text, blobs = _exactly(stream, text_size), _exactly(stream, blob_size)
    try:
        return _with_arrays(json.loads(text), blobs)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WireError(f"no message: {error}") from error


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = stream.read(size - len(data))
        if not piece:
            raise EOFError("the stream ended")
        data += piece
    return bytes(data)


def _without_arrays(value: Any, blobs: bytearray) -> Any:
    if isinstance(value, np.ndarray):
        start = len(blobs)
        blobs += value.tobytes()
        return {"__array__": [str(value.dtype), list(value.shape), start]}
    if isinstance(value, dict):
        return {k: _without_arrays(v, blobs) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(v, blobs) for v in value]
    return value


def _with_arrays(value: Any, blobs: bytes) -> Any:
    if isinstance(value, dict):
        if "__array__" in value:
            name, shape, start = value["__array__"]
            return _array(dtype_named(name), shape, start, blobs)
        return {k: _with_arrays(v, blobs) for k, v in value.items()}
    if isinstance(value, list):
        return [_with_arrays(v, blobs) for v in value]
    return value


def _array(dtype: np.dtype[Any], shape: list[int], start: int, blobs: bytes) -> Array:
    if any(n < 0 for n in shape):
        raise WireError(f"no message: an array of shape {shape}")
    count = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(blobs, dtype, count, start).reshape(shape).copy() if count else np.zeros(shape, dtype)


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
        }
    )


def trajectory_message(trajectory: Trajectory) -> dict[str, Any]:
    """A trajectory as a message."""
    moments = [[{f.name: getattr(m, f.name) for f in fields(m)} for m in step] for step in trajectory.moments]
    return {**vars(trajectory), "moments": moments}


def trajectory_from_message(message: dict[str, Any]) -> Trajectory:
    """The inverse of `trajectory_message`."""
    return Trajectory(
        tuple(map(tuple, message["parameters"])),
        tuple(tuple(Moments(**m) for m in step) for step in message["moments"]),
        tuple((step, i) for step, i in message["changed_gradients"]),
        tuple(message["shared"]),
    )
