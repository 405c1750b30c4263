"""What is left in a process that uses mediapipe inline, as people do, and in facegate's worker, after the same photo.

``python -m benchmarks.peers.residue_inline``. The program is run twice: one run says what it computed, and is what the
markers are made from; the other computes the same, says nothing, drops everything, and is searched.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.peers.environments import python_of
from facegate.audit.residue import Markers, ResidueReport, scan
from fixtures.portraits import HEADS, portrait

PROGRAM = Path(__file__).with_name("contenders") / "mediapipe_kept.py"
WORKER = Path(__file__).with_name("contenders") / "facegate_kept.py"


def left(python: str, program: Path, photo: str) -> tuple[ResidueReport, ResidueReport]:
    """Search a process that looked at the photo: while it still has its results, and after it let go of them."""
    command = [python, str(program), photo]
    pipes: dict[str, int] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    said = subprocess.run([*command, "tell"], check=True, **pipes)
    landmarks = np.frombuffer(said.stdout, np.float32).reshape(-1, 3)
    x0, y0, x1, y1 = (int(each) for each in HEADS["astronaut"].box)
    # What a decoder makes of the file, not what the file was made of.
    pixels = np.asarray(Image.open(photo).convert("RGB"))[y0:y1, x0:x1]
    with Markers.of(landmarks=landmarks, pixels=pixels) as markers:
        process = subprocess.Popen([*command, "wait"], stdin=subprocess.PIPE, **pipes)
        reports = []
        for _ in range(2):
            process.stdout.readline()
            reports.append(scan([process.pid], markers))
            process.stdin.write(b"\n")
            process.stdin.flush()
        process.communicate()
    return reports[0], reports[1]


def main() -> None:
    """Search both and print."""
    with tempfile.TemporaryDirectory() as scratch:
        photo = Path(scratch) / "astronaut.jpg"
        encoded = io.BytesIO()
        Image.fromarray(portrait("astronaut")).save(encoded, "JPEG", quality=95)
        photo.write_bytes(encoded.getvalue())
        rows = {
            "mediapipe 0.10.21 FaceMesh, inline": left(str(python_of("mediapipe-0.10.21")), PROGRAM, str(photo)),
            "facegate, the worker": left(sys.executable, WORKER, str(photo)),
        }
    table = Table(title="Windows of 32 bytes found, of the same photo")
    for column in ("process", "while in use", "after del and gc.collect()", "kind and encoding"):
        table.add_column(column)
    for name, (using, after) in rows.items():
        kinds = Counter({f"{hit.kind} as {hit.encoding}": hit.count for each in after.processes for hit in each.hits})
        table.add_row(name, str(using.found), str(after.found), ", ".join(f"{k}: {n}" for k, n in kinds.most_common(6)))
    Console(width=140).print(table)
    print(json.dumps({name: [using.found, after.found] for name, (using, after) in rows.items()}))


if __name__ == "__main__":
    main()
