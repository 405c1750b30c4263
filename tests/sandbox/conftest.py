"""A zygote whose children carry out probes, one that lacks seccomp, and a process that carries them out unconfined."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from socket import socket
from typing import ClassVar

import pytest

from facegate.sandbox import wire
from facegate.sandbox.budget import Budget
from facegate.sandbox.host import Zygote

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # probes import `raw`, in every process that loads them
BUDGET = Budget(memory=1 << 30, cpu=2)


class ProbeZygote(Zygote):
    """The zygote with every protection, and a bench that carries out probes."""

    program: ClassVar[tuple[str, ...]] = (str(HERE / "probe_zygote.py"),)


class UnfilteredZygote(Zygote):
    """The same without seccomp: what Landlock and the limits refuse by themselves."""

    program: ClassVar[tuple[str, ...]] = (str(HERE / "probe_zygote.py"), "without-seccomp")


@pytest.fixture(scope="package")
def zygote() -> Iterator[Zygote]:
    """A confined zygote."""
    made = ProbeZygote(BUDGET)
    yield made
    made.close()


@pytest.fixture(scope="package")
def unfiltered() -> Iterator[Zygote]:
    """One without seccomp."""
    made = UnfilteredZygote(BUDGET)
    yield made
    made.close()


@pytest.fixture(scope="package")
def free() -> Iterator[socket]:
    """A channel to the process that carries out controls."""
    ours, theirs = wire.pair()
    command = [sys.executable, str(HERE / "free_runner.py"), str(theirs.fileno())]
    with ours, theirs, subprocess.Popen(command, pass_fds=(theirs.fileno(),), start_new_session=True) as process:
        theirs.close()
        ours.settimeout(30)
        yield ours
        ours.close()
        process.wait(10)
