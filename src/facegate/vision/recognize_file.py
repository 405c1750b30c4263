"""A user's .onnx file: held against the digest that the policy names, and looked through before a library reads it."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import Final

from facegate.errors import AnalysisError, PolicyError
from facegate.vision.onnx import fields, part, text

# Networks of this kind have 1 to 260 MB; those that take more are not for a processor.
MOST_BYTES: Final = 1 << 30
_MOST_DEPTH: Final = 16
_FLOAT: Final = 1
_OPEN: Final = 1 << 63  # sides from here on are negative numbers: left open
_ELSEWHERE: Final = (13, 14)  # TensorProto: external_data, data_location
# Where the messages of onnx.proto3 have others in which a tensor may be: number of the field, and what is in it.
_WITHIN: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}


@dataclass(frozen=True, slots=True)
class Description:
    """What a model says of itself.

    Attributes:
        input: name of its one input, which takes floats.
        shape: of that input; None for a side that it leaves open.
        outputs: names.
    """

    input: str
    shape: tuple[int | None, ...]
    outputs: tuple[str, ...]


def contents(path: str, sha256: str) -> bytes:
    """The file, if it is the one.

    Args:
        path: absolute.
        sha256: lower-case hex.

    Raises:
        PolicyError: it cannot be read, is too large or has another digest.
    """
    try:
        # Not to wait for whoever writes to a pipe of that name.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise PolicyError(f"Policy.recognizer: what is at {path} is no plain file.")
            if status.st_size > MOST_BYTES:
                raise PolicyError(f"Policy.recognizer: the file at {path} has more than {MOST_BYTES >> 20} MiB.")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(MOST_BYTES)
        finally:
            os.close(descriptor)
    except OSError:
        raise PolicyError(f"Policy.recognizer: there is no file that can be read at {path}.") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise PolicyError(
            f"Policy.recognizer: the file at {path} is another than the policy names; its SHA-256 differs."
        )
    return data


def described(data: bytes) -> Description:
    """What the model says of itself.

    Raises:
        PolicyError: it is no whole ONNX model with one input of floats, or part of it is in other files, of which the
            digest says nothing.
    """
    try:
        whole = memoryview(data)
        if _elsewhere(whole, "model", 0):
            raise PolicyError("Policy.recognizer: the model has weights in other files, which its SHA-256 is not of.")
        graphs = [part(value) for number, value in fields(whole) if number == 7]
        if len(graphs) != 1:
            raise AnalysisError("The model's file has no graph.")
        return _described(graphs[0])
    except (AnalysisError, UnicodeDecodeError):
        raise PolicyError("Policy.recognizer: the file is no ONNX model, or only a part of one.") from None


def _described(graph: memoryview) -> Description:
    weights, inputs, outputs = set(), {}, []
    for number, value in fields(graph):
        if number == 5:
            weights |= {text(content) for at, content in fields(part(value)) if at == 8}
        elif number == 11:
            name, shape = _input(part(value))
            inputs[name] = shape
        elif number == 12:
            outputs += [text(content) for at, content in fields(part(value)) if at == 1]
    # Old files list their weights among their inputs.
    free = {name: shape for name, shape in inputs.items() if name not in weights}
    if len(free) != 1:
        raise PolicyError(f"Policy.recognizer: the model takes {len(free)} inputs; one picture is what it gets.")
    ((name, shape),) = free.items()
    if shape is None:
        raise PolicyError("Policy.recognizer: the model's input is no tensor of float32.")
    return Description(name, shape, tuple(outputs))


def _input(data: memoryview) -> tuple[str, tuple[int | None, ...] | None]:
    """Name of a ValueInfoProto, and its shape if it is one of floats."""
    name, shape = "", None
    for number, value in fields(data):
        if number == 1:
            name = text(value)
        elif number == 2:  # TypeProto
            for kind, content in fields(part(value)):
                if kind == 1:  # tensor_type
                    shape = _shape(part(content))
    return name, shape


def _shape(data: memoryview) -> tuple[int | None, ...] | None:
    """Shape of a TypeProto.Tensor, or None if it is not of floats."""
    kind, sides = 0, []
    for number, value in fields(data):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2:
            for at, side in fields(part(value)):
                if at == 1:
                    lengths = [each for which, each in fields(part(side)) if which == 1]
                    length = lengths[0] if lengths else None
                    sides.append(length if isinstance(length, int) and 0 < length < _OPEN else None)
    return tuple(sides) if kind == _FLOAT else None


def _elsewhere(data: memoryview, kind: str, depth: int) -> bool:
    """Whether a tensor somewhere in this message has its values in another file.

    Raises:
        AnalysisError: graphs lie in graphs deeper than any real model's.
    """
    if depth > _MOST_DEPTH:
        raise AnalysisError("The model's graphs lie deeper in each other than those of any real model.")
    within = _WITHIN[kind]
    for number, value in fields(data):
        if kind == "tensor" and number in _ELSEWHERE and value != 0:
            return True
        if number in within and _elsewhere(part(value), within[number], depth + 1):
            return True
    return False
