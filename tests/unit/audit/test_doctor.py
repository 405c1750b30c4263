"""The doctor as a command, on this host and on poorer ones: what it says, what it advises, how it exits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from facegate.memory.secret import secret_memory
from facegate.protections import TABLE

TESTS = Path(__file__).parents[2]
DOCTOR = "import sys; from facegate.cli import main; sys.argv[0] = 'facegate'; main()"

needs_secret_memory = pytest.mark.skipif(secret_memory().state != "achieved", reason="no memfd_secret to take away")


def doctor(*arguments: str, restrictions: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    inner = [sys.executable, "-c", DOCTOR, "doctor", *arguments]
    command = [sys.executable, str(TESTS / "restricted.py"), *restrictions, "--", *inner]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def told(done: subprocess.CompletedProcess[str]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    answer = json.loads(done.stdout)
    return answer, {each["name"]: each for each in answer["protections"]}


@needs_secret_memory
def test_a_host_that_has_all_is_sealed_and_says_so_line_by_line() -> None:
    done = doctor("--level", "sealed", "--json")
    answer, protections = told(done)
    assert (done.returncode, answer["level"], answer["reached"], answer["obstacle"]) == (0, "sealed", True, None)
    assert list(protections) == list(TABLE)
    for each in protections.values():
        assert each["detail"]
        assert bool(each["remedy"]) == (each["state"] != "achieved"), (
            "for each missing protection what would provide it"
        )


@needs_secret_memory
def test_a_small_lock_limit_is_named_with_the_command_that_raises_it() -> None:
    done = doctor("--level", "sealed", "--json", restrictions=("--memlock", "65536"))
    answer, protections = told(done)
    assert (done.returncode, answer["level"], answer["reached"]) == (1, "process", False)
    missing = protections["secret_memory"]
    assert missing["state"] == "unavailable"
    assert "65536 bytes" in missing["detail"]
    assert "ulimit -l unlimited" in missing["remedy"]
    assert "LimitMEMLOCK=infinity" in missing["remedy"]
    (limit,) = [each for each in answer["host"] if each["name"] == "lock limit"]
    assert (limit["verdict"], "64 KiB" in limit["detail"]) == ("attention", True)
    printed = doctor("--level", "sealed", restrictions=("--memlock", "65536"))
    assert printed.returncode == 1
    assert "ulimit -l unlimited" in " ".join(printed.stdout.split())
    assert printed.stdout.endswith("level: process; the least that was asked for, sealed, is not reached\n")
    assert doctor(restrictions=("--memlock", "65536")).returncode == 0, "the default level is reached all the same"


@needs_secret_memory
def test_the_doctor_says_sealed_only_where_a_gate_with_its_spares_is() -> None:
    """Room for one arena is not room for what a gate keeps locked."""
    done = doctor("--level", "sealed", "--json", restrictions=("--memlock", str(200 << 10)))
    assert (done.returncode, told(done)[0]["level"]) == (1, "process")


@needs_secret_memory
@pytest.mark.parametrize(
    ("refused", "name", "level", "words"),
    [
        ("memfd_secret:EPERM", "secret_memory", "process", "profile that allows memfd_secret"),
        ("landlock_create_ruleset:EPERM", "landlock_files", "inline", "profile that allows landlock_*"),
        ("seccomp:EPERM", "seccomp", "inline", "profile that allows seccomp(2)"),
        ("unshare:EPERM", "network_namespace", "sealed", "unprivileged user namespaces"),
    ],
)
def test_what_a_containers_filter_refuses_is_advised_on(refused: str, name: str, level: str, words: str) -> None:
    done = doctor("--level", "sealed", "--json", restrictions=("--refuse", refused))
    answer, protections = told(done)
    assert (done.returncode, answer["level"]) == (int(level != "sealed"), level)
    assert protections[name]["state"] == "unavailable"
    assert words in protections[name]["remedy"]


@pytest.mark.parametrize(
    ("restrictions", "words"),
    [
        (("--refuse", "pidfd_open:EPERM"), "pidfd_open failed (EPERM)"),
        (("--memlock", "16384"), "'ulimit -l'"),
    ],
)
def test_where_no_child_starts_the_reason_is_told_once_and_nothing_is_made_up(
    restrictions: tuple[str, ...], words: str
) -> None:
    done = doctor("--json", restrictions=restrictions)
    answer, protections = told(done)
    assert (done.returncode, answer["level"], answer["reached"]) == (1, "inline", False)
    assert words in answer["obstacle"]
    assert protections["seccomp"]["detail"] == "not tried, since no child could be started"
    printed = doctor(restrictions=restrictions)
    assert f"no child could be started: {answer['obstacle']}\n" in printed.stdout
