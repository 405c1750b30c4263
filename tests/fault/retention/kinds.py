"""Kinds of stores for the matrix: how a prepared one is copied, so that each kill finds the same state."""

from __future__ import annotations

import itertools
import shutil
import time
from pathlib import Path
from typing import Any, Protocol

from tests.fault.retention.place import Place
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server

# No two have the same name, whoever makes them.
_places = itertools.count()


class Kind(Protocol):
    """One kind."""

    name: str

    def fresh(self) -> Place:
        """An empty place."""
        ...

    def copy(self, place: Place) -> Place:
        """Another with the same in it."""
        ...

    def settle(self, place: Place) -> None:
        """Wait until nothing of a killed process is there any more, its transaction above all."""
        ...

    def drop(self, place: Place) -> None:
        """Remove it."""
        ...


class SqliteAndFolder:
    """All in one folder.

    Args:
        scratch: where.
    """

    name = "SQLite, folder"

    def __init__(self, scratch: Path) -> None:
        scratch.mkdir(exist_ok=True)
        self._scratch = scratch

    def fresh(self) -> Place:
        return self._at(self._scratch / f"place{next(_places)}")

    def copy(self, place: Place) -> Place:
        other = self.fresh()
        shutil.copytree(place.folder, other.folder)
        return other

    def settle(self, place: Place) -> None:
        """The kernel has closed its files."""

    def drop(self, place: Place) -> None:
        shutil.rmtree(place.folder)

    def _at(self, folder: Path) -> Place:
        return Place(folder=str(folder), database=f"sqlite:///{folder}/store.sqlite")


class PostgresqlAndFolder:
    """A database for each, made from another one.

    Args:
        scratch: where folders are.
        server: where databases are.
    """

    name = "PostgreSQL, folder"

    def __init__(self, scratch: Path, server: PostgresServer) -> None:
        import psycopg

        self._scratch = scratch
        self._url = server.url
        self._admin = psycopg.connect(
            f"host={server.folder} user=facegate dbname=postgres", autocommit=True, prepare_threshold=None
        )

    def close(self) -> None:
        """Let go of the server."""
        self._admin.close()

    def fresh(self) -> Place:
        name, folder = self._next()
        self._run(f"CREATE DATABASE {name} TEMPLATE template0")
        return Place(folder=str(folder), database=self._url_of(name))

    def copy(self, place: Place) -> Place:
        name, folder = self._next()
        self.settle(place)
        self._run(f"CREATE DATABASE {name} TEMPLATE {_database_of(place)}")
        shutil.copytree(place.folder, folder)
        return Place(folder=str(folder), database=self._url_of(name))

    def settle(self, place: Place) -> None:
        end = time.monotonic() + 30
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        while self._admin.execute(query, [_database_of(place)]).fetchall()[0][0]:
            assert time.monotonic() < end, "The server still works for a process that was killed."
            time.sleep(0.002)

    def drop(self, place: Place) -> None:
        self._run(f"DROP DATABASE {_database_of(place)} WITH (FORCE)")
        shutil.rmtree(place.folder)

    def _next(self) -> tuple[str, Path]:
        name = f"kill{next(_places)}"
        return name, self._scratch / name

    def _run(self, statement: str) -> None:
        self._admin.execute(statement.encode())

    def _url_of(self, name: str) -> str:
        return self._url.replace("/postgres?", f"/{name}?")


class PostgresqlAndS3(PostgresqlAndFolder):
    """Likewise, with a bucket for each.

    Args:
        scratch: where ledgers and keys are.
        server: where databases are.
        s3: where buckets are.
    """

    name = "PostgreSQL, S3"

    def __init__(self, scratch: Path, server: PostgresServer, s3: S3Server) -> None:
        super().__init__(scratch, server)
        self._s3 = s3

    def fresh(self) -> Place:
        return self._with_bucket(super().fresh())

    def copy(self, place: Place) -> Place:
        import obstore

        other = self._with_bucket(super().copy(place))
        source, target = (self._bucket(each) for each in (place, other))
        for page in obstore.list(source):
            for each in page:
                obstore.put(target, each["path"], obstore.get(source, each["path"]).bytes())
        return other

    def unfinished_uploads(self, place: Place) -> int:
        """Uploads in parts that nobody completed or gave up."""
        assert place.bucket is not None
        _, answer = self._s3.request("GET", f"/{place.bucket['name']}", {"uploads": ""})
        return answer.count(b"<Upload>")

    def _with_bucket(self, place: Place) -> Place:
        options = self._s3.options()
        return Place(
            folder=place.folder,
            database=place.database,
            bucket={"name": self._s3.fresh_bucket(), "options": options},
        )

    def _bucket(self, place: Place) -> Any:
        from obstore.store import S3Store

        assert place.bucket is not None
        return S3Store(place.bucket["name"], **place.bucket["options"])


def _database_of(place: Place) -> str:
    return place.database.partition("?")[0].rpartition("/")[2]
