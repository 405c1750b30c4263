"""Follow single faces from frame to frame where key frames leave a doubt: a look at one face costs 2 ms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import av
import numpy as np

from facegate.redact.linking import predicted
from facegate.redact.tracks import Track, Tracks
from facegate.vision.boxes import Floats
from facegate.vision.video_detector import VideoDetector

# A face that went further than this share of its size between two sightings is looked for between them.
_STEP = 0.5
# Two sightings this near, in sizes, are one face beyond doubt.
_NEXT = 1.5


@dataclass(slots=True)
class Held:
    """A frame that waits.

    Attributes:
        index: its number.
        frame: as it was decoded.
        key: whether it was looked at for faces.
    """

    index: int
    frame: av.VideoFrame
    key: bool = False


class Trails:
    """Adds sightings to tracks."""

    def __init__(self, detector: VideoDetector, tracks: Tracks) -> None:
        self._detector, self._tracks = detector, tracks

    def look(self, track: Track, held: Held, *, far: bool = False) -> bool:
        """Look for a track on one frame, where it should be there; whether it was."""
        expected = track.at(held.index, lead=0, tail=0)
        expected = predicted(track, held.index) if expected is None else expected
        box = self._detector.look(held.frame, expected, far=far)
        if box is None or self._taken(held.index, box, track):
            return False
        track.add(held.index, box)
        return True

    def along(self, track: Track, way: Iterable[Held], *, far: bool = True) -> None:
        """Follow a track from frame to frame, until it is lost."""
        for held in way:
            if held.index < track.start or not self.look(track, held, far=far):
                return

    def between(self, track: Track, frames: Sequence[Held]) -> None:
        """Look for a track on the frames before its last sighting, if it went far to that from the one before."""
        if len(track.frames) < 2:
            return
        gap = [held for held in frames if track.frames[-2] < held.index < track.frames[-1]]
        if track.frames[-1] in track.wide:
            self._join(track, gap)
        elif gap and _way(track.boxes[-2], track.boxes[-1]) > _STEP:
            self.look(track, gap[len(gap) // 2])

    def _join(self, track: Track, gap: list[Held]) -> None:
        """Follow from both ends what may be two faces."""
        ends = Track(track.start, frames=[track.frames.pop()], boxes=[track.boxes.pop()])
        track.wide.discard(ends.frames[0])
        self.along(track, gap)
        self.along(ends, [held for held in reversed(gap) if held.index > track.frames[-1]])
        if _way(track.boxes[-1], ends.boxes[0]) > _NEXT:
            track.wide.add(ends.frames[0])
        for frame, box in zip(ends.frames, ends.boxes, strict=True):
            track.add(frame, box)

    def _taken(self, index: int, box: Floats, mine: Track) -> bool:
        """Whether the face that a look found is another track's."""
        centre = (box[:2] + box[2:]) / 2
        for track in self._tracks.alive:
            other = None if track is mine else track.at(index, lead=0, tail=0)
            if other is not None and bool(np.all((centre >= other[:2]) & (centre <= other[2:]))):
                return True
        return False


def _way(a: Floats, b: Floats) -> float:
    """Distance of two boxes' centres in sizes of the larger."""
    size = max(float(np.max(box[2:] - box[:2])) for box in (a, b))
    return float(np.linalg.norm((a[:2] + a[2:] - b[:2] - b[2:]) / 2)) / max(size, 1.0)
