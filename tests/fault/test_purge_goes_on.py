"""Purge lets go of all that it can, whatever breaks on the way, and says on the receipt what it could not show."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator

import pytest

import facegate
from facegate import kernel
from facegate.errors import PurgeError
from facegate.memory.adopted import Adoptions
from facegate.receipt import Verified
from facegate.sandbox import child as worker_side
from tests.conftest import child_of, eventually

NewId = Callable[[], str]


@pytest.fixture
def gate() -> Iterator[facegate.Gate]:
    """A gate without spares: what these tests break is the purge's alone, never a spare's in the making."""
    with facegate.Gate(facegate.Policy(spares=0)) as made:
        yield made


def _verified(request: facegate.Request) -> Verified:
    assert request.receipt is not None
    return facegate.verify(request.receipt)


def test_a_wipe_that_breaks_down_is_a_residual_and_the_rest_is_wiped(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill, broken = kernel.fill, []

    def fills_all_but_the_first(*given: int) -> None:
        if not broken:
            broken.append(given)
            raise MemoryError
        fill(*given)

    adopted = bytearray(b"face")
    with pytest.raises(PurgeError) as caught:
        with gate.open_request(new_id(), purpose="safety") as request:
            upload = request.admit(astronaut)
            request.analyze(upload)
            request.adopt(adopted)
            child = child_of(request)
            with upload.expose():
                monkeypatch.setattr(kernel, "fill", fills_all_but_the_first)
                request.cancel()
    assert len(caught.value.residuals) == 1
    assert child.arena.closed
    assert adopted == bytes(4)
    receipt = _verified(request)
    assert receipt.outcome == "purge-failed"
    assert receipt.child_end == "killed at purge"
    assert receipt.purge is not None
    (address, _, size) = broken[0]
    assert address
    assert receipt.purge.bytes_nonzero == size < receipt.purge.bytes_wiped


@pytest.mark.parametrize("where", ["kill", "bury", "fill", "adopted"])
def test_an_impatient_user_is_let_out_after_the_purge(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Ctrl-C once more, in each step of the purge."""
    pressed = []

    def pressing(step: Callable[..., object]) -> Callable[..., object]:
        def pressed_once(*given: object) -> object:
            if not pressed:
                pressed.append(True)
                raise KeyboardInterrupt
            return step(*given)

        return pressed_once

    adopted = bytearray(b"face")
    with pytest.raises(KeyboardInterrupt), gate.open_request(new_id(), purpose="safety") as request:
        faces = request.analyze(request.admit(astronaut))
        request.adopt(adopted)
        child = child_of(request)
        with faces.subject.expose("landmarks") as xyz:
            owner, name = {
                "kill": (worker_side.Child, "kill"),
                "bury": (worker_side.Child, "bury"),
                "fill": (kernel, "fill"),
                "adopted": (Adoptions, "wipe"),
            }[where]
            monkeypatch.setattr(owner, name, pressing(getattr(owner, name)))
            request.cancel()
    assert pressed
    assert not xyz.any()
    assert child.arena.closed
    assert child.end == "killed at purge"
    assert adopted == bytes(4)
    receipt = _verified(request)
    assert receipt.outcome == "cancelled"
    assert receipt.purge is not None
    assert receipt.purge.bytes_wiped >= child.arena.size
    assert receipt.purge.bytes_nonzero == 0


def test_a_child_that_does_not_die_is_said_and_what_it_could_store_to_is_a_residual(
    astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it hung in the kernel: signals do not reach it."""
    with facegate.Gate(facegate.Policy(spares=0)) as gate:
        with pytest.raises(PurgeError) as caught:
            with gate.open_request(new_id(), purpose="safety") as request:
                faces = request.analyze(request.admit(astronaut))
                child = child_of(request)
                monkeypatch.setattr(worker_side.signal, "pidfd_send_signal", lambda *_: None)
                monkeypatch.setattr(worker_side, "_DEATH_SECONDS", 0.2)
                with faces.subject.expose("landmarks") as xyz:
                    request.cancel()
        assert "arena" in caught.value.residuals
        assert not xyz.any()
        assert child.arena.closed
        receipt = _verified(request)
        assert receipt.child_end == "killed, but not ended in time"
        assert receipt.outcome == "purge-failed"
        monkeypatch.undo()
        os.kill(child.pid, signal.SIGKILL)
        assert eventually(lambda: not child.alive)
        with gate.open_request(new_id(), purpose="safety") as request:
            request.analyze(request.admit(astronaut))
