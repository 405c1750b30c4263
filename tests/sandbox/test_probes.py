"""Every forbidden act is tried in a real child, where the kernel must refuse it, and free, where it must succeed.

A probe's file says what must come of it:

* ``VIOLATES``: names of calls, one of which ends the child; or ``REFUSED``: the errno that the child gets.
* ``UNFILTERED``: what may come of it without seccomp, where another layer refuses the act as well.
* ``FREE``: what comes of it free, "done" by default; where the act would harm the host, the errno of a harmless form of
  it, which shows that the kernel looked at it.
* ``LACKS``: what free outcomes mean that the host lacks what the act needs.
* ``given(scratch)``: what the worker, which is not confined, gives the child: values and descriptors.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facegate.errors import ViolationError
from facegate.sandbox import landlock, wire
from facegate.sandbox.host import Zygote
from facegate.sandbox.seccomp.install import supported
from tests.conftest import eventually
from tests.sandbox.bench import load
from tests.sandbox.conftest import BUDGET, ProbeZygote

PROBES = sorted((Path(__file__).parent / "probes").glob("*.py"))
UNFILTERED = [probe for probe in PROBES if hasattr(load(str(probe)), "UNFILTERED")]
# Landlock's answer to these depends on its ABI.
NEEDS_ABI = {"truncate": 3, "connect_tcp": 4, "listen_tcp": 4, "abstract_socket": 6, "signal_outside": 6}


class Attempt:
    """One probe with a place of its own, and what the worker gives to it."""

    def __init__(self, probe: Path) -> None:
        # In /dev/shm or /tmp, wherever the tests may write: the place must not matter.
        self.scratch = Path(tempfile.mkdtemp(prefix="facegate-probe-"))
        (self.scratch / "existing").write_bytes(b"before")
        (self.scratch / "empty").mkdir()
        self.before = self.tree()
        self.module = load(str(probe))
        given, self.descriptors = getattr(self.module, "given", lambda _: ({}, []))(self.scratch)
        self.command: dict[str, Any] = {"probe": str(probe), "scratch": str(self.scratch), "given": given}

    def tree(self) -> list[tuple[object, ...]]:
        """All that could be seen of the place: names, modes, sizes, times, owners, links, attributes, content."""
        paths = [self.scratch, *sorted(self.scratch.iterdir())]
        found: list[tuple[object, ...]] = []
        for path in paths:
            stat = path.lstat()
            attributes = os.listxattr(path, follow_symlinks=False)
            found.append(
                (path.name, stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_uid, stat.st_nlink, *attributes)
            )
        return [*found, (self.scratch / "existing").read_bytes()]  # type: ignore[list-item]

    def close(self) -> None:
        """Take everything away again."""
        wire.close_all(self.descriptors)
        if hasattr(self.module, "after"):
            self.module.after(self.command["given"])
        shutil.rmtree(self.scratch)


@pytest.fixture
def attempt(request: pytest.FixtureRequest) -> Iterator[Attempt]:
    made = Attempt(request.param)
    yield made
    made.close()


def in_child(zygote: Zygote, attempt: Attempt) -> str:
    """What comes of it in a child: "done", an errno, or "violation" and the call."""
    child = zygote.fork(warm=False)
    try:
        answer = child.call(attempt.command, attempt.descriptors, timeout=20, request_id="probe")
        outcome = str(answer["outcome"])
    except ViolationError as error:
        outcome = f"violation {error.syscall}"
        assert child.end == outcome, "the receipt would not say so"
    finally:
        child.close()
        child.arena.close()
    return outcome


def expected(module: Any) -> set[str]:
    if hasattr(module, "REFUSED"):
        return {module.REFUSED}
    return {f"violation {name}" for name in module.VIOLATES}


def ids(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("attempt", PROBES, ids=ids, indirect=True)
def test_act_is_refused_in_the_child_and_possible_free(attempt: Attempt, zygote: Zygote, free: socket.socket) -> None:
    if (why := supported()) is not None:
        pytest.skip(f"seccomp: {why}")
    assert in_child(zygote, attempt) in expected(attempt.module)
    assert attempt.tree() == attempt.before, "refused, and yet something changed"
    wire.send(free, attempt.command, attempt.descriptors)
    outcome = wire.receive(free)[0]["outcome"]
    if outcome in (lacks := getattr(attempt.module, "LACKS", {})):
        pytest.skip(f"the control needs {lacks[outcome]}, which this host lacks ({outcome})")
    assert outcome == getattr(attempt.module, "FREE", "done"), "the control did not fire"


@pytest.mark.parametrize("attempt", UNFILTERED, ids=[path.stem for path in UNFILTERED], indirect=True)
def test_other_layers_refuse_it_without_seccomp(attempt: Attempt, unfiltered: Zygote) -> None:
    name = Path(attempt.command["probe"]).stem
    if landlock.abi() < NEEDS_ABI.get(name, 1):
        pytest.skip(f"Landlock ABI {NEEDS_ABI.get(name, 1)} for {name}")
    assert in_child(unfiltered, attempt) in attempt.module.UNFILTERED
    assert attempt.tree() == attempt.before, "refused, and yet something changed"


def test_there_is_a_probe_for_each_promise() -> None:
    assert len(PROBES) >= 60
    assert len(UNFILTERED) >= 15


def test_a_zygote_without_seccomp_says_so(unfiltered: Zygote) -> None:
    states = {each.name: each.state for each in unfiltered.protections}
    assert states["seccomp"] == states["process_limit"] == "unavailable"
    assert states["landlock_files"] == "achieved"


def test_a_violation_while_nobody_waits_is_found_at_the_end(zygote: Zygote) -> None:
    """Answered first, tried later: the child is not handed out any more, and its end says what it did."""
    child = zygote.fork(warm=False)
    probe = Path(__file__).parent / "later.py"
    answer = child.call(
        {"probe": str(probe), "scratch": secrets.token_hex(4), "given": {}}, timeout=20, request_id="probe"
    )
    assert answer == {"outcome": "done"}
    assert eventually(lambda: not child.alive)
    assert child.close() == "violation socket"
    child.arena.close()


def test_a_violation_ends_the_request_and_is_on_its_receipt(tmp_path: Path) -> None:
    import facegate

    with facegate.Gate(facegate.Policy(spares=0)) as gate:
        gate.pool._zygote.close()
        gate.pool._zygote = ProbeZygote(BUDGET)
        command = {"probe": str(PROBES[0].with_name("socket_inet.py")), "scratch": str(tmp_path), "given": {}}
        with (
            pytest.raises(ViolationError, match="forbidden system call socket and was killed") as caught,
            gate.open_request("violation-1", purpose="safety") as request,
            request._custody.working(),
        ):
            request._custody.call(command)
    assert caught.value.syscall == "socket"
    receipt = facegate.verify(request.receipt)
    assert (receipt.outcome, receipt.error, receipt.child_end) == (
        "child-crashed",
        "ViolationError",
        "violation socket",
    )


def test_a_child_cannot_look_into_another_request(zygote: Zygote) -> None:
    """Two children share the Landlock domain and the user: only the missing capability is between them."""
    one, other = zygote.fork(warm=False), zygote.fork(warm=False)
    probe = PROBES[0].with_name("open_other_memory.py")
    command = {"probe": str(probe), "scratch": "/", "given": {"pid": other.pid}}
    try:
        assert one.call(command, timeout=20, request_id="sibling") == {"outcome": "EACCES"}
    finally:
        for child in (one, other):
            child.close()
            child.arena.close()


def test_a_stopped_child_ends_with_the_zygote() -> None:
    """It cannot see its channel close, so it is the parent-death signal that ends it."""
    made = ProbeZygote(BUDGET)
    child = made.fork(warm=False)
    os.kill(child.pid, signal.SIGSTOP)
    made.close()
    assert eventually(lambda: not child.alive)
    assert child.close() == "lost with the zygote"
    child.arena.close()


def test_a_child_sees_no_network(zygote: Zygote) -> None:
    state = next(each for each in zygote.protections if each.name == "network_namespace")
    if state.state != "achieved":
        pytest.skip(f"a network namespace: {state.detail}")
    child = zygote.fork(warm=False)
    lines = Path(f"/proc/{child.pid}/net/dev").read_text(encoding="ascii").splitlines()
    assert [line.partition(":")[0].strip() for line in lines if ":" in line] == ["lo"]
    child.close()
    child.arena.close()
