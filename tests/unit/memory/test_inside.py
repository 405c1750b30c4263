"""The child's own memory: locked where the limit is infinite, and said to be only when the kernel counts it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from facegate.memory.locks import lock_limit

CODE = """
import resource, sys
from facegate import kernel
from facegate.memory.inside import lock_process
from facegate.memory.locks import kernel_locked_bytes
exec(sys.argv[1])
found = lock_process()
more = bytearray(1 << 24)
print(found.name, found.state, kernel_locked_bytes() > 1 << 24)
print(found.detail)
"""


def said(first: str) -> list[str]:
    """What a process says of itself in which `first` was run before."""
    done = subprocess.run([sys.executable, "-c", CODE, first], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(lock_limit() is not None, reason="RLIMIT_MEMLOCK is finite")
def test_all_that_it_has_and_will_have_is_locked() -> None:
    assert said("")[0] == "child_memory_locked achieved True"


@pytest.mark.skipif(lock_limit() is not None, reason="RLIMIT_MEMLOCK is finite")
def test_a_mlockall_that_lies_is_not_believed() -> None:
    state, detail = said("kernel.lock_all = lambda _: None")
    assert state == "child_memory_locked unavailable False"
    assert "VmLck" in detail


def test_below_a_finite_limit_nothing_is_locked_and_it_says_what_it_takes() -> None:
    """With MCL_FUTURE every later allocation past the limit would fail."""
    state, detail = said(
        "from facegate.memory import inside; inside.lock_limit = lambda: 8 << 20; kernel.lock_all = None"
    )
    assert state == "child_memory_locked unavailable False"
    assert "8388608 bytes" in detail
    assert "LimitMEMLOCK=infinity" in detail
