"""Limits on videos: what a policy may say, and a count of what really comes."""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction

import av
import pytest

from facegate.codes import Refusal
from facegate.errors import PolicyError
from facegate.policy import VideoLimits
from facegate.video.limits import Meter, check_claims, check_picture

_UNIT = Fraction(1, 1000)


def _frame(pts: int, size: tuple[int, int] = (16, 16)) -> av.VideoFrame:
    frame = av.VideoFrame(*size, "gray")
    frame.pts = pts
    return frame


@pytest.mark.parametrize("name", sorted(asdict(VideoLimits())))
@pytest.mark.parametrize("value", [0, -1, True, "10", float("inf"), float("nan"), None])
def test_a_limit_is_a_positive_number(name: str, value: object):
    """Anything else would be no limit."""
    with pytest.raises(PolicyError, match=name):
        VideoLimits(**{name: value})  # type: ignore[arg-type]


def test_limits_by_name():
    """As the child gets them."""
    assert VideoLimits(duration=5.0).as_dict() == {**asdict(VideoLimits()), "duration": 5.0}


@pytest.mark.parametrize(
    ("width", "height", "code"),
    [(0, 10, "video.damaged"), (4097, 2, "limit.side"), (2, 4097, "limit.side"), (3100, 3100, "limit.pixels")],
)
def test_a_picture_out_of_bounds(width: int, height: int, code: str):
    """Told apart: a longer side from too many pixels."""
    with pytest.raises(Refusal, match=code):
        check_picture(width, height, VideoLimits())


def test_what_a_header_does_not_say_is_no_reason_to_refuse():
    """`Meter` will see."""
    check_claims(None, None, 1 << 30, VideoLimits())


def test_packets_that_lead_nowhere_end():
    """A decoder that swallows packets for ever is not waited for."""
    meter = Meter(VideoLimits(), _UNIT)
    packet = av.Packet(8)
    with pytest.raises(Refusal, match=r"video\.damaged"):
        for _ in range(10_000):
            meter.sent(packet)


def test_bits_are_counted_against_time():
    """A header that says a long duration makes room for no burst."""
    meter = Meter(VideoLimits(bit_rate=1e6), _UNIT)
    packet = av.Packet(100_000)
    with pytest.raises(Refusal, match=r"limit\.bit_rate"):
        for number in range(10):
            meter.sent(packet)
            meter.frame(_frame(number * 40))


def test_bits_within_the_rate_pass():
    """The same, in time."""
    meter = Meter(VideoLimits(bit_rate=1e6), _UNIT)
    packet = av.Packet(100_000)
    for number in range(30):
        meter.sent(packet)
        meter.frame(_frame(number * 1000))


def test_a_burst_of_frames_is_refused_whatever_the_average_is():
    """61 within a second are more than 60 a second; 60 a second, for minutes, are not."""
    meter = Meter(VideoLimits(rate=60.0), _UNIT)
    for number in range(600):
        meter.frame(_frame(number * 1000 // 60))
    with pytest.raises(Refusal, match=r"limit\.rate"):
        for number in range(100):
            meter.frame(_frame(10_000 + number))


def test_every_frame_is_measured():
    """A stream may grow in the middle."""
    meter = Meter(VideoLimits(pixels=400), _UNIT)
    meter.frame(_frame(0))
    with pytest.raises(Refusal, match=r"limit\.pixels"):
        meter.frame(_frame(40, (32, 32)))


@pytest.mark.parametrize("pts", [-400_000, 400_000])
def test_another_track_does_not_go_on_for_hours(pts: int):
    """In either direction."""
    meter = Meter(VideoLimits(duration=60.0), _UNIT)
    meter.frame(_frame(0))
    packet = av.Packet(8)
    packet.pts, packet.time_base = pts, _UNIT
    with pytest.raises(Refusal, match=r"limit\.duration"):
        meter.copied(packet)
