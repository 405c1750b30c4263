"""Reading a video and a photo, beside PyAV and Pillow alone."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image

from benchmarks.suite import host
from benchmarks.suite.clips import clip_of
from benchmarks.suite.pairs import Pair, Profile, timed
from facegate.policy import MediaLimits, VideoLimits
from facegate.video.source import VideoSource
from facegate.video.threads import Threads
from facegate.vision.decode import decode
from fixtures.portraits import portrait


def pairs(profile: Profile) -> Iterator[Pair]:
    """The profile's clip with as many threads as the child gives the decoder, and a portrait of 512x512 as JPEG."""
    file = io.BytesIO()
    Image.fromarray(portrait("astronaut")).save(file, "JPEG", quality=95)
    jpeg, limits = file.getvalue(), MediaLimits()
    ours = timed("decode, JPEG 512x512", lambda: decode(jpeg, limits))
    bare = timed("Pillow", lambda: np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")))
    yield Pair("decode.jpeg", ours, bare, profile.rounds, 30)

    with tempfile.TemporaryDirectory() as folder:
        path, frames = clip_of(profile, Path(folder))
        threads = Threads.of(host.cores()).decode

        def source() -> None:
            with path.open("rb") as opened:
                reading = VideoSource(opened, VideoLimits(), threads=threads)
                count = sum(isinstance(item, av.VideoFrame) for item in reading.items())
                reading.close()
            _whole(count, frames)

        def pyav() -> None:
            with av.open(str(path)) as container:
                video = container.streams.video[0]
                video.thread_type, video.codec_context.thread_count = "AUTO", threads
                _whole(sum(1 for _ in container.decode(video)), frames)

        words = f"H.264, {threads} thread{'s' * (threads > 1)}"
        ours, bare = timed(f"VideoSource, {words}", source), timed(f"PyAV, {words}", pyav)
        yield Pair("decode.video", ours, bare, profile.rounds, 3, frames)


def _whole(count: int, frames: int) -> None:
    if count != frames:
        raise RuntimeError(f"{count} frames were decoded, the clip has {frames}.")
