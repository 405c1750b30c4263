"""A process that keeps what it is sent, where it is told to, and nowhere else: it is read straight to its place.

Run as a program. Every line on its standard input is a command in JSON; the bytes to keep follow it.
"""

import ctypes
import json
import mmap
import os
import sys
import threading
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
libc.malloc.argtypes, libc.malloc.restype = (ctypes.c_size_t,), ctypes.c_void_p
libc.pthread_self.restype = ctypes.c_ulong
libc.pthread_getattr_np.argtypes = (ctypes.c_ulong, ctypes.c_void_p)
libc.pthread_attr_getstack.argtypes = (ctypes.c_void_p, *(ctypes.POINTER(ctypes.c_size_t),) * 2)

planted: list[tuple[int, int]] = []
descriptors: list[int] = []
kept: list[object] = []
stack: list[int] = []


def run_thread(ready: threading.Event, stop: threading.Event) -> None:
    """A thread with a stack to plant in, far below what it uses itself."""
    attributes = ctypes.create_string_buffer(256)
    address, size = ctypes.c_size_t(), ctypes.c_size_t()
    libc.pthread_getattr_np(libc.pthread_self(), attributes)
    libc.pthread_attr_getstack(attributes, ctypes.byref(address), ctypes.byref(size))
    stack[:] = [address.value + (64 << 10), address.value + size.value - (256 << 10)]
    ready.set()
    stop.wait()


def receive(address: int, size: int) -> None:
    """Read exactly that many bytes to an address."""
    done = 0
    while done < size:
        target = (ctypes.c_char * (size - done)).from_address(address + done)
        done += os.readv(0, [target])


def mapped(descriptor: int, length: int) -> int:
    """A shared map of a file, which stays."""
    view = mmap.mmap(descriptor, length)
    kept.append(view)
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def into_file(descriptor: int, offset: int, size: int) -> None:
    """Through a map that is gone afterwards, so that the file alone has it."""
    length = offset + size
    os.ftruncate(descriptor, length)
    with mmap.mmap(descriptor, length) as view:
        here = ctypes.c_char.from_buffer(view, offset)
        receive(ctypes.addressof(here), size)
        del here


def plant(place: str, offset: int, size: int, path: str) -> None:
    """Keep the next `size` bytes in a place, `offset` bytes into it."""
    length = offset + size
    if place == "heap":
        address = libc.malloc(length) + offset
    elif place == "stack":
        address = stack[0] + offset
        stack[0] += length
        assert stack[0] < stack[1]
    elif place == "anonymous":
        address = mapped(-1, length) + offset
    elif place == "memfd":
        descriptors.append(os.memfd_create("victim-memfd"))
        into_file(descriptors[-1], offset, size)
        return
    else:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        if place == "mapped file":
            os.ftruncate(file, length)
            address = mapped(file, length) + offset
            os.close(file)
        else:
            into_file(file, offset, size)
            if place == "deleted file":
                Path(path).unlink()
                descriptors.append(file)
            else:
                os.close(file)
            return
    receive(address, size)
    planted.append((address, size))


def wipe() -> None:
    """Overwrite everything that was planted, files too, that are this process's own."""
    for address, size in planted:
        ctypes.memset(address, 0, size)
    planted.clear()
    for descriptor in descriptors:
        os.ftruncate(descriptor, 0)
        os.close(descriptor)
    descriptors.clear()


def line() -> bytes:
    """The next command, without reading past it."""
    read = b""
    while not read.endswith(b"\n"):
        letter = os.read(0, 1)
        if not letter:
            sys.exit(0)
        read += letter
    return read


if __name__ == "__main__":
    threading.stack_size(64 << 20)
    ready, stop = threading.Event(), threading.Event()
    threading.Thread(target=run_thread, args=(ready, stop), daemon=True).start()
    ready.wait()
    while True:
        os.write(1, b"ready\n")
        command = json.loads(line())
        if command["do"] == "plant":
            plant(command["place"], command["offset"], command["size"], command["path"])
        else:
            wipe()
