"""Channels that Python's audit events are about, and how each is tried without harm."""

from __future__ import annotations

import os
import pickle
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from facegate.audit.watchers.audit_events import Audited
from facegate.audit.watchers.base import Watcher
from facegate.audit.watchers.scene import PREFIX

_HOW: Final = "audit hook in the worker"
_JOURNAL: Final = "/run/systemd/journal"
_SYSLOG: Final = "/dev/log"
_KERNEL_LOG: Final = "/dev/kmsg"
_DEVICES: Final = (_KERNEL_LOG, "/dev/tty", "/dev/console", "/dev/pts/")


def _write(path: Path) -> None:
    path.write_bytes(b"control")
    path.unlink()


def _copy(path: Path) -> None:
    source = path.with_name("copied")
    source.touch()
    shutil.copyfile(source, path)
    path.unlink()


def _temporary(path: Path) -> None:
    descriptor, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)
    os.close(descriptor)
    os.unlink(name)


def _rename(path: Path) -> None:
    path.touch()
    path.rename(path.with_name("renamed"))


def _connect(*address: object) -> None:
    """Nothing is sent: a UDP socket that is connected, or a name that nobody listens at."""
    family, target = address
    with socket.socket(family, socket.SOCK_DGRAM) as made, suppress(OSError):  # type: ignore[arg-type]
        made.connect(target)  # type: ignore[arg-type]


def _look_up(_: Path) -> None:
    socket.getaddrinfo("127.0.0.1", 9, flags=socket.AI_NUMERICHOST)


def _request(_: Path) -> None:
    urllib.request.urlopen("data:,control").close()


def _run(_: Path) -> None:
    subprocess.run([sys.executable, "-I", "-S", "-c", ""], check=True)


def _unpickle(_: Path) -> None:
    pickle.loads(pickle.dumps(Path))


def _fork(_: Path) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _system_log(_: Path) -> None:
    import syslog

    syslog.openlog(PREFIX.rstrip("-"))
    syslog.closelog()


def _database(_: Path) -> None:
    import sqlite3

    sqlite3.connect(":memory:").close()


def _marshal(_: Path) -> None:
    import marshal

    marshal.dumps(0)


def _device(path: str) -> Callable[[Path], None]:
    def open_it(_: Path) -> None:
        with suppress(OSError):  # refused or absent; asked for all the same
            os.close(os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK))

    return open_it


def _is_device(path: str) -> bool:
    return path.startswith(_DEVICES)


def table() -> tuple[Watcher, ...]:
    """Channels of audit events."""
    return (
        Audited(
            "Python opens to write",
            _HOW,
            "a file is opened to write",
            ("open",),
            _write,
            lambda path: not _is_device(path),
        ),
        Audited(
            "Python changes a file",
            _HOW,
            "a file is renamed",
            ("os.rename", "os.link", "os.symlink", "os.truncate", "os.mkdir", "os.chmod", "os.setxattr", "os.utime"),
            _rename,
        ),
        Audited(
            "Python copies files",
            _HOW,
            "a file is copied",
            ("shutil.copyfile", "shutil.copytree", "shutil.move", "shutil.make_archive"),
            _copy,
        ),
        Audited(
            "Python makes temporary files", _HOW, "one is made", ("tempfile.mkstemp", "tempfile.mkdtemp"), _temporary
        ),
        Audited(
            "Python's network sockets",
            _HOW,
            "a UDP socket is made and sends nothing",
            ("socket.__new__",),
            lambda _: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
        ),
        Audited(
            "Python's connections",
            _HOW,
            "a UDP socket is connected to the discard port of the loopback and sends nothing",
            ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"),
            lambda _: _connect(socket.AF_INET, ("127.0.0.1", 9)),
            lambda address: not address.startswith((_JOURNAL, _SYSLOG)),
        ),
        Audited(
            "name lookups",
            _HOW,
            "a numeric address is looked up",
            ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"),
            _look_up,
        ),
        Audited(
            "requests to servers",
            _HOW,
            "a data: URL is opened",
            ("urllib.Request", "http.client.connect", "ftplib.connect", "smtplib.connect", "imaplib.open"),
            _request,
        ),
        Audited(
            "programs started by the worker",
            _HOW,
            "a Python that does nothing is run",
            ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn"),
            _run,
        ),
        Audited("forks of the worker", _HOW, "a fork that ends at once", ("os.fork", "os.forkpty"), _fork),
        Audited("databases", _HOW, "one in memory is opened", ("sqlite3.connect",), _database),
        Audited("marshal", _HOW, "a number is marshalled", ("marshal.dumps",), _marshal),
        Audited(
            "unpickling",
            _HOW,
            "a pickled type is read",
            ("pickle.find_class",),
            _unpickle,
        ),
        Audited("system log", _HOW, "it is opened and closed", ("syslog.syslog", "syslog.openlog"), _system_log),
        Audited(
            "system log's socket",
            _HOW,
            f"a socket is connected to {_SYSLOG} and sends nothing",
            ("socket.connect", "socket.sendto"),
            lambda _: _connect(socket.AF_UNIX, _SYSLOG),
            lambda address: address.startswith(_SYSLOG),
        ),
        Audited(
            "journal",
            _HOW,
            "a socket is connected to the journal's and sends nothing",
            ("socket.connect", "socket.sendto", "socket.sendmsg"),
            lambda _: _connect(socket.AF_UNIX, f"{_JOURNAL}/socket"),
            lambda address: address.startswith(_JOURNAL),
        ),
        Audited(
            "kernel log and terminals",
            _HOW,
            f"{_KERNEL_LOG} is opened to write, and is not written to",
            ("open",),
            _device(_KERNEL_LOG),
            _is_device,
        ),
    )
