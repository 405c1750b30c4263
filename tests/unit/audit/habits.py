"""What workers do with what they are shown: each habit leaks in one way, and is named after the code it is found in."""

from __future__ import annotations

import ctypes
import io
import json
import logging
import multiprocessing.reduction
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FACE_CACHE: dict[str, Any] = {}
DEBUG_CROPS: list[Any] = []
LATEST: dict[str, Any] = {}

Habit = Callable[[NDArray[np.float32], Path], object]


def landmarks_beside_the_input(xyz: NDArray[np.float32], folder: Path) -> None:
    np.save(folder / "photo.landmarks.npy", xyz)


def json_beside_the_input(xyz: NDArray[np.float32], folder: Path) -> None:
    (folder / "photo.json").write_text(json.dumps(xyz.tolist()))


def global_face_cache(xyz: NDArray[np.float32], _: Path) -> None:
    FACE_CACHE["photo"] = xyz.copy()


def cache_on_a_class(xyz: NDArray[np.float32], _: Path) -> None:
    Pipeline.last = xyz.copy()


class Pipeline:
    """With a default that every instance shares."""

    last: Any = None


def debug_list(xyz: NDArray[np.float32], _: Path) -> None:
    DEBUG_CROPS.append(np.tile(xyz[:, :2], 2))


def list_of_numbers(xyz: NDArray[np.float32], _: Path) -> None:
    LATEST["points"] = xyz.tolist()


def bytes_in_a_queue(xyz: NDArray[np.float32], _: Path) -> None:
    LATEST["raw"] = xyz.tobytes()


def kept_in_a_thread(xyz: NDArray[np.float32], _: Path) -> Callable[[], None]:
    done = threading.Event()
    thread = threading.Thread(target=_waits, args=(done, xyz.copy()))
    thread.start()

    def end() -> None:
        done.set()
        thread.join()

    return end


def _waits(done: threading.Event, copy: NDArray[np.float32]) -> int:
    done.wait()
    return len(copy)


def logs(xyz: NDArray[np.float32], _: Path) -> None:
    logging.getLogger("pipeline").warning("nose at %s", xyz[1])


def prints(xyz: NDArray[np.float32], _: Path) -> None:
    print(xyz[1])


def complains(xyz: NDArray[np.float32], _: Path) -> None:
    print(xyz[1], file=sys.stderr)


def library_prints(xyz: NDArray[np.float32], _: Path) -> None:
    """As native code does, past sys.stdout."""
    os.write(1, f"{xyz[1]}\n".encode())


def warns(xyz: NDArray[np.float32], _: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"odd pose {xyz[1]}", stacklevel=2)


def pickles(xyz: NDArray[np.float32], _: Path) -> None:
    pickle.dumps({"landmarks": xyz.copy()})


def torch_save(xyz: NDArray[np.float32], folder: Path) -> None:
    """What ``torch.save`` does with an embedding: a `pickle.Pickler` on a file."""
    with (folder / "embedding.pt").open("wb") as file:
        pickle.Pickler(file, protocol=2).dump({"embedding": xyz.copy()})


def sends_to_a_pool(xyz: NDArray[np.float32], _: Path) -> None:
    multiprocessing.reduction.ForkingPickler.dumps(xyz.copy())


def shared_with_workers(xyz: NDArray[np.float32], _: Path) -> Callable[[], None]:
    shared = shared_memory.SharedMemory(create=True, size=xyz.nbytes)
    shared.buf[: xyz.nbytes] = xyz.tobytes()

    def end() -> None:
        shared.close()
        shared.unlink()

    return end


def memory_file(xyz: NDArray[np.float32], _: Path) -> Callable[[], None]:
    descriptor = os.memfd_create("cache")
    os.write(descriptor, xyz.tobytes())
    return lambda: os.close(descriptor)


def spools(xyz: NDArray[np.float32], _: Path) -> Callable[[], None]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 (kept open on purpose)
    file.write(xyz.tobytes())
    file.flush()
    return file.close


def names_a_file(xyz: NDArray[np.float32], folder: Path) -> None:
    (folder / "output.png").touch()
    (folder / "output.png").rename(folder / f"output-{int(xyz[1, 0])}.png")


def tags_a_file(xyz: NDArray[np.float32], folder: Path) -> None:
    (folder / "output.png").touch()
    os.setxattr(folder / "output.png", "user.nose", str(xyz[1]).encode())


def environment_for_a_script(xyz: NDArray[np.float32], _: Path) -> Callable[[], None]:
    os.environ["FACE_BOX"] = str(xyz[1])
    return lambda: os.environ.pop("FACE_BOX", None) and None


def runs_a_script(xyz: NDArray[np.float32], _: Path) -> None:
    subprocess.run([sys.executable, "-I", "-S", "-c", "", str(xyz[1])], check=True)


def names_a_thread(xyz: NDArray[np.float32], _: Path) -> Callable[[], None]:
    done = threading.Event()
    thread = threading.Thread(target=done.wait, name=f"face at {int(xyz[1, 0])}")
    thread.start()

    def end() -> None:
        done.set()
        thread.join()

    return end


def reports_usage(_: NDArray[np.float32], __: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.sendto(b"face", ("127.0.0.1", 9))


def looks_a_server_up(_: NDArray[np.float32], __: Path) -> None:
    socket.getaddrinfo("localhost", 443)


def shared_segment(_: NDArray[np.float32], __: Path) -> Callable[[], None]:
    libc = ctypes.CDLL(None)
    number = libc.shmget(0, 4096, 0o1600)
    return lambda: libc.shmctl(number, 0, None)


def keeps_the_exception(xyz: NDArray[np.float32], _: Path) -> None:
    try:
        raise ValueError(len(xyz))
    except ValueError as error:
        LATEST["error"] = error


def writes_a_core(_: NDArray[np.float32], folder: Path) -> None:
    """As the kernel would name one."""
    (folder / "core").write_bytes(b"core")


def in_memory_file(xyz: NDArray[np.float32], _: Path) -> None:
    file = io.BytesIO(xyz.tobytes())
    LATEST["file"] = file.getbuffer()


HABITS: Final[dict[Habit, frozenset[str]]] = {
    landmarks_beside_the_input: frozenset({"files created", "files written", "Python opens to write"}),
    json_beside_the_input: frozenset({"files created", "files written", "Python opens to write"}),
    global_face_cache: frozenset({"arrays in module globals"}),
    cache_on_a_class: frozenset({"arrays in module globals"}),
    debug_list: frozenset({"arrays in module globals"}),
    list_of_numbers: frozenset({"lists of numbers kept"}),
    bytes_in_a_queue: frozenset({"buffers kept"}),
    in_memory_file: frozenset({"buffers kept"}),
    kept_in_a_thread: frozenset({"arrays kept elsewhere"}),
    logs: frozenset({"log records"}),
    prints: frozenset({"printed to sys.stdout"}),
    complains: frozenset({"printed to sys.stderr"}),
    library_prints: frozenset({"standard output"}),
    warns: frozenset({"warnings"}),
    pickles: frozenset({"pickles"}),
    torch_save: frozenset({"pickles", "pickling to a file object", "files created"}),
    sends_to_a_pool: frozenset({"multiprocessing"}),
    shared_with_workers: frozenset({"files: /dev/shm", "worker: shared memory", "files created"}),
    memory_file: frozenset({"worker: memory files"}),
    spools: frozenset({"worker: deleted files still open", "worker: unnamed temporary files"}),
    names_a_file: frozenset({"files renamed", "Python changes a file"}),
    tags_a_file: frozenset({"file attributes", "Python changes a file"}),
    environment_for_a_script: frozenset({"worker: environment"}),
    runs_a_script: frozenset({"programs started by the worker"}),
    names_a_thread: frozenset({"worker: names of threads"}),
    reports_usage: frozenset({"Python's network sockets", "Python's connections"}),
    looks_a_server_up: frozenset({"name lookups"}),
    shared_segment: frozenset({"System V shared memory"}),
    keeps_the_exception: frozenset({"exceptions kept"}),
    writes_a_core: frozenset({"core files"}),
}
