"""BlazeFace made fully convolutional, so that it takes pictures of any size instead of 128x128.

The shipped network ends by flattening its four heads and joining them, which fixes the input's size. Before that tail
it is convolutions alone: without it, scores at 128x128 are equal to the original's bit for bit, and a larger input
gives a larger grid of them. (SAME padding of a stride-2 convolution depends on the input's parity only; heights and
widths that are multiples of 16 pad as 128 does.)
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from facegate.errors import AnalysisError

# Strides of the two grids and anchors per cell: SsdAnchorsCalculator of mediapipe's
# face_detection_short_range.pbtxt, strides 8 16 16 16 with two anchors per layer, layers of one stride joined.
HEADS = {8: 2, 16: 6}
# 0..255 to 0..2; the network takes -1..1 (ImageToTensorCalculator of the same file).
_SCALE = np.float32(1 / 127.5)
_OPERATORS = schema.BuiltinOperator
_TAIL = (_OPERATORS.RESHAPE, _OPERATORS.CONCATENATION)


def convolutional(model: bytes) -> bytes:
    """Drop the tail of BlazeFace.

    Args:
        model: ``face_detection_short_range.tflite``.

    Returns:
        A .tflite of which `Network` may resize the input. Its outputs are the heads ``classificator_8`` (N, h, w, 2),
        ``regressor_8`` (N, h, w, 32), ``classificator_16`` (N, h/2, w/2, 6), ``regressor_16`` (N, h/2, w/2, 96).

    Raises:
        AnalysisError: the model is of another architecture.
    """
    tree = schema.ModelT.InitFromPackedBuf(model, 0)
    graph = tree.subgraphs[0]
    kinds = [_kind(tree, operator) for operator in graph.operators]
    heads = [op.inputs[0] for op, kind in zip(graph.operators, kinds, strict=True) if kind == _OPERATORS.RESHAPE]
    names = sorted(graph.tensors[index].name.decode() for index in heads)
    if names != sorted(f"{part}_{stride}" for part in ("classificator", "regressor") for stride in HEADS):
        raise AnalysisError("The detection model does not have the four heads of BlazeFace short range.")
    graph.operators = [op for op, kind in zip(graph.operators, kinds, strict=True) if kind not in _TAIL]
    graph.outputs = np.array(heads, np.int32)
    # Signatures and metadata name the outputs that are gone.
    tree.signatureDefs = tree.metadata = tree.metadataBuffer = None
    builder = flatbuffers.Builder(len(model) + 4096)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _kind(tree: Any, operator: Any) -> int:
    code = tree.operatorCodes[operator.opcodeIndex]
    # Converters of before 2020 wrote the deprecated field alone.
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


class Network:
    """One convolutional BlazeFace for inputs of one size, its memory allocated. One thread.

    Attributes:
        height: of the input, pixels.
        width: of the input, pixels.
        batch: pictures per call.
    """

    def __init__(self, model: bytes, height: int, width: int, *, batch: int = 1) -> None:
        """Allocate.

        Args:
            model: from `convolutional`.
            height: a multiple of 16.
            width: a multiple of 16.
            batch: pictures per call.
        """
        self.height, self.width, self.batch = height, width, batch
        self._interpreter = Interpreter(model_content=model, num_threads=1)
        self._input = int(self._interpreter.get_input_details()[0]["index"])
        self._interpreter.resize_tensor_input(self._input, (batch, height, width, 3), strict=False)
        self._interpreter.allocate_tensors()
        self._outputs = {item["name"]: int(item["index"]) for item in self._interpreter.get_output_details()}

    def __call__(self, pixels: NDArray[np.float32]) -> dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Run.

        Args:
            pixels: (batch, height, width, 3) float32, RGB, -1 to 1.

        Returns:
            By stride (8 and 16), with a anchors per cell: logits (batch, h, w, a) and raw regressions
            (batch, h, w, a, 16), both float32 and owned by the caller.
        """
        self._interpreter.set_tensor(self._input, pixels)
        return self._run()

    def look(self, rgb: NDArray[np.uint8]) -> dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Run on one picture, written straight into LiteRT's memory: a fresh array costs page faults, 2 ms at 448x448.

        Args:
            rgb: (h, w, 3) uint8, RGB, no larger than the input; what is missing on the right and below is black.
        """
        height, width = rgb.shape[:2]
        # LiteRT refuses to run while a view of its memory lives: both names go before it does.
        inside = self._interpreter.tensor(self._input)()
        part = inside[0, :height, :width]
        np.multiply(rgb, _SCALE, out=part, dtype=np.float32)
        np.subtract(part, np.float32(1), out=part)
        inside[0, height:] = -1
        inside[0, :height, width:] = -1
        del inside, part
        return self._run()

    def _run(self) -> dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]]:
        self._interpreter.invoke()
        result = {}
        for stride, anchors in HEADS.items():
            logits = self._interpreter.get_tensor(self._outputs[f"classificator_{stride}"])
            raw = self._interpreter.get_tensor(self._outputs[f"regressor_{stride}"])
            result[stride] = logits, raw.reshape(*raw.shape[:3], anchors, 16)
        return result


def normalized(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """0..255 to -1..1, float32: what the network takes."""
    return np.multiply(rgb, _SCALE, dtype=np.float32) - np.float32(1)
