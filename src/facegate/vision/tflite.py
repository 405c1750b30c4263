"""Write a convolutional .onnx network as a .tflite one of a fixed input size, so that LiteRT runs it.

LiteRT needs two thirds of the time that OpenCV's dnn does (CenterFace, one thread: 0.2 and 0.3 microseconds a pixel),
and one thread and one memory plan, not OpenCV's.

PyTorch pads a convolution of stride 2 above and on the left, LiteRT's SAME below and on the right. Padding of its own
would copy the largest tensors of the network; instead the network is turned by 180 degrees, every kernel with it, and
so are its input and outputs: the same numbers, and nothing copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from facegate.errors import AnalysisError
from facegate.vision.onnx import Node, Weights

_OPERATORS, _OPTIONS = schema.BuiltinOperator, schema.BuiltinOptions
_SAME, _RELU = schema.Padding.SAME, schema.ActivationFunctionType.RELU
_VALID = schema.Padding.VALID
_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.int8): schema.TensorType.INT8,
}


def turned(nodes: list[Node], weights: Mapping[str, Weights], outputs: Sequence[str], height: int, width: int) -> bytes:
    """The network for pictures of one size, turned by 180 degrees, in float32.

    Args:
        nodes: from `facegate.vision.onnx.read`: Conv, ConvTranspose, BatchNormalization after that, Relu, Add, Sigmoid.
        weights: likewise.
        outputs: names of the tensors wanted, from before a Sigmoid.
        height: of the input, pixels, a multiple of all the network's strides.
        width: of the input, likewise.

    Returns:
        A .tflite that takes (1, height, width, 3) float32.

    Raises:
        AnalysisError: the network has something else.
    """
    return Writer(nodes, weights).write(outputs, height, width)


class Writer:
    """Writes one network; what numbers it holds is for a subclass to change.

    Attributes:
        versions: of the operators, by code; those that take float32.
    """

    # Version 4 of TRANSPOSE_CONV is the one with a bias.
    versions: ClassVar[Mapping[int, int]] = {_OPERATORS.TRANSPOSE_CONV: 4}

    def __init__(self, nodes: list[Node], weights: Mapping[str, Weights]) -> None:
        self._nodes, self._weights = nodes, weights
        self._after = {node.inputs[0]: node for node in nodes if node.operator in {"Relu", "BatchNormalization"}}
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators = [], []
        self._model = schema.ModelT()
        self._model.version, self._model.subgraphs = 3, [self._graph]
        self._model.buffers, self._model.operatorCodes = [schema.BufferT()], []
        self._codes: dict[int, int] = {}
        self._tensors: dict[str, tuple[int, tuple[int, int, int]]] = {}

    def write(self, outputs: Sequence[str], height: int, width: int) -> bytes:
        """The .tflite; arguments as of `turned`."""
        self._tensor(self._nodes[0].inputs[0], (height, width, 3))
        writers = {"Conv": self._convolution, "ConvTranspose": self._transposed, "Add": self._sum}
        for node in self._nodes:
            if node.operator in writers:
                writers[node.operator](node)
            elif node.operator not in {"Relu", "BatchNormalization", "Sigmoid"}:
                raise AnalysisError(f"The network has an operator that is not known: {node.operator}.")
        self._graph.inputs = np.array([self._tensors[self._nodes[0].inputs[0]][0]], np.int32)
        self._graph.outputs = np.array([self._tensors[name][0] for name in outputs], np.int32)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _tensor(self, name: str, shape: tuple[int, int, int]) -> int:
        index = self._add(name, (1, *shape), schema.TensorType.FLOAT32, 0)
        self._tensors[name] = index, shape
        return index

    def _constant(self, values: NDArray[Any]) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return self._add("", values.shape, _TYPES[values.dtype], len(self._model.buffers) - 1)

    def _constants(self, source: str, kernel: Weights, axis: int, bias: Weights) -> list[int]:
        """Kernel and bias of a convolution.

        Args:
            source: name of the tensor that it reads.
            kernel: as LiteRT has it.
            axis: of the kernel, along which its output channels lie.
            bias: (channels,).
        """
        del source, axis
        return [self._constant(kernel), self._constant(bias)]

    def _add(self, name: str, shape: tuple[int, ...], kind: int, buffer: int) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, np.array(shape, np.int32), kind, buffer
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _operator(self, code: int, options: int, inputs: list[int], output: int, **fields: Any) -> None:
        if code not in self._codes:
            kind = schema.OperatorCodeT()
            kind.version = self.versions.get(code, 1)
            kind.builtinCode = kind.deprecatedBuiltinCode = code
            self._codes[code] = len(self._model.operatorCodes)
            self._model.operatorCodes.append(kind)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.builtinOptionsType = self._codes[code], options
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        names = {getattr(_OPTIONS, name): name for name in vars(_OPTIONS) if not name.startswith("_")}
        operator.builtinOptions = getattr(schema, f"{names[options]}T")()
        for name, value in fields.items():
            setattr(operator.builtinOptions, name, value)
        self._graph.operators.append(operator)

    def _activated(self, name: str) -> tuple[str, int]:
        """The tensor's name after a Relu that follows, and the activation that takes its place."""
        after = self._after.get(name)
        return (after.output, _RELU) if after is not None and after.operator == "Relu" else (name, 0)

    def _convolution(self, node: Node) -> None:
        source, (height, width, _) = self._tensors[node.inputs[0]]
        kernel = self._weights[node.inputs[1]][:, :, ::-1, ::-1]
        bias = self._weights[node.inputs[2]]
        step = _integers(node, "strides")[0]
        if _integers(node, "pads") != [kernel.shape[2] // 2] * 4 or height % step or width % step:
            raise AnalysisError("The network has a convolution that is padded in another way.")
        name, activation = self._activated(node.output)
        output = self._tensor(name, (height // step, width // step, len(kernel)))
        settings = {"padding": _SAME, "strideH": step, "strideW": step, "fusedActivationFunction": activation}
        settings |= {"dilationHFactor": 1, "dilationWFactor": 1}
        if node.attributes["group"] == 1:
            constants = self._constants(node.inputs[0], kernel.transpose(0, 2, 3, 1), 0, bias)
            code, options = _OPERATORS.CONV_2D, _OPTIONS.Conv2DOptions
        else:
            constants = self._constants(node.inputs[0], kernel[:, 0].transpose(1, 2, 0)[None], 3, bias)
            code, options = _OPERATORS.DEPTHWISE_CONV_2D, _OPTIONS.DepthwiseConv2DOptions
            settings["depthMultiplier"] = 1
        self._operator(code, options, [source, *constants], output, **settings)

    def _transposed(self, node: Node) -> None:
        """The normalization that follows is folded in: y = (x - mean) / sqrt(variance + epsilon) * gain + shift."""
        source, (height, width, _) = self._tensors[node.inputs[0]]
        normal = self._after[node.output]
        gain, shift, mean, variance = (self._weights[name] for name in normal.inputs[1:])
        factor = gain / np.sqrt(variance + _number(normal, "epsilon"))
        kernel = (self._weights[node.inputs[1]] * factor[None, :, None, None])[:, :, ::-1, ::-1]
        bias = (shift - mean * factor).astype(np.float32)
        name, activation = self._activated(normal.output)
        shape = (2 * height, 2 * width, kernel.shape[1])
        output = self._tensor(name, shape)
        kernel_at, bias_at = self._constants(node.inputs[0], kernel.transpose(1, 2, 3, 0), 0, bias)
        self._operator(
            _OPERATORS.TRANSPOSE_CONV,
            _OPTIONS.TransposeConvOptions,
            [self._constant(np.array([1, *shape], np.int32)), kernel_at, source, bias_at],
            output,
            padding=_VALID,
            strideH=2,
            strideW=2,
            fusedActivationFunction=activation,
        )

    def _sum(self, node: Node) -> None:
        parts = [self._tensors[name] for name in node.inputs]
        output = self._tensor(node.output, parts[0][1])
        self._operator(_OPERATORS.ADD, _OPTIONS.AddOptions, [index for index, _ in parts], output)


def _number(node: Node, name: str) -> float:
    value = node.attributes[name]
    if isinstance(value, list):
        raise AnalysisError(f"The network's {node.operator} has more than one {name}.")
    return value


def _integers(node: Node, name: str) -> list[int]:
    value = node.attributes[name]
    if not isinstance(value, list):
        raise AnalysisError(f"The network's {node.operator} has no list of {name}.")
    return value
