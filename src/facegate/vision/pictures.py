"""Small upright RGB pictures of decoded frames, and the way back from their pixels to the frame's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from facegate.vision.boxes import Floats

Pixels = NDArray[np.uint8]
# Formats of which the first plane is luma, in the low bits of what holds it.
_LUMA_FIRST = ("yuv4", "yuvj4", "yuva4", "gray", "nv12", "nv21", "nv16")


@dataclass(frozen=True, slots=True)
class Picture:
    """Part of a frame, scaled and turned upright.

    Attributes:
        rgb: (h, w, 3) uint8, RGB, often a view.
        scale: x and y: pixels of the frame for one of the picture's, before turning.
        corner: x, y of the part in the frame.
        size: height and width of the picture before turning.
        turns: quarter turns clockwise that made it upright.
        origin: x, y of `rgb` in the whole upright picture.
    """

    rgb: Pixels
    scale: tuple[float, float]
    corner: tuple[float, float]
    size: tuple[int, int]
    turns: int
    origin: tuple[int, int] = (0, 0)

    def part(self, top: int, left: int, height: int, width: int) -> Picture:
        """A part of the upright picture, pixels of it."""
        rgb = self.rgb[top : top + height, left : left + width]
        return Picture(rgb, self.scale, self.corner, self.size, self.turns, (left, top))

    def to_frame(self, boxes: Floats) -> Floats:
        """Boxes (N, 4) of the picture in pixels of the frame."""
        height, width = self.size
        x0, y0, x1, y1 = (boxes + np.tile(self.origin, 2)).T
        # Where the corners were before the picture was turned.
        back = (
            (x0, y0, x1, y1),
            (y0, height - x1, y1, height - x0),
            (width - x1, height - y1, width - x0, height - y0),
            (width - y1, x0, width - y0, x1),
        )[self.turns]
        return np.asarray(np.stack(back, axis=1) * np.tile(self.scale, 2) + np.tile(self.corner, 2), np.float32)


class Pictures:
    """Makes them. One for each video: swscale's contexts are kept, which cost more than their use."""

    def __init__(self, rotation: int) -> None:
        """Set up.

        Args:
            rotation: degrees clockwise that show the frames upright: 0, 90, 180 or 270.
        """
        self._turns = rotation // 90 % 4
        self._scalers: dict[tuple[int, int, str], VideoReformatter] = {}

    def whole(self, frame: av.VideoFrame, longer: int) -> Picture:
        """The whole frame.

        Args:
            frame: of any format.
            longer: longer side of the picture, pixels.
        """
        height, width = reduced(frame.height, frame.width, longer)
        plane = self.scaled(frame, height, width, "rgb24")
        scale = (frame.width / width, frame.height / height)
        rgb = np.rot90(plane.reshape(height, -1, 3), -self._turns)
        return Picture(rgb, scale, (0.0, 0.0), (height, width), self._turns)

    def luma(self, frame: av.VideoFrame, longer: int) -> Pixels:
        """The whole frame in grey, (h, w) uint8, not turned, never enlarged."""
        height, width = reduced(frame.height, frame.width, min(longer, max(frame.height, frame.width)))
        return self.scaled(frame, height, width, "gray")

    def upright(self, frame: av.VideoFrame, longer: int) -> tuple[int, int]:
        """Height and width that `whole` would have."""
        height, width = reduced(frame.height, frame.width, longer)
        return (width, height) if self._turns % 2 else (height, width)

    def scaled(self, frame: av.VideoFrame, height: int, width: int, form: str) -> Pixels:
        """One plane in that size and format, (height, bytes of a row) uint8, a view of the frame that swscale made."""
        key = (height, width, form)
        scaler = self._scalers.setdefault(key, VideoReformatter())
        way = Interpolation.AREA if width < frame.width else Interpolation.BILINEAR
        made = scaler.reformat(frame, width=width, height=height, format=form, interpolation=way)
        plane = made.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        return np.asarray(rows[:, : width * (3 if form == "rgb24" else 1)])


def reduced(height: int, width: int, longer: int) -> tuple[int, int]:
    """Height and width of a picture of that many pixels on its longer side."""
    zoom = longer / max(height, width)
    return max(1, round(height * zoom)), max(1, round(width * zoom))


class Crops:
    """Squares of one frame at any scale, in grey: a face needs no colour to be known again.

    Most formats have luma as a plane of its own, which is read where it lies; of others it is made once a frame.
    """

    def __init__(self, pictures: Pictures, rotation: int) -> None:
        self._pictures = pictures
        self._turns = rotation // 90 % 4

    def luma(self, frame: av.VideoFrame) -> tuple[NDArray[np.unsignedinteger[Any]], int]:
        """The frame's luma, (H, W), uint8 or uint16, and by how many bits it is deeper than 8."""
        bits = frame.format.components[0].bits
        if frame.format.name.startswith(_LUMA_FIRST) and not frame.format.is_big_endian:
            plane = frame.planes[0]
            kind = np.dtype(np.uint8 if bits == 8 else np.uint16)
            rows = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
            return np.asarray(rows[:, : frame.width]), bits - 8
        return self._pictures.scaled(frame, frame.height, frame.width, "gray"), 0

    def cut(self, frame: av.VideoFrame, box: Floats, side: int, size: float) -> Picture:
        """The square around a box, upright.

        Args:
            frame: of any format.
            box: (4,) xyxy, pixels of the frame.
            side: of the picture, pixels.
            size: of the box's longer side in it.
        """
        luma, deeper = self.luma(frame)
        zoom = size / max(float(np.max(box[2:] - box[:2])), 1.0)
        corner = (box[:2] + box[2:]) / 2 - side / 2 / zoom
        x0, y0 = np.maximum(np.floor(corner), 0).astype(int)
        x1, y1 = np.minimum(np.ceil(corner + side / zoom) + 1, [luma.shape[1], luma.shape[0]]).astype(int)
        part = np.zeros((1, 1), np.uint8)
        if x0 < x1 and y0 < y1:
            part = np.asarray(luma[y0:y1, x0:x1] >> deeper, np.uint8)
        offset = (corner - [x0, y0]).astype(float)
        shrink = 1.0
        if zoom < 0.5:
            # Sampling a much larger picture one pixel for one would alias.
            shrink = zoom
            target = (max(1, round(part.shape[1] * shrink)), max(1, round(part.shape[0] * shrink)))
            part = np.asarray(cv2.resize(part, target, interpolation=cv2.INTER_AREA), np.uint8)
        by = zoom / shrink
        warp = np.array([[by, 0, -offset[0] * zoom], [0, by, -offset[1] * zoom]])
        grey = cv2.warpAffine(part, warp, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        upright = np.rot90(np.asarray(grey, np.uint8), -self._turns)
        rgb = np.broadcast_to(upright[..., None], (side, side, 3))
        return Picture(rgb, (1 / zoom, 1 / zoom), (float(corner[0]), float(corner[1])), (side, side), self._turns)
