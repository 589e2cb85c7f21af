"""What crosses between harness and worker arrives to the last bit, and what is no message is named as such."""

import io
import json
import struct

import ml_dtypes
import numpy as np
import pytest

from adam_ref import Hyperparameters
from conformance.case import Case, Moments, Trajectory
from conformance.isolation import wire

HEAD = struct.Struct("<QQ")


def there_and_back(message):
    stream = io.BytesIO()
    wire.send(stream, message)
    stream.seek(0)
    received = wire.receive(stream)
    assert stream.read() == b""
    return received


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.5, -3e-5, 6e-8]
ARRAYS = {
    "float64": np.array(SPECIAL),
    "float32": np.array(SPECIAL, np.float32),
    "float16": np.array(SPECIAL, np.float16),
    "bfloat16": np.array(SPECIAL, ml_dtypes.bfloat16),
    "complex64": np.array([1 - 2j, complex(np.nan, -0.0)], np.complex64),
    "complex128": np.array([[1e300 + 1j]], np.complex128),
    "0-d": np.array(2.5, np.float32),
    "empty": np.zeros((0, 3), np.float64),
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "strided": np.arange(10.0, dtype=np.float32)[::3],
    "a NaN with a payload": np.array([0x7FC12345], np.uint32).view(np.float32),
    "subnormal": np.array([5e-324]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_arrives_to_the_last_bit(name):
    """Otherwise an isolated target is judged on other numbers than it gave."""
    assert same(
        there_and_back({"x": ARRAYS[name]})["x"], np.ascontiguousarray(ARRAYS[name]).reshape(ARRAYS[name].shape)
    )


def test_an_array_that_arrived_can_be_written_to():
    """Targets step in place."""
    array = there_and_back(np.ones(3))
    array[0] = 2.0


def test_many_arrays_keep_their_places():
    """Each array finds its own bytes among those of the others, wherever it lies in the message."""
    message = {"deep": [{"a": np.arange(3.0)}, [np.arange(4, dtype=np.float32), None, np.zeros(0)]], "b": np.ones(())}
    received = there_and_back(message)
    assert same(received["deep"][0]["a"], message["deep"][0]["a"])
    assert same(received["deep"][1][0], message["deep"][1][0])
    assert received["deep"][1][1] is None
    assert same(received["b"], message["b"])


def test_bytes_arrive_as_they_are():
    """A checkpoint crosses so; nobody on the way looks into it."""
    message = {"a": np.arange(3.0), "saved": b"\x80\x05\x00", "none": b"", "b": np.ones(2)}
    received = there_and_back(message)
    assert (received["saved"], received["none"]) == (message["saved"], b"")
    assert same(received["b"], message["b"])


@pytest.mark.parametrize("plain", [None, True, 3, 0.1, "text with ü", [1, [2]], {"k": {}}, 1e308, 5e-324, 0.1 + 0.2])
def test_plain_values_arrive_as_they_are(plain):
    """Hyperparameters are among them: 0.1 must come back as that very double."""
    assert there_and_back(plain) == plain


def test_several_messages_follow_one_another():
    stream = io.BytesIO()
    for number in range(3):
        wire.send(stream, [number, np.full(number, float(number))])
    stream.seek(0)
    assert [wire.receive(stream)[0] for _ in range(3)] == [0, 1, 2]
    with pytest.raises(EOFError):
        wire.receive(stream)


def test_a_stream_that_gives_a_byte_at_a_time_is_read_to_the_end():
    """A pipe gives what is there, not what was asked for."""

    class Dripping(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1))

    stream = io.BytesIO()
    wire.send(stream, {"x": np.arange(5.0)})
    assert same(wire.receive(Dripping(stream.getvalue()))["x"], np.arange(5.0))


def a_case():
    return Case(
        dtype="bfloat16",
        parameters=(np.ones((2, 2), ml_dtypes.bfloat16), np.zeros((), ml_dtypes.bfloat16)),
        hyperparameters=(Hyperparameters(lr=0.1), Hyperparameters(eps=1e-16, amsgrad=True)),
        gradients=((np.ones((2, 2), ml_dtypes.bfloat16), None), (None, np.ones((), ml_dtypes.bfloat16))),
        lrs=(None, 0.3),
        checkpoint_after=1,
        regime="ordinary",
        skipped=254,
        manner="strided",
    )


def test_a_case_arrives_whole():
    case = a_case()
    arrived = wire.case_from_message(there_and_back(wire.case_message(case)))
    assert (arrived.hyperparameters, arrived.lrs, arrived.checkpoint_after) == (
        case.hyperparameters,
        case.lrs,
        case.checkpoint_after,
    )
    assert (arrived.dtype, arrived.regime, arrived.device) == (case.dtype, case.regime, case.device)
    assert (arrived.skipped, arrived.manner) == (254, "strided")
    assert all(same(a, b) for a, b in zip(arrived.parameters, case.parameters, strict=True))
    assert arrived.gradients[0][1] is None
    assert same(arrived.gradients[1][1], case.gradients[1][1])


def test_a_trajectory_arrives_whole():
    moments = Moments(np.ones(2), np.zeros(2), None, 3.0)
    trajectory = Trajectory(((np.ones(2),), (np.zeros(2),)), ((moments,), (Moments(),)), ((0, 0),), ("a and b",))
    arrived = wire.trajectory_from_message(there_and_back(wire.trajectory_message(trajectory)))
    assert (arrived.changed_gradients, arrived.shared) == (trajectory.changed_gradients, trajectory.shared)
    assert same(arrived.moments[0][0].m, moments.m)
    assert (arrived.moments[0][0].step, arrived.moments[0][0].v_max) == (3.0, None)
    assert arrived.moments[1][0] == Moments()
    assert all(same(a[0], b[0]) for a, b in zip(arrived.parameters, trajectory.parameters, strict=True))


def message_of(text, blobs=b""):
    data = text if isinstance(text, bytes) else json.dumps(text).encode()
    return HEAD.pack(len(data), len(blobs)) + data + blobs


MALFORMED = {
    "no JSON": message_of(b"{oops"),
    "no text": message_of(b"\xff\xfe"),
    "an unknown dtype": message_of({"__array__": ["float7", [1], 0]}, b"\0" * 8),
    "a dtype of objects": message_of({"__array__": ["object", [1], 0]}, b"\0" * 8),
    "fewer bytes than the shape needs": message_of({"__array__": ["float64", [2], 0]}, b"\0" * 8),
    "a start behind the end": message_of({"__array__": ["float64", [1], 800]}, b"\0" * 8),
    "a negative start": message_of({"__array__": ["float64", [1], -8]}, b"\0" * 8),
    "a negative size": message_of({"__array__": ["float64", [-1], 0]}, b"\0" * 8),
    "a shape that is none": message_of({"__array__": ["float64", "square", 0]}, b"\0" * 8),
    "an array of two entries": message_of({"__array__": ["float64", [1]]}, b"\0" * 8),
    "an array that is a number": message_of({"__array__": 5}),
    "more bytes than there are": message_of({"__bytes__": [9, 0]}, b"\0" * 8),
    "bytes of a negative size": message_of({"__bytes__": [-8, 0]}, b"\0" * 8),
    "bytes that were used already": message_of([{"__bytes__": [8, 0]}] * 2, b"\0" * 8),
    "bytes that are a number": message_of({"__bytes__": 5}),
    "more levels than Python likes": message_of(b"[" * 100_000),
    "more than is allowed": HEAD.pack(wire.LARGEST, 1) + b"{}",
    "rubbish": b"rubbish" * 100,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_message_is_called_so(name):
    """A target may write anything into the pipe; the harness must neither crash, hang, nor take it for numbers."""
    with pytest.raises(wire.WireError):
        wire.receive(io.BytesIO(MALFORMED[name]))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 20, -1])
def test_a_message_that_breaks_off_is_an_end_of_the_stream(size):
    stream = io.BytesIO()
    wire.send(stream, {"x": np.arange(3.0)})
    with pytest.raises(EOFError):
        wire.receive(io.BytesIO(stream.getvalue()[:size]))
