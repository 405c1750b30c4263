"""Keep one face of a video, as long as it is beyond doubt whose it is. Child side only.

The subject is the track that passes through the box chosen on one frame. It stays uncovered while that track is seen
without a gap, looks like itself from frame to frame, and no other face comes near. From the first doubt on it is
covered, until it stands apart again and looks like the subject, and like nobody else there, for some frames. A new
shot ends it: who returns after a cut is covered.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from facegate.redact.tracks import Track, Tracks
from facegate.vision import boxes as bx
from facegate.vision.boxes import Floats
from facegate.vision.pictures import Crops
from facegate.vision.trails import Held

# The chosen box and a track's are one face from this overlap on, and nobody's if another track has half as much of it.
_CHOSEN_IOU = 0.3
# A face this near may be taken for the other: share of the smaller box that overlaps once both are grown by `_NEAR`.
_APART_IOS, _NEAR = 0.02, 0.15
# Correlation of two small pictures of a face: what a frame has with those that were sure (one person in one shot: 0.8
# and more), what it takes to be the subject again, and by how much it must exceed everyone else's.
_STILL, _AGAIN, _AHEAD = 0.6, 0.75, 0.12
_FRAMES = 3  # in a row, to be sure again
# Side of the small picture and size of the face's box in it, pixels: what surrounds a face may be anyone's.
_SIDE, _FACE = 24, 26.0


@dataclass(slots=True)
class Kept:
    """The one face that stays, as it was chosen on one frame.

    Attributes:
        seconds: time of that frame. On frames before it the subject is covered.
        box: (4,) float32, xyxy, pixels of the coded frame.
    """

    seconds: float
    box: NDArray[np.float32]


class Keeper:
    """Says frame by frame, in order, which track stays uncovered."""

    def __init__(self, kept: Kept, tracks: Tracks, crops: Crops, *, longest_gap: int) -> None:
        """Wait for the chosen frame.

        Args:
            kept: the subject.
            tracks: of the video; those that `spare` returns are among them.
            crops: cuts the small pictures.
            longest_gap: frames from one sighting to the next, beyond which a track is in doubt.
        """
        self._kept, self._tracks, self._crops, self._gap = kept, tracks, crops, longest_gap
        self._subject: Track | None = None
        self._begun = self._sure = False
        self._in_row = 0
        self._likenesses: list[Floats] = []
        self._last = kept.box

    def spare(self, held: Held) -> tuple[Track, ...]:
        """The subject's track, if it is to stay uncovered on the frame; nothing in any doubt.

        Args:
            held: the next frame.
        """
        if not self._begun:
            if not _reached(held.frame, self._kept.seconds):
                return ()
            self._begun = True
            self._choose(held)
        subject = self._subject
        if subject is None:
            return ()
        if subject.end is not None and held.index >= subject.end:
            self._subject = None
            return ()
        self._sure = self._stays(subject, held) if self._sure else self._returns(held)
        return (self._subject,) if self._sure and self._subject is not None else ()

    def _choose(self, held: Held) -> None:
        tracks, boxes = self._present(held.index)
        overlap = bx.iou(boxes, self._kept.box[None].astype(np.float32))[:, 0]
        order = np.argsort(-overlap)
        if not len(order) or overlap[order[0]] < _CHOSEN_IOU:
            return
        if len(order) > 1 and overlap[order[1]] > overlap[order[0]] / 2:
            return
        self._subject, self._sure = tracks[order[0]], True
        self._last = boxes[order[0]]
        self._likenesses = [self._likeness(held.frame, self._last)] * 2

    def _present(self, index: int) -> tuple[list[Track], Floats]:
        pairs = [(track, track.at(index, lead=0, tail=0)) for track in self._tracks.alive]
        there = [(track, box) for track, box in pairs if box is not None]
        boxes = np.stack([box for _, box in there]) if there else np.empty((0, 4), np.float32)
        return [track for track, _ in there], boxes.astype(np.float32)

    def _stays(self, subject: Track, held: Held) -> bool:
        box = subject.at(held.index, lead=0, tail=0)
        if box is None or subject.gap(held.index) > self._gap or not self._alone(subject, box, held.index):
            self._in_row = 0
            return False
        likeness = self._likeness(held.frame, box)
        if self._alike(likeness) < _STILL:
            self._in_row = 0
            return False
        self._last = box
        # The first one stays: what changes little by little ends up as someone else.
        self._likenesses[1] = likeness
        return True

    def _returns(self, held: Held) -> bool:
        """Whether someone is the subject again: near where it was, alone, and like nobody else in the picture."""
        tracks, boxes = self._present(held.index)
        alike = np.array([self._alike(self._likeness(held.frame, box)) for box in boxes])
        order = np.argsort(-alike)
        if not len(order) or alike[order[0]] < _AGAIN:
            self._in_row = 0
            return False
        best, box = tracks[order[0]], boxes[order[0]]
        ahead = len(order) == 1 or alike[order[0]] - alike[order[1]] >= _AHEAD
        if not ahead or best.gap(held.index) > self._gap or not self._alone(best, box, held.index):
            self._in_row = 0
            return False
        self._in_row = self._in_row + 1 if best is self._subject else 1
        self._subject, self._last = best, box
        return self._in_row >= _FRAMES

    def _alone(self, subject: Track, box: Floats, index: int) -> bool:
        lead, tail = self._tracks.lead, self._tracks.tail
        others = [t.at(index, lead=lead, tail=tail) for t in self._tracks.alive if t is not subject]
        boxes = [other for other in others if other is not None]
        if not boxes:
            return True
        grow = np.array([-_NEAR, -_NEAR, _NEAR, _NEAR], np.float32)
        each = np.stack([box, *boxes]).astype(np.float32)
        each = each + (each[:, 2:] - each[:, :2]).max(axis=1, keepdims=True) * grow
        return bool(bx.ios(each[:1], each[1:]).max() < _APART_IOS)

    def _likeness(self, frame: av.VideoFrame, box: Floats) -> Floats:
        """A small picture of a face as a vector of mean 0 and length 1."""
        grey = self._crops.cut(frame, box, _SIDE, _FACE).rgb[..., 0].astype(np.float32)
        vector = (grey - grey.mean()).ravel()
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-6), np.float32)

    def _alike(self, likeness: Floats) -> float:
        return max(float(likeness @ known) for known in self._likenesses)


def _reached(frame: av.VideoFrame, seconds: float) -> bool:
    # Times are fractions of clocks; a millisecond is less than a frame of any video.
    return frame.time is not None and frame.time >= seconds - 1e-3
