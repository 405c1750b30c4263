"""Named forbidden calls may fail instead of ending the child: only those, only as often as is sensible, and counted."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from facegate.errors import ViolationError
from facegate.sandbox.child import Child
from facegate.sandbox.host import Zygote
from facegate.sandbox.listener import MOST_DECLINED
from facegate.sandbox.seccomp import install
from tests.conftest import eventually
from tests.sandbox.conftest import BUDGET, ProbeZygote

HERE = Path(__file__).parent


class DecliningZygote(ProbeZygote):
    """Its children's sockets are declined."""

    declines: ClassVar[dict[str, int]] = {"socket": errno.EACCES}


@pytest.fixture(scope="module")
def declining() -> Iterator[Zygote]:
    """One for all tests."""
    if (why := install.supported()) is not None:
        pytest.skip(f"seccomp: {why}")
    made = DecliningZygote(BUDGET)
    yield made
    made.close()


@pytest.fixture
def child(declining: Zygote) -> Iterator[Child]:
    """A child of it."""
    made = declining.fork(warm=False)
    yield made
    made.close()
    made.arena.close()


def attempt(child: Child, probe: str, **given: Any) -> str:
    """What comes of a probe."""
    command = {"probe": str(HERE / probe), "scratch": f"/tmp/{secrets.token_hex(4)}", "given": given}
    return child.call(command, timeout=20, request_id="declined")["outcome"]


def test_a_declined_call_fails_is_counted_and_the_child_lives_on(child: Child) -> None:
    assert attempt(child, "probes/socket_inet.py") == "EACCES"
    assert attempt(child, "probes/socket_inet.py") == "EACCES"
    assert child.alive
    assert child.close() == "killed at purge"
    assert child.declined == {"socket": 2}


def test_every_other_call_is_a_violation_still(child: Child) -> None:
    assert attempt(child, "probes/socket_inet.py") == "EACCES"
    with pytest.raises(ViolationError) as caught:
        attempt(child, "probes/fork.py")
    assert caught.value.syscall == "clone"
    assert child.end == "violation clone"
    assert child.declined == {"socket": 1}


def test_nothing_is_declined_by_default(zygote: Zygote) -> None:
    assert dict(Zygote.declines) == dict(ProbeZygote.declines) == {}
    child = zygote.fork(warm=False)
    with pytest.raises(ViolationError):
        attempt(child, "probes/socket_inet.py")
    assert child.declined == {}
    child.close()
    child.arena.close()


def test_a_call_that_nobody_waits_for_is_declined_when_somebody_looks(child: Child) -> None:
    """The thread of a library tries it after the answer; the child is no worse for it."""
    assert attempt(child, "later.py") == "done"
    assert eventually(lambda: child.alive and child.declined == {"socket": 1})
    assert child.close() == "killed at purge"


def test_a_child_that_tries_without_end_is_ended(child: Child) -> None:
    with pytest.raises(ViolationError) as caught:
        attempt(child, "insist.py", times=MOST_DECLINED + 1)
    assert caught.value.syscall == "socket"
    assert child.declined == {"socket": MOST_DECLINED}


def test_as_often_as_is_sensible_it_is_declined(child: Child) -> None:
    assert attempt(child, "insist.py", times=MOST_DECLINED) == "done"
    assert child.alive


@pytest.mark.parametrize("number", [0, -errno.EACCES])
def test_no_answer_makes_a_call_succeed(number: int) -> None:
    read, write = os.pipe()
    try:
        with pytest.raises(ValueError, match="needs an errno"):
            install.decline(read, install.Notification(1, "socket"), number)
    finally:
        os.close(read)
        os.close(write)
