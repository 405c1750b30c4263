"""facegate's row of a comparison is encoded as everyone's: what is asked for is the constant rate factor meant."""

from fractions import Fraction

import pytest

from benchmarks.peers.contenders.quality import quality_of
from benchmarks.peers.video_rows import ENCODER
from benchmarks.suite.endtoend import CRF
from facegate.video.codecs import OutputSettings, plan
from facegate.video.info import VideoInfo

CLIP = VideoInfo(
    container="mp4",
    codec="h264",
    size_wh=(1920, 1080),
    rotation=0,
    pixel_format="yuv420p",
    duration=10.0,
    frames=300,
    rate=30.0,
    start=0.0,
    tracks=(),
    time_base=Fraction(1, 15360),
)


@pytest.mark.parametrize("crf", sorted({*range(1, 51), CRF, ENCODER["crf"]}))
def test_x264_gets_the_factor_that_its_peers_get(crf):
    settings = OutputSettings(container="mp4", codec="h264", quality=quality_of(crf))
    assert plan(CLIP, settings).options["crf"] == str(crf)
