"""Where one shot ends and the next begins, and where nothing moves: from small grey pictures."""

from __future__ import annotations

from typing import NamedTuple

import av
import cv2
import numpy as np

from facegate.vision.pictures import Pictures, Pixels

_SIDE = 320  # longer side of the grey pictures, pixels
_BLOCK = 4  # blocks of so many of their pixels are compared: 24 px of a picture 1920 px wide
# Mean difference in one block, levels of 255, from which on something moved: above noise of sensors and of coding.
_MOVED = 3.0
# Mean difference of whole pictures, levels, and share of pixels whose brightness changed places, at a cut.
_CUT_DIFFERENCE, _CUT_HISTOGRAM = 18.0, 0.25
# After a cut so many frames are of its shot, whatever they show: a strobe light is no row of shots.
_SHORTEST = 4


class Change(NamedTuple):
    """What a frame is to those before.

    Attributes:
        cut: the first frame of a shot.
        still: nothing moved since the frame that was remembered.
    """

    cut: bool
    still: bool


class Shots:
    """Compares each frame with the one before, and with one that it was told to remember."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._before: Pixels | None = None
        self._remembered: Pixels | None = None
        self._since = 0

    def compare(self, frame: av.VideoFrame) -> Change:
        """Take the next frame; the first one is the first of a shot."""
        now = self._pictures.luma(frame, _SIDE)
        before, self._before = self._before, now
        self._since += 1
        if before is None or before.shape != now.shape:
            self._since = 0
            return Change(cut=True, still=False)
        cut = self._since >= _SHORTEST and _is_cut(before, now)
        if cut:
            self._since = 0
        return Change(cut, not cut and self._still(now))

    def remember(self) -> None:
        """The frame that was compared last is the one that stillness is measured from."""
        self._remembered = self._before

    def _still(self, now: Pixels) -> bool:
        if self._remembered is None:
            return False
        apart = cv2.absdiff(self._remembered, now)
        blocks = cv2.resize(
            apart, (-(-now.shape[1] // _BLOCK), -(-now.shape[0] // _BLOCK)), interpolation=cv2.INTER_AREA
        )
        return float(blocks.max()) < _MOVED


def _is_cut(before: Pixels, now: Pixels) -> bool:
    if float(cv2.absdiff(before, now).mean()) < _CUT_DIFFERENCE:
        return False
    # A camera that pans moves what it shows; a cut shows something else.
    counts = [np.bincount(picture.ravel() >> 4, minlength=16) / picture.size for picture in (before, now)]
    return float(np.abs(counts[0] - counts[1]).sum()) / 2 > _CUT_HISTOGRAM
