"""The form of a file of vectors: its schema, its layout to the byte, and what a schema cannot say."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

from adam_ref import Format
from conformance.checks import CHECKS
from conformance.specs import spec_file
from conformance.vectors.flags import FLAGS
from conformance.vectors.model import Tensor, Vector, VectorError, VectorFile
from conformance.vectors.text import parsed, written

SCHEMA_FILE = "vectors/vectors.schema.json"


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The JSON Schema of a file of vectors."""
    found: dict[str, Any] = json.loads(spec_file(SCHEMA_FILE).read_text(encoding="utf-8"))
    return found


def problems(text: str, path: str = "") -> list[str]:
    """What is wrong with the form of a file, in sentences; `path` is where it lies, from specs/vectors on.

    Nothing is computed: whether the intervals are right is what `verify` says.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        return [f"no JSON: {error}"]
    found = list(_against_the_schema(data))
    if found:
        return found
    try:
        file = parsed(text)
    except VectorError as error:
        return [str(error)]
    found = list(_rules(file))
    if path and path != file.path:
        found.append(f"it lies at {path} and must lie at {file.path}")
    return found or list(_layout(file, text))


def _against_the_schema(data: Any) -> Iterator[str]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema()).iter_errors(data))
    if error is not None:
        yield f"{error.json_path}: {error.message[:200]}"


def _rules(file: VectorFile) -> Iterator[str]:
    """What a schema cannot say."""
    for number, vector in enumerate(file.vectors, 1):
        if vector.id != number:
            yield f"vector {vector.id} is number {number} in the file"
    for number, tensor in enumerate(file.tensors, 1):
        yield from (f"tensor {number}: {problem}" for problem in _of_tensor(tensor, file.chapter))
        for vector in tensor.vectors:
            yield from (f"vector {vector.id}: {problem}" for problem in _of_vector(vector, tensor, file.format))


def _of_tensor(tensor: Tensor, chapter: str) -> Iterator[str]:
    if tensor.check not in CHECKS or CHECKS[tensor.check].chapter != chapter:
        yield f"the chapter {chapter} has no check {tensor.check!r}"
    if len(tensor.lr) not in (1, tensor.steps):
        yield f"{len(tensor.lr)} learning rates for {tensor.steps} steps"
    if list(tensor.compared) != sorted(tensor.compared) or tensor.compared[-1] > tensor.steps:
        yield f"the compared steps must rise, up to {tensor.steps} at most"
    if len({tuple(g is None for g in v.gradients) for v in tensor.vectors}) > 1:
        yield "a gradient is missing in one vector and there in another"


def _of_vector(vector: Vector, tensor: Tensor, fmt: Format) -> Iterator[str]:
    for name in vector.flags:
        if name not in FLAGS:
            yield f"there is no flag {name!r}"
    if len(vector.gradients) != tensor.steps:
        yield f"{len(vector.gradients)} gradients for {tensor.steps} steps"
    numbers = [vector.theta0, *(g for g in vector.gradients if g is not None)]
    for quantity, rows in vector.rows.items():
        if len(rows) != len(tensor.compared):
            yield f"{len(rows)} rows of {quantity} for {len(tensor.compared)} compared steps"
        known = [row for row in rows if row is not None]
        if not all(a <= b for row in known for a, b in pairwise(row)):
            yield f"a row of {quantity} is not LO <= lo <= hi <= HI"
        numbers += [end for row in known for end in row if not math.isinf(end)]
    for number in numbers:
        if not fmt.holds(number):
            yield f"{number.hex()} is no number of {fmt.name}"


def _layout(file: VectorFile, text: str) -> Iterator[str]:
    difference = first_difference(text, written(file))
    if difference:
        yield f"{difference}; adam-conformance vectors lint --fix lays it out"


def first_difference(text: str, want: str) -> str:
    """Where `text` first differs from `want`, line and column; empty where it does not."""
    if text == want:
        return ""
    lines, wanted = text.split("\n"), want.split("\n")
    for number, (line, right) in enumerate(zip(lines, wanted, strict=False), 1):
        if line != right:
            at = next((i for i, (a, b) in enumerate(zip(line, right, strict=False)) if a != b), -1)
            if at < 0:
                at = min(len(line), len(right))
            begin = max(at - 20, 0)
            return f"line {number}: {line[begin : at + 20]!r} must be {right[begin : at + 20]!r}"
    return f"{len(lines)} lines must be {len(wanted)}"
