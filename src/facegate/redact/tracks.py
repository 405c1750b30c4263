"""Link what was seen on key frames into tracks, and say what is to be covered on every frame between, before and after.

Arithmetic on boxes alone: no picture, no network. Frames are counted; boxes are (N, 4) float32, xyxy, pixels. In doubt
a box is larger, a track longer, and never the other way round.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facegate.redact.linking import link, predicted
from facegate.redact.profiles import Profile

Floats = NDArray[np.float32]

# A box is off by the changes of speed between key frames; twice that parabola covers a head that turns back.
_TURNS = 2.0
# Share of its size by which a box grows for each frame to the next sighting, and where that ends.
_DOUBT, _MOST_DOUBT = 0.012, 0.3


@dataclass(slots=True, eq=False)
class Track:
    """The sightings of what is believed to be one face.

    Attributes:
        start: first frame of its shot: nothing reaches back beyond it.
        end: first frame of the next shot, once there is one.
        frames: where it was seen, ascending.
        boxes: (4,) float32 for each of `frames`.
        wide: frames of those that were linked to the one before although far away.
    """

    start: int
    end: int | None = None
    frames: list[int] = field(default_factory=list)
    boxes: list[Floats] = field(default_factory=list)
    wide: set[int] = field(default_factory=set)

    def add(self, frame: int, box: Floats) -> None:
        """One more sighting, in order of frames; a second one on the same frame is joined with the first."""
        at = bisect_right(self.frames, frame)
        if at and self.frames[at - 1] == frame:
            self.boxes[at - 1] = around([self.boxes[at - 1], box])
        else:
            self.frames.insert(at, frame)
            self.boxes.insert(at, np.asarray(box, np.float32))

    def seen(self, frame: int) -> Floats:
        """The sighting on one of `frames`, (4,)."""
        return self.boxes[self.frames.index(frame)]

    def gap(self, frame: int) -> int:
        """Frames from the sighting before (or on) a frame to the next one; very many where one is missing."""
        after = bisect_right(self.frames, frame)
        if after and self.frames[after - 1] == frame:
            return 0
        if not 0 < after < len(self.frames) or self.frames[after] in self.wide:
            return 1 << 30
        return self.frames[after] - self.frames[after - 1]

    def absorb(self, other: Track) -> None:
        """Take over the sightings of what turned out to be the same face."""
        for frame, box in zip(other.frames, other.boxes, strict=True):
            self.add(frame, box)
        self.wide |= other.wide

    def forget_before(self, frame: int) -> None:
        """Drop sightings that no longer matter to that frame and later ones; two before it do, for the speed."""
        spare = max(0, bisect_right(self.frames, frame) - 3)
        del self.frames[:spare], self.boxes[:spare]

    def velocity(self, *, first: bool = False) -> Floats:
        """(4,) pixels per frame of each coordinate at the last (first) sighting; 0 if it was seen once."""
        if len(self.frames) < 2:
            return np.zeros(4, np.float32)
        a, b = (0, 1) if first else (-2, -1)
        return (self.boxes[b] - self.boxes[a]) / np.float32(self.frames[b] - self.frames[a])

    def at(self, frame: int, *, lead: int, tail: int) -> Floats | None:
        """What to cover in one frame, (4,), before the margin; None if nothing."""
        if frame < self.start or (self.end is not None and frame >= self.end):
            return None
        if frame < self.frames[0]:
            return self._beyond(frame - self.frames[0], first=True, limit=lead)
        if frame > self.frames[-1]:
            return self._beyond(frame - self.frames[-1], first=False, limit=tail)
        return self._between(frame)

    def _beyond(self, distance: int, *, first: bool, limit: int) -> Floats | None:
        """Before the first or after the last sighting: where it was, where it must have been, and all between."""
        if abs(distance) > limit:
            return None
        box, velocity = self.boxes[0 if first else -1], self.velocity(first=first)
        moved = np.asarray(box + np.tile((velocity[:2] + velocity[2:]) / 2, 2) * np.float32(distance), np.float32)
        # Seen once, it may have gone anywhere.
        doubt = _DOUBT if len(self.frames) > 1 else 5 * _DOUBT
        return grown(around([box, moved]), min(doubt * abs(distance), _MOST_DOUBT))

    def _between(self, frame: int) -> Floats:
        after = bisect_right(self.frames, frame)
        if self.frames[after - 1] == frame:
            return self._smooth(after - 1)
        a, b = self.frames[after - 1], self.frames[after]
        before, behind = self._smooth(after - 1), self._smooth(after)
        share = np.float32((frame - a) / (b - a))
        box = before + (behind - before) * share
        if b in self.wide:
            return around([before, behind])
        off = self._bend(after) * np.float32(4 * share * (1 - share))
        box = box + off * np.array([-1, -1, 1, 1], np.float32)
        return grown(box, min(_DOUBT * min(frame - a, b - frame), _MOST_DOUBT))

    def _smooth(self, index: int) -> Floats:
        """A sighting, at least as large as its neighbours say: a box that shrinks once flickers, and uncovers."""
        box = self.boxes[index]
        if not 0 < index < len(self.boxes) - 1:
            return box
        sides = (self.boxes[index - 1] + self.boxes[index + 1]) / 2
        wanted = np.maximum(sides[2:] - sides[:2], box[2:] - box[:2])
        centre = (box[:2] + box[2:]) / 2
        return np.concatenate([centre - wanted / 2, centre + wanted / 2]).astype(np.float32)

    def _bend(self, after: int) -> Floats:
        """(4,) how far the way between two sightings may lie from the straight one, pixels, at its middle."""
        a, b = self.frames[after - 1], self.frames[after]
        speed = (self.boxes[after] - self.boxes[after - 1]) / (b - a)
        others = [
            (self.boxes[i + 1] - self.boxes[i]) / (self.frames[i + 1] - self.frames[i])
            for i in (after - 2, after)
            if 0 <= i < len(self.boxes) - 1
        ]
        change = max((np.abs(speed - other) for other in others), key=np.max, default=np.abs(speed) * np.float32(0.5))
        centre = np.tile((change[:2] + change[2:]) / 2, 2)
        return np.asarray(centre * np.float32(_TURNS * (b - a) / 8), np.float32)


class Tracks:
    """All tracks of one video.

    Attributes:
        alive: tracks that may still matter, oldest first.
        lead: frames that are covered before a first sighting.
        tail: frames that are covered after a last one.
    """

    def __init__(self, profile: Profile, *, per_count: int = 1) -> None:
        """Set up.

        Args:
            profile: whose counts of frames and margin hold.
            per_count: frames of this video for one of the profile's.
        """
        self.alive: list[Track] = []
        self.lead, self.tail = profile.lead * per_count, profile.tail * per_count
        self._patience = profile.lookahead * per_count
        self._margin = profile.margin
        self._start = 0
        self._loose: list[tuple[int, Floats]] = []

    def cut(self, frame: int) -> None:
        """A new shot begins at that frame: no track reaches across."""
        self._start = frame
        self._loose.clear()
        for track in self.alive:
            if track.end is None:
                track.end = frame

    def current(self, frame: int) -> list[Track]:
        """Tracks of the shot that were seen lately enough to go on at that frame."""
        return [t for t in self.alive if t.end is None and frame - t.frames[-1] <= self._patience]

    def see(self, frame: int, boxes: Floats, sure: NDArray[np.bool_]) -> tuple[list[Track], list[Track]]:
        """Link the boxes of one key frame.

        Args:
            frame: its number, above that of the key frame before.
            boxes: (N, 4) float32.
            sure: (N,) whether a box is a face for itself; others count only where a track leads to them.

        Returns:
            The tracks that were not seen, and those that are new.
        """
        tracks = self.current(frame)
        pairs, left = link(tracks, frame, boxes)
        for index, box, wide in pairs:
            if wide and not sure[box]:
                left.append(box)
                continue
            tracks[index].add(frame, boxes[box])
            if wide:
                tracks[index].wide.add(frame)
        new = [self._found(frame, boxes[index]) for index in left if sure[index]]
        self._loose += [(frame, boxes[index]) for index in left if not sure[index]]
        unseen = [track for track in tracks if track.frames[-1] != frame]
        return unseen, new

    def _found(self, frame: int, box: Floats) -> Track:
        """A new track, and what leads to it of the uncertain boxes that were seen before."""
        track = Track(self._start)
        track.add(frame, box)
        for before in sorted({at for at, _ in self._loose if at < frame}, reverse=True):
            there = [(index, loose) for index, (at, loose) in enumerate(self._loose) if at == before]
            pairs, _ = link([track], before, np.array([loose for _, loose in there]), wide=False)
            if pairs:
                index, loose = there[pairs[0][1]]
                track.add(before, loose)
                del self._loose[index]
        self.alive.append(track)
        return track

    def forget_before(self, frame: int) -> None:
        """Let go of all that does not matter to that frame and later ones."""
        self._loose = [(at, box) for at, box in self._loose if at >= frame]
        self.alive = [
            track
            for track in self.alive
            if (track.end is None or track.end > frame) and track.frames[-1] + max(self.tail, self._patience) >= frame
        ]
        for track in self.alive:
            track.forget_before(frame)

    def covering(self, frame: int, *, without: Iterable[Track] = ()) -> Floats:
        """What to cover in one frame, (N, 4) float32, grown by the margin."""
        spared = set(map(id, without))
        boxes = [
            box
            for track in self.alive
            if id(track) not in spared and (box := track.at(frame, lead=self.lead, tail=self.tail)) is not None
        ]
        if not boxes:
            return np.empty((0, 4), np.float32)
        return grown(np.stack(boxes), self._margin)


def around(boxes: list[Floats]) -> Floats:
    """The box around some, (4,)."""
    stacked = np.stack(boxes)
    return np.concatenate([stacked[:, :2].min(axis=0), stacked[:, 2:].max(axis=0)])


def grown(boxes: Floats, share: float) -> Floats:
    """Boxes (..., 4), larger on each side by that share of the longer one of theirs."""
    side = np.max(boxes[..., 2:] - boxes[..., :2], axis=-1, keepdims=True) * np.float32(share)
    return np.asarray(boxes + side * np.array([-1, -1, 1, 1], np.float32), np.float32)


__all__ = ["Track", "Tracks", "around", "grown", "predicted"]
