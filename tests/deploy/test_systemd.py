"""The systemd unit: read by systemd's own checker, and run by a systemd of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from facegate.memory.secret import secret_memory

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "facegate-worker.service"


def test_systemd_understands_every_line() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("it takes systemd-analyze")
    done = subprocess.run(["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True, check=False)
    about = [line for line in done.stderr.splitlines() if UNIT.name in line]
    missing = "is not executable: No such file or directory"  # the worker, which is the reader's
    assert [line for line in about if missing not in line] == []


def trial(folder: Path, picture: Path, *changes: tuple[str, str]) -> tuple[int, dict[str, object], str]:
    """Run the unit, changed in these lines; the exit code, what its doctor answered, what the worker printed."""
    if os.geteuid() != 0:
        pytest.skip("it takes root, for namespaces")
    for tool in ("script", "unshare", "findmnt"):
        if shutil.which(tool) is None:
            pytest.skip(f"it takes {tool}")
    if not Path("/lib/systemd/systemd").exists() or "cgroup2" not in Path("/proc/mounts").read_text(encoding="utf-8"):
        pytest.skip("it takes systemd, and control groups of version 2")
    if secret_memory().state != "achieved":
        pytest.skip("it takes a host that is sealed itself (no memfd_secret)")
    copy = folder / "deploy"
    shutil.copytree(DEPLOY, copy, ignore=shutil.ignore_patterns("__pycache__"))
    unit = copy / UNIT.name
    text = unit.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    unit.write_text(text, encoding="utf-8")
    command = [str(copy / "try-systemd.sh"), sys.executable, str(copy / "one_request.py"), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=150)
    if "Operation not permitted" in done.stderr and not done.stdout:
        pytest.skip("it takes the right to make namespaces and control groups")
    found = re.match(r"\{\n.*?\n\}\n", done.stdout, re.DOTALL)
    assert found is not None, done.stdout + done.stderr
    return done.returncode, json.loads(found.group()), done.stdout[found.end() :]


@pytest.fixture
def picture(tmp_path: Path, astronaut: bytes) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(astronaut)
    return path


def test_the_unit_reaches_sealed_and_serves(tmp_path: Path, picture: Path) -> None:
    code, doctor, printed = trial(tmp_path, picture)
    assert (code, doctor["level"]) == (0, "sealed")
    missing = {each["name"] for each in doctor["protections"] if each["state"] != "achieved"}  # type: ignore[attr-defined]
    assert missing <= {"child_memory_locked", "media_locked"}, "apart from locks, which are this host's matter"
    assert "478 landmarks" in printed
    assert "\nlevel sealed;" in printed


@pytest.mark.parametrize(
    "change",
    [
        ("LimitMEMLOCK=infinity", "LimitMEMLOCK=64K"),
        ("landlock_restrict_self memfd_secret", "landlock_restrict_self"),
    ],
)
def test_where_the_level_is_not_reached_the_worker_does_not_start(
    tmp_path: Path, picture: Path, change: tuple[str, str]
) -> None:
    code, doctor, printed = trial(tmp_path, picture, change)
    assert (code, doctor["level"], printed) == (1, "process", "")


def test_the_strictest_of_systemd_is_no_obstacle(tmp_path: Path, picture: Path) -> None:
    stricter = "ProcSubset=pid\nMemoryDenyWriteExecute=yes\nPrivateUsers=yes\nPrivateNetwork=yes\n\n[Install]"
    changes = (("\n[Install]", stricter), ("AF_UNIX AF_INET AF_INET6", "AF_UNIX"))
    code, doctor, printed = trial(tmp_path, picture, *changes)
    assert (code, doctor["level"]) == (0, "sealed")
    assert "\nlevel sealed;" in printed
