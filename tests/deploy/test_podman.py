"""What `docs/deploy.md` advises for Podman, in a container that Podman runs under its own profile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from deploy.oci_bundle import PROFILE
from facegate.memory.secret import secret_memory

DEPLOY = Path(__file__).parents[2] / "deploy"


def contained(*options: str, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    whole = [str(DEPLOY / "try-podman.sh"), sys.executable, *options, "--", *command]
    return subprocess.run(whole, capture_output=True, text=True, check=False, timeout=120)


@cache
def obstacle() -> str | None:
    """What this host lacks, or None; found out with a container that does nothing."""
    for tool in ("podman", "crun"):
        if shutil.which(tool) is None:
            return tool
    if secret_memory().state != "achieved":
        return "a host that is sealed itself (no memfd_secret)"
    done = contained("--security-opt=seccomp=unconfined", command=("python", "-c", "print('ran')"))
    return None if done.stdout == "ran\n" else f"the right to run a container ({done.stderr.strip()[-200:]})"


@pytest.fixture(autouse=True)
def runtime() -> None:
    if (lacking := obstacle()) is not None:
        pytest.skip(f"it takes {lacking}")


def diagnosed(*options: str) -> tuple[int, str, set[str]]:
    """The doctor's exit code, the level, and what is missing, apart from locks, which are this host's matter."""
    done = contained(*options, command=("facegate", "doctor", "--level", "sealed", "--json"))
    answer = json.loads(done.stdout)
    missing = {each["name"] for each in answer["protections"] if each["state"] != "achieved"}
    return done.returncode, answer["level"], missing - {"child_memory_locked", "media_locked"}


def test_sealed_is_reached_under_podmans_own_profile() -> None:
    assert diagnosed() == (0, "sealed", set())


def test_a_core_limit_of_0_is_no_obstacle_unless_a_program_takes_dumps() -> None:
    piped = Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8").startswith("|")
    expected = (1, "inline", {"core_limit"}) if piped else (0, "sealed", set())
    assert diagnosed("--ulimit=core=0:0") == expected


def test_a_profile_from_before_secret_memory_reaches_process(tmp_path: Path) -> None:
    profile = json.loads(PROFILE.read_text(encoding="utf-8"))
    for row in profile["syscalls"]:
        row["names"] = [name for name in row["names"] if name != "memfd_secret"]
    old = tmp_path / "old.json"
    old.write_text(json.dumps(profile), encoding="utf-8")
    assert diagnosed(f"--security-opt=seccomp={old}") == (1, "process", {"secret_memory"})


def test_a_whole_request(tmp_path: Path, astronaut: bytes) -> None:
    picture = tmp_path / "photo.jpg"
    picture.write_bytes(astronaut)
    done = contained(
        f"--volume={DEPLOY / 'one_request.py'}:/one_request.py:ro",
        f"--volume={picture}:/photo.jpg:ro",
        command=("python", "/one_request.py", "/photo.jpg"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "478 landmarks" in done.stdout
    assert "\nlevel sealed;" in done.stdout
