"""After a request about a video the worker is as it was: no analysis library, no file, no descriptor, no memory."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import facegate
from tests.clips import clip

# A fresh interpreter, because this one has imported PyAV for its own purposes.
WORKER = """
import json, os, re, sys, tempfile
from pathlib import Path
import facegate

def state():
    maps = len(re.findall("facegate|secretmem", Path("/proc/self/maps").read_text()))
    return [sorted(os.listdir("/proc/self/fd")), maps]

with facegate.Gate(facegate.Policy(spares=0)) as gate:
    before = state()
    with gate.open_request("r-1", purpose="generation") as request:
        video = request.admit(Path(sys.argv[1]))
        faces = request.analyze(video, at=0.1)
        for number, frame in enumerate(request.frames(video, keep=faces.subject, profile="fast")):
            seen = bool(frame.any())
            if number == 3:
                break
        safe = request.redact(video, keep=faces.subject, profile="fast")
        held = request.frames(video, redacted=False)
        copy = next(held)
        held.close()
        staged = request.admit(Path(sys.argv[1]).read_bytes(), "video")
        output = request.finish(safe, to=sys.argv[2], preset="ultrafast")
    child = request._custody._child if request._custody else None
    del frame, copy, held, faces, video, safe, staged
    print(json.dumps({
        "seen": seen,
        "proc": os.path.exists(f"/proc/{child.pid}"),
        "before": before,
        "after": state(),
        "threads": len(os.listdir("/proc/self/task")),
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
        "own": sorted(name for name in sys.modules if name.startswith("facegate")),
        "receipt": request.receipt.to_json(),
    }))
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a worker says of itself after a whole request, and what it left in its folders."""
    folder = tmp_path_factory.mktemp("video")
    temporary = folder / "tmp"
    temporary.mkdir()
    (folder / "upload").write_bytes(clip(20))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WORKER, str(folder / "upload"), str(folder / "out.mp4")],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(temporary)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    told = dict(json.loads(done.stdout))
    told["left"] = sorted(str(each.relative_to(folder)) for each in folder.rglob("*"))
    return told


def test_the_worker_imported_no_analysis_library(report: dict) -> None:
    assert not {"cv2", "av", "PIL", "ai_edge_litert"} & set(report["modules"])
    analysis = ("facegate.vision", "facegate.redact", "facegate.video.")
    assert not [name for name in report["own"] if name.startswith(analysis) or name == "facegate.video"]
    assert "facegate.streaming" in report["own"], "the list is a real one"


def test_nothing_is_left_but_the_output(report: dict) -> None:
    assert report["left"] == ["out.mp4", "tmp", "upload"]
    assert report["seen"]
    assert not report["proc"]
    assert report["before"] == report["after"], "descriptors and maps"


def test_the_receipt_counts_what_was_wiped(report: dict) -> None:
    verified = facegate.verify(report["receipt"])
    assert verified.outcome == "finished"
    # Two rings of three frames, the region of the output, the staged upload, the arena.
    assert verified.purge.bytes_wiped == verified.purge.bytes_reread > 2 * 3 * 256 * 320 * 3 + (1 << 20)
    assert verified.purge.bytes_nonzero == 0
