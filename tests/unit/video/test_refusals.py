"""Files that must not be read, and how each is told."""

from __future__ import annotations

import random

import av
import pytest

from facegate.codes import CODES, Refusal
from facegate.policy import VideoLimits
from facegate.video.source import VideoSource
from fixtures.videos import BAD, BadVideo
from fixtures.videos.bad import damaged
from fixtures.videos.write import Audio, Video, write
from tests.unit.video.through import ReadSeek, through


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_it_is_refused_with_its_own_sentence(bad: BadVideo):
    """And before any frame is read, where the header gives it away."""
    with pytest.raises(Refusal) as refused:
        source = VideoSource(ReadSeek(bad.make()), VideoLimits(**bad.limits))
        assert bad.late, "it opened"
        for _ in source.items():
            pass
    assert refused.value.code == bad.code
    assert bad.code in CODES


@pytest.mark.parametrize("threads", [1, 3])
def test_a_damaged_frame_is_never_handed_on(threads: int):
    """What the decoder pieced together from other frames could show a face where nobody looks for one."""
    data = damaged(write("mp4", Video(frames=24), [Audio()]), packet=9)
    source = VideoSource(ReadSeek(data), VideoLimits(), threads=threads)
    with pytest.raises(Refusal, match=r"video\.damaged"):
        assert not any(item.is_corrupt for item in source.items() if isinstance(item, av.VideoFrame))


@pytest.mark.parametrize("threads", [1, 3])
def test_salvage_leaves_out_what_is_damaged_and_says_how_much(threads: int):
    """The rest comes through, at its own time."""
    whole = write("mp4", Video(frames=24, options={"bf": "0", "g": "6"}), [Audio()])
    found = through(damaged(whole, packet=9), threads=threads, salvage=True)
    assert found.source.lost > 0
    assert 12 <= found.frames < 24
    with av.open(ReadSeek(found.output)) as container:  # type: ignore[arg-type]
        assert {frame.pts for frame in container.decode(video=0)} <= {n * 512 for n in range(24)}


@pytest.mark.parametrize("packet", range(7, 12))
def test_threads_hide_no_damage_at_the_end(packet: int):
    """With threads, PyAV drops an error that follows a frame, and all after it: so frames are counted."""
    whole = write("mov", Video(encoder="prores_ks", pixel_format="yuv422p10le", frames=12))
    with av.open(ReadSeek(whole)) as container:  # type: ignore[arg-type]
        payload = [bytes(each) for each in container.demux(video=0) if each.size][packet]
    data = whole.replace(payload, random.Random(packet).randbytes(len(payload)))
    source = VideoSource(ReadSeek(data), VideoLimits(), threads=4)
    with pytest.raises(Refusal, match=r"video\.damaged"):
        list(source.items())


def test_salvage_reads_a_video_that_was_cut_off():
    """Up to where it was cut."""
    whole = write("matroska", Video(frames=24))
    found = through(whole[: len(whole) * 2 // 3], salvage=True)
    assert 0 < found.frames < 24


def test_what_stands_before_the_first_key_frame_is_left_out():
    """A recording that was joined in the middle is not damaged."""
    whole = write("mpegts", Video(frames=24, options={"g": "8", "bf": "0", "sc_threshold": "0"}))
    with av.open(ReadSeek(whole)) as container:  # type: ignore[arg-type]
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    head = whole[: 3 * 188]  # the tables
    start = places[3] // 188 * 188
    assert through(head + whole[start:]).frames == 16
    # And one that was joined in the middle of a packet.
    assert through(bytes(100) + head + whole[start:]).frames == 16
