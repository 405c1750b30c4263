"""What a child can do with the videos of its request; `facegate.vision.workbench` hands such commands on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facegate.codes import Refusal
from facegate.policy import VideoLimits
from facegate.redact.profiles import PROFILES
from facegate.video.codecs import OutputSettings
from facegate.video.covering import Redaction
from facegate.video.frames_job import FramesJob
from facegate.video.given import Given
from facegate.video.info import VideoInfo
from facegate.video.job import RedactJob
from facegate.video.sink import VideoSink
from facegate.video.source import VideoSource
from facegate.video.stages import fill, no_memory
from facegate.video.threads import Threads
from facegate.vision.boxes import Floats
from facegate.vision.follow import Follower, Kept

# Pieces in one answer; the worker takes as many.
_MOST_PIECES = 256


@dataclass(frozen=True, slots=True)
class _Plan:
    redaction: Redaction
    profile: str
    kept: Kept | None


@dataclass(slots=True)
class _Video:
    given: Given
    limits: VideoLimits
    info: VideoInfo
    looked_at: float = 0.0
    plans: dict[int, _Plan] = field(default_factory=dict)

    def source(self, threads: int = 1) -> VideoSource:
        """The video from its beginning."""
        return VideoSource(self.given.again(), self.limits, threads=threads)  # type: ignore[arg-type]


@dataclass(slots=True)
class Videos:
    """The videos of one request, and the one of them that is being read. Nothing is decoded but what is asked for."""

    _videos: dict[int, _Video] = field(default_factory=dict)
    _job: RedactJob | FramesJob | None = None
    _region: memoryview = field(default_factory=lambda: memoryview(b""))

    def perform(
        self, command: dict[str, Any], regions: Sequence[memoryview], *files: int | memoryview
    ) -> dict[str, Any]:
        """Carry out one command of the worker, which is trusted; the upload is not.

        Raises:
            Refusal: the upload or the wish cannot be served.
        """
        steps: dict[str, Callable[..., dict[str, Any]]] = {
            "video.admit": self._admit,
            "video.start": self._start,
            "video.next": self._next,
            "video.frames": self._frames,
            "video.frame": self._frame,
            "video.stop": self._stop,
        }
        return steps[command["do"]](command, regions, *files)

    def frame_at(self, upload: int, seconds: float) -> NDArray[np.uint8]:
        """The frame that is shown at a time, (H, W, 3) uint8, RGB, upright.

        Args:
            upload: number of the video.
            seconds: after its first frame.
        """
        video = self._videos[upload]
        source = video.source()
        try:
            frame = source.seek_frame(seconds)
        finally:
            source.close()
        video.looked_at = frame.time or 0.0
        width, height = upright_size(video.info)
        rgb = np.empty((height, width, 3), np.uint8)
        fill(rgb, frame, video.info.rotation // 90)
        return rgb

    def plan(self, command: dict[str, Any], box: Floats | None) -> dict[str, Any]:
        """Settle how a video is to be redacted.

        Args:
            command: the worker's.
            box: (4,) of the face to keep in the frame that was looked at last, pixels, upright; None to cover all.
        """
        video = self._videos[command["upload"]]
        kept = None if box is None else Kept(video.looked_at, to_coded(box, video.info))
        redaction = Redaction(command["style"], command["shape"], command["margin"])
        video.plans[command["plan"]] = _Plan(redaction, command["profile"], kept)
        return {}

    def end(self) -> None:
        """End what runs and let go of everything."""
        self._stop()
        for video in self._videos.values():
            video.given.close()
        self._videos.clear()

    def _admit(self, command: dict[str, Any], _: Sequence[memoryview], file: int | memoryview) -> dict[str, Any]:
        given = Given(file, command["start"], command["bytes"])
        try:
            limits = VideoLimits(**command["limits"])
            source = VideoSource(given, limits)  # type: ignore[arg-type]
            info = source.info
            source.close()
        except BaseException:
            given.close()
            raise
        self._videos[command["upload"]] = _Video(given, limits, info)
        width, height = upright_size(info)
        return {
            "width": width,
            "height": height,
            "duration": info.duration,
            "frames": info.frames,
            "rate": info.rate,
            "format": info.container,
            "tracks": len(info.tracks),
        }

    def _start(self, command: dict[str, Any], regions: Sequence[memoryview]) -> dict[str, Any]:
        video, plan = self._idle(command), self._plan(command)
        threads = Threads.of_this_machine(math.prod(video.info.size_wh))
        settings = OutputSettings(
            container=command["container"],
            codec=command["codec"],
            preset=command["preset"],
            quality=command["quality"],
            threads=threads.encode,
        )
        source = video.source(threads.decode)
        self._job = RedactJob(
            source,
            _follower(video, plan, threads),
            plan.redaction,
            lambda file: VideoSink(file, source, settings),
            int(video.limits.bytes),
        )
        (self._region,) = regions
        return {}

    def _next(self, command: dict[str, Any], _: Sequence[memoryview]) -> dict[str, Any]:
        if not isinstance(self._job, RedactJob):
            raise Refusal("video.idle")
        pieces, done = self._ended_by_errors(lambda job: job.take(self._region, _MOST_PIECES, command["wait"]))
        return {"pieces": pieces, "done": done} | self._progress()

    def _frames(self, command: dict[str, Any], regions: Sequence[memoryview]) -> dict[str, Any]:
        video = self._idle(command)
        threads = Threads.of_this_machine(math.prod(video.info.size_wh))
        plan = None if command["plan"] is None else self._plan(command)
        width, height = upright_size(video.info)
        ring = [np.frombuffer(each, np.uint8, count=width * height * 3).reshape(height, width, 3) for each in regions]
        self._job = FramesJob(
            video.source(threads.decode),
            None if plan is None else _follower(video, plan, threads),
            None if plan is None else plan.redaction,
            ring,
            video.info.rotation,
        )
        return {}

    def _frame(self, command: dict[str, Any], _: Sequence[memoryview]) -> dict[str, Any]:
        if not isinstance(self._job, FramesJob):
            raise Refusal("video.idle")
        try:
            got = self._ended_by_errors(lambda job: job.next(command["free"], command["wait"]))
        except StopIteration:
            return {"done": True} | self._progress()
        if got is None:
            return {"done": False, "slot": None} | self._progress()
        return {"done": False, "slot": got[0]} | self._progress() | {"seconds": got[1]}

    def _stop(self, *_: Any) -> dict[str, Any]:
        job, self._job = self._job, None
        if job is not None:
            job.close()
        self._region = memoryview(b"")
        return {}

    def _idle(self, command: dict[str, Any]) -> _Video:
        if self._job is not None:
            raise Refusal("video.busy")
        return self._videos[command["upload"]]

    def _plan(self, command: dict[str, Any]) -> _Plan:
        return self._videos[command["upload"]].plans[command["plan"]]

    def _progress(self) -> dict[str, Any]:
        job = self._job
        if job is None:
            raise Refusal("video.idle")
        return {"beats": job.beats, "frames": job.steps.frames, "seconds": job.steps.seconds}

    def _ended_by_errors(self, step: Callable[[Any], Any]) -> Any:
        """What the step of the running job gives; one that raises was its last."""
        try:
            return step(self._job)
        except StopIteration:
            raise
        except BaseException as error:
            self._stop()
            if no_memory(error):
                raise MemoryError from None
            raise


def _follower(video: _Video, plan: _Plan, threads: Threads) -> Follower:
    return Follower(video.info, PROFILES[plan.profile], keep=plan.kept, threads=threads.look)


def upright_size(info: VideoInfo) -> tuple[int, int]:
    """Width and height as a video is shown, pixels."""
    width, height = info.size_wh
    return (height, width) if info.rotation % 180 else (width, height)


def to_coded(box: Floats, info: VideoInfo) -> Floats:
    """A box (4,) of the upright picture in pixels of the coded frame."""
    width, height = info.size_wh
    x0, y0, x1, y1 = (float(value) for value in box)
    turned = {
        0: (x0, y0, x1, y1),
        90: (y0, height - x1, y1, height - x0),
        180: (width - x1, height - y1, width - x0, height - y0),
        270: (width - y1, x0, width - y0, x1),
    }[info.rotation % 360]
    return np.array(turned, np.float32)
