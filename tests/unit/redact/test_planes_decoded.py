"""Frames that a decoder still refers to."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest

from facegate.redact.planes import redact_frame
from fixtures.portraits import portrait

FRAMES = 40


@pytest.fixture(scope="module")
def clip() -> bytes:
    """A portrait that pans, H.264 with three reference frames and B-frames, 192x144."""
    rgb = np.asarray(portrait("astronaut"))
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "medium", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = 192, 144, "yuv420p"
        for at in range(FRAMES):
            picture = np.ascontiguousarray(rgb[at * 2 : at * 2 + 144, at * 3 : at * 3 + 192])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def _samples(frame: av.VideoFrame) -> list[np.ndarray]:
    """The planes, copied, without padding."""
    return [np.frombuffer(p, np.uint8).reshape(p.height, p.line_size)[:, : p.width].copy() for p in frame.planes]


def _outside(frame: av.VideoFrame) -> list[np.ndarray]:
    planes = _samples(frame)
    for plane, scale in zip(planes, (1, 2, 2), strict=True):
        plane[30 // scale : 90 // scale, 40 // scale : 120 // scale] = 0
    return planes


@pytest.mark.parametrize("threads", [1, 2])
def test_redacting_a_frame_leaves_what_later_frames_are_predicted_from(clip: bytes, threads: int):
    """Every second frame is redacted; all samples outside the box, of all frames, are those of an untouched decode."""
    with av.open(io.BytesIO(clip)) as plain, av.open(io.BytesIO(clip)) as redacted:
        for container in (plain, redacted):
            container.streams.video[0].codec_context.thread_count = threads
        count = 0
        for expected, frame in zip(plain.decode(video=0), redacted.decode(video=0), strict=True):
            if count % 2 == 0:
                redact_frame(frame, np.array([[41, 30, 119.5, 89.1]], np.float32), shape="box")
                assert (_samples(frame)[0][30:90, 40:120] == 126).all()
            for ours, theirs in zip(_outside(frame), _outside(expected), strict=True):
                assert np.array_equal(ours, theirs), count
            count += 1
    assert count == FRAMES
