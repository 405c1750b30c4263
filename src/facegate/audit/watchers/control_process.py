"""A process that does everything a request's processes must not, harmlessly: the control of all looks into /proc.

Run as ``python -I control_process.py MARK FOLDER``; says ready, and ends when its standard input does.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import socket
import sys
import threading

CORE_FILTER = 0x7F


def main(mark: str, folder: str) -> None:
    """Do it, say so, wait."""
    kept: list[object] = []
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    named = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    named.bind("\0" + mark)  # abstract: leaves no file
    named.listen(1)
    kept += [listener, datagram, named]
    kept.append(os.memfd_create(mark))
    gone = os.path.join(folder, "deleted")
    kept.append(os.open(gone, os.O_RDWR | os.O_CREAT, 0o600))
    os.unlink(gone)
    written = os.open(os.path.join(folder, "written"), os.O_RDWR | os.O_CREAT, 0o600)
    os.write(written, b"c" * 65536)
    os.fsync(written)
    kept.append(written)
    kept.append(os.pipe())
    with open("/proc/self/coredump_filter", "w", encoding="ascii") as file:
        file.write(hex(CORE_FILTER))
    resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
    page = mmap.mmap(-1, 1 << 20)
    page.write(os.urandom(1 << 20))
    page.madvise(21)  # MADV_PAGEOUT; without swap, it stays
    kept.append(page)
    waiting = threading.Event()
    thread = threading.Thread(target=_named, args=(waiting,), daemon=True)
    thread.start()
    waiting.wait()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    del kept


def _named(ready: threading.Event) -> None:
    """A thread with a name of its own; the kernel keeps fifteen letters."""
    ctypes.CDLL(None).prctl(15, b"facegate-contro", 0, 0, 0)  # PR_SET_NAME
    ready.set()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
