"""Random ends among many requests leave no process, descriptor, mapping or byte; nor do ends of the worker itself.

A short profile by default; ``FACEGATE_ENDS=10000`` (``make ends``) is the full one.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from facegate.errors import InvalidReceiptError
from facegate.receipt import verify
from tests.conftest import eventually

REQUESTS = int(os.environ.get("FACEGATE_ENDS", "150"))
SEED = int(os.environ.get("FACEGATE_ENDS_SEED", "1"))
ROOT = Path(__file__).parents[2]


def test_nothing_is_left_however_requests_end(astronaut: bytes, tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(astronaut)
    command = [sys.executable, "-m", "tests.leak.ends", str(REQUESTS), str(SEED), str(tmp_path / "photo")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120 + REQUESTS)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    print(json.dumps(report, indent=2))
    assert report["after"] == report["before"]
    assert (report["orphans"], report["unreceipted"], report["nonzero"]) == (0, 0, 0)
    ended = sum(count for name, count in report["outcomes"].items() if not name.startswith("none:"))
    assert REQUESTS / 20 < ended < REQUESTS / 4, "ends did happen"


WORKER = """
import os, signal, sys, time
import facegate
receipts = open(sys.argv[2], "w")
def keep(receipt):
    receipts.write(receipt.to_json().replace("\\n", "") + "\\n")
    receipts.flush()
def handler(*_):
    raise SystemExit(0)
if sys.argv[3] == "handled":
    signal.signal(signal.SIGTERM, handler)
gate = facegate.Gate(facegate.Policy(spares=1), on_receipt=keep)
request = gate.open_request("r-1", purpose="generation")
request.open()
faces = request.analyze(request.admit(sys.argv[1]))
print(gate.pool.zygote().pid, request._custody._child.pid, flush=True)
if sys.argv[3] == "exit":
    sys.exit(0)
with faces.subject.expose("landmarks") as xyz:
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("number", "mode", "phases"),
    [
        # Nobody can sign for a worker that the kernel took away: the OPEN receipt stays without a CLOSE.
        (signal.SIGKILL, "", 1),
        (signal.SIGTERM, "", 1),
        (signal.SIGSEGV, "", 1),
        (signal.SIGTERM, "handled", 2),
        (signal.SIGINT, "", 2),
        (0, "exit", 2),
    ],
)
def test_the_end_of_the_worker(astronaut: bytes, tmp_path: Path, number: int, mode: str, phases: int) -> None:
    (tmp_path / "photo").write_bytes(astronaut)
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path / "photo"), str(tmp_path / "receipts"), mode],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with worker:
        assert worker.stdout is not None
        pids = [int(word) for word in worker.stdout.readline().split()]
        assert len(pids) == 2
        if number:
            worker.send_signal(number)
        worker.wait(30)
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids)), "a process outlived the worker"
    kept = (tmp_path / "receipts").read_text().splitlines()
    assert len(kept) == phases
    if phases == 1:
        with pytest.raises(InvalidReceiptError, match="never closed"):
            verify(json.loads(kept[0]))
        assert verify(json.loads(kept[0]), allow_open=True).outcome is None
    else:
        assert verify(json.loads(kept[1])).purge.bytes_nonzero == 0
