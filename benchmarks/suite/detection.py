"""Finding faces in photos and in frames of video, beside the same networks bare."""

from __future__ import annotations

from collections.abc import Iterator

import av
import cv2

from benchmarks.suite.bare import same_networks
from benchmarks.suite.pairs import Pair, Profile, timed
from facegate.redact.profiles import PROFILES
from facegate.vision.detect import Detector
from facegate.vision.video_detector import VideoDetector
from fixtures.collection import scene
from fixtures.portraits import portrait


def pairs(profile: Profile) -> Iterator[Pair]:
    """One look at a portrait, and the scan for everyone in a 1280x720 picture of five."""
    cv2.setNumThreads(1)
    detector = Detector()
    for name, rgb, scan, runs in (
        ("large", portrait("astronaut"), "large", 60),
        ("everyone", scene("five").rgb, "everyone", 3),
    ):

        def detect(rgb: object = rgb, scan: str = scan) -> None:
            if not len(detector.detect(rgb, scan=scan).boxes):  # type: ignore[arg-type]
                raise RuntimeError("Nobody was found.")

        ours = timed(f"Detector.detect, scan='{scan}'", detect)
        yield Pair(f"detection.{name}", ours, same_networks(detect), profile.rounds, runs)
    yield from _video(profile)


def _video(profile: Profile) -> Iterator[Pair]:
    """A key frame of 1920x1080 as each profile of redaction looks at it, after the first of a shot."""
    picture = cv2.resize(scene("five").rgb, (1920, 1080), interpolation=cv2.INTER_CUBIC)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
    for name in profile.profiles:
        detector = VideoDetector(PROFILES[name], 0)

        def see(detector: VideoDetector = detector) -> None:
            if not len(detector.see(frame, everywhere=False).boxes):
                raise RuntimeError("Nobody was found.")

        ours = timed(f"VideoDetector.see, {name}, 1920x1080", see)
        yield Pair(f"detection.video_{name}", ours, same_networks(see), profile.rounds, 3)
