"""Every kind of video, sent through: what must be kept is kept, to the tick and to the byte; what must go is gone."""

from __future__ import annotations

import numpy as np
import pytest

from fixtures.videos import GOOD
from fixtures.videos.kinds import MARKER
from tests.unit.video.through import before_after, case, result

NAMES = [each.name for each in GOOD]
# Packets of AAC in MPEG-TS have a header of 7 bytes each that MP4 keeps in one place.
_ADTS = {"ts-h264-aac", "ts-positions"}


@pytest.mark.parametrize("name", NAMES)
def test_it_becomes_what_was_planned(name: str):
    """Container and coding stay, or become what the case says."""
    good, (before, after), plan = case(name), before_after(name), result(name).sink.plan
    assert (plan.container, plan.codec) == (good.container, good.codec)
    assert plan.pixel_format == (good.pixel_format or plan.pixel_format)
    if good.container not in {"gif", "webp"} and good.pixel_format is None:
        assert after.pixel_format.replace("yuvj", "yuv") == before.pixel_format.replace("yuvj", "yuv")


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_comes_out_when_it_went_in(name: str):
    """As many frames, each at its time; no frame twice, none lost."""
    before, after = before_after(name)
    assert after.times == before.times
    assert result(name).frames == len(before.times)


@pytest.mark.parametrize("name", NAMES)
def test_it_lasts_as_long(name: str):
    """To half a frame at 200 frames per second."""
    before, after = before_after(name)
    assert after.duration == pytest.approx(before.duration, abs=0.0025)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_shown_the_same_way(name: str):
    """Size, aspect, rotation, colours, HDR, fields."""
    before, after = before_after(name)
    assert after.size == before.size
    assert after.aspect == before.aspect
    assert after.side_data == before.side_data
    assert after.colours == before.colours
    assert after.interlaced == before.interlaced


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_is_the_same(name: str):
    """All frames, in order: mean differences within what one more generation of encoding costs."""
    before, after = before_after(name)
    # WebP halves the colours of RGB, and the pattern is all edges of colour.
    most = 12 if case(name).container == "webp" else 8
    for one, other in zip(before.pictures, after.pictures, strict=True):
        assert np.abs(one - other).mean() < most


@pytest.mark.parametrize("name", NAMES)
def test_other_tracks_are_copied_byte_by_byte(name: str):
    """Same tracks in the same order, same packets, same times, same languages; dropped ones are reported as such."""
    good, (before, after) = case(name), before_after(name)
    kept = [track for number, track in enumerate(before.tracks) if number not in good.dropped]
    written = [track for track in after.tracks if track[0] != "data"]  # MP4's chapters are a track of our own
    assert [(kind, language) for kind, _, language in written] == [(kind, language) for kind, _, language in kept]
    packets = [each for number, each in before.packets.items() if number not in good.dropped]
    copied = [each for number, each in after.packets.items() if after.tracks[number][0] != "data"]
    if name in _ADTS:
        packets = [[(data[7:], when) for data, when in track] for track in packets]
    assert copied == packets
    told = result(name).sink.tracks
    assert [number for number, track in enumerate(told) if not track.copied and not track.redacted] == [*good.dropped]


@pytest.mark.parametrize("name", NAMES)
def test_chapters_keep_their_times(name: str):
    """And nothing else: their titles are somebody's words."""
    before, after = before_after(name)
    assert after.chapters == before.chapters


@pytest.mark.parametrize("name", NAMES)
def test_nothing_identifying_is_left(name: str):
    """Neither where FFmpeg shows texts nor anywhere in the bytes."""
    after, output = before_after(name)[1], result(name).output
    for trace in (MARKER, "Anna", "52.31", "+52", "2024-01-02", "01:02:03:04"):
        assert trace.encode() not in output
        assert not any(trace in text for text in after.texts.values())
    allowed = {"major_brand", "minor_version", "compatible_brands", "language", "handler_name", "vendor_id", "encoder"}
    allowed |= {"duration", "filename", "mimetype"}
    assert {key.split(".")[-1].lower() for key in after.texts} <= allowed
