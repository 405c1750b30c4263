"""One video from its packets to arrays, redacted unless told otherwise, on threads that hold few frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from facegate.video.covering import Redacted, Redaction
from facegate.video.pipeline import Channel, Flow, Pipeline
from facegate.video.stages import Follower, Item, Source, Steps, covering, fill, following, joined, reading


class FramesJob:
    """Decodes and, unless told otherwise, follows and covers; puts frames into a ring of arrays.

    Args:
        source: closed at the end.
        follower: of this video; None for frames as they are.
        redaction: how faces are covered; None for frames as they are.
        ring: (H, W, 3) uint8 each, RGB, upright, to be filled.
        rotation: degrees clockwise that show frames upright.

    Attributes:
        steps: how far it is.
    """

    def __init__(
        self,
        source: Source,
        follower: Follower | None,
        redaction: Redaction | None,
        ring: Sequence[NDArray[np.uint8]],
        rotation: int,
    ) -> None:
        self.steps = Steps()
        flow = Flow()
        self._ring = ring
        self._turns = rotation // 90 % 4
        self._reformatter = VideoReformatter()
        self._free = Channel[int](flow, len(ring))
        for slot in range(len(ring)):
            self._free.put(slot)
        stages: list[Any] = [self._filling]
        names = ["facegate-decode", "facegate-arrays"]
        if follower is not None and redaction is not None:
            stages = [following(follower), lambda items: self.steps.counted(covering(items, redaction)), *stages]
            names[1:1] = ["facegate-follow", "facegate-cover"]
        self._pipeline: Pipeline[tuple[int, float]] = joined(
            flow, lambda: self.steps.counted(reading(source)), stages, names
        )
        self._pipeline.start()

    @property
    def beats(self) -> int:
        """Steps so far."""
        return self.steps.beats

    def next(self, free: int | None, wait: float) -> tuple[int, float] | None:
        """The next frame: where in the ring it is, and when it is shown, seconds.

        Args:
            free: a place that may be filled again.
            wait: seconds to wait for it.

        Returns:
            None if there is none yet.

        Raises:
            StopIteration: there are no more.
            BaseException: what ended the work.
        """
        if free is not None:
            self._free.give(free)
        return next(self._pipeline) if self._pipeline.wait(wait) else None

    def close(self) -> None:
        """End whatever runs and wait for it, so that nothing is written to the ring any more; raises nothing."""
        self._pipeline.close()

    def _filling(self, items: Iterator[Redacted | Item]) -> Iterator[tuple[int, float]]:
        for item in items:
            if isinstance(item, av.Packet):
                continue
            frame = item.frame if isinstance(item, Redacted) else item
            slot = next(self._free)
            fill(self._ring[slot], frame, self._turns, self._reformatter)
            self.steps.through(frame)
            self.steps.beats += 1
            yield slot, self.steps.seconds
