"""The confinement notices by itself when a protection did not take. Each case runs in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

SABOTAGE = {
    "landlock": (
        "from facegate.sandbox import landlock\nlandlock.restrict = lambda: 7",
        "a file could still be created|failed for a reason of its own",
    ),
    "dumpable": (
        "from facegate import kernel\nreal = kernel.prctl\n"
        "kernel.prctl = lambda option, argument=0: 0 if option == kernel.PR_SET_DUMPABLE else real(option, argument)",
        "undumpable",
    ),
    "no_new_privs": (
        "from facegate import kernel\nreal = kernel.prctl\n"
        "kernel.prctl = lambda option, value=0: 0 if option == kernel.PR_SET_NO_NEW_PRIVS else real(option, value)\n"
        "from facegate.sandbox import landlock\nlandlock.restrict = lambda: 7",
        "no-new-privileges",
    ),
    "core": (
        "import resource\nreal = resource.setrlimit\n"
        "resource.setrlimit = lambda which, value: None if which == resource.RLIMIT_CORE else real(which, value)",
        "core limit",
    ),
    "fsize": (
        "import resource\nreal = resource.setrlimit\n"
        "resource.setrlimit = lambda which, value: None if which == resource.RLIMIT_FSIZE else real(which, value)",
        "file-size limit",
    ),
}


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


def test_confine_reports_every_protection() -> None:
    done = run("import json\nfrom facegate.sandbox import confine\nprint(json.dumps(confine.confine()))")
    assert done.returncode == 0, done.stderr
    for name in ("no_new_privs", "dumpable", "core_limit", "file_size_limit", "landlock"):
        assert name in done.stdout


@pytest.mark.parametrize("name", SABOTAGE)
def test_a_protection_that_does_not_take_is_noticed(name: str) -> None:
    sabotage, words = SABOTAGE[name]
    done = run(f"{sabotage}\nfrom facegate.sandbox import confine\nconfine.confine()")
    assert done.returncode != 0, "the missing protection went unnoticed"
    assert "SandboxSetupError" in done.stderr
    assert any(word in done.stderr for word in words.split("|")), done.stderr
