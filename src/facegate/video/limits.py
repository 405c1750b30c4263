"""Bounds on a video: what its header claims, and then what it turns out to be."""

from __future__ import annotations

import math
from collections import deque
from fractions import Fraction

import av

from facegate.codes import Refusal
from facegate.policy import VideoLimits
from facegate.video.info import Packet

# Time stamps are rounded to the container's unit, and a last frame may stand beyond the header's duration.
_SLACK = 1.05
# Packets of the video track without a frame coming out: decoders hold back at most 16 for order, one for each thread.
_NO_PROGRESS = 512


def check_picture(width: int, height: int, limits: VideoLimits) -> None:
    """Hold a size in pixels against the limits.

    Raises:
        Refusal: video.damaged for no size at all, limit.side or limit.pixels.
    """
    if width < 1 or height < 1:
        raise Refusal("video.damaged")
    if max(width, height) > limits.side:
        raise Refusal("limit.side")
    if width * height > limits.pixels:
        raise Refusal("limit.pixels")


def check_claims(duration: float | None, frames: int | None, size: int, limits: VideoLimits) -> None:
    """Hold what a header claims against the limits; what it does not say is left to `Meter`.

    Args:
        duration: seconds.
        frames: of the video track.
        size: bytes of the file.
        limits: of the policy.

    Raises:
        Refusal: limit.duration, limit.frames, limit.rate or limit.bit_rate.
    """
    if duration is not None and duration > limits.duration:
        raise Refusal("limit.duration")
    if frames is not None and frames > limits.frames:
        raise Refusal("limit.frames")
    if duration is not None and frames is not None and frames > limits.rate * _SLACK * max(duration, 1.0):
        raise Refusal("limit.rate")
    # Below a second a rate says nothing: one key frame is most of it.
    if duration is not None and size * 8 > limits.bit_rate * max(duration, 1.0):
        raise Refusal("limit.bit_rate")


class Meter:
    """Counts what really comes, and refuses when it is more than the limits allow or leads nowhere.

    Args:
        limits: of the policy.
        unit: of the video track's time stamps, seconds.
    """

    def __init__(self, limits: VideoLimits, unit: Fraction) -> None:
        self._limits = limits
        self._unit = unit
        self._frames = 0
        self._bits = 0
        self._waiting = 0
        self._first: int | None = None
        self._last = 0.0
        self._recent: deque[int] = deque(maxlen=math.floor(limits.rate * _SLACK) + 1)

    def frame(self, frame: av.VideoFrame) -> None:
        """Count a decoded frame, whose pts is set.

        Raises:
            Refusal: limit.frames, limit.duration, limit.rate, limit.side or limit.pixels.
        """
        check_picture(frame.width, frame.height, self._limits)
        self._waiting = 0
        self._frames += 1
        if self._frames > self._limits.frames:
            raise Refusal("limit.frames")
        pts = frame.pts or 0
        self._first = pts if self._first is None else self._first
        self._last = max(self._last, float((pts - self._first) * self._unit))
        if self._last > self._limits.duration + 1:
            raise Refusal("limit.duration")
        if len(self._recent) == self._recent.maxlen and (pts - self._recent[0]) * self._unit < 1:
            raise Refusal("limit.rate")
        self._recent.append(pts)

    def sent(self, packet: Packet) -> None:
        """Count a packet that goes to the decoder.

        Raises:
            Refusal: limit.bit_rate, or video.damaged when hundreds of packets gave no frame.
        """
        self._bits += packet.size * 8
        if self._bits > self._limits.bit_rate * (self._last + 2):
            raise Refusal("limit.bit_rate")
        self._waiting += 1
        if self._waiting > _NO_PROGRESS:
            raise Refusal("video.damaged")

    def copied(self, packet: Packet) -> None:
        """Hold the time of a packet that is carried over against the limits.

        Raises:
            Refusal: limit.duration.
        """
        if packet.pts is None or packet.time_base is None or self._first is None:
            return
        elapsed = packet.pts * packet.time_base - self._first * self._unit
        # A track may begin a little before the video and end a little after it.
        if abs(elapsed) > self._limits.duration + 10:
            raise Refusal("limit.duration")
