"""What this process has locked in memory: every lock is counted here and compared with the kernel's own count."""

from __future__ import annotations

import errno
import functools
import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from facegate import kernel
from facegate.errors import LockLimitError

# Where the limit is finite, uploads and outputs may take this share of it; the rest is for geometry, without which no
# request opens.
MEDIA_SHARE: Final = 4
_CAP_IPC_LOCK: Final = 14
_ALL_IDS: Final = b"4294967295"

# Bytes that we locked. The kernel's VmLck is at least as much: it counts the process, so it can be more.
_counted = 0
_media = 0
# Reentrant, since the collector may let go of a window while this thread is in here.
_guard = threading.RLock()


@contextmanager
def adding(size: int, *, check: bool = True) -> Iterator[None]:
    """The block locks `size` bytes more: with `kernel.lock`, or with a map of secret memory, which is born locked.

    Args:
        size: bytes, whole pages.
        check: compare with VmLck afterwards; not for maps that the kernel could not have made unlocked.

    Raises:
        LockLimitError: the kernel refused, or it did not count what it said to have locked.
    """
    global _counted  # noqa: PLW0603 (VmLck is a figure of the process, so is its counterpart)
    with _guard:
        try:
            yield
        except OSError as error:
            if isinstance(error, LockLimitError) or error.errno not in {errno.ENOMEM, errno.EAGAIN, errno.EPERM}:
                raise
            raise LockLimitError(_sentence(size, error)) from None
        # A mlock that returns 0 is a claim; the kernel's own count is the check.
        if check and kernel_locked_bytes() < _counted + size:
            raise LockLimitError("The kernel's count of locked memory (VmLck) does not include the region.")
        _counted += size


@contextmanager
def unforked() -> Iterator[None]:
    """No fork by Python in the block: for a map until the kernel knows that forks are not to have it.

    A fork in between would keep a shared map of what is stored there later, for as long as it lives.
    """
    with _guard:
        yield


@contextmanager
def releasing(size: int, *, media: int = 0) -> Iterator[None]:
    """The block unmaps `size` bytes that were locked, and `media` bytes that `lock_media` locked."""
    global _counted, _media  # noqa: PLW0603
    with _guard:
        # Before they are unmapped, so that what we count never is more than what the kernel does.
        _counted = max(0, _counted - size - media)  # less than 0 it would be in a fork that closes what it inherited
        _media = max(0, _media - media)
        yield


def lock_media(address: int, size: int) -> bool:
    """Lock part of an upload or output, if the limit has room for it, and say whether."""
    global _media  # noqa: PLW0603
    limit = lock_limit()
    with _guard:
        if limit is not None and _media + size > limit // MEDIA_SHARE:
            return False
        _media += size
    try:
        with adding(size):
            kernel.lock(address, size)
    except LockLimitError:
        with _guard:
            _media -= size
        return False
    return True


def lock_limit() -> int | None:
    """Most bytes that this process may lock; None if there is no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return None if soft == resource.RLIM_INFINITY or _capable(os.geteuid()) else soft


@functools.cache
def _capable(_: int) -> bool:
    # The capability counts in the first user namespace only: the root of a container may show it and not have it.
    capable = bool(int(_status(b"CapEff:"), 16) >> _CAP_IPC_LOCK & 1)
    return capable and _read("/proc/self/uid_map").split() == [b"0", b"0", _ALL_IDS]


def kernel_locked_bytes() -> int:
    """VmLck of this process, bytes, as the kernel counts it."""
    return int(_status(b"VmLck:").split()[0]) * 1024


def _status(name: bytes) -> bytes:
    _, found, rest = _read("/proc/self/status").partition(name)
    if not found:
        raise OSError(errno.ENODATA, f"The kernel does not tell {name.decode()}")
    return rest.partition(b"\n")[0]


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 1 << 16)
    finally:
        os.close(fd)


def _sentence(size: int, error: OSError) -> str:
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    return (
        f"{size} bytes could not be locked in memory; the limit is {soft} bytes: raise it with 'ulimit -l' or "
        f"systemd's LimitMEMLOCK= ({os.strerror(error.errno or 0)})."
    )


def _forget() -> None:
    # Locks do not survive a fork. With the parent's figures no lock of a forked worker would pass the check.
    global _counted, _media  # noqa: PLW0603
    _counted = _media = 0
    _guard.release()


os.register_at_fork(before=_guard.acquire, after_in_parent=_guard.release, after_in_child=_forget)
