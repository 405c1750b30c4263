"""The confinement notices by itself when a protection did not take. Each case runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFINE = """
import json
from dataclasses import astuple
from facegate.sandbox import confine
from facegate.sandbox.budget import Budget
print(json.dumps([astuple(each) for each in confine.confine(Budget(memory=1 << 30, cpu=5))]))
"""
WITHOUT_PRCTL = (
    "from facegate import kernel\nreal = kernel.prctl\n"
    "kernel.prctl = lambda option, value=0: 0 if option == kernel.{} else real(option, value)\n"
)
WITHOUT_LIMIT = (
    "import resource\nreal = resource.setrlimit\n"
    "resource.setrlimit = lambda which, value: None if which == resource.{} else real(which, value)\n"
)
# The ABI is told, but nothing is applied.
WITHOUT_LANDLOCK = "from facegate.sandbox import landlock\nlandlock.restrict = lambda: 7\n"
# What a container whose file system is read-only all through comes to.
NOWHERE_TO_WRITE = "from facegate.sandbox import confine\nconfine._probe = lambda: None\n"
SABOTAGE = {
    "landlock": (WITHOUT_LANDLOCK, "a file could still be created"),
    "landlock_nowhere": (NOWHERE_TO_WRITE + WITHOUT_LANDLOCK, "the null device could still be opened for writing"),
    "landlock_network": (
        "from facegate.sandbox import landlock\nlandlock._NET_BY_ABI = {}\n",
        "port could still be bound",
    ),
    "landlock_scopes": (
        "from facegate.sandbox import landlock\nlandlock._SCOPES_BY_ABI = {}\n",
        "parent could still be signalled",
    ),
    "dumpable": (WITHOUT_PRCTL.format("PR_SET_DUMPABLE"), "undumpable"),
    "no_new_privs": (
        WITHOUT_PRCTL.format("PR_SET_NO_NEW_PRIVS"),
        "no-new-privileges",
    ),
    "core": (WITHOUT_LIMIT.format("RLIMIT_CORE"), "core_limit"),
    "file size": (WITHOUT_LIMIT.format("RLIMIT_FSIZE"), "file_size_limit"),
    "open files": (WITHOUT_LIMIT.format("RLIMIT_NOFILE"), "open_files_limit"),
    "address space": (WITHOUT_LIMIT.format("RLIMIT_AS"), "address_space_limit"),
}


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


def confined(before: str = "", **environment: str) -> dict[str, tuple[str, str]]:
    done = run(before + CONFINE, **environment)
    assert done.returncode == 0, done.stderr
    return {name: (state, detail) for name, state, detail in json.loads(done.stdout)}


def test_confine_reports_every_protection_under_a_name_of_the_table() -> None:
    from facegate.protections import TABLE

    found = confined()
    assert set(found) <= set(TABLE)
    for name in ("no_new_privs", "not_dumpable", "core_limit", "file_size_limit", "open_files_limit", "landlock_files"):
        assert found[name][0] == "achieved", name
    assert found["address_space_limit"][0] == "achieved"


@pytest.mark.parametrize("name", SABOTAGE)
def test_a_protection_that_does_not_take_is_noticed(name: str) -> None:
    sabotage, words = SABOTAGE[name]
    if name.startswith("landlock"):
        from facegate.sandbox import landlock

        if landlock.abi() < {"landlock_network": 4, "landlock_scopes": 6}.get(name, 1):
            pytest.skip(f"Landlock ABI for {name}")
    done = run(sabotage + CONFINE)
    assert done.returncode != 0, "the missing protection went unnoticed"
    assert "SandboxSetupError" in done.stderr
    assert words in done.stderr, done.stderr


def test_a_capability_that_is_left_is_noticed() -> None:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    if int(next(line for line in status.splitlines() if line.startswith("CapEff")).split()[1], 16) == 0:
        pytest.skip("a user with capabilities, which could be left")
    done = run(
        "from facegate import kernel\nkernel.syscall = lambda *_: 0\n"
        "from facegate.sandbox import capabilities\ncapabilities.drop()"
    )
    assert "SandboxSetupError" in done.stderr, done.stderr


def test_a_kernel_without_landlock_is_reported_and_no_error() -> None:
    found = confined("from facegate.sandbox import landlock\nlandlock.abi = lambda: 0\n")
    for part in ("files", "network", "scopes"):
        assert found[f"landlock_{part}"][0] == "unavailable"
        assert "Landlock" in found[f"landlock_{part}"][1]


def test_landlock_is_tried_also_where_no_file_can_be_made() -> None:
    from facegate.sandbox import landlock

    if landlock.abi() < 1:
        pytest.skip("Landlock")
    state, detail = confined(NOWHERE_TO_WRITE)["landlock_files"]
    assert state == "achieved"
    assert "null device" in detail


def test_an_older_landlock_says_which_version_is_needed() -> None:
    found = confined("from facegate.sandbox import landlock\nlandlock.abi = lambda: 3\n")
    assert found["landlock_files"][0] == "achieved"
    assert found["landlock_network"] == ("unavailable", "Landlock ABI 4 is needed, not 3")
    assert found["landlock_scopes"] == ("unavailable", "Landlock ABI 6 is needed, not 3")


def test_a_user_who_may_make_no_network_namespace_is_told_so() -> None:
    denied = "from facegate import kernel\ndef no(flags):\n    raise PermissionError(1, 'no')\nkernel.unshare = no\n"
    state, why = confined(denied)["network_namespace"]
    assert state == "unavailable"
    assert "EPERM" in why


@pytest.mark.parametrize(
    ("tunables", "state"),
    [
        ("glibc.malloc.perturb=165:glibc.malloc.tcache_count=0", "achieved"),
        ("glibc.malloc.perturb=165", "unavailable"),  # what glibc's thread caches hold is not overwritten
        ("", "unavailable"),
    ],
)
def test_the_heap_is_looked_at(tunables: str, state: str) -> None:
    import platform

    if platform.libc_ver()[0] != "glibc":
        pytest.skip("glibc")
    assert confined(PYTHONMALLOC="malloc", GLIBC_TUNABLES=tunables)["heap_overwritten"][0] == state
