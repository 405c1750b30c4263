"""Redacting 16 faces of a 1920x1080 frame: beside a copy of the same memory, and beside supervision's annotators."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.contender import Contender
from benchmarks.peers.contenders.sixteen import boxes
from benchmarks.peers.environments import python_of
from benchmarks.peers.kernels import PEER, STYLES, scene
from benchmarks.suite.pairs import Pair, Profile, Side, timed
from facegate.redact import planes

# How a decoded frame gets to the annotators and back, as supervision_annotators.py names it.
WAYS = {
    "bgr": ("none", "on BGR"),
    "opencv": ("OpenCV", "yuv420p to BGR and back with OpenCV"),
    "pyav": ("PyAV", "yuv420p to BGR and back with PyAV"),
}


def pairs(profile: Profile) -> Iterator[Pair]:
    """Each style as an ellipse; boxes only where there is a peer, which covers boxes."""
    cv2.setNumThreads(1)
    # As after the first decoded frames: glibc keeps such memory from now on, and no later array is new pages.
    np.ones(32 << 20, np.uint8)
    picture, where = av.VideoFrame.from_ndarray(scene(), format="yuv420p"), boxes("mixed")
    ceiling = timed("memory copy of the boxes in all planes", _copy(picture, where))
    for style in STYLES:

        def redact(style: str = style) -> None:
            planes.redact_frame(picture, where, style=style, shape="ellipse")

        yield Pair(f"kernels.{style}", timed(f"redact_frame, {style}, ellipse", redact), ceiling, profile.rounds, 100)
    if profile.peers:
        yield from _beside_supervision(profile)


def _beside_supervision(profile: Profile) -> Iterator[Pair]:
    theirs = str(python_of(PEER))
    with tempfile.TemporaryDirectory() as folder:
        frame = Path(folder) / "frame.yuv"
        scene().tofile(frame)
        for style in STYLES:
            mine = Contender(sys.executable, "facegate_planes.py", str(frame), style, "mixed", "box")
            ours = _side(f"redact_frame, {style}, box, yuv420p", mine)
            for name, (conversion, words) in WAYS.items():
                peer = Contender(theirs, "supervision_annotators.py", str(frame), style, "mixed", conversion)
                other = _side(f"supervision, {words}", peer)
                yield Pair(f"kernels.{style}_supervision_{name}", ours, other, profile.rounds, 15)
                peer.close()
            mine.close()


def _side(what: str, contender: Contender) -> Side:
    return Side(what, lambda runs: [each / 1e3 for each in contender.time(runs)])


def _copy(picture: av.VideoFrame, where: NDArray[np.float32]) -> object:
    """Copies what the boxes cover, of all planes, from memory of the same shape."""
    parts = []
    for number, plane in enumerate(picture.planes):
        view = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        for x0, y0, x1, y1 in where.astype(int) // (1 if number == 0 else 2):
            parts.append((view[y0:y1, x0:x1], view[y0:y1, x0:x1].copy()))

    def copy() -> None:
        for window, source in parts:
            window[...] = source

    return copy
