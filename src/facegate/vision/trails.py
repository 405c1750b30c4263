"""Follow single faces from frame to frame where key frames leave a doubt: a look at one face costs 3 ms."""

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
        """Look for a track on one frame, where it should be there; whether it was, and is no other track."""
        box = self._find(track, held, far=far)
        if box is None or self._other(held.index, box, track) is not None:
            return False
        track.add(held.index, box)
        return True

    def back(self, track: Track, held: Iterable[Held]) -> None:
        """Follow a track back to where it came from: from frame to frame, then over the key frames that are held.

        Args:
            track: that has just begun, at a key frame.
            held: frames, oldest first.
        """
        before = [each for each in reversed(list(held)) if track.start <= each.index < track.frames[0]]
        last_key = next((at for at, each in enumerate(before) if each.key), len(before))
        self._along(track, before[:last_key])
        self._along(track, [each for each in before[last_key:] if each.key], far=False)

    def forward(self, track: Track, way: Iterable[Held], new: Sequence[Track]) -> Track | None:
        """Follow a track that its last key frame does not show, until it is lost.

        Args:
            track: seen before.
            way: frames after that, the key frame last.
            new: tracks that began at that key frame.

        Returns:
            The new track that it turned out to go on as, or None.
        """
        for held in way:
            box = self._find(track, held, far=True)
            other = None if box is None else self._other(held.index, box, track)
            if other is not None and other in new:
                return other
            if box is None or other is not None:
                return None
            track.add(held.index, box)
        return None

    def between(self, track: Track, frames: Sequence[Held], key: Held) -> Track | None:
        """Look for a track on the frames before its last sighting, if it went far to that from the one before.

        Args:
            track: seen on the key frame.
            frames: those between that and the key frame before.
            key: the key frame.

        Returns:
            A new track, if what was linked turned out to be two faces.
        """
        if len(track.frames) < 2:
            return None
        gap = [held for held in frames if track.frames[-2] < held.index]
        if track.frames[-1] in track.wide:
            return self._join(track, gap, key)
        if gap and _way(track.boxes[-2], track.boxes[-1]) > _STEP:
            self.look(track, gap[len(gap) // 2])
        return None

    def _join(self, track: Track, gap: list[Held], key: Held) -> Track | None:
        """Follow from both ends what may be two faces."""
        late = Track(track.start, frames=[track.frames.pop()], boxes=[track.boxes.pop()])
        track.wide.discard(key.index)
        self._tracks.alive.append(late)
        self._along(late, reversed(gap))
        same = self.forward(track, [*gap, key], [late])
        if same is None and track.frames[-1] >= late.frames[0]:
            return late
        self._tracks.alive.remove(late)
        if same is None and _way(track.boxes[-1], late.boxes[0]) > _NEXT:
            track.wide.add(late.frames[0])
        track.absorb(late)
        return None

    def _along(self, track: Track, way: Iterable[Held], *, far: bool = True) -> None:
        for held in way:
            if not self.look(track, held, far=far):
                return

    def _find(self, track: Track, held: Held, *, far: bool) -> Floats | None:
        expected = track.at(held.index, lead=0, tail=0)
        return self._detector.look(held.frame, predicted(track, held.index) if expected is None else expected, far=far)

    def _other(self, index: int, box: Floats, mine: Track) -> Track | None:
        """The other track whose face a look has found."""
        centre = (box[:2] + box[2:]) / 2
        for track in self._tracks.alive:
            other = None if track is mine else track.at(index, lead=0, tail=0)
            if other is not None and bool(np.all((centre >= other[:2]) & (centre <= other[2:]))):
                return track
        return None


def _way(a: Floats, b: Floats) -> float:
    """Distance of two boxes' centres in sizes of the larger."""
    size = max(float(np.max(box[2:] - box[:2])) for box in (a, b))
    return float(np.linalg.norm((a[:2] + a[2:] - b[:2] - b[2:]) / 2)) / max(size, 1.0)
