"""What passes besides the picture: a list of what may, and the traps around it."""

from __future__ import annotations

import io
from typing import Any

import av
import pytest
from av.stream import Disposition

from facegate.policy import VideoLimits
from facegate.video.carry import describe, font_name, holds
from facegate.video.probe import probe
from facegate.video.source import VideoSource
from fixtures.videos.kinds import gif, webp
from fixtures.videos.write import Video, write
from tests.unit.video.through import ReadSeek, case, seen, through


class _Stream:
    """The two things that are taken from a track."""

    def __init__(self, language: str | None = None, disposition: int = 0) -> None:
        self.metadata: dict[str, str] = (
            {} if language is None else {"language": language, "title": "x", "handler_name": "y"}
        )
        self.disposition: Any = Disposition(disposition)


@pytest.mark.parametrize("language", ["eng", "de", "pt-BR", "zh-Hans-CN", "und"])
def test_a_language_passes(language: str):
    """Alone: title and handler are somebody's words."""
    target = _Stream()
    describe(_Stream(language), target)  # type: ignore[arg-type]
    assert target.metadata == {"language": language}


@pytest.mark.parametrize("language", ["", "english", "en-US-and-a-message", "e", "eng\n", "52.3", "Anna Schmidt"])
def test_what_is_no_language_does_not_pass_for_one(language: str):
    """The field takes any text."""
    target = _Stream()
    describe(_Stream(language), target)  # type: ignore[arg-type]
    assert target.metadata == {}


def test_roles_pass_and_pictures_do_not():
    """Whether a track is the default or for the deaf stays; that it is a cover never applies to what is copied."""
    target = _Stream()
    everything = sum(int(each) for each in Disposition)
    describe(_Stream("eng", everything), target)  # type: ignore[arg-type]
    assert target.disposition & Disposition.forced
    assert target.disposition & Disposition.hearing_impaired
    assert not target.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image)


def test_a_picture_that_is_called_a_font_stays_behind():
    """Its first bytes tell."""
    data = write("matroska", Video(), fonts=[("a.ttf", "font/ttf", b"\xff\xd8\xff\xe0" + b"face" * 20)])
    found = through(data)
    assert found.source.carried.fonts == ()
    assert b"faceface" not in found.output


def test_a_font_comes_through_without_its_name():
    """Files are called after people."""
    found = through(case("mkv-font-and-cover").make())
    with av.open(io.BytesIO(found.output)) as output:
        (font,) = output.streams.attachments
        assert (font.name, font.mimetype) == (font_name(1, "font/ttf"), "font/ttf")
        assert font.data == b"\0\1\0\0" + bytes(60)


@pytest.mark.parametrize("name", ["mp4-cover", "mkv-font-and-cover", "mp4-second-video"])
def test_no_picture_but_the_redacted_one_is_in_the_output(name: str):
    """Covers, thumbnails and further cameras show faces."""
    found = through(case(name).make())
    assert [kind for kind, _, _ in seen(found.output).tracks].count("video") == 1
    assert not any(track.copied for track in found.sink.tracks if track.kind == "video")
    kinds = {track.number: track.kind for track in found.source.carried.tracks}
    assert "video" not in {kinds[index] for index in found.source.carried.indices}


def test_the_default_video_track_is_the_one():
    """Not the first, and not a cover that comes before it."""
    source = VideoSource(ReadSeek(case("mp4-second-video").make()), VideoLimits())
    assert [track.redacted for track in source.info.tracks] == [True, False, False]
    assert source.info.size_wh == (96, 64)


def test_what_a_source_says_of_its_tracks_is_what_its_own_container_holds():
    """An upload of MPEG-TS becomes an MP4."""
    source = VideoSource(ReadSeek(case("ts-positions").make()), VideoLimits())
    assert [(track.kind, track.copied) for track in source.info.tracks] == [
        ("video", False),
        ("audio", True),
        ("data", False),
    ]
    assert {type(item) for item in source.items()} == {av.VideoFrame, av.Packet}
    assert source.carried.indices == {1}
    audio = source.carried.tracks[1]
    assert holds("mp4", audio)
    assert not holds("webm", audio)
    assert not holds("gif", audio)


@pytest.mark.parametrize(("make", "loop"), [(gif, 0), (gif, 2), (webp, 0), (webp, 3)])
def test_a_loop_is_counted(make: Any, loop: int):
    """GIF says how often it plays again, WebP how often it plays."""
    expected = loop + 1 if make is gif and loop else loop
    data = make(loop=loop)
    assert probe(ReadSeek(data)).loop == expected  # type: ignore[arg-type]
    assert probe(ReadSeek(through(data).output)).loop == expected  # type: ignore[arg-type]
