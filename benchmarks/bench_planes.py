"""Sixteen faces in a 1920x1080 frame, on its planes, beside filling and copying the same windows.

supervision's annotators on the same boxes: ``python -m benchmarks.peers.kernels``.
"""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.peers.contenders.sixteen import HEIGHT, WIDTH, boxes
from facegate.redact.planes import redact_frame

cv2.setNumThreads(1)
# As after the first decoded frames: glibc keeps such memory from now on, and no later array is new pages.
np.ones(32 << 20, np.uint8)

FORMATS = ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "rgb24", "gbrp10le")


def _frame(pixel_format: str) -> av.VideoFrame:
    rng = np.random.default_rng(0)
    rgb = cv2.resize(rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8), (WIDTH, HEIGHT))
    return av.VideoFrame.from_ndarray(np.asarray(rgb), format="rgb24").reformat(format=pixel_format)


@pytest.mark.benchmark(group="redact 16 faces, 40 to 320 px, in 1920x1080")
@pytest.mark.parametrize("shape", ["box", "ellipse"])
@pytest.mark.parametrize("style", ["solid", "pixelate", "blur"])
@pytest.mark.parametrize("pixel_format", FORMATS)
def test_redact_frame(benchmark: BenchmarkFixture, pixel_format: str, style: str, shape: str) -> None:
    frame, found = _frame(pixel_format), boxes("mixed")
    benchmark(lambda: redact_frame(frame, found, style=style, shape=shape))  # type: ignore[arg-type]


@pytest.mark.benchmark(group="redact 16 faces, 40 to 320 px, in 1920x1080")
@pytest.mark.parametrize("what", ["fill the windows", "copy the windows"])
def test_ceiling(benchmark: BenchmarkFixture, what: str) -> None:
    frame = _frame("yuv420p")
    windows = []
    for scale, plane in zip((1, 2, 2), frame.planes, strict=True):
        samples = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        for x0, y0, x1, y1 in (boxes("mixed") / scale).astype(int):
            window = samples[y0 : y1 + 1, x0 : x1 + 1]
            windows.append((window, window.copy() if what.startswith("copy") else 126))

    def run() -> None:
        for window, source in windows:
            np.copyto(window, source)

    benchmark(run)


@pytest.mark.benchmark(group="a frame that the decoder still refers to")
@pytest.mark.parametrize("what", ["make_writable", "nothing to cover"])
def test_shared_frame(benchmark: BenchmarkFixture, what: str) -> None:
    frame = _frame("yuv420p")
    nobody = np.zeros((0, 4), np.float32)

    def again() -> tuple[tuple[av.VideoFrame], dict[str, int]]:
        graph = av.filter.Graph()
        size = f"video_size={WIDTH}x{HEIGHT}:pix_fmt=yuv420p:time_base=1/30:pixel_aspect=1/1"
        source, split = graph.add("buffer", size), graph.add("split")
        sinks = [graph.add("buffersink"), graph.add("buffersink")]
        source.link_to(split)
        for pad, sink in enumerate(sinks):
            split.link_to(sink, pad, 0)
        graph.configure()
        source.push(frame)
        first, _held[:] = sinks[0].pull(), [sinks[1].pull()]
        return (first,), {}

    _held: list[object] = []
    frame.pts = 0
    work = av.VideoFrame.make_writable if what == "make_writable" else lambda shared: redact_frame(shared, nobody)
    benchmark.pedantic(work, setup=again, rounds=15)
