"""Every forbidden act is tried twice: free, where it must succeed, and confined, where the kernel must refuse it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from facegate.sandbox import landlock

HERE = Path(__file__).parent
PROBES = sorted((HERE / "probes").glob("*.py"))
# EFBIG is the size limit's answer, EPERM that of the signal and socket scopes, the rest is Landlock's.
REFUSALS = {"EACCES", "EPERM", "EFBIG"}
NEEDS_ABI = {"truncate": 3, "connect_tcp": 4, "listen_tcp": 4, "abstract_socket": 6, "signal_outside": 6}


def attempt(probe: Path, scratch: Path, mode: str) -> str:
    scratch.mkdir()
    (scratch / "existing").write_bytes(b"before")
    command = [sys.executable, str(HERE / "run_probe.py"), str(probe), str(scratch), mode]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("probe", PROBES, ids=lambda path: path.stem)
def test_act_is_possible_free_and_refused_confined(probe: Path, tmp_path: Path) -> None:
    if landlock.abi() < NEEDS_ABI.get(probe.stem, 1):
        pytest.skip(f"Landlock ABI {NEEDS_ABI[probe.stem]} for {probe.stem}")
    assert attempt(probe, tmp_path / "free", "free") == "done", "the control did not fire"
    scratch = tmp_path / "confined"
    assert attempt(probe, scratch, "confined") in REFUSALS
    assert [path.name for path in scratch.iterdir()] == ["existing"]
    assert (scratch / "existing").read_bytes() == b"before"


def test_there_is_a_probe_for_each_promise() -> None:
    assert len(PROBES) >= 18
