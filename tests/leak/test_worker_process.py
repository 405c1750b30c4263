"""After a whole request the worker is as it was: no analysis library, no child, no memory, no descriptor."""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import facegate
from facegate.memory.locks import kernel_locked_bytes
from tests.conftest import child_of, descendants, eventually

# A fresh interpreter, because this one has imported Pillow for its own purposes.
WORKER = """
import json, sys
import numpy as np
import facegate

with open(sys.argv[1], "rb") as file:
    data = file.read()
with facegate.Gate() as gate:
    with gate.open_request("r-1", purpose="generation") as request:
        upload = request.admit(data)
        faces = request.analyze(upload)
        with faces.subject.expose("landmarks") as xyz:
            kept = xyz[3:]
            seen = bool(xyz.all())
        safe = request.redact(upload, keep=faces.subject)
        with safe.expose() as rgb:
            pixels = rgb
        child, arena = request._custody._child, request._custody._child.arena
        output = request.finish(safe, format="jpeg")
    print(json.dumps({
        "seen": seen,
        "kept": float(abs(kept).sum()),
        "pixels": int(pixels.max()),
        "end": child.end,
        "proc": __import__("os").path.exists(f"/proc/{child.pid}"),
        "arena": arena.closed,
        "output": len(output.data),
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
        "own": sorted(name for name in sys.modules if name.startswith("facegate")),
        "receipt": request.receipt.to_json(),
    }))
"""


@pytest.fixture(scope="module")
def report(astronaut: bytes, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a worker says of itself after a whole request."""
    path = tmp_path_factory.mktemp("leak") / "upload"
    path.write_bytes(astronaut)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WORKER, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_the_worker_imported_no_analysis_library(report: dict) -> None:
    assert not {"cv2", "av", "PIL", "mediapipe", "ai_edge_litert"} & set(report["modules"])
    assert not [name for name in report["own"] if name.startswith(("facegate.vision", "facegate.redact"))]
    assert "numpy" in report["modules"], "the list is a real one"


def test_the_child_is_gone_and_nothing_can_be_read(report: dict) -> None:
    assert report["seen"]
    assert report["output"] > 1000
    assert (report["kept"], report["pixels"], report["proc"], report["arena"]) == (0, 0, False, True)
    assert report["end"] == "killed at purge"


def test_the_receipt_counts_what_was_wiped(report: dict) -> None:
    verified = facegate.verify(report["receipt"])
    assert verified.purge.bytes_wiped == verified.purge.bytes_reread > 100_000
    assert verified.purge.bytes_nonzero == 0


def test_nothing_in_the_receipt_comes_from_the_person(report: dict, astronaut: bytes) -> None:
    import base64

    payloads = [json.loads(base64.b64decode(each["payload"])) for each in json.loads(report["receipt"])["envelopes"]]
    # Without digests and IDs, which are random here: "512" is in every tenth receipt's.
    text = re.sub(r"[0-9a-f]{16,}", "", json.dumps(payloads))
    for word in ("512", "JPEG", "width", "landmark_", "boxes", "confidence", 'faces"'):
        assert word not in text.replace("face_landmark", ""), word
    import hashlib

    assert hashlib.sha256(astronaut).hexdigest() not in json.dumps(payloads)


def test_no_growth_over_many_requests(astronaut: bytes) -> None:
    def state() -> tuple[int, int, int, int]:
        gc.collect()
        maps = len(re.findall("facegate|secretmem", Path("/proc/self/maps").read_text(encoding="ascii")))
        return len(os.listdir("/proc/self/fd")), len(descendants()), kernel_locked_bytes(), maps

    with facegate.Gate(facegate.Policy(spares=1)) as gate:
        for serial in range(24):
            with gate.open_request(f"growth-{serial}", purpose="generation") as request:
                faces = request.analyze(request.admit(astronaut))
                with faces.subject.expose("landmarks") as xyz:
                    assert xyz.any()
            del request, faces, xyz
            if serial == 3:
                assert gate.pool.wait_full(30)
                before = state()
        assert gate.pool.wait_full(30)
        assert eventually(lambda: state() == before), f"{before} -> {state()}"


def test_what_the_kernel_says_about_a_child(gate: facegate.Gate, astronaut: bytes) -> None:
    """Read from outside, of a child in the middle of a request."""
    with gate.open_request("kernel-view", purpose="generation") as request:
        request.analyze(request.admit(astronaut))
        child = Path(f"/proc/{child_of(request).pid}")
        status = dict(line.split(":\t", 1) for line in (child / "status").read_text().splitlines() if ":\t" in line)
        assert status["Threads"].strip() == "1"
        assert status["NoNewPrivs"].strip() == "1"
        assert status["Seccomp"].strip() == "2"
        assert status["Seccomp_filters"].strip() == "3", "the zygote's, the child's, what is taken away later"
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
        limits = (child / "limits").read_text()
        assert limits.split("Max file size")[1].split()[:2] == ["0", "0"]
        assert limits.split("Max core file size")[1].split()[:2] == ["1", "1"]
        environment = {line.partition("=")[0] for line in (child / "environ").read_text().split("\0") if line}
        from facegate.sandbox.host import ENVIRONMENT

        # glibc cuts its tunables apart in place, so the second and third show as entries of their own.
        assert environment - {"glibc.malloc.tcache_count", "glibc.malloc.arena_max"} == set(ENVIRONMENT)
        sockets = {str(path.readlink()) for path in (child / "fd").iterdir()}
        files = {each for each in sockets if each.startswith("/")}
        # Nothing else is open, so there is nothing that all children share and that could carry from one to the next.
        assert files <= {"/dev/null"}, files
        assert len([each for each in sockets if each.startswith("socket:")]) == 1
