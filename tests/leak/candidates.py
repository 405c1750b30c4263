"""Compare the faces of two pictures as a child does, then wait to be looked at.

Run as ``candidates.py HOW RUNNER MODEL SHA256``. HOW is "shipped", "unforgotten", where the network is not made to
forget, or "kept", where a vector is kept on purpose. Standard input is two pictures (256, 256, 3) uint8, one behind the
other, whose faces are at `POINTS`.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np

from facegate.codes import Refusal
from facegate.recognizer import Recognizer
from facegate.vision.detect import Detections
from facegate.vision.recognize import Recognition
from facegate.vision.recognize_select import select_alike

SIDE = 256
POINTS = np.array([[100, 110], [155, 112], [128, 140], [128, 175], [70, 120], [185, 121]], np.float32)


def faces() -> Detections:
    """One face, at the points."""
    return Detections(np.zeros((1, 4), np.float32), np.ones(1, np.float32), POINTS[None].copy())


def made(model: str, sha256: str, runner: str) -> Recognition:
    """The network, with a threshold that nobody reaches."""
    entry = Recognizer(model, sha256, threshold=1.0, runner=runner)  # type: ignore[arg-type]
    return Recognition(entry.as_dict())


def main(how: str, runner: str, model: str, sha256: str) -> None:
    """See above."""
    cv2.setNumThreads(1)
    recognition = made(model, sha256, runner)
    if how == "unforgotten":
        recognition.forget = lambda: None  # type: ignore[method-assign]
    data = sys.stdin.buffer.read(2 * SIDE * SIDE * 3)
    photo, picture = np.frombuffer(data, np.uint8).reshape(2, SIDE, SIDE, 3)
    kept = recognition.of_candidate(picture, POINTS) if how == "kept" else None
    try:
        select_alike(recognition, photo, faces(), picture, faces())
    except Refusal as refusal:
        print(refusal.code, flush=True)
    sys.stdin.buffer.read()
    assert kept is None or kept.any()


if __name__ == "__main__":
    main(*sys.argv[1:])
