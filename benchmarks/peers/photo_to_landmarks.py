"""Photo to 478 landmarks: facegate isolated and inline against mediapipe inline, interleaved in one run.

``python -m benchmarks.peers.photo_to_landmarks [--rounds 7] [--runs 15] [--json FILE]``
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from importlib import resources
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.peers.contender import Contender
from benchmarks.peers.environments import python_of
from fixtures.portraits import portrait

REFERENCE = "mediapipe 0.10.21 FaceMesh, refined, inline"


def measure(photo: str, rounds: int, runs: int) -> dict[str, list[float]]:
    """Median milliseconds of every round, by contender; the contenders take turns in each round."""
    weights = resources.files("facegate.vision").joinpath("weights", "face_detection_short_range.tflite")
    mine = sys.executable
    mesh = str(python_of("mediapipe-0.10.21"))
    tasks = str(python_of("mediapipe-1.2.2"))
    contenders = {
        REFERENCE: Contender(mesh, "mediapipe_facemesh.py", photo),
        "facegate isolated, scan='large'": Contender(mine, "facegate_isolated.py", photo, "large"),
        "facegate isolated, scan='everyone'": Contender(mine, "facegate_isolated.py", photo, "everyone"),
        "facegate inline, scan='large'": Contender(mine, "facegate_inline.py", photo, "large"),
        "facegate inline, scan='everyone'": Contender(mine, "facegate_inline.py", photo, "everyone"),
        "mediapipe 1.2.2 FaceDetector, boxes only": Contender(tasks, "mediapipe_detector.py", photo, str(weights)),
    }
    medians: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            medians[name].append(statistics.median(contender.time(runs)))
    for contender in contenders.values():
        contender.close()
    return medians


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        photo = Path(scratch) / "astronaut.jpg"
        Image.fromarray(portrait("astronaut")).save(photo, quality=95)
        medians = measure(str(photo), options.rounds, options.runs)
    reference = statistics.median(medians[REFERENCE])
    table = Table(title="JPEG portrait 512x512 -> landmarks of the subject")
    for heading in ("contender", "median ms", "min-max of rounds", "against FaceMesh"):
        table.add_column(heading, justify="left" if heading == "contender" else "right")
    rows = []
    for name, values in medians.items():
        middle = statistics.median(values)
        rows.append({"contender": name, "ms": middle, "rounds": values, "ratio": middle / reference})
        table.add_row(name, f"{middle:.2f}", f"{min(values):.2f}-{max(values):.2f}", f"{middle / reference:.2f}x")
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
