"""Arrays at the reference's edge: checked, complex seen as pairs of reals, large ones walked block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BLOCK = 32768
"""Elements walked at a time: a handful of float64 temporaries of this size stay in a core's own cache."""


class ArrayError(ValueError):
    """An array that cannot be a parameter or its gradient; the message says what was given and what is allowed."""


def checked_parameter(parameter: Any) -> Array:
    """`parameter` as a new contiguous float64 or complex128 array."""
    array = np.asarray(parameter)
    if _is_complex(array):
        return np.array(array, dtype=np.complex128, order="C")
    if not _is_floating(array):
        raise ArrayError(f"a parameter of dtype {array.dtype} is not allowed: it must be floating or complex")
    return np.array(array, dtype=np.float64, order="C")


def checked_gradient(gradient: Any, like: Array | int) -> Any:
    """`gradient` as an array that fits the parameter `like`, or as a list of `like` gradients."""
    if isinstance(like, int):
        if not isinstance(gradient, list | tuple) or len(gradient) != like:
            given = f"{len(gradient)} of them" if isinstance(gradient, list | tuple) else type(gradient).__name__
            raise ArrayError(f"gradients given: {given}; allowed: a list of {like}, one a parameter (None for none)")
        return gradient
    array = np.asarray(gradient)
    if array.shape != like.shape:
        raise ArrayError(f"a gradient of shape {array.shape} is not allowed: the parameter's shape is {like.shape}")
    if np.iscomplexobj(like):
        if not (_is_complex(array) or _is_floating(array)):
            raise ArrayError(f"a gradient of dtype {array.dtype} is not allowed: it must be complex or floating")
        return np.ascontiguousarray(array, dtype=np.complex128).reshape(like.shape)
    if not _is_floating(array):
        raise ArrayError(f"a gradient of dtype {array.dtype} is not allowed: it must be floating, as the parameter is")
    return np.ascontiguousarray(array, dtype=np.float64).reshape(like.shape)


def as_reals(array: Array) -> Array:
    """A contiguous array as a flat one of reals: shape (n,), or (n, 2) for n complex numbers."""
    return array.reshape(-1).view(np.float64).reshape(-1, 2) if np.iscomplexobj(array) else array.reshape(-1)


def from_reals(reals: Array, like: Array) -> Array:
    """The inverse of `as_reals`, in the shape and kind of `like`."""
    if np.iscomplexobj(like):
        return np.ascontiguousarray(reals).view(np.complex128).reshape(like.shape)
    return reals.reshape(like.shape)


def map_blocks(
    function: Callable[..., tuple[Array, ...]], arrays: Sequence[Array], *others: Any, block: int = BLOCK
) -> tuple[Array, ...]:
    """`function(*arrays, *others)` for an elementwise function, along the first axis block by block.

    The result is the same to the last bit; what changes is that temporaries stay in the cache.  An argument that the
    function hands through unchanged (in every block, if in one) comes back as it is, not copied.
    """
    n = len(arrays[0])
    if n <= block:
        return function(*arrays, *others)
    _keep_freed_memory()
    results: list[Array] = []
    for start in range(0, n, block):
        parts = [a[start : start + block] for a in arrays]
        done = function(*parts, *others)
        results = results or [_whole(piece, parts, arrays) for piece in done]
        for whole, piece in zip(results, done, strict=True):
            if not any(whole is a for a in arrays):
                whole[start : start + block] = piece
    return tuple(results)


def _whole(piece: Array, parts: Sequence[Array], arrays: Sequence[Array]) -> Array:
    """What the pieces go into: the argument itself where the piece is a part of it, else a new array."""
    for part, array in zip(parts, arrays, strict=True):
        if piece is part:
            return array
    return np.empty((len(arrays[0]), *piece.shape[1:]), piece.dtype)


def _keep_freed_memory() -> None:
    """Free 4 MiB at once, so that glibc no longer returns each temporary to the system (mallopt(3), dynamic threshold).

    Otherwise every block faults its pages in again: 27,000 faults and half as long again a step at 10 million elements.
    """
    np.empty(2**22, np.uint8)


def _is_floating(array: Array) -> bool:
    return np.issubdtype(array.dtype, np.floating) or array.dtype.name in ("bfloat16",)


def _is_complex(array: Array) -> bool:
    return np.issubdtype(array.dtype, np.complexfloating)
