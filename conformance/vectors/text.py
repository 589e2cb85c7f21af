"""The text of a file of vectors: JSON, laid out so regularly that a program without a JSON library can read it.

Every key of the file stands on a line of its own, every tensor and every vector too; keys come in one order, one space
follows their colon, and lists hold no spaces.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from adam_ref import Hyperparameters
from conformance.checks import CHECKS
from conformance.vectors import numerals
from conformance.vectors.flags import FLAGS, TYPES
from conformance.vectors.model import SCHEMA, Row, Tensor, Vector, VectorError, VectorFile

FLAGS_FILE, FLAGS_SCHEMA = "flags.json", "adam-conformance/vector-flags/1"

NUMBERS = ("beta1", "beta2", "eps", "weight_decay")
SWITCHES = ("amsgrad", "maximize")


def written(file: VectorFile) -> str:
    """The text of the file."""
    values, undecided = file.counts
    head = {
        "schema": SCHEMA,
        "chapter": file.chapter,
        "dialect": file.dialect_name,
        "axes": asdict(file.dialect),
        "format": file.format_name,
        "vectors": len(file.vectors),
        "values": values,
        "undecided": undecided,
    }
    tensors = _listed([_tensor(tensor, file.chapter) for tensor in file.tensors])
    return "\n".join(["{", *_lines(head), ' "tensors": [', *tensors, " ]", "}", ""])


def written_flags() -> str:
    """The text of `FLAGS_FILE`: every flag there is."""
    flags = _listed([f"  {json.dumps(name)}: {_line(flag.to_json())}" for name, flag in FLAGS.items()])
    return "\n".join(["{", *_lines({"schema": FLAGS_SCHEMA, "types": TYPES}), ' "flags": {', *flags, " }", "}", ""])


def _lines(head: Mapping[str, Any]) -> list[str]:
    return [f" {json.dumps(key)}: {_line(value)}," for key, value in head.items()]


def _listed(items: Sequence[str]) -> list[str]:
    return [f"{item}," for item in items[:-1]] + list(items[-1:])


def _line(value: Any) -> str:
    """JSON on one line, a list of numbers without spaces."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {_line(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_line, value)) + "]"
    return json.dumps(value, allow_nan=False)


def _tensor(tensor: Tensor, chapter: str) -> str:
    hyper = tensor.hyper
    head = {
        "check": tensor.check,
        "clauses": CHECKS[tensor.check].clauses,
        "comment": comment(tensor),
        "optimizer": tensor.optimizer,
        "lr": [numerals.write(lr) for lr in tensor.lr],
        **{name: numerals.write(getattr(hyper, name)) for name in NUMBERS},
        **{name: getattr(hyper, name) for name in SWITCHES},
        "steps": tensor.steps,
        "compared": tensor.compared,
    }
    opening = _line(head).removesuffix("}")
    quantities = tensor.quantities(chapter)
    vectors = _listed([f"   {_line(_vector(vector, quantities))}" for vector in tensor.vectors])
    return "\n".join([f'  {opening}, "vectors": [', *vectors, "  ]}"])


def comment(tensor: Tensor) -> str:
    """The hyperparameters in decimal, for people."""
    hyper = tensor.hyper
    shown = {"lr": hyper.lr, **{name: getattr(hyper, name) for name in NUMBERS}}
    words = [f"{name}={value!r}" for name, value in shown.items() if name != "weight_decay" or value]
    return " ".join([*words, *(name for name in SWITCHES if getattr(hyper, name))])


def _vector(vector: Vector, quantities: Iterable[str]) -> dict[str, Any]:
    return {
        "id": vector.id,
        "flags": vector.flags,
        "theta0": numerals.write(vector.theta0),
        "gradients": [None if g is None else numerals.write(g) for g in vector.gradients],
        **{q: [None if row is None else list(map(numerals.write, row)) for row in vector.rows[q]] for q in quantities},
    }


def parsed(text: str) -> VectorFile:
    """The inverse of `written`.

    Raises:
        VectorError: what is no such file.

    """
    try:
        data = json.loads(text)
        tensors = tuple(_tensor_from(tensor, data["chapter"]) for tensor in data["tensors"])
        file = VectorFile(data["chapter"], data["dialect"], data["format"], tensors)
        assert file.dialect
        assert file.format
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise VectorError(f"no file of vectors: {type(error).__name__} {error}") from error
    except ValueError as error:
        raise VectorError(f"no file of vectors: {error}") from error
    return file


def _tensor_from(data: Mapping[str, Any], chapter: str) -> Tensor:
    lr = tuple(map(numerals.read, data["lr"]))
    numbers: dict[str, Any] = {name: numerals.read(data[name]) for name in NUMBERS}
    hyper = Hyperparameters(lr=lr[0], **numbers, **{name: data[name] for name in SWITCHES})
    tensor = Tensor(data["check"], data["optimizer"], hyper, lr, data["steps"], tuple(data["compared"]), ())
    quantities = tensor.quantities(chapter)
    vectors = tuple(_vector_from(vector, quantities) for vector in data["vectors"])
    return Tensor(tensor.check, tensor.optimizer, hyper, lr, tensor.steps, tensor.compared, vectors)


def _vector_from(data: Mapping[str, Any], quantities: Iterable[str]) -> Vector:
    return Vector(
        id=data["id"],
        theta0=numerals.read(data["theta0"]),
        gradients=tuple(None if g is None else numerals.read(g) for g in data["gradients"]),
        flags=tuple(data["flags"]),
        rows={quantity: tuple(None if row is None else _row(row) for row in data[quantity]) for quantity in quantities},
    )


def _row(row: Sequence[str]) -> Row:
    a, b, c, d = map(numerals.read, row)
    return a, b, c, d
