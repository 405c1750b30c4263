"""Read the nodes and weights of an .onnx file: as much of protobuf as that takes, and no library for it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facegate.errors import AnalysisError

Weights = NDArray[Any]
# Field numbers of onnx.proto3: ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto.
_GRAPH = 7
_NODE, _INITIALIZER = 1, 5
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5
_NAME, _FLOAT, _INTEGER, _INTEGERS = 1, 2, 3, 8
_DIMENSION, _TYPE, _FLOATS, _TENSOR_NAME, _RAW = 1, 2, 4, 8, 9
_TYPES: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 7: np.dtype("<i8")}
_CUT = "The model's file ends within a field."


class Node(NamedTuple):
    """One operator.

    Attributes:
        operator: its type, e.g. ``"Conv"``.
        inputs: names.
        output: name of the first one.
        attributes: numbers, and lists of whole ones.
    """

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, float | list[int]]


def read(data: bytes) -> tuple[list[Node], dict[str, Weights]]:
    """The graph of a model whose digest was checked.

    Args:
        data: the file.

    Returns:
        Its nodes in order, and its weights by name; the arrays are views of `data`.

    Raises:
        AnalysisError: it has something that this reader does not know.
    """
    graph = next(value for number, value in fields(memoryview(data)) if number == _GRAPH)
    nodes, weights = [], {}
    for number, value in fields(part(graph)):
        if number == _NODE:
            nodes.append(_node(part(value)))
        elif number == _INITIALIZER:
            name, array = _tensor(part(value))
            weights[name] = array
    return nodes, weights


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field of one message: an integer, or the bytes, a view.

    Raises:
        AnalysisError: the message ends within a field.
    """
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            length, at = _varint(data, at)
        elif kind in {1, 5}:
            length = 8 if kind == 1 else 4
        else:
            raise AnalysisError("The model's file has a field of a kind that is not known.")
        if length > len(data) - at:
            raise AnalysisError(_CUT)
        yield tag >> 3, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise AnalysisError(_CUT)
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def part(value: int | memoryview) -> memoryview:
    """The bytes of a field that must have some.

    Raises:
        AnalysisError: it is a number.
    """
    if isinstance(value, int):
        raise AnalysisError("The model's file has a number where a part of it is expected.")
    return value


def text(value: int | memoryview) -> str:
    """The text of a field."""
    return bytes(part(value)).decode()


def _node(data: memoryview) -> Node:
    inputs, outputs, operator, attributes = [], [], "", {}
    for number, value in fields(data):
        if number == _INPUT:
            inputs.append(text(value))
        elif number == _OUTPUT:
            outputs.append(text(value))
        elif number == _OPERATOR:
            operator = text(value)
        elif number == _ATTRIBUTE:
            name, content = _attribute(part(value))
            attributes[name] = content
    return Node(operator, tuple(inputs), outputs[0], attributes)


def _attribute(data: memoryview) -> tuple[str, float | list[int]]:
    name, integers, number = "", [], 0.0
    for field, value in fields(data):
        if field == _NAME:
            name = text(value)
        elif field == _INTEGERS:
            integers.append(value if isinstance(value, int) else _varint(value, 0)[0])
        elif field == _INTEGER and isinstance(value, int):
            number = float(value)
        elif field == _FLOAT:
            number = struct.unpack("<f", part(value))[0]
    return name, integers or number


def _tensor(data: memoryview) -> tuple[str, Weights]:
    name, shape, kind, raw = "", [], 0, memoryview(b"")
    for field, value in fields(data):
        if field == _DIMENSION and isinstance(value, int):
            shape.append(value)
        elif field == _TYPE and isinstance(value, int):
            kind = value
        elif field == _TENSOR_NAME:
            name = text(value)
        elif field in {_RAW, _FLOATS}:
            raw = part(value)
    if kind not in _TYPES:
        raise AnalysisError("The model's file has weights of a type that is not known.")
    return name, np.frombuffer(raw, _TYPES[kind]).reshape(shape)
