"""The rules of a hardened container, under a real OCI runtime: what `docs/deploy.md` says of them is what comes out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deploy.oci_bundle import PROFILE, converted
from facegate.memory.secret import secret_memory

DEPLOY = Path(__file__).parents[2] / "deploy"


@cache
def obstacle() -> str | None:
    """What this host lacks, or None; found out with a container that does nothing."""
    if shutil.which("crun") is None:
        return "crun"
    if not PROFILE.is_file():
        return f"{PROFILE}, which Podman brings"
    if secret_memory().state != "achieved":
        return "a host that is sealed itself (no memfd_secret)"
    done = contained("--no-seccomp", "--", "python", "-c", "print('ran')")
    return None if done.stdout == "ran\n" else f"the right to run a container with crun ({done.stderr.strip()[-200:]})"


@pytest.fixture(autouse=True)
def runtime() -> None:
    if (lacking := obstacle()) is not None:
        pytest.skip(f"it takes {lacking}")


def contained(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DEPLOY / "oci_bundle.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def diagnosed(*restrictions: str) -> tuple[int, dict[str, Any], set[str]]:
    """The doctor's exit code and answer inside, and what is missing, apart from locks, which are this host's matter."""
    done = contained(*restrictions, "--", "facegate", "doctor", "--level", "sealed", "--json")
    answer = json.loads(done.stdout)
    missing = {each["name"] for each in answer["protections"] if each["state"] != "achieved"}
    return done.returncode, answer, missing - {"child_memory_locked", "media_locked"}


def test_what_is_open_here_stays_ours(tmp_path: Path) -> None:
    """An OCI runtime gives the files that it finds on its standard descriptors to the container's user."""
    given = tmp_path / "given"
    given.touch()
    command = [sys.executable, str(DEPLOY / "oci_bundle.py"), "--", "python", "-c", ""]
    with given.open("rb") as source, given.open("ab") as target:
        subprocess.run(command, stdin=source, stdout=target, stderr=target, check=True, timeout=120)
    assert given.stat().st_uid == os.getuid()


def test_the_container_is_as_poor_as_it_claims() -> None:
    script = (
        "import os, pathlib\n"
        "print(os.getuid())\n"
        "status = pathlib.Path('/proc/self/status').read_text().split('\\n')\n"
        "wanted = ('CapEff', 'CapBnd', 'NoNewPrivs', 'Seccomp:')\n"
        "print([line.split()[1] for line in status if line.startswith(wanted)])\n"
        "for folder in ('/', '/tmp', '/dev/shm', '/run', '/var/tmp'):\n"
        "    try:\n"
        "        (pathlib.Path(folder) / 'facegate-probe').write_text('x')\n"
        "        print('could write to', folder)\n"
        "    except OSError:\n"
        "        pass\n"
    )
    done = contained("--", "python", "-c", script)
    assert done.stdout == "65534\n['0000000000000000', '0000000000000000', '1', '2']\n", done.stderr


@pytest.mark.parametrize("options", [(), ("--userns",), ("--subset-pid",)])
def test_sealed_is_reached_by_nobody_without_a_capability_or_a_place_to_write(options: tuple[str, ...]) -> None:
    code, answer, missing = diagnosed(*options)
    assert (code, answer["level"], missing) == (0, "sealed", set())


@pytest.mark.parametrize(
    ("refused", "level", "missing"),
    [
        (("unshare",), "sealed", {"network_namespace"}),
        (("memfd_secret",), "process", {"secret_memory"}),
        (("landlock_create_ruleset",), "inline", {"landlock_files", "landlock_network", "landlock_scopes"}),
        (("seccomp",), "inline", {"seccomp", "process_limit"}),
    ],
)
@pytest.mark.parametrize("answer_with", ["ENOSYS", "EPERM"])
def test_what_a_profile_that_refuses_a_call_costs(
    refused: tuple[str, ...], level: str, missing: set[str], answer_with: str
) -> None:
    options = [option for call in refused for option in ("--refuse", call)]
    code, answer, lost = diagnosed(*options, "--answer", answer_with)
    assert (code, answer["level"], lost) == (int(level != "sealed"), level, missing)


def test_a_small_lock_limit_reaches_process_only() -> None:
    code, answer, missing = diagnosed("--memlock", "65536")
    assert (code, answer["level"], missing) == (1, "process", {"secret_memory"})


def test_a_whole_request(tmp_path: Path, astronaut: bytes) -> None:
    picture = tmp_path / "photo.jpg"
    picture.write_bytes(astronaut)
    script = DEPLOY / "one_request.py"
    done = contained("--show", str(picture), "--show", str(script), "--", "python", str(script), str(picture))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "478 landmarks" in done.stdout
    assert "\nlevel sealed;" in done.stdout
    assert "finished" in done.stdout


def test_a_whole_request_is_refused_where_the_level_is_not_reached(tmp_path: Path, astronaut: bytes) -> None:
    picture = tmp_path / "photo.jpg"
    picture.write_bytes(astronaut)
    script = DEPLOY / "one_request.py"
    shown = ("--show", str(picture), "--show", str(script))
    done = contained(*shown, "--refuse", "memfd_secret", "--", "python", str(script), str(picture))
    assert done.returncode == 1
    assert "This host does not reach the level 'sealed'" in done.stderr


def test_the_profile_is_converted_as_its_conditions_say() -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 38,
        "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {}, "excludes": {}},
            {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["s390_runtime_instr"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390x"]}},
            {"names": ["bpf", "read"], "action": "SCMP_ACT_ALLOW"},
        ],
    }
    section = converted(profile, refused=["bpf"])
    assert [(row["names"], row["action"]) for row in section["syscalls"]] == [
        (["read"], "SCMP_ACT_ALLOW"),
        (["mount"], "SCMP_ACT_ERRNO"),
        (["read"], "SCMP_ACT_ALLOW"),
    ]
    assert section["defaultErrnoRet"] == 38
