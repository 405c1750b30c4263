"""Runs a fuzzer in a process of its own and watches it: a crash or a hang there has a name too."""

from __future__ import annotations

import json
import mmap
import os
import shlex
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.loop import PROGRESS_BYTES, Report

ROOT = Path(__file__).parents[2]
# Where inputs are drawn from, and how many instead of a test's own number.
SEED = int(os.environ.get("FACEGATE_FUZZ_SEED", "20240"))
CASES = os.environ.get("FACEGATE_FUZZ_CASES")
# An input at which the process stands still for so long hangs: many times what the loop allows it of processor time.
_HANGS_SECONDS = 20.0
_STARTS_SECONDS = 60.0


def run(target: str, cases: int, *, seed: int = SEED) -> Report:
    """Try inputs.

    Args:
        target: a key of `tests.fuzz.targets.TARGETS`.
        cases: how many, unless ``FACEGATE_FUZZ_CASES`` says otherwise.
        seed: the first input's number.

    Raises:
        AssertionError: an input did what it must not; the message has the command that repeats it.
    """
    cases = int(CASES or cases)
    descriptor = os.memfd_create("fuzz-progress")
    try:
        os.ftruncate(descriptor, PROGRESS_BYTES)
        report = _watched(target, seed, cases, descriptor)
    finally:
        os.close(descriptor)
    print(
        f"fuzz {target}: {report.inputs} inputs from {seed}, {report.inputs / max(report.seconds, 1e-9):.0f}/s, "
        f"slowest {report.slowest * 1000:.0f} ms, {report.edges} edges, {report.kept} kept, "
        f"{len(report.findings)} findings, {report.outcomes}"
    )
    assert not report.findings, "\n".join(f"{what}: {command(target, name)}" for name, what in report.findings)
    assert report.inputs == cases
    return report


def command(target: str, name: str) -> str:
    """The shell command that tries one input again, with its traceback."""
    return f"{shlex.quote(sys.executable)} -m tests.fuzz.replay {target} {shlex.quote(name)}"


def _watched(target: str, seed: int, cases: int, descriptor: int) -> Report:
    with (
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as cried,
        mmap.mmap(descriptor, PROGRESS_BYTES) as at,
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.loop", target, str(seed), str(cases), str(descriptor)],
            cwd=ROOT,
            pass_fds=(descriptor,),
            stdout=said,
            stderr=cried,
        )
        count, since = 0, time.monotonic()
        while process.poll() is None:
            time.sleep(0.05)
            now, _ = struct.unpack("<QQ", at[:16])
            if now != count:
                count, since = now, time.monotonic()
            elif time.monotonic() - since > (_HANGS_SECONDS if count else _STARTS_SECONDS):
                process.kill()
                process.wait()
                raise AssertionError(f"{target} hangs: {command(target, _name(at))}")
        said.seek(0)
        cried.seek(0)
        if process.returncode:
            last = cried.read().decode(errors="replace")[-3000:]
            raise AssertionError(f"{target} ended with {process.returncode}: {command(target, _name(at))}\n{last}")
        return Report(**json.load(said))


def _name(at: mmap.mmap) -> str:
    (length,) = struct.unpack("<Q", at[8:16])
    return at[16 : 16 + length].decode(errors="replace")
