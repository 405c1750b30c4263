"""Adopted arrays, buffers and tensors: zero after purge, whatever was done to them meanwhile, or a residual."""

from __future__ import annotations

import asyncio
import gc
import mmap
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import facegate
from facegate.errors import AdoptionError, PurgeError, RequestClosedError
from facegate.memory.adopted import Adoptions, _taken

NewId = Callable[[], str]


def wiped(value: object) -> tuple[int, int, int]:
    """What purge does to one adopted object."""
    adoptions = Adoptions()
    adoptions.take(value)
    (done,) = adoptions.wipe()
    assert not _taken
    return done.bytes_wiped, done.bytes_reread, done.bytes_nonzero


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.full((478, 3), 1.5, np.float32),
        lambda: np.full((478, 3), 1.5, np.float32)[::2, 1:],
        lambda: np.full((478, 3), 1.5, np.float32)[::-1].T,
        lambda: np.asfortranarray(np.full((7, 5), -0.0)),
        lambda: np.full((3, 4), 2 + 1j, np.complex128)[:, ::3],
        lambda: np.ones((5, 5), bool)[::2],
        lambda: np.full(9, np.nan, np.longdouble),
        lambda: np.array(["brow", "nose"]),
        lambda: np.full(4, 7, [("x", "f4"), ("y", "i2")]),
        lambda: np.array(3.5),
        lambda: np.zeros((0, 3)),
        lambda: np.ma.masked_array([1.0, 2.0], [True, False]),
        lambda: bytearray(b"brow"),
        lambda: memoryview(bytearray(range(24)))[::5],
        lambda: memoryview(np.arange(6, dtype=np.int16)),
    ],
)
def test_every_byte_is_zero_and_was_read_back(make: Callable[[], object]) -> None:
    value = make()
    size = memoryview(value).nbytes if isinstance(value, (bytearray, memoryview)) else value.nbytes
    assert wiped(value) == (size, size, 0)
    assert not any(bytes(value) if isinstance(value, bytearray) else np.asarray(value).tobytes())


def test_a_view_is_zeroed_and_what_it_is_a_view_of_is_not() -> None:
    whole = np.ones((4, 4))
    wiped(whole[1:3, ::2])
    assert whole.sum() == 16 - 4
    assert not whole[1:3, ::2].any()


def test_an_array_that_was_made_read_only_is_zeroed_all_the_same() -> None:
    array = np.ones(5)
    array.setflags(write=False)
    assert wiped(array) == (40, 40, 0)


def test_what_cannot_be_written_is_a_residual_unless_it_is_zero() -> None:
    assert wiped(np.frombuffer(b"brow", np.uint8)) == (4, 4, 4)
    assert wiped(memoryview(b"b\0\0w")) == (4, 4, 2)
    assert wiped(np.frombuffer(bytes(4), np.uint8)) == (4, 4, 0)


def test_an_array_resized_meanwhile_is_a_residual() -> None:
    array = np.ones(1000)
    adoptions = Adoptions()
    adoptions.take(array)
    array.resize(1 << 20, refcheck=False)
    (done,) = adoptions.wipe()
    assert (done.bytes_wiped, done.bytes_reread, done.bytes_nonzero) == (8000, 0, 8000)
    assert not array.any(), "what it has now is zeroed at least"


def test_a_bytearray_cannot_be_resized_until_it_is_zero() -> None:
    content = bytearray(b"brow")
    adoptions = Adoptions()
    adoptions.take(content)
    with pytest.raises(BufferError):
        content.extend(b"nose")
    adoptions.wipe()
    del adoptions
    gc.collect()
    content.extend(b"nose")


def test_a_wipe_that_raises_is_a_residual_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    adoptions = Adoptions()
    first, second = np.ones(3), np.ones(5)
    adoptions.take(first)
    adoptions.take(second)

    def broken() -> tuple[int, int]:
        raise RuntimeError("the driver is gone")

    monkeypatch.setattr(_taken[0].adopted, "zero", broken)
    one, other = adoptions.wipe()
    assert (one.name, one.bytes_reread, one.bytes_nonzero) == ("adopted array 1", 0, 24)
    assert (other.name, other.bytes_nonzero) == ("adopted array 2", 0)
    assert not second.any()


def test_unknown_types_are_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "map").write_bytes(b"x" * 64)
    file = np.memmap(tmp_path / "map", np.uint8)
    for value, words in [
        (b"brow", "not bytes"),
        ([1.0], "not list"),
        (None, "not NoneType"),
        (mmap.mmap(-1, 64), "not mmap"),
        (np.array([{}]), "objects"),
        (file, "file"),
        (file[3:], "file"),
    ]:
        with pytest.raises(AdoptionError, match=words) as caught:
            Adoptions().take(value)
        assert isinstance(caught.value, TypeError)


def test_no_memory_belongs_to_two_requests(gate: facegate.Gate, new_id: NewId) -> None:
    array = np.ones((10, 2))
    with gate.open_request(new_id(), purpose="safety") as request:
        assert request.adopt(array) is array
        assert request.adopt(array) is array, "twice in one request is once"
        request.adopt(array[2:4])
        with gate.open_request(new_id(), purpose="safety") as other:
            for value in (array, array[3:], array.T, memoryview(array)):
                with pytest.raises(AdoptionError, match="another request"):
                    other.adopt(value)
            other.adopt(np.ones(3))
        assert array.all(), "the end of the other request is none of this one's"
    assert not array.any()
    with gate.open_request(new_id(), purpose="safety") as later:
        later.adopt(array)
    with pytest.raises(RequestClosedError):
        later.adopt(array)


def test_purge_zeroes_and_counts_and_lets_go(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="safety") as request:
        faces = request.analyze(request.admit(astronaut))
        with faces.subject.expose("landmarks") as xyz:
            kept = request.adopt(xyz.copy())
            alone = weakref.ref(request.adopt(xyz * 2))
        gc.collect()
        assert alone() is not None, "kept alive until it was zeroed"
        without = facegate.memory.arena.ARENA_BYTES
    assert not kept.any()
    assert alone() is None
    receipt = facegate.verify(request.receipt)
    assert receipt.purge.bytes_wiped >= without + 2 * kept.nbytes
    assert receipt.purge.bytes_nonzero == 0


def test_what_is_left_is_named_on_the_receipt(gate: facegate.Gate, new_id: NewId) -> None:
    with pytest.raises(PurgeError, match="adopted array 2") as caught:
        with gate.open_request(new_id(), purpose="safety") as request:
            request.adopt(bytearray(b"brow"))
            request.adopt(np.frombuffer(b"nose", np.uint8))
    assert caught.value.residuals == ("adopted array 2",)
    receipt = facegate.verify(request.receipt)
    assert receipt.outcome == "purge-failed"
    assert list(receipt.purge.residuals) == ["adopted array 2"]
    assert receipt.purge.bytes_nonzero == 4


def test_an_exposed_view_that_is_adopted_is_no_residual(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    """It cannot be written to; but purge has revoked it before it looks."""
    with gate.open_request(new_id(), purpose="safety") as request:
        faces = request.analyze(request.admit(astronaut))
        with faces.subject.expose("landmarks") as xyz:
            request.adopt(xyz)
            request.close()
    assert facegate.verify(request.receipt).outcome == "abandoned"


def test_adopted_in_asyncio(gate: facegate.Gate, new_id: NewId) -> None:
    array = np.ones(100)

    async def main() -> None:
        async with gate.open_request(new_id(), purpose="safety") as request:
            assert await request.adopt(array) is array

    asyncio.run(main())
    assert not array.any()


def test_adopting_while_the_request_ends_is_refused_or_zeroed(gate: facegate.Gate, new_id: NewId) -> None:
    """Nothing slips in between: what was taken is zero, and what was not taken was refused."""
    for _ in range(10):
        arrays = [np.ones(50) for _ in range(400)]
        with gate.open_request(new_id(), purpose="safety") as request:
            begun = threading.Event()

            def adopt(
                request: facegate.Request = request, arrays: list = arrays, begun: threading.Event = begun
            ) -> int:
                for number, array in enumerate(arrays):
                    try:
                        request.adopt(array)
                    except RequestClosedError:
                        return number
                    begun.set()
                return len(arrays)

            count: list[int] = []
            thread = threading.Thread(target=lambda count=count, adopt=adopt: count.append(adopt()))
            thread.start()
            begun.wait()
            request.cancel()
            thread.join()
        assert not any(array.any() for array in arrays[: count[0]])
        assert all(array.all() for array in arrays[count[0] :])
        assert not _taken


def test_a_forked_worker_may_adopt_its_copy() -> None:
    array = np.ones(3)
    Adoptions().take(array)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if wiped(array) == (24, 24, 0) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert array.all()
    _taken.clear()
