"""The source: seeking, starting afresh, threads, and what it asks of a file."""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from facegate.policy import VideoLimits
from facegate.video.source import VideoSource
from fixtures.videos.kinds import gif, webp
from fixtures.videos.write import Audio, Video, write
from tests.unit.video.through import ReadSeek, case, result

_SEEKABLE = [
    "mp4-h264-aac",
    "mp4-variable-rate",
    "mkv-variable-rate",
    "mp4-starts-late",
    "mp4-edit-list",
    "ts-h264-aac",
]
_SEEKABLE += [
    "avi-mpeg4-mp3",
    "webm-vp9-opus",
    "gif",
    "webp-alpha",
    "mp4-fragmented",
    "mp4-one-frame",
    "mkv-hevc-10bit",
]


def _frames(source: VideoSource) -> list[av.VideoFrame]:
    return [item for item in source.items() if isinstance(item, av.VideoFrame)]


def _grey(frame: av.VideoFrame) -> np.ndarray:
    return frame.to_ndarray(format="gray")


@pytest.mark.parametrize("name", _SEEKABLE)
def test_seek_finds_the_frame_that_is_shown_then(name: str):
    """At its time, just before it, between two, before the first and after the last."""
    source = VideoSource(ReadSeek(case(name).make()), VideoLimits())
    unit = source.info.time_base
    frames = _frames(source)
    starts = [float((frame.pts - frames[0].pts) * unit) for frame in frames]
    for at in (-1.0, 0.0, *(start + 0.0005 for start in starts), starts[-1] / 2, 99.0):
        wanted = max(number for number, start in enumerate(starts) if start <= max(at, 0.0) + 1e-9)
        found = source.seek_frame(at)
        assert found.pts == frames[wanted].pts, at
        assert np.array_equal(_grey(found), _grey(frames[wanted]))


def test_seek_leaves_the_items_whole():
    """All of them come after it, from the first."""
    source = VideoSource(ReadSeek(case("mp4-two-languages").make()), VideoLimits())
    everything = [(type(item), item.pts) for item in source.items()]
    source.seek_frame(0.3)
    assert [(type(item), item.pts) for item in source.items()] == everything


def test_items_start_afresh_and_end_the_pass_before():
    """Two passes at a time would read each other's packets."""
    source = VideoSource(ReadSeek(case("mp4-h264-aac").make()), VideoLimits())
    first = source.items()
    early = [next(first), next(first)]
    again = list(source.items())
    assert [item.pts for item in again[:2]] == [item.pts for item in early]
    assert list(first) == []


def test_changing_the_first_frame_does_not_change_the_source():
    """It belongs to the caller; what is asked later comes from the file."""
    source = VideoSource(ReadSeek(case("mp4-h264-aac").make()), VideoLimits())
    first = next(item for item in source.items() if isinstance(item, av.VideoFrame))
    before = _grey(first).copy()
    first.make_writable()
    np.frombuffer(first.planes[0], np.uint8)[:] = 0
    assert np.array_equal(_grey(source.seek_frame(0.0)), before)


@pytest.mark.parametrize("name", ["mp4-h264-aac", "mp4-hevc-opus", "mp4-av1-aac", "webm-vp9-opus", "ts-mpeg2-mp2"])
def test_threads_change_nothing(name: str):
    """Neither frames nor times."""
    data = case(name).make()
    one, three = (_frames(VideoSource(ReadSeek(data), VideoLimits(), threads=threads)) for threads in (1, 3))
    assert [frame.pts for frame in one] == [frame.pts for frame in three]
    assert all(np.array_equal(_grey(a), _grey(b)) for a, b in zip(one, three, strict=True))


def test_it_reads_a_map_of_memory(tmp_path: Path):
    """Uploads lie in memory that two processes share; its `seek` answers nothing before Python 3.13."""
    data = case("mp4-chapters").make()
    (tmp_path / "video").write_bytes(data)
    with (tmp_path / "video").open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as memory:
        source = VideoSource(memory, VideoLimits())  # type: ignore[arg-type]
        assert len(_frames(source)) == 12
        assert len(source.carried.chapters) == 2
        source.close()


def test_it_reads_as_it_goes():
    """A long video is not fetched before it is asked for."""
    data = write("matroska", Video(frames=200, size=(160, 120), options={"preset": "ultrafast"}), [Audio(seconds=8)])
    file = ReadSeek(data)
    asked: list[int] = []
    file.read = lambda size=-1, read=file.read: asked.append(size) or read(size)  # type: ignore[method-assign]
    source = VideoSource(file, VideoLimits())
    next(source.items())
    assert sum(asked) < len(data) // 2
    assert max(asked) < 1 << 20


@pytest.mark.parametrize("make", [gif, webp])
def test_closing_is_repeatable_and_leaves_the_file_open(make):
    """The file is not the source's."""
    file = ReadSeek(make())
    source = VideoSource(file, VideoLimits())
    source.close()
    source.close()
    assert file.seek(0) == 0
    assert file.read(3) in {b"GIF", b"RIF"}


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_the_rotation_is_told_clockwise(turned: int):
    """As degrees that a player turns the picture by; FFmpeg counts the other way."""
    data = write("mp4", Video(rotation=-turned, frames=2))
    assert VideoSource(ReadSeek(data), VideoLimits()).info.rotation == turned


@pytest.mark.parametrize("name", ["mp4-chroma-topleft", "mkv-hevc-chroma-topleft"])
def test_the_place_of_chroma_comes_through(name: str):
    """And is not taken from "top first", which FFmpeg says of fields."""
    found = result(name)
    for data in (found.data, found.output):
        assert VideoSource(ReadSeek(data), VideoLimits()).look.chroma_location == "topleft"
    assert VideoSource(ReadSeek(case("mp4-interlaced").make()), VideoLimits()).look.chroma_location in {None, "left"}


def test_nothing_else_is_loaded_once_everything_is(tmp_path: Path):
    """In the sandbox no code can be mapped any more when the first upload comes."""
    names = ("mp4-captions", "ts-mpeg2-mp2", "gif", "webp-alpha", "mkv-font-and-cover", "webm-av1")
    for name in names:
        (tmp_path / name).write_bytes(case(name).make())
    program = """
import io, pathlib, sys
import av
import facegate.video.sink
from facegate.policy import VideoLimits
from facegate.video.codecs import OutputSettings
from facegate.video.preload import preload
from facegate.video.source import VideoSource
assert len(preload()) > 20
maps = lambda: {line.split()[-1] for line in pathlib.Path("/proc/self/maps").read_text().splitlines() if ".so" in line}
before = set(sys.modules), maps()
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        source = VideoSource(file, VideoLimits())
        sink = facegate.video.sink.VideoSink(io.BytesIO(), source, OutputSettings())
        for item in source.items():
            sink.frame(item) if isinstance(item, av.VideoFrame) else sink.packet(item)
        sink.close()
print(sorted(set(sys.modules) - before[0]), sorted(maps() - before[1]))
"""
    files = [str(tmp_path / name) for name in names]
    shown = subprocess.run([sys.executable, "-c", program, *files], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[] []"
