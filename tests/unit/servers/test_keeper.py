"""Servers and their folder end with the process that asked for them, also when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import eventually
from tests.servers.keeper import Keeper, gone

_SLEEPER = "import subprocess, time; subprocess.Popen(['sleep', '600']); print('up', flush=True); time.sleep(600)"
_OWNER = """
import pathlib, signal, sys, time
from tests.servers.keeper import Keeper
keeper = Keeper(pathlib.Path(sys.argv[1]))
environment = {"PATH": "/usr/bin:/bin"}
print(keeper.ask("start", ["sleep", "600"], sys.argv[1] + "/log", None, environment, signal.SIGTERM), flush=True)
time.sleep(600)
"""


def start(keeper: Keeper, *argv: str) -> int:
    environment = {"PATH": os.environ["PATH"]}
    pid: int = keeper.ask("start", list(argv), str(keeper.folder / "log"), None, environment, signal.SIGTERM)
    return pid


def test_a_killed_owner_leaves_neither_server_nor_folder() -> None:
    folder = Path(tempfile.mkdtemp(prefix="fg-kept-"))
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, folder], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    assert Path(f"/proc/{pid}/comm").read_text() == "sleep\n"
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert eventually(lambda: not folder.exists())
    assert gone(pid)


def test_a_kill_takes_what_the_server_started(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    keeper = Keeper(folder)
    pid = start(keeper, sys.executable, "-c", _SLEEPER)
    assert eventually(lambda: "up" in (folder / "log").read_text())
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    keeper.ask("kill", pid)
    assert gone(int(child))
    assert not keeper.ask("alive", pid)
    keeper.close()
    assert not folder.exists()


def test_what_cannot_be_started_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    keeper = Keeper(folder)
    with pytest.raises(RuntimeError, match="FileNotFoundError"):
        start(keeper, "/no/such/program")
    keeper.close()
