"""What to look for in text when nothing of a person may be in it, and where errors keep it besides their text."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import facegate
from facegate.faces import IDENTITY_PRODUCTS
from facegate.memory.arena import LAYOUT

_OURS = str(Path(facegate.__file__).parent)
_HERE = str(Path(__file__).parents[1])


class Secret:
    """Geometry and upload of a request, as decimal text and as bytes would show them.

    Its own print shows nothing, so that a traceback through a test does not look like a leak.
    """

    def __init__(self, upload: bytes, arrays: dict[str, np.ndarray]) -> None:
        self.upload = upload
        self.arrays = arrays
        self.needles = {needle for array in arrays.values() for value in array.ravel() for needle in _decimal(value)}
        for at in range(0, len(upload) - 24, max(1, len(upload) // 400)):
            piece = upload[at : at + 24]
            self.needles |= {repr(piece)[2:-1], piece.hex(), base64.b64encode(piece[:18]).decode()}

    def in_text(self, text: str) -> list[str]:
        """What of it is there."""
        return [needle for needle in self.needles if needle in text]

    def __repr__(self) -> str:
        return "Secret"


def everything_of(faces: facegate.FaceSet) -> dict[str, np.ndarray]:
    """Copies of all that its gate makes of one; copying it out of the request is the test's own crime."""
    assert faces.subject is not None
    arrays: dict[str, np.ndarray] = {}
    for name, product in LAYOUT.items():
        made = faces.has_blendshapes if name == "blendshapes" else faces.recognized or name not in IDENTITY_PRODUCTS
        if not made:
            continue
        with (faces if product.per_face else faces.subject).expose(name) as shown:
            arrays[name] = shown.copy()
    return arrays


def _decimal(value: np.float32) -> Iterator[str]:
    """As numpy and Python write it, cut after three decimals or five digits: what any longer form begins with."""
    if abs(value) >= 10:
        yield from {f"{value:.3f}", repr(float(value))[: len(f"{value:.0f}") + 4]}
    elif abs(value) > 1e-4 and abs(value) not in {1.0, 2.0, 4.0}:
        yield f"{value:.7f}".rstrip("0") if len(f"{value:.7f}".rstrip("0")) > 7 else f"{value:.9f}"
        # As numpy writes an array whose numbers differ much in size.
        yield f"{value:.8e}".partition("e")[0][:-2]


def frames_of(error: BaseException) -> Iterator[FrameType]:
    """Frames of the error, its causes, contexts and members that are not a test's: facegate's and libraries'."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
        trace = each.__traceback__
        while trace is not None:
            if not trace.tb_frame.f_code.co_filename.startswith(_HERE):
                yield trace.tb_frame
            trace = trace.tb_next


def told_by(error: BaseException) -> str:
    """All text that tools make of an error: message, arguments, attributes, traceback with the locals of each frame."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    parts = ["".join(traceback.format_exception_only(error)), repr(error), repr(error.args), repr(vars(error))]
    waiting, seen = [shown], set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        waiting += [each.__cause__, each.__context__, *(each.exceptions or ())]
        parts += [str(each)]
        parts += [f"{frame.name}: {frame.locals}" for frame in each.stack if not frame.filename.startswith(_HERE)]
    return "\n".join(parts)


def held_by(error: BaseException) -> list[str]:
    """Locals of facegate's and libraries' frames that hold arrays, buffers, bytes or answers."""
    return [
        f"{frame.f_code.co_name}.{name}: {type(value).__name__}"
        for frame in frames_of(error)
        for name, value in frame.f_locals.items()
        if _is_data(value)
    ]


def _is_data(value: Any) -> bool:
    if isinstance(value, (bytes, bytearray)):
        return len(value) > 64
    if isinstance(value, (tuple, list)):
        return any(map(_is_data, value))
    return isinstance(value, (np.ndarray, memoryview))
