"""PostgreSQL's own server, from Debian's package ``postgresql``, in a folder of its own and on a Unix socket alone.

It runs as ``postgres`` or ``nobody`` when the tests run as root, which it refuses. It is durable as it comes: a commit
is on disk when it returns. Only `durable=False` makes it faster and forgetful.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.servers.keeper import Keeper

_USER = "facegate"
_SOCKET = ".s.PGSQL.5432"
_LONGEST = 107  # bytes of a Unix socket's path
_PATIENCE = 60.0  # seconds: recovery after a kill, on a busy machine

# PostgreSQL keeps its shared memory out of /dev/shm, which tests search; of System V it takes 56 bytes in any case. It
# vacuums when it is told: nothing happens between tests, and what a test finds in the pages does not hang on the clock.
_SETTINGS = {
    "autovacuum_naptime": "1h",
    "listen_addresses": "",
    "dynamic_shared_memory_type": "mmap",
    "shared_buffers": "16MB",
    "max_connections": "50",
}


def _programs() -> Path | None:
    """The folder with the newest server on this host."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda home: float(home.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    if on_path is not None:
        homes.append(Path(on_path).resolve().parent)
    return next((home for home in homes if (home / "postgres").exists() and (home / "initdb").exists()), None)


def missing() -> str | None:
    """What this host lacks for the server, or None."""
    return None if _programs() else "PostgreSQL's server (Debian: postgresql)"


def _servant() -> pwd.struct_passwd | None:
    """Whom the server runs as where the tests run as root."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")


def _short_folder() -> Path:
    """A folder for the socket, whose path has an end."""
    made = Path(tempfile.mkdtemp(prefix="fg-pg-"))
    if len(os.fsencode(made / _SOCKET)) <= _LONGEST:
        return made
    made.rmdir()
    return Path(tempfile.mkdtemp(prefix="fg-pg-", dir="/tmp"))


class PostgresServer:
    """A server that runs from here to the end of the block.

    Args:
        durable: whether a commit waits for the disk.

    Raises:
        RuntimeError: it did not start; the message has its log.
    """

    def __init__(self, *, durable: bool = True) -> None:
        programs = _programs()
        if programs is None:
            raise RuntimeError(f"This host has no {missing()}.")
        self._programs = programs
        self._durable = durable
        self._serial = itertools.count(1)
        self._pid: int | None = None
        self._servant = _servant()
        folder = _short_folder()
        self.folder = folder
        """The socket's folder; the rest is below it."""
        self.data = folder / "data"
        """The cluster: pages in ``base``, the log of writes in ``pg_wal``."""
        self.log = folder / "log"
        self._keeper = Keeper(folder)
        try:
            self._initialize()
            self.start()
        except BaseException:
            self._keeper.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _user(self) -> list[int] | None:
        return [self._servant.pw_uid, self._servant.pw_gid] if self._servant else None

    def _initialize(self) -> None:
        if self._servant is not None:
            os.chown(self.folder, *self._user or ())
        initdb = [self._programs / "initdb", "--pgdata", self.data, "--username", _USER, "--auth", "trust"]
        initdb += ["--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"]
        who: dict[str, Any] = {}
        if self._servant is not None:
            who = {"user": self._servant.pw_uid, "group": self._servant.pw_gid, "extra_groups": []}
        done = subprocess.run(initdb, env=_environment(), cwd="/", capture_output=True, text=True, check=False, **who)
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stdout}{done.stderr}")

    def start(self) -> None:
        """Start it, as `stop` left it; return when it takes connections."""
        settings = _SETTINGS | {"unix_socket_directories": str(self.folder)}
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        argv = [str(self._programs / "postgres"), "-D", str(self.data)]
        argv += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        # Stopped with SIGQUIT in the end: at once, with its shared memory given back, and the folder goes anyway.
        self._pid = self._keeper.ask("start", argv, str(self.log), self._user, _environment(), signal.SIGQUIT)
        end = time.monotonic() + _PATIENCE
        while not self._answers():
            if not self._keeper.ask("alive", self._pid) or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def stop(self, *, hard: bool = False) -> None:
        """Stop it, in good order or by SIGKILL to every process; `start` starts it again.

        Args:
            hard: leave it as a crash does, for recovery to repair.
        """
        assert self._pid is not None, "It does not run."
        if hard:
            segment = self._segment()
            self._keeper.ask("kill", self._pid)
            # A crash of the machine would have taken it; nothing else does if this server is never started again.
            ctypes.CDLL(None).shmctl(segment, 0, None)
        elif self._keeper.ask("stop", self._pid, signal.SIGINT) is None:
            raise RuntimeError("PostgreSQL did not stop.")
        self._pid = None

    def close(self) -> None:
        """Stop it and remove all that it has."""
        self._keeper.close()

    @property
    def url(self) -> str:
        """For SQLAlchemy: the database ``postgres``, as the superuser."""
        return self._url("postgres")

    @contextmanager
    def fresh_database(self, template: str | None = None) -> Iterator[str]:
        """The URL of a database, which goes with its connections at the end.

        Args:
            template: URL of another that nobody is connected to, to begin with a copy of it; an empty one by default.
        """
        name = f"test{next(self._serial)}"
        # template0 is the untouched one, by which nobody is kept waiting.
        source = "template0" if template is None else urlsplit(template).path[1:]
        self.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        try:
            yield self._url(name)
        finally:
            if self._pid is not None and self._keeper.ask("alive", self._pid):
                self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def checkpoint(self) -> None:
        """Have every changed page written to its file."""
        self.execute("CHECKPOINT")

    def execute(self, statement: str) -> None:
        """Run one statement in the database ``postgres``, outside a transaction."""
        import psycopg

        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _conninfo(self) -> str:
        return f"host={self.folder} user={_USER} dbname=postgres"

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://{_USER}@/{database}?host={self.folder}"

    def _answers(self) -> bool:
        import psycopg

        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _segment(self) -> int:
        """The number of its segment of System V shared memory, from line 7 of its lock file."""
        return int((self.data / "postmaster.pid").read_text(encoding="ascii").splitlines()[6].split()[1])


def _environment() -> dict[str, str]:
    """Without the variables that libpq and PostgreSQL read."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}
