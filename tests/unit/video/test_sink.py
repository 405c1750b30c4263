"""The sink: every container, what it refuses, and that it only ever writes."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from PIL import Image

from facegate.codes import Refusal
from facegate.policy import VideoLimits
from facegate.video.codecs import HOLDS, OutputSettings
from facegate.video.sink import VideoSink
from facegate.video.source import VideoSource
from fixtures.videos.write import Audio, Video, picture, write
from tests.unit.video.through import ReadSeek, WriteOnly, case, seen, through

_INTO = [(container, codec) for container, codecs in HOLDS.items() for codec in codecs]


@pytest.mark.parametrize(("container", "codec"), _INTO)
def test_every_container_takes_every_codec_it_is_said_to_hold(container: str, codec: str):
    """And all frames are in it, at their times, to the container's own clock."""
    found = through(write("mp4", Video(frames=8), [Audio()]), container=container, codec=codec)
    before, after = seen(found.data), seen(found.output)
    assert (found.sink.plan.container, found.sink.plan.codec) == (container, codec)
    # Matroska has no times below zero: all tracks are moved by the 21 ms that AAC begins earlier.
    offset = after.times[0]
    assert offset == pytest.approx(0.0, abs=0.05)
    assert after.times == pytest.approx([time + offset for time in before.times], abs=0.006)


def test_what_an_encoder_holds_at_the_end_is_written_packet_by_packet(monkeypatch: pytest.MonkeyPatch):
    """Not all at once when the last is encoded: whoever waits for signs of life would take that for a stuck encoder."""
    written: list[int] = []
    write_packets = VideoSink._write

    def counted(sink: VideoSink, packets: list) -> None:
        written.append(len(packets))
        write_packets(sink, packets)

    source = VideoSource(io.BytesIO(write("mp4", Video(frames=30))), VideoLimits())
    sink = VideoSink(WriteOnly(), source, OutputSettings(container="mp4", codec="h264"))
    for item in source.items():
        if isinstance(item, av.VideoFrame):
            sink.frame(item)
    monkeypatch.setattr(VideoSink, "_write", counted)
    sink.close()
    source.close()
    assert len(written) > 10, "x264 looks ahead by more frames than that"
    assert max(written) == 1


@pytest.mark.parametrize("container", ["gif", "webp", "avi"])
@pytest.mark.parametrize(("rotation", "flip"), [(90, False), (180, False), (270, False), (90, True), (0, True)])
def test_a_picture_is_turned_where_the_container_cannot_say_so(container: str, rotation: int, flip: bool):
    """So that it is shown as a player would have shown the upload."""
    data = write("mp4", Video(rotation=rotation, flip=flip, frames=2, options={"crf": "1"}, pixel_format="yuv444p"))
    found = through(data, container=container)
    # FFmpeg turns counter-clockwise, and mirrors what it turned.
    upright = np.rot90(picture(0, (96, 64)), rotation // 90)
    upright = upright[:, ::-1] if flip else upright
    if container == "avi":
        with av.open(io.BytesIO(found.output)) as output:
            shown = next(output.decode(video=0)).to_ndarray(format="rgb24")
    else:
        shown = np.asarray(Image.open(io.BytesIO(found.output)).convert("RGB"))
    assert shown.shape == upright.shape
    assert np.abs(shown.astype(int) - upright.astype(int)).mean() < 12


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"container": "ogg"}, "output.container"),
        ({"container": ""}, "output.container"),
        ({"container": "webm", "codec": "h264"}, "output.codec"),
        ({"codec": "mpeg4"}, "output.codec"),
        ({"preset": "fastest"}, "output.preset"),
        ({"quality": 0}, "output.quality"),
        ({"quality": 101}, "output.quality"),
        ({"quality": 50.0}, "output.quality"),
        ({"quality": True}, "output.quality"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_a_byte_is_written(settings: dict, code: str):
    """With a code of their own."""
    target = WriteOnly()
    source = VideoSource(ReadSeek(case("mp4-h264-aac").make()), VideoLimits())
    with pytest.raises(Refusal) as refused:
        VideoSink(target, source, OutputSettings(**settings))
    assert refused.value.code == code
    assert target.data == b""


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1"])
def test_more_quality_is_more_bytes_and_less_error(codec: str):
    """The same scale for every codec."""
    data = write("matroska", Video(encoder="ffv1", size=(192, 128)))
    low, high = (through(data, container="mkv", codec=codec, quality=quality) for quality in (30, 80))
    truth = seen(data).pictures
    errors = [
        np.mean([np.abs(a - b).mean() for a, b in zip(seen(each.output).pictures, truth, strict=True)])
        for each in (low, high)
    ]
    assert len(low.output) < len(high.output)
    assert errors[0] > errors[1]


@pytest.mark.parametrize(
    "name", ["mp4-h264-aac", "mkv-captions", "webm-vp9-opus", "avi-mpeg4-mp3", "gif", "webp-alpha"]
)
def test_the_same_upload_gives_the_same_file(name: str):
    """No clock and no random number gets into it. x264's own result varies above this preset."""
    data = case(name).make()
    assert through(data, preset="ultrafast").output == through(data, preset="ultrafast").output


def test_a_sink_that_is_not_closed_has_written_no_video():
    """An MP4's index comes last: what is cut short cannot be played."""
    source = VideoSource(ReadSeek(case("mp4-h264-aac").make()), VideoLimits())
    target = WriteOnly()
    sink = VideoSink(target, source, OutputSettings())
    for item in source.items():
        if isinstance(item, av.VideoFrame):
            sink.frame(item)
    with pytest.raises(av.FFmpegError):
        av.open(io.BytesIO(target.data))
    sink.close()
    sink.close()
    assert len(seen(target.data).times) == 12


def test_a_file_that_cannot_be_written_is_an_error_of_its_own_kind():
    """What the file raised comes out, not a guess about the video."""

    class Full(WriteOnly):
        def write(self, data: bytes) -> int:
            raise BufferError("no room")

    source = VideoSource(ReadSeek(case("mp4-h264-aac").make()), VideoLimits())
    with pytest.raises(BufferError, match="no room"):
        VideoSink(Full(), source, OutputSettings())


@pytest.mark.parametrize(
    ("name", "container", "copied"),
    [
        ("mp4-captions", "mkv", [False, True, False]),
        ("mkv-captions", "mp4", [False, True, False]),
        ("mp4-h264-aac", "webm", [False, False]),
        ("webm-vp9-opus", "mp4", [False, True]),
        ("webm-vp9-opus", "avi", [False, False]),
        ("mp4-two-languages", "gif", [False, False, False]),
        ("mkv-font-and-cover", "mp4", [False, False, False]),
        ("mkv-font-and-cover", "mkv", [False, True, False]),
    ],
)
def test_tracks_that_do_not_fit_are_left_out_and_said_to_be(name: str, container: str, copied: list[bool]):
    """Never converted, never in silence."""
    found = through(case(name).make(), container=container)
    assert [track.copied for track in found.sink.tracks] == copied
    kinds = [kind for kind, _, _ in seen(found.output).tracks]
    assert len(kinds) == 1 + sum(copied)


def test_odd_sizes_and_depths_go_where_nothing_is_lost():
    """H.264 with halved colours has even sides only, and VP9's encoder has 8 bits."""
    odd = through(write("matroska", Video(encoder="libvpx", size=(97, 65))))
    assert odd.sink.plan.pixel_format == "yuv444p"
    assert seen(odd.output).size == (97, 65)
    deep = through(write("mp4", Video(pixel_format="yuv420p10le")), container="webm")
    assert (deep.sink.plan.codec, deep.sink.plan.pixel_format) == ("av1", "yuv420p10le")


def test_the_kind_of_a_frame_is_the_encoders_to_choose():
    """An upload of key frames alone does not become one, at many times the size."""
    found = through(write("mp4", Video(options={"g": "1"}, frames=12)))
    with av.open(io.BytesIO(found.output)) as output:
        keys = [packet.is_keyframe for packet in output.demux(video=0) if packet.size]
    assert keys.count(True) == 1
