"""What runs a user's network: OpenCV's dnn, or ONNX Runtime where it is installed. One thread each. Child side only."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.errors import PolicyError
from facegate.vision.recognize_file import Description
from facegate.vision.roi import Floats

NEEDS_EXTRA: Final = (
    "Policy.recognizer: runner='onnxruntime' takes the package onnxruntime: pip install 'facegate[onnx]', or leave "
    "runner at 'opencv'."
)
# onnxruntime 1.32 reports its usage to Microsoft unless this is set before it is imported: the import then starts no
# thread and makes no database below the user's cache folder, both of which it does otherwise.
NO_REPORTS: Final = "ORT_DISABLE_TELEMETRY"


T = TypeVar("T")


class Run(Protocol):
    """A loaded network."""

    def __call__(self, planes: Floats) -> Floats:
        """All numbers of the one output, in a row of their own memory, for (1, 3, S, S) float32."""


def opencv(data: bytes, description: Description, output: str) -> Run:
    """The network on OpenCV's dnn.

    Its working memory is made once and holds what it calculated last until it calculates again.

    Raises:
        PolicyError: it does not load.
    """
    net = _or_no("OpenCV", lambda: cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8)))
    if net.empty():
        raise PolicyError(_no("OpenCV"))
    only = len(description.outputs) == 1

    def run(planes: Floats) -> Floats:
        net.setInput(planes)
        return _taken(net.forward() if only else net.forward(output))

    return run


def onnxruntime(data: bytes, description: Description, output: str) -> Run:
    """The network on ONNX Runtime.

    With one thread within an operator and one between them it starts none, so it may be loaded where children are
    forked. Its own pool of memory is off: what it frees then goes through the allocator that overwrites.

    Raises:
        PolicyError: it is not installed, or the network does not load.
    """
    os.environ[NO_REPORTS] = "1"
    try:
        import onnxruntime as ort  # noqa: PLC0415 (an extra)
    except ImportError:
        raise PolicyError(NEEDS_EXTRA) from None
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = 4
    session = _or_no("ONNX Runtime", lambda: ort.InferenceSession(data, options, providers=["CPUExecutionProvider"]))

    def run(planes: Floats) -> Floats:
        return _taken(session.run([output], {description.input: planes})[0])

    return run


RUNNERS: Final[dict[str, Callable[[bytes, Description, str], Run]]] = {"opencv": opencv, "onnxruntime": onnxruntime}
NAMES: Final = {"opencv": "OpenCV", "onnxruntime": "ONNX Runtime"}


def tried(run: Run, name: str, side: int) -> int:
    """How many numbers the network gives for a picture of nobody.

    Raises:
        PolicyError: it does not run.
    """
    threads = cv2.getNumThreads()
    # A pool of threads here, and the zygote could not fork.
    cv2.setNumThreads(1)
    try:
        return _or_no(NAMES[name], lambda: run(np.zeros((1, 3, side, side), np.float32)).size)
    finally:
        cv2.setNumThreads(threads)


def _taken(numbers: NDArray[Any]) -> Floats:
    """A copy in a row; the library's own is overwritten, be it a view of the network's memory or not."""
    copy = np.array(numbers, np.float32).reshape(-1)
    numbers.fill(0)
    return copy


def _no(library: str) -> str:
    return f"Policy.recognizer: the file is no ONNX network that {library} can run in the memory that it is allowed."


def _or_no(library: str, step: Callable[[], T]) -> T:
    """What the step gives; a library's error, whose text is its own and may be long, becomes one sentence."""
    try:
        return step()
    except Exception:  # noqa: BLE001 (ONNX Runtime's errors have no base of their own)
        raise PolicyError(_no(library)) from None
