"""Finding faces in photos, beside the same networks bare."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.suite.bare import same_networks
from benchmarks.suite.pairs import Pair, Profile, timed
from facegate.vision.detect import Detector
from fixtures.collection import scene
from fixtures.portraits import portrait


def pairs(profile: Profile) -> Iterator[Pair]:
    """One look at a portrait, and the scan for everyone in a 1280x720 picture of five."""
    detector = Detector()
    for name, rgb, scan, runs in (
        ("large", portrait("astronaut"), "large", 30),
        ("everyone", scene("five").rgb, "everyone", 3),
    ):

        def detect(rgb: object = rgb, scan: str = scan) -> None:
            if not len(detector.detect(rgb, scan=scan).boxes):  # type: ignore[arg-type]
                raise RuntimeError("Nobody was found.")

        ours = timed(f"Detector.detect, scan='{scan}'", detect)
        yield Pair(f"detection.{name}", ours, same_networks(detect), profile.rounds, runs)
