"""Whatever became of a view, after purge it reads zeros and nothing crashes; at both kinds of arena.

Dropped, kept, sliced, handed to other threads, exported over DLPack and the buffer protocol, eight threads at once.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import itertools
import mmap
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import facegate
from facegate import kernel
from facegate.memory.arena import ARENA_BYTES, LAYOUT, new_arena, slot
from facegate.memory.locks import kernel_locked_bytes
from facegate.memory.maps import maps
from facegate.memory.report import memory_protections
from facegate.memory.secret import SecretRegion, secret_memory
from tests.conftest import child_of

THREADS = 8
Export = Callable[[np.ndarray], object]
KINDS = [
    pytest.param(False, id="memfd"),
    pytest.param(
        True,
        id="secret",
        marks=pytest.mark.skipif(secret_memory(ARENA_BYTES).state != "achieved", reason="no memfd_secret"),
    ),
]


def over_dlpack(view: np.ndarray) -> object:
    """By numpy, which exports read-only arrays as such from 2.1 on; before it refuses, which is as good."""
    try:
        exported = np.from_dlpack(view)
    except BufferError:
        assert np.lib.NumpyVersion(np.__version__) < "2.1.0"
        return view
    assert not exported.flags.writeable
    return exported


def as_tensor(view: np.ndarray) -> object:
    """Shares the memory; torch warns that it does not know of read-only."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.as_tensor(view)


EXPORTS: dict[str, Export] = {
    "view": lambda view: view,
    "slice": lambda view: view[3:, ::2],
    "transposed": lambda view: view.T,
    "other dtype": lambda view: view.view(np.uint8),
    "memoryview": memoryview,
    "cast memoryview": lambda view: memoryview(view).cast("B")[5:],
    "array of a memoryview": lambda view: np.asarray(memoryview(view)[7:]),
    "array interface": lambda view: np.asarray(type("Other", (), {"__array_interface__": view.__array_interface__})()),
    "DLPack": over_dlpack,
}


def content(exported: object) -> bytes:
    """All bytes, read now."""
    return np.ascontiguousarray(np.asarray(exported)).tobytes()


@pytest.fixture(params=KINDS)
def gate_of_kind(request: pytest.FixtureRequest) -> Iterator[facegate.Gate]:
    """A gate whose arenas are of one kind."""
    with facegate.Gate(facegate.Policy(spares=0)) as gate:
        gate.pool.zygote().secret = request.param
        yield gate


@pytest.mark.parametrize("secret", KINDS)
@pytest.mark.parametrize("name", EXPORTS)
def test_a_kept_export_reads_zeros_without_any_wipe(secret: bool, name: str) -> None:
    """The arena itself stays full: it is the revoking that does it."""
    with new_arena(secret=secret) as arena:
        with arena.buffer() as buffer:
            slot(buffer, "landmarks")[...] = 1.5
        product = LAYOUT["landmarks"]
        window = arena.window(*product.window)
        view = window.array(np.float32, product.shape)
        exported = EXPORTS[name](view)
        # What has an interface of addresses only keeps nothing alive; everything else is its own owner from here on.
        owner = view if name == "array interface" else None
        del view
        assert any(content(exported))
        window.revoke()
        del window
        gc.collect()
        assert not any(content(exported))
        with arena.buffer() as buffer:
            assert slot(buffer, "landmarks").all()
        del owner


@pytest.mark.frameworks
@pytest.mark.parametrize("secret", KINDS)
def test_a_tensor_made_of_a_view_reads_zeros(secret: bool) -> None:
    with new_arena(secret=secret) as arena:
        with arena.buffer() as buffer:
            slot(buffer, "pose")[...] = 1.5
        product = LAYOUT["pose"]
        window = arena.window(*product.window)
        tensor = as_tensor(window.array(np.float32, (product.begin + 3,))[product.begin :])
        assert tensor.all()
        window.revoke()
        assert not tensor.any()


@pytest.mark.parametrize("secret", KINDS)
def test_no_export_is_writable(secret: bool) -> None:
    with new_arena(secret=secret) as arena:
        window = arena.window(0, 4096)
        view = window.array(np.float32, (1024,))
        for refused in (
            lambda: (ctypes.c_char * 4096).from_buffer(view),
            lambda: view.setflags(write=True),
            lambda: memoryview(view).__setitem__(0, 1.0),
            lambda: np.from_dlpack(view).setflags(write=True),
            lambda: view.__setitem__(0, 1.0),
            lambda: view.sort(),
        ):
            with pytest.raises((TypeError, ValueError, BufferError)):
                refused()
        window.revoke()


def test_requests_under_load(gate_of_kind: facegate.Gate, astronaut: bytes) -> None:
    gate, serial = gate_of_kind, itertools.count()
    secret = gate.pool.zygote().secret
    gc.collect()
    before = kernel_locked_bytes()

    def serve(_: int) -> list[object]:
        with gate.open_request(f"load-{secret}-{next(serial)}", purpose="generation") as request:
            faces = request.analyze(request.admit(astronaut), scan="large")
            with faces.subject.expose("landmarks") as xyz, faces.expose("boxes") as boxes:
                kept = [export(xyz) for export in EXPORTS.values()] + [xyz, boxes]
                faces.subject.expose("pose").__enter__()  # dropped, and never left
                assert all(any(content(each)) for each in kept)
                seen, started = [1.0], threading.Event()

                def read() -> None:
                    while seen[-1] != 0:
                        seen.append(float(np.abs(xyz[::7]).sum()))
                        started.set()

                reader = threading.Thread(target=read)
                reader.start()
                started.wait()
                request.close()
                reader.join(20)
                assert not reader.is_alive()
                assert seen[-1] == 0
                # Still inside of expose: nothing but purge can have taken it away.
                assert not any(any(content(each)) for each in kept)
        assert facegate.verify(request.receipt).purge.bytes_nonzero == 0
        return kept

    with ThreadPoolExecutor(THREADS) as threads:
        everything = list(threads.map(serve, range(3 * THREADS)))
    assert not any(any(content(each)) for kept in everything for each in kept)
    gc.collect()
    assert kernel_locked_bytes() == before


def lines_of(address: int) -> list[str]:
    """Lines of ``/proc/self/maps`` that hold the address."""
    lines = Path("/proc/self/maps").read_text(encoding="ascii", errors="replace").splitlines()
    spans = [(line, *(int(end, 16) for end in line.split()[0].split("-"))) for line in lines]
    return [line for line, start, end in spans if start <= address < end]


def test_purge_revokes_windows_even_if_it_does_not_wipe(
    gate_of_kind: facegate.Gate, astronaut: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "secretmem" if gate_of_kind.pool.zygote().secret else "facegate-arena"
    with pytest.raises(facegate.errors.PurgeError):
        with gate_of_kind.open_request(f"revoke-{name}", purpose="safety") as request:
            faces = request.analyze(request.admit(astronaut))
            with faces.subject.expose("landmarks") as xyz:
                address = xyz.__array_interface__["data"][0]
                (line,) = lines_of(address)
                assert name in line
                assert xyz.any()
                monkeypatch.setattr(kernel, "fill", lambda *_: None)
                with pytest.raises(facegate.errors.PurgeError) as caught:
                    request.close()
                assert not xyz.any()
                (line,) = lines_of(address)
                assert line.split()[1] == "r--p"
                assert name not in line
            raise caught.value


def test_the_arena_of_a_request_is_sealed() -> None:
    """One in a memfd; secret memory takes no seals."""
    with facegate.Gate(facegate.Policy(spares=0)) as gate:
        gate.pool.zygote().secret = False
        with gate.open_request("sealed", purpose="safety") as request:
            arena = child_of(request).arena
            wanted = kernel.F_SEAL_FUTURE_WRITE | fcntl.F_SEAL_SEAL | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
            assert fcntl.fcntl(arena.fd, fcntl.F_GET_SEALS) & wanted == wanted
            with pytest.raises(PermissionError):
                mmap.mmap(arena.fd, ARENA_BYTES)
            with pytest.raises(PermissionError):
                os.pwrite(arena.fd, b"x", 0)


def test_both_ends_of_an_arena_are_guarded_and_out_of_dumps(gate_of_kind: facegate.Gate) -> None:
    """The child's map too, seen from outside."""
    with gate_of_kind.open_request("guarded", purpose="safety") as request:
        child = child_of(request)
        name = "secretmem" if gate_of_kind.pool.zygote().secret else "facegate-arena"
        around = maps(child.pid)
        ((place, mine),) = [(place, each) for place, each in enumerate(around) if name in each.name]
        before, after = around[place - 1], around[place + 1]
        assert (before.access, mine.access, after.access) == ("---p", "rw-s", "---p")
        assert (before.end, mine.end) == (mine.start, after.start)
        assert {"dd", "nh"} <= mine.flags
        descriptors = [str(each.readlink()) for each in Path(f"/proc/{child.pid}/fd").iterdir()]
        assert not [each for each in descriptors if name in each], "the child has a map of it, no descriptor"


def test_the_child_says_whether_its_memory_is_locked(gate_of_kind: facegate.Gate) -> None:
    with gate_of_kind.open_request("locked", purpose="safety") as request:
        child = child_of(request)
        status = Path(f"/proc/{child.pid}/status").read_text(encoding="ascii")
        figures = {line.split()[0]: int(line.split()[1]) for line in status.splitlines() if line.endswith(" kB")}
        assert child.memory is not None
        assert child.memory.name == "child_memory_locked"
        locked = figures["VmLck:"] >= figures["VmRSS:"]
        assert (child.memory.state == "achieved") == locked, child.memory


@pytest.mark.skipif(secret_memory(ARENA_BYTES).state != "achieved", reason="no memfd_secret")
def test_arenas_are_in_secret_memory_where_the_host_has_it() -> None:
    with facegate.Gate(facegate.Policy(spares=0)) as gate, gate.open_request("kind", purpose="safety") as request:
        arena = child_of(request).arena
        assert isinstance(arena, SecretRegion)
        lacking = {each.name for each in memory_protections(arena) if each.state != "achieved"}
        assert lacking <= {"media_locked"}
