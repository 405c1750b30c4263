"""What a job holds does not grow with the video, nor with tracks that run on when the picture has ended."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 8_000
# In a process of its own, whose peak is the job's alone. Nobody is looked for: what is held back, a follower holds.
PROGRAM = """
import json, re, sys
import numpy as np
from pathlib import Path
from facegate.policy import VideoLimits
from facegate.video.codecs import OutputSettings
from facegate.video.covering import Redaction
from facegate.video.given import Given
from facegate.video.job import RedactJob
from facegate.video.sink import VideoSink
from facegate.video.source import VideoSource
from facegate.vision.follow import Covered
import os

class Nobody:
    def push(self, frame):
        return [Covered(frame, np.zeros((0, 4), np.float32), 0)]
    def flush(self):
        return []

path = Path(sys.argv[1])
given = Given(os.open(path, os.O_RDONLY), 0, path.stat().st_size)
source = VideoSource(given, VideoLimits())
settings = OutputSettings(container="mkv", preset="ultrafast", threads=1)
redaction = Redaction("solid", "box", 0.0)
job = RedactJob(source, Nobody(), redaction, lambda file: VideoSink(file, source, settings), 1 << 40)
size, done, into = 0, False, memoryview(bytearray(1 << 20))
while not done:
    pieces, done = job.take(into, 256, 1.0)
    size += sum(length for _, length in pieces)
job.close()
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10
print(json.dumps({"peak": peak, "frames": job.steps.frames, "size": size}))
"""


def clip(frames: int, sound: int) -> bytes:
    """A video of so many frames, and seconds of uncompressed sound in eight channels, in the order of time."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as made:
        video = made.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "40"})
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        audio = made.add_stream("pcm_s16le", rate=RATE, layout="7.1")
        picture = np.random.default_rng(0).integers(0, 256, (360, 320), np.uint8)
        for number in range(max(frames, sound * 25)):
            if number < frames:
                frame = av.VideoFrame.from_ndarray(np.roll(picture, number, 1), format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                made.mux(video.encode(frame))
            if number == frames:
                made.mux(video.encode(None))
            if number % 25 == 0 and number < sound * 25:
                silence = av.AudioFrame.from_ndarray(np.zeros((1, RATE * 8), np.int16), format="s16", layout="7.1")
                silence.sample_rate, silence.pts = RATE, number // 25 * RATE
                made.mux(audio.encode(silence))
        if frames >= sound * 25:
            made.mux(video.encode(None))
        made.mux(audio.encode(None))
    return file.getvalue()


def peak(data: bytes, path: Path) -> dict[str, int]:
    path.write_bytes(data)
    command = [sys.executable, "-c", PROGRAM, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    short, long = (peak(clip(frames, 1), tmp_path / "clip.mkv") for frames in (300, 1200))
    assert (short["frames"], long["frames"]) == (300, 1200)
    assert long["peak"] <= short["peak"] * 1.05 + 4, (short, long)


def test_memory_does_not_grow_with_sound_that_runs_on(tmp_path: Path) -> None:
    short, long = (peak(clip(50, seconds), tmp_path / "clip.mkv") for seconds in (2, 400))
    assert long["size"] > short["size"] + (48 << 20), "the control: it is copied"
    assert long["peak"] <= short["peak"] + 16, (short, long)
