"""Redacting 16 faces of a 1920x1080 frame: beside a copy of the same memory, and beside supervision's annotators."""

from __future__ import annotations

from collections.abc import Iterator

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.contender import Contender
from benchmarks.peers.environments import python_of
from benchmarks.suite.pairs import Pair, Profile, Side, timed
from facegate.redact import planes

SIZE_WH = (1920, 1080)
# Sides of the faces, pixels: none is on the grid of a mosaic by chance.
SIDES = (241, 241, 181, 161, 121, 121, 97, 97, 81, 81, 61, 61, 47, 47, 37, 29)
# supervision does what we do in these two; solid has no annotator that covers instead of tinting.
AGAINST = {"pixelate": "PixelateAnnotator", "blur": "BlurAnnotator"}
# How a decoded frame gets to the annotators and back: not at all, with OpenCV, and with PyAV, whose frames they are.
WAYS = {
    "": ("bgr", "BGR"),
    "_opencv": ("opencv", "yuv420p to BGR and back with OpenCV"),
    "_pyav": ("pyav", "yuv420p to BGR and back with PyAV"),
}


def boxes() -> NDArray[np.float32]:
    """(16, 4) float32, xyxy, pixels: four rows of four, apart from each other."""
    number = np.arange(len(SIDES))
    left, top = 33 + 471 * (number % 4), 21 + 263 * (number // 4)
    return np.stack([left, top, left + SIDES, top + SIDES], axis=1).astype(np.float32)


def frame() -> av.VideoFrame:
    """A yuv420p frame of noise, which nothing can be quicker for."""
    width, height = SIZE_WH
    noise = np.random.default_rng(0).integers(16, 236, (height * 3 // 2, width), np.uint8)
    return av.VideoFrame.from_ndarray(noise, format="yuv420p")


def pairs(profile: Profile) -> Iterator[Pair]:
    """Each style as an ellipse; boxes only where there is a peer, which covers boxes."""
    cv2.setNumThreads(1)
    picture, where = frame(), boxes()
    ceiling = timed("memory copy of the boxes in all planes", _copy(picture, where))
    for style in ("solid", "pixelate", "blur"):

        def redact(style: str = style, shape: str = "ellipse") -> None:
            planes.redact_frame(picture, where, style=style, shape=shape)

        yield Pair(f"kernels.{style}", timed(f"redact_frame, {style}, ellipse", redact), ceiling, profile.rounds, 30)
    if not profile.peers:
        return
    python = python_of("supervision-0.31.2")
    for style, annotator in AGAINST.items():

        def cover(style: str = style) -> None:
            planes.redact_frame(picture, where, style=style, shape="box")

        ours = timed(f"redact_frame, {style}, box, yuv420p", cover, wall=True)
        for name, (way, words) in WAYS.items():
            peer = Contender(python, "supervision_annotators.py", annotator, way, *map(str, where.ravel().astype(int)))
            ceiling = Side(
                f"supervision {annotator}, {words}", lambda runs, peer=peer: [each / 1e3 for each in peer.time(runs)]
            )
            yield Pair(f"kernels.{style}_supervision{name}", ours, ceiling, profile.rounds, 15)
            peer.close()


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
