"""Short clips of two people for tests of requests: a few dozen small frames, sound where wanted."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np

from fixtures.collection import two_people

RATE = 25
SOUND = 48_000


def clip(
    frames: int = 24,
    *,
    container: str = "mp4",
    codec: str = "libx264",
    size_wh: tuple[int, int] = (320, 256),
    sound: bool = True,
    turned: bool = False,
    options: dict[str, str] | None = None,
) -> bytes:
    """The collection's two people, moving slowly to the right over grey.

    Args:
        frames: how many, 25 a second.
        container: FFmpeg's name of the muxer.
        codec: FFmpeg's name of the encoder.
        size_wh: of a frame.
        sound: add a track of AAC.
        turned: show it turned by 90 degrees clockwise.
        options: of the encoder.
    """
    width, height = size_wh
    scene = two_people().rgb
    zoom = min(width * 0.8 / scene.shape[1], height / scene.shape[0])
    people = cv2.resize(scene, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    if turned:
        people = np.ascontiguousarray(np.rot90(people))  # so that it is upright when it is shown
        zoom = min(width / people.shape[1], height / people.shape[0], 1)
        people = cv2.resize(people, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    file = io.BytesIO()
    with av.open(file, "w", format=container) as made:
        video = made.add_stream(codec, rate=RATE)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.options = options or ({"preset": "ultrafast"} if codec == "libx264" else {})
        if turned:
            video.set_display_rotation(-90)  # PyAV counts the other way
        audio: Any = made.add_stream("aac", rate=SOUND) if sound else None
        for number in range(frames):
            picture = np.full((height, width, 3), 120, np.uint8)
            left = min(number, width - people.shape[1])
            picture[: people.shape[0], left : left + people.shape[1]] = people
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            made.mux(video.encode(frame))
            if audio is not None:
                made.mux(audio.encode(_tone(number)))
        made.mux(video.encode(None))
        if audio is not None:
            made.mux(audio.encode(None))
    return file.getvalue()


def _tone(number: int) -> av.AudioFrame:
    count = SOUND // RATE
    samples = (np.sin(np.arange(number * count, (number + 1) * count) / 20) * 8000).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts = SOUND, number * count
    return frame


def packets(data: bytes, kind: str) -> list[bytes]:
    """The packets of the first track of a kind, as they are in the file."""
    with av.open(io.BytesIO(data)) as opened:
        stream = next(each for each in opened.streams if each.type == kind)
        return [bytes(packet) for packet in opened.demux(stream) if packet.size]


def decoded(data: bytes) -> list[np.ndarray]:
    """All frames, (H, W, 3) uint8, RGB, as they are coded."""
    with av.open(io.BytesIO(data)) as opened:
        return [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]
