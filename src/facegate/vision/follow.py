"""Follow every face of a video: frames go in, and come out with what is to be covered in them. Child side only."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.redact.profiles import Profile
from facegate.redact.tracks import Tracks
from facegate.vision.boxes import Floats
from facegate.vision.keep import Keeper, Kept
from facegate.vision.shots import Shots
from facegate.vision.trails import Held, Trails
from facegate.vision.video_detector import Seen, VideoDetector


class Upright(Protocol):
    """What following needs to know of a video, as `facegate.video.info.VideoInfo` has it."""

    @property
    def rotation(self) -> int:
        """Degrees clockwise that show the frames upright."""

    @property
    def rate(self) -> float:
        """Frames per second."""


class Covered(NamedTuple):
    """One frame and what is to be covered in it.

    Attributes:
        frame: as it was pushed.
        boxes: (N, 4) float32, xyxy, pixels of the coded frame, grown already; may reach beyond it.
        faces: how many of them are faces that were seen on a key frame or between two.
    """

    frame: av.VideoFrame
    boxes: NDArray[np.float32]
    faces: int


class Follower:
    """Finds, links and covers the faces of one video. One thread; a bounded number of frames is held.

    Every frame comes out exactly once, in order, when no frame that is still to come can change what is covered in it.
    """

    def __init__(self, info: Upright, profile: Profile, *, keep: Kept | None = None, threads: int = 1) -> None:
        """Load the networks.

        Args:
            info: of the video.
            profile: how much is looked at.
            keep: the face that stays; None covers everyone.
            threads: that OpenCV may use.
        """
        cv2.setNumThreads(threads)
        self._count = profile.at_rate(info.rate)
        self._every = profile.every * self._count
        self._lookahead = profile.lookahead * self._count
        self._detector = VideoDetector(profile, info.rotation)
        self._tracks = Tracks(profile, per_count=self._count)
        self._trails = Trails(self._detector, self._tracks)
        crops = self._detector.crops
        self._keeper = None if keep is None else Keeper(keep, self._tracks, crops, longest_gap=2 * self._every)
        self._shots = Shots(self._detector.pictures)
        self._held: deque[Held] = deque()
        self._next = 0
        self._last_key = -1
        self._last_seen: Seen | None = None

    def push(self, frame: av.VideoFrame) -> list[Covered]:
        """Take the next frame.

        Args:
            frame: decoded, of any format; it is held, not copied, and not written to.

        Returns:
            Frames that are final, in order.
        """
        index = self._next
        self._next += 1
        change = self._shots.compare(frame)
        if change.cut:
            if self._held and not self._held[-1].key:
                self._key(self._held[-1])
            self._tracks.cut(index)
        self._held.append(Held(index, frame))
        if change.cut or index - self._last_key >= self._every:
            if change.still and self._last_seen is not None:
                self._again(self._held[-1], self._last_seen)
            else:
                self._key(self._held[-1], everywhere=change.cut)
                self._shots.remember()
        return self._final(self._last_key - self._lookahead)

    def flush(self) -> list[Covered]:
        """No frame follows: the frames that are still held."""
        if self._held and not self._held[-1].key:
            self._key(self._held[-1], everywhere=True)
        return self._final(self._next)

    def _final(self, behind: int) -> list[Covered]:
        ready = []
        while self._held and self._held[0].index < behind:
            held = self._held.popleft()
            spared = () if self._keeper is None else self._keeper.spare(held)
            boxes = self._tracks.covering(held.index, without=spared)
            ready.append(Covered(held.frame, boxes, len(boxes)))
        if ready and self._held:
            self._tracks.forget_before(self._held[0].index)
        return ready

    def _again(self, held: Held, seen: Seen) -> None:
        """A key frame that shows what the one before showed: the same faces, without looking."""
        held.key, self._last_key = True, held.index
        self._tracks.see(held.index, seen.boxes, seen.sure)

    def _key(self, held: Held, *, everywhere: bool = False) -> None:
        """Look for faces, and where that leaves a doubt about a track, look for it on the frames between."""
        before, self._last_key = self._last_key, held.index
        held.key = True
        seen = self._detector.see(held.frame, everywhere=everywhere)
        unseen, new = self._tracks.see(held.index, seen.boxes, seen.sure)
        between = [each for each in self._held if before < each.index < held.index]
        for track in new:
            self._trails.back(track, self._held)
        for track in unseen:
            if self._trails.look(track, held):
                continue
            same = self._trails.forward(track, [*between, held], new)
            if same is not None:
                track.absorb(same)
                new.remove(same)
                self._tracks.alive.remove(same)
        for track in self._tracks.current(held.index):
            if track.frames[-1] == held.index and track not in new:
                other = self._trails.between(track, between, held)
                if other is not None:
                    self._trails.back(other, self._held)
        self._last_seen = self._all_seen(held.index)

    def _all_seen(self, index: int) -> Seen:
        boxes = [track.boxes[-1] for track in self._tracks.alive if track.frames[-1] == index]
        return seen_as_sure(boxes)


def seen_as_sure(boxes: Sequence[Floats]) -> Seen:
    """Boxes as if a detector had seen them, all sure."""
    stacked = np.stack(boxes) if boxes else np.empty((0, 4), np.float32)
    return Seen(stacked, np.ones(len(boxes), np.float32), np.ones(len(boxes), np.bool_))


__all__ = ["Covered", "Follower", "Kept"]
