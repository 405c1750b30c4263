"""Crops, masks and pasting against insightface, facexlib and the usual recipe, in turns, as ratios.

``python -m benchmarks.geometry [--rounds 9] [--runs 15] [--only arcface] [--json FILE]``

Sixteen faces of about 100 pixels in one picture of 1920x1080; for pasting one of them, and one of 400. Every contender
has a process of its own and one thread; the peers have environments of their own (`benchmarks.peers.environments`).
facegate's side are the functions that its child runs, without the way to the child and back; so is the peers'. Time
is the processor's, and the best of a turn's runs counts. A ratio is the median of the rounds', theirs through ours:
3.00 is three times as fast.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.peers.contender import Contender
from benchmarks.peers.environments import PEERS, python_of
from facegate.vision import align, facemasks, pose
from facegate.vision.landmarks import Landmarker
from fixtures.portraits import HEADS, portrait

INSIGHTFACE, FACEXLIB = "insightface-2.1", "facexlib-0.3.0"
# What, task, size of the crops, how much larger than 100 pixels the faces are, who else does it, and the goal.
ROWS: tuple[tuple[str, str, int, int, str, float | None], ...] = (
    ("16 arcface crops of 112 / looped norm_crop", "arcface", 112, 1, INSIGHTFACE, 3.0),
    ("16 arcface crops of 256 / looped norm_crop", "arcface", 256, 1, INSIGHTFACE, None),
    ("16 arcface matrices / looped estimate_norm", "matrices", 112, 1, INSIGHTFACE, None),
    ("16 ffhq crops of 512 / align_warp_face", "ffhq", 512, 1, FACEXLIB, None),
    ("oval mask and paste of 512, small face / recipe", "oval", 512, 1, "recipe", 3.0),
    ("oval mask and paste of 512, large face / recipe", "oval", 512, 4, "recipe", 3.0),
    ("the same with colour matched, small face / recipe", "colour", 512, 1, "recipe", None),
    ("the same with colour matched, large face / recipe", "colour", 512, 4, "recipe", None),
    ("whole crop of 512 pasted, small face / facexlib", "whole", 512, 1, FACEXLIB, None),
    ("whole crop of 512 pasted, large face / facexlib", "whole", 512, 4, FACEXLIB, None),
)


def scene(path: Path, zoom: int) -> None:
    """Write the picture: the astronaut in columns and rows, and where the faces are."""
    head = HEADS["astronaut"]
    apart = head.eyes[1][0] - head.eyes[0][0]
    middle = np.mean(head.eyes, axis=0)
    around = np.array([(-0.5, 0), (0.5, 0), (0, 0.65), (0, 1.1), (-1.1, 0.2), (1.1, 0.2)]) * apart + middle
    box = np.array([head.box], np.float32)
    analyzed = Landmarker().analyze(np.asarray(portrait("astronaut")), box, around[None].astype(np.float32), looks=2)
    mesh = analyzed.landmarks * np.float32(zoom)
    tiled = np.tile(np.asarray(portrait("astronaut")), (3, 4, 1))[: 1080 // zoom, : 1920 // zoom]
    rgb = np.ascontiguousarray(cv2.resize(tiled, (1920, 1080), interpolation=cv2.INTER_CUBIC))
    shifts = np.array([(x, y) for y in (0, 512) for x in (0, 512, 1024, 1400)] * 2, np.float32) * (zoom == 1)
    jitter = np.random.default_rng(0).normal(scale=0.5, size=(16, 5, 2)).astype(np.float32)
    five = pose.five_points(mesh) + shifts[:, None] + jitter
    matrix = align.fit("ffhq", five[:1], 512)
    np.savez(
        path,
        rgb=rgb,
        five_points=five,
        landmarks=mesh[0],
        oval=np.array(facemasks.OVAL),
        ffhq=align.ffhq_template(512),
        matrix=matrix[0],
        crop=align.crops(rgb, matrix, 512)[0],
    )


def measure(path: str, task: str, size: int, peer: str, rounds: int, runs: int) -> tuple[list[float], list[float]]:
    """Best milliseconds of every round: ours, theirs."""
    ours = Contender(sys.executable, "geometry_facegate.py", path, task, str(size))
    theirs = Contender(
        sys.executable if peer == "recipe" else str(python_of(peer)),
        f"geometry_{peer.partition('-')[0]}.py",
        *(path, task, str(size)),
    )
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        turns = [(ours, taken[0]), (theirs, taken[1])]
        for contender, into in turns if number % 2 else turns[::-1]:
            into.append(min(contender.time(runs)))
    ours.close()
    theirs.close()
    return taken


def main() -> None:
    """Measure and print; exit with 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--only", default="", help="a task")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    table = Table(title="1920x1080, one thread each")
    for heading in ("what", "facegate, ms", "peer, ms", "times as fast", "lowest-highest", "goal"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        scenes = {zoom: Path(folder) / f"{zoom}.npz" for zoom in (1, 4)}
        for zoom, path in scenes.items():
            scene(path, zoom)
        for what, task, size, zoom, peer, goal in ROWS:
            if options.only and task != options.only:
                continue
            ours, theirs = measure(str(scenes[zoom]), task, size, peer, options.rounds, options.runs)
            ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
            ratio = statistics.median(ratios)
            rows.append({"what": what, "ours": ours, "theirs": theirs, "ratio": ratio, "goal": goal})
            print(f"{what}: {ratio:.2f}x", file=sys.stderr)
            table.add_row(
                what,
                *(f"{statistics.median(each):.3f}" for each in (ours, theirs)),
                f"{ratio:.2f}x",
                f"{min(ratios):.2f}-{max(ratios):.2f}",
                "" if goal is None else f"{goal:.0f}x: {'met' if ratio >= goal else 'missed'}",
            )
    Console(width=140).print(table)
    used = {"rounds": options.rounds, "runs": options.runs, "opencv": cv2.__version__, "numpy": version("numpy")}
    used |= {"peers": {name: PEERS[name] for name in (INSIGHTFACE, FACEXLIB)}}
    if options.json:
        options.json.write_text(json.dumps({"settings": used, "results": rows}, indent=2) + "\n", encoding="utf-8")
    if any(row["goal"] is not None and row["ratio"] < row["goal"] for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
