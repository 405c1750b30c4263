"""How much of every known face each profile covers, beside CenterFace at full size on every frame; and what it costs.

Run from the repository's root: ``python -m benchmarks.video_recall [--clips NAME ...] [--profiles NAME ...]``; prints a
table and, with ``--json FILE``, writes it. What counts as covered and as false is `benchmarks.coverage`'s. The row
``deface`` is what deface's default does: CenterFace at full size from a score of 0.2 on, boxes grown by 1.3. Costs are
of one thread, without decoding.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.coverage import coverage_of_boxes
from benchmarks.tally import NAMES, Coverage
from facegate.redact.profiles import PROFILES
from facegate.vision.centerface import MULTIPLE, CenterFace
from facegate.vision.follow import Follower
from fixtures.clips import CLIPS, Clip, clip

DEFACE_THRESHOLD, DEFACE_GROWTH = 0.2, 1.3

Boxes = NDArray[np.float32]


class Upright(NamedTuple):
    """What a follower needs to know of a clip."""

    rotation: int
    rate: float


@dataclass(frozen=True, slots=True)
class Row:
    """One contender on one clip.

    Attributes:
        ellipses: when the ellipse in every box is covered.
        boxes: when all of every box is.
        cpu: seconds of this process.
    """

    ellipses: Coverage
    boxes: Coverage
    cpu: float

    def line(self, title: str, name: str) -> str:
        """For the table."""
        cells = [f"{bucket.share:8.4f}" if bucket.faces else "       -" for bucket in self.ellipses.buckets]
        share = f"{self.ellipses.from_28.share:9.4f}"
        longest = max((run.frames for run in self.ellipses.runs), default=0)
        return (
            f"{title:<18}{name:<10}{''.join(cells)}{share}{self.ellipses.uncovered:>7}{self.boxes.uncovered:>7}"
            f"{longest:>8}{self.ellipses.false_boxes:>8.3f}{1e3 * self.cpu / max(self.ellipses.frames, 1):>8.1f}"
        )

    def record(self) -> dict[str, Any]:
        """For the JSON."""
        cost = 1e3 * self.cpu / max(self.ellipses.frames, 1)
        return {"ellipses": self.ellipses.summary(), "boxes": self.boxes.summary(), "cpu_ms_per_frame": cost}


def frames_of(one: Clip) -> Iterator[av.VideoFrame]:
    """Decoded frames in order."""
    with av.open(str(one.path)) as container:
        yield from container.decode(video=0)


def with_profile(one: Clip, name: str) -> tuple[list[Boxes], float]:
    """What the follower covers, frame by frame, and its seconds."""
    begun = time.process_time()
    follower = Follower(Upright(one.rotation, one.rate), PROFILES[name])
    cpu, boxes = time.process_time() - begun, []
    for frame in frames_of(one):
        begun = time.process_time()
        ready = follower.push(frame)
        cpu += time.process_time() - begun
        boxes += [covered.boxes for covered in ready]
    begun = time.process_time()
    boxes += [covered.boxes for covered in follower.flush()]
    return boxes, cpu + time.process_time() - begun


def with_centerface(one: Clip) -> tuple[list[Boxes], float]:
    """The way of deface: full size, every frame, each for itself."""
    network, cpu, result = None, 0.0, []
    for frame in frames_of(one):
        begun = time.process_time()
        rgb = np.rot90(frame.to_ndarray(format="rgb24"), -(one.rotation // 90))
        if network is None:
            network = CenterFace(*(-(-side // MULTIPLE) * MULTIPLE for side in rgb.shape[:2]))
        boxes = network(rgb, DEFACE_THRESHOLD).boxes
        cpu += time.process_time() - begun
        centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2 * np.float32(DEFACE_GROWTH)
        result.append(_coded(np.concatenate([centre - half, centre + half], axis=1), one))
    return result, cpu


def _coded(boxes: Boxes, one: Clip) -> Boxes:
    if one.rotation == 0:
        return boxes
    assert one.rotation == 90, "the clips have no other rotation"
    x0, y0, x1, y1 = boxes.T
    return np.stack([y0, one.size_wh[1] - x1, y1, one.size_wh[1] - x0], axis=1)


def measured(one: Clip, name: str) -> Row:
    """One contender on one clip."""
    boxes, cpu = with_centerface(one) if name == "deface" else with_profile(one, name)
    assert len(boxes) == len(one.frames), "a frame was lost or came twice"
    shapes = [coverage_of_boxes(one.frames, boxes, size_wh=one.size_wh, shape=shape) for shape in ("ellipse", "box")]  # type: ignore[arg-type]
    return Row(shapes[0], shapes[1], cpu)


def overall(rows: list[dict[str, Any]]) -> str:
    """Faces of all clips together, by size."""
    cells = []
    for name in (*NAMES, ">=28"):
        parts = [row["ellipses"]["coverage"][name] for row in rows]
        faces = sum(part["faces"] for part in parts)
        cells.append(f"{name} {sum(part['faces'] * part['share'] for part in parts) / max(faces, 1):.4f} of {faces}")
    return "; ".join(cells)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clips", nargs="*", default=[name for name in CLIPS if name != "bench_60s"])
    parser.add_argument("--profiles", nargs="*", default=[*PROFILES, "deface"])
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    rows: dict[str, dict[str, Any]] = {}
    sizes = "".join(f"{name:>8}" for name in NAMES)
    print(f"{'clip':<18}{'profile':<10}{sizes}    >=28 missed (boxes) longest  false  cpu ms")
    for title in wanted.clips:
        for name in wanted.profiles:
            row = measured(clip(title), name)
            rows.setdefault(name, {})[title] = row.record()
            print(row.line(title, name), flush=True)
            for run in row.ellipses.runs:
                print(f"    uncovered: {run}")
    for name, clips in rows.items():
        print(f"{name}: {overall(list(clips.values()))}")
    if wanted.json:
        wanted.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
