"""Every way for a request to end leaves no child, a zero arena and a receipt that says how."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

import facegate
from facegate import kernel
from facegate.errors import (
    ChildCrashedError,
    ProtocolError,
    PurgeError,
    RequestClosedError,
    SandboxError,
    SandboxTimeoutError,
)
from facegate.sandbox import wire
from facegate.sandbox.child import Child
from tests.conftest import child_of, descendants, eventually

NewId = Callable[[], str]


@pytest.fixture
def short() -> Iterator[facegate.Gate]:
    """A gate whose child may take half a second for a command."""
    with facegate.Gate(facegate.Policy(operation_timeout=0.5, spares=1)) as made:
        yield made


def closed(request: facegate.Request) -> facegate.receipt.Verified:
    """The verified receipt of a request that is over, whose child is gone and whose arena is closed."""
    assert request.receipt is not None
    child = child_of(request)
    assert child.arena.closed
    assert not _runs(child.pid)
    return facegate.verify(request.receipt)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGTERM])
def test_a_killed_child_is_an_error_that_names_the_signal(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId, number: signal.Signals
) -> None:
    with pytest.raises(ChildCrashedError, match=number.name), gate.open_request(new_id(), purpose="safety") as request:
        faces = request.analyze(request.admit(astronaut))
        with faces.subject.expose("landmarks") as xyz:
            os.kill(child_of(request).pid, number)
            try:
                request.analyze(request.admit(astronaut))
            finally:
                assert not xyz.any()
    receipt = closed(request)
    assert receipt.outcome == "child-crashed"
    assert receipt.error == "ChildCrashedError"
    assert receipt.child_end == f"signal {number.name}"


def test_a_child_killed_in_the_middle_of_a_command(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with pytest.raises(ChildCrashedError, match="SIGSEGV"), gate.open_request(new_id(), purpose="safety") as request:
        pid = child_of(request).pid
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(0.2, lambda: (os.kill(pid, signal.SIGSEGV), os.kill(pid, signal.SIGCONT))).start()
        request.admit(astronaut)
    assert closed(request).outcome == "child-crashed"


def test_a_hanging_child_is_killed_in_time(short: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    begun = time.monotonic()
    with pytest.raises(SandboxTimeoutError), short.open_request(new_id(), purpose="safety") as request:
        os.kill(child_of(request).pid, signal.SIGSTOP)
        request.admit(astronaut)
    assert time.monotonic() - begun < 5
    receipt = closed(request)
    assert receipt.outcome == "timeout"
    assert receipt.child_end == "killed at purge"


def test_an_exception_in_the_body(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with pytest.raises(ZeroDivisionError), gate.open_request(new_id(), purpose="safety") as request:
        faces = request.analyze(request.admit(astronaut))
        with faces.subject.expose("landmarks") as xyz:
            kept = xyz[10:20]
        raise ZeroDivisionError("landmark 1 is at 204.1, 102.7")
    assert not kept.any()
    receipt = closed(request)
    assert (receipt.outcome, receipt.error) == ("exception", "ZeroDivisionError")
    assert "204.1" not in request.receipt.to_json()


def test_keyboard_interrupt(gate: facegate.Gate, new_id: NewId) -> None:
    with pytest.raises(KeyboardInterrupt), gate.open_request(new_id(), purpose="safety") as request:
        raise KeyboardInterrupt
    assert closed(request).outcome == "cancelled"


def test_leaving_without_an_output(gate: facegate.Gate, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="safety") as request:
        pass
    assert closed(request).outcome == "abandoned"


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The block must not wait for a command's time limit to end the command."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds, "the command went on until its own time limit"


def test_time_to_live(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="safety", ttl=0.5) as request:
        upload = request.admit(astronaut)
        faces = request.analyze(upload)
        with faces.subject.expose("landmarks") as xyz:
            assert xyz.any()
            assert eventually(lambda: not xyz.any(), 5), "purged while the worker was doing something else"
        with pytest.raises(RequestClosedError, match="expired"):
            request.analyze(upload)
    assert closed(request).outcome == "expired"


def test_time_to_live_ends_a_command(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="safety", ttl=0.5) as request:
        os.kill(child_of(request).pid, signal.SIGSTOP)
        with within(gate.policy.operation_timeout / 2), pytest.raises(RequestClosedError, match="expired"):
            request.admit(astronaut)
    assert closed(request).outcome == "expired"


def test_cancel_from_another_thread_ends_a_command(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="safety") as request:
        os.kill(child_of(request).pid, signal.SIGSTOP)
        threading.Timer(0.2, request.cancel).start()
        with within(gate.policy.operation_timeout / 2), pytest.raises(RequestClosedError, match="cancelled"):
            request.admit(astronaut)
    assert closed(request).outcome == "cancelled"


def test_a_cancelled_task(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    opened = gate.open_request(new_id(), purpose="safety")

    async def body() -> None:
        async with opened as request:
            os.kill(child_of(opened).pid, signal.SIGSTOP)
            await request.admit(astronaut)

    async def main() -> None:
        task = asyncio.create_task(body())
        await asyncio.sleep(0.3)
        task.cancel()
        begun = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun < 2, "cancelling must not wait for the command's timeout"

    asyncio.run(main())
    receipt = closed(opened)
    assert (receipt.outcome, receipt.error) == ("cancelled", "CancelledError")


def test_a_wipe_that_fails_is_loud(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PurgeError, match="arena") as caught:
        with gate.open_request(new_id(), purpose="safety") as request:
            request.analyze(request.admit(astronaut))
            monkeypatch.setattr(kernel, "fill", lambda *_: None)
    assert caught.value.residuals == ("arena",)
    receipt = closed(request)
    assert receipt.outcome == "purge-failed"
    assert receipt.purge.bytes_nonzero > 0


def test_a_failed_wipe_and_a_failed_body_are_both_told(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ExceptionGroup) as caught, gate.open_request(new_id(), purpose="safety") as request:
        request.analyze(request.admit(astronaut))
        monkeypatch.setattr(kernel, "fill", lambda *_: None)
        raise ZeroDivisionError
    assert {type(error) for error in caught.value.exceptions} == {ZeroDivisionError, PurgeError}


def test_finish_with_a_failed_wipe_gives_no_output(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gate.open_request(new_id(), purpose="safety") as request:
        upload = request.admit(astronaut)
        request.analyze(upload)
        monkeypatch.setattr(kernel, "fill", lambda *_: None)
        with pytest.raises(PurgeError):
            request.finish(upload)


ADMITTED = {"width": 512, "height": 512, "format": "JPEG"}
LIES = [
    ("admit", ADMITTED | {"width": 0}),
    ("admit", ADMITTED | {"height": 10**9}),
    ("admit", ADMITTED | {"width": True}),
    ("admit", ADMITTED | {"format": "a name of somebody"}),
    ("admit", ADMITTED | {"format": ["JPEG"]}),
    ("admit", {}),
    ("analyze", {"faces": 10**9, "subject": 0}),
    ("analyze", {"faces": -1, "subject": None}),
    ("analyze", {"faces": 1, "subject": 1}),
    ("analyze", {"faces": 1, "subject": "0"}),
    ("analyze", {"faces": 1.5}),
    ("analyze", {}),
    ("analyze", {"refused": "a name of somebody"}),
    ("finish", {"bytes": 0}),
    ("finish", {"bytes": 10**12}),
    ("finish", {}),
]


def lying(child: Child, monkeypatch: pytest.MonkeyPatch, lie: dict | None, extra: list[int]) -> None:
    """Put what a hostile child could answer in place of what this honest one does."""
    channel, real = child._channel, wire.receive

    def receive(asked: object) -> tuple[dict, list[int]]:
        honest, descriptors = real(asked)
        return (honest if lie is None else lie, extra) if asked is channel else (honest, descriptors)

    monkeypatch.setattr(wire, "receive", receive)


def go_through(request: facegate.Request, data: bytes) -> Iterator[str]:
    """Yield the name of each operation, then do it."""
    yield "admit"
    upload = request.admit(data)
    yield "analyze"
    request.analyze(upload)
    yield "finish"
    request.finish(upload)
    yield "end"


@pytest.mark.parametrize(("operation", "lie"), LIES)
def test_a_child_that_breaks_the_protocol_is_killed(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch, operation: str, lie: dict
) -> None:
    with pytest.raises(ProtocolError) as caught, gate.open_request(new_id(), purpose="safety") as request:
        steps = go_through(request, astronaut)
        while next(steps) != operation:
            pass
        lying(child_of(request), monkeypatch, lie, [])
        next(steps)  # this operation and no other
    monkeypatch.undo()
    assert "somebody" not in str(caught.value)
    assert closed(request).outcome == "child-crashed"


def named_descriptors(name: str) -> int:
    """How many open descriptors of this process are memory files of that name."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own, or closed meanwhile
            count += f"memfd:{name} " in os.readlink(each)  # noqa: PTH115
    return count


def test_a_child_that_sends_descriptors_is_killed_and_they_are_closed(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = os.memfd_create("sent")
    assert named_descriptors("sent") == 1
    with (
        pytest.raises(ProtocolError, match="descriptors"),
        gate.open_request(new_id(), purpose="safety") as request,
    ):
        lying(child_of(request), monkeypatch, None, [sent])
        request.admit(astronaut)
    monkeypatch.undo()
    # By what they are, not by their number: that may be a new spare's already.
    assert named_descriptors("sent") == 0
    assert closed(request).outcome == "child-crashed"


def test_a_sink_that_fails_on_open_stops_the_request(new_id: NewId) -> None:
    def sink(_: facegate.Receipt) -> None:
        raise OSError("disk full")

    with facegate.Gate(facegate.Policy(spares=0), on_receipt=sink) as gate:
        before = descendants()
        with pytest.raises(OSError, match="disk full"), gate.open_request(new_id(), purpose="safety"):
            pytest.fail("the body must not run")
        assert descendants() == before


def test_every_receipt_reaches_the_sink(new_id: NewId) -> None:
    seen: list[facegate.Receipt] = []
    with facegate.Gate(facegate.Policy(spares=0), on_receipt=seen.append) as gate:
        with gate.open_request(new_id(), purpose="safety"):
            assert [receipt.phase for receipt in seen] == ["OPEN"]
        assert [receipt.phase for receipt in seen] == ["OPEN", "CLOSE"]


def test_closing_the_gate_purges_open_requests(astronaut: bytes, new_id: NewId) -> None:
    before = descendants()
    gate = facegate.Gate()
    request = gate.open_request(new_id(), purpose="safety")
    request.open()
    faces = request.analyze(request.admit(astronaut))
    with faces.subject.expose("landmarks") as xyz:
        gate.close()
        gate.close()
        assert not xyz.any()
    assert closed(request).outcome == "cancelled"
    assert descendants() == before
    with pytest.raises(RequestClosedError, match="gate"):
        gate.open_request(new_id(), purpose="safety")


def test_a_dead_zygote_fails_requests_cleanly_and_is_replaced(astronaut: bytes, new_id: NewId) -> None:
    with facegate.Gate() as gate:
        with pytest.raises(SandboxError), gate.open_request(new_id(), purpose="safety") as request:
            request.admit(astronaut)
            os.kill(gate.pool.zygote().pid, signal.SIGKILL)
            time.sleep(0.1)
            request.admit(astronaut)
        assert closed(request).outcome == "child-crashed"
        with gate.open_request(new_id(), purpose="safety") as request:
            assert len(request.analyze(request.admit(astronaut))) == 1


def test_a_dead_spare_is_not_handed_out(astronaut: bytes, new_id: NewId) -> None:
    with facegate.Gate(facegate.Policy(spares=2)) as gate:
        assert gate.pool.wait_full(30)
        for spare in list(gate.pool._spares):
            os.kill(spare.pid, signal.SIGKILL)
            assert eventually(lambda spare=spare: not spare.alive)
        with gate.open_request(new_id(), purpose="safety") as request:
            assert len(request.analyze(request.admit(astronaut))) == 1


def test_a_fork_of_the_worker_can_neither_use_nor_end_the_request(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId
) -> None:
    with gate.open_request(new_id(), purpose="safety") as request:
        upload = request.admit(astronaut)
        faces = request.analyze(upload)
        with faces.subject.expose("landmarks") as xyz:
            pid = os.fork()
            if pid == 0:
                code = 0 if not xyz.any() else 10
                try:
                    request.analyze(upload)
                except RequestClosedError:
                    request.close()
                    gate.close()
                else:
                    code = 11
                os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            assert xyz.any()
        assert len(request.analyze(upload)) == 1


WORKER = """
import sys, time, os, facegate
gate = facegate.Gate(facegate.Policy(spares=2))
request = gate.open_request("r-1", purpose="safety")
request.open()
gate.pool.wait_full(60)
print(gate.pool.zygote().pid, request._custody._child.pid, *(spare.pid for spare in gate.pool._spares), flush=True)
{end}
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("os.kill(os.getpid(), 9)", -9),
        ("os.kill(os.getpid(), 11)", -11),
        ("os.kill(os.getpid(), 15)", -15),
        ("os._exit(5)", 5),
        ("sys.exit(0)", 0),
        ("raise SystemExit(3)", 3),
    ],
)
def test_the_end_of_the_worker_ends_every_process(end: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORKER.format(end=end)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == code, done.stderr
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 4
    assert eventually(lambda: not any(_runs(pid) for pid in pids)), "a process outlived the worker"


EXITING_WORKER = """
import sys, facegate
def keep(receipt):
    seen = facegate.verify(receipt, allow_open=True)
    print(seen.outcome, seen.purge and seen.purge.bytes_nonzero, seen.purge and seen.purge.bytes_wiped > 0, flush=True)
gate = facegate.Gate(facegate.Policy(spares=1), on_receipt=keep)
request = gate.open_request("r-1", purpose="safety")
request.open()
request.analyze(request.admit(sys.stdin.buffer.read()))
"""


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise ValueError"])
def test_open_requests_are_purged_when_the_interpreter_exits(end: str, astronaut: bytes) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXITING_WORKER + end], input=astronaut, capture_output=True, check=False, timeout=120
    )
    assert done.stdout.decode().splitlines() == ["None None None", "cancelled 0 True"], done.stderr.decode()


FORKED_WORKER = """
import os, sys, time
import facegate
gate = facegate.Gate(facegate.Policy(spares=1))
request = gate.open_request("orphan", purpose="safety")
request.open()
zygote = gate.pool.zygote().pid
holder = os.fork()
if holder == 0:
    # As any helper that a worker forks: it has copies of every descriptor, so no channel ever reads as closed.
    os.close(1)
    time.sleep(60)
    os._exit(0)
print(zygote, request._custody._child.pid, holder, flush=True)
os.kill(os.getpid(), 9)
"""


def test_the_end_of_the_worker_is_noticed_though_its_fork_holds_every_channel() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED_WORKER], stdout=subprocess.PIPE, text=True, check=False, timeout=120
    )
    assert done.returncode == -signal.SIGKILL
    zygote, child, holder = (int(word) for word in done.stdout.split())
    try:
        assert eventually(lambda: not _runs(zygote) and not _runs(child)), "a process outlived the worker"
        assert _runs(holder), "the control: something still holds the channels"
    finally:
        os.kill(holder, signal.SIGKILL)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_output_of_an_array_after_a_crash_is_refused(gate: facegate.Gate, new_id: NewId) -> None:
    with pytest.raises(ChildCrashedError), gate.open_request(new_id(), purpose="safety") as request:
        os.kill(child_of(request).pid, signal.SIGKILL)
        request.finish(np.zeros((8, 8, 3), np.uint8))


def test_an_output_whose_child_died_is_wiped(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child has written it and dies before it says so."""
    copies: list[int] = []
    with pytest.raises(ChildCrashedError), gate.open_request(new_id(), purpose="safety") as request:
        upload = request.admit(astronaut)
        child, receive = child_of(request), wire.receive

        def dying(channel: object) -> tuple[dict, list[int]]:
            answer = receive(channel)
            if channel is child._channel:
                copies.extend(os.dup(region.fd) for region in request._custody._regions if region.name == "output")
                os.kill(child.pid, signal.SIGKILL)
                raise EOFError
            return answer

        monkeypatch.setattr(wire, "receive", dying)
        request.finish(upload)
    (copy,) = copies
    try:
        assert os.lseek(copy, 0, os.SEEK_DATA) == 0, "the child did write"
        assert not any(os.pread(copy, 1 << 20, 0))
    finally:
        os.close(copy)
    assert closed(request).purge.bytes_nonzero == 0
