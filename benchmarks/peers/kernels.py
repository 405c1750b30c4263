"""Sixteen faces at 1080p: facegate on YUV planes against supervision on BGR, with and without the conversion it needs.

``python -m benchmarks.peers.kernels [--rounds 7] [--runs 31] [--sizes mixed|middle|small] [--json FILE]``

Every contender has a process of its own and one thread; in each round all of a style take turns. supervision covers
boxes only, blurs once with a third of the shorter side (facegate: three times, with a third of the longer) and
pixelates to two blocks along the shorter side, each interpolated from four pixels, where facegate averages up to eight.
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

import av
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.peers.contender import Contender
from benchmarks.peers.environments import PEERS, python_of
from fixtures.portraits import portrait

STYLES = ("solid", "pixelate", "blur")
PEER = "supervision-0.31.2"
REFERENCE = "supervision on BGR, box"


def measure(frame: str, style: str, sizes: str, rounds: int, runs: int) -> dict[str, list[float]]:
    """Median milliseconds of every round, by contender."""
    mine, theirs = sys.executable, str(python_of(PEER))
    planes, annotators = "facegate_planes.py", "supervision_annotators.py"
    contenders = {
        REFERENCE: Contender(theirs, annotators, frame, style, sizes, "none"),
        "supervision, YUV->BGR->YUV by PyAV": Contender(theirs, annotators, frame, style, sizes, "PyAV"),
        "supervision, YUV->BGR->YUV by OpenCV": Contender(theirs, annotators, frame, style, sizes, "OpenCV"),
        "facegate, box": Contender(mine, planes, frame, style, sizes, "box"),
        "facegate, ellipse": Contender(mine, planes, frame, style, sizes, "ellipse"),
        "facegate, ellipse, yuv420p10le": Contender(mine, planes, frame, style, sizes, "ellipse", "yuv420p10le"),
        "ceiling: fill the windows": Contender(mine, planes, frame, "fill", sizes, "box"),
        "ceiling: copy the windows": Contender(mine, planes, frame, "copy", sizes, "box"),
    }
    medians: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            medians[name].append(statistics.median(contender.time(runs)))
    for contender in contenders.values():
        contender.close()
    return medians


def scene() -> np.ndarray:
    """A 1080p frame full of faces, (1620, 1920) uint8, YUV 4:2:0."""
    tiled = np.tile(np.asarray(portrait("astronaut")), (3, 4, 1))[:1080, :1920]
    return (
        av.VideoFrame.from_ndarray(np.ascontiguousarray(tiled), format="rgb24").reformat(format="yuv420p").to_ndarray()
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=31)
    parser.add_argument("--sizes", choices=("mixed", "middle", "small"), default="mixed")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        frame = Path(scratch) / "frame.yuv"
        scene().tofile(frame)
        for style in STYLES:
            medians = measure(str(frame), style, options.sizes, options.rounds, options.runs)
            reference = statistics.median(medians[REFERENCE])
            table = Table(title=f"{style}, 16 faces ({options.sizes}), 1920x1080, one thread")
            for heading in ("contender", "median ms", "min-max of rounds", "against supervision on BGR"):
                table.add_column(heading, justify="left" if heading == "contender" else "right")
            for name, values in medians.items():
                middle = statistics.median(values)
                ratio = middle / reference
                rows.append({"style": style, "contender": name, "ms": middle, "rounds": values, "ratio": ratio})
                table.add_row(name, f"{middle:.3f}", f"{min(values):.3f}-{max(values):.3f}", f"{ratio:.2f}x")
            console.print(table)
    used = {"rounds": options.rounds, "runs": options.runs, "sizes": options.sizes, "threads": 1}
    used |= {"opencv": cv2.__version__, "numpy": np.__version__, "av": version("av"), "peer": PEERS[PEER]}
    console.print(json.dumps(used))
    if options.json:
        options.json.write_text(json.dumps({"settings": used, "results": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
