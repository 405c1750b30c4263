"""The connection to the database: SQLite for one machine, PostgreSQL for many."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.engine import Connection

from facegate.errors import RetentionError, StoreUnavailableError
from facegate.retention import schema

_PATIENCE_SECONDS: Final = 60


class Database:
    """Transactions on one database.

    Args:
        url: as SQLAlchemy takes it: ``sqlite:///store.sqlite`` or ``postgresql+psycopg://user@host/name``.

    Raises:
        RetentionError: the URL is none, or of a database that this does not know.
    """

    def __init__(self, url: str) -> None:
        try:
            found = sqlalchemy.make_url(url)
        except sqlalchemy.exc.ArgumentError:
            raise RetentionError("The database's URL is none that SQLAlchemy reads.") from None
        # Errors of the driver must not show what people are called; hence hide_parameters.
        self.is_sqlite = found.get_backend_name() == "sqlite"
        if found.get_backend_name() not in {"sqlite", "postgresql"}:
            raise RetentionError("The database must be SQLite or PostgreSQL.")
        if self.is_sqlite and found.database in {None, "", ":memory:"}:
            raise RetentionError("A store in memory would lose all that it holds: name a file for SQLite.")
        if self.is_sqlite:
            _make_private(str(found.database))
            self.engine = sqlalchemy.create_engine(
                found, hide_parameters=True, connect_args={"timeout": _PATIENCE_SECONDS}
            )
            event.listen(self.engine, "connect", _set_up_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            # A connection that the server closed is noticed before it is used.
            self.engine = sqlalchemy.create_engine(
                found,
                hide_parameters=True,
                pool_pre_ping=True,
                connect_args={"connect_timeout": _PATIENCE_SECONDS // 6},
            )

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction; committed when the block ends, undone when it raises.

        Raises:
            StoreUnavailableError: the database went away, is full, or another writer took too long.
        """
        with _outside(), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reading, each statement by itself.

        Raises:
            StoreUnavailableError: likewise.
        """
        options = {"reading": True} if self.is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        with _outside(), self.engine.connect().execution_options(**options) as connection:
            yield connection

    def scrub(self, *, thoroughly: bool = False) -> None:
        """Have destroyed keys leave the database's own files, as far as it can do that while others work.

        SQLite's is `empty_log`. PostgreSQL's vacuum gives the room free in its pages, and what was there stays
        until something else is put there. Its write-ahead log it recycles when it will.

        Args:
            thoroughly: have PostgreSQL write its tables anew, without what was deleted; others wait meanwhile.

        Raises:
            StoreUnavailableError: the database went away.
        """
        if self.is_sqlite:
            self.empty_log()
            return
        with self.reading() as connection:
            if thoroughly:
                tables = ", ".join(each.name for each in schema.metadata.sorted_tables)
                connection.exec_driver_sql(f"VACUUM (FULL) {tables}")
            else:
                # Another sweeper may be at it already. Starting workers takes longer than the little there is to do: of
                # a million assets it made a deletion of 16 ms one of 95.
                connection.exec_driver_sql("VACUUM (SKIP_LOCKED, PARALLEL 0) asset_keys, person_keys, assets, people")

    def empty_log(self) -> None:
        """Have SQLite put what is in its write-ahead log where it belongs, over what was deleted, and cut the log off.

        Until then its file has the pages as they were, deleted rows and all. Where others are reading, the next call
        does it. Nothing on PostgreSQL, whose log is its own.

        Raises:
            StoreUnavailableError: the database went away.
        """
        if self.is_sqlite:
            with self.reading() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def _make_private(path: str) -> None:
    """A new file that nobody but its owner may read; those that SQLite makes beside it take its mode."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreUnavailableError(f"The store's database cannot be opened: {error.strerror}.") from None


def _set_up_sqlite(connection: Any, _: Any) -> None:
    # The driver would begin transactions by itself, and later than this wants.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # what was acknowledged outlives a power failure
        "secure_delete=ON",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # At once for writing: a transaction that read first could not become one that writes while others do.
    if not connection.get_execution_options().get("reading", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextlib.contextmanager
def _outside() -> Iterator[None]:
    """Turn what the driver raises into one sentence, which has no values of a statement in it."""
    try:
        yield
    except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError, sqlalchemy.exc.DataError) as error:
        # A defect here. Drivers put values of the row into such messages, so only the kind of it is told.
        raise RetentionError(f"The store's database refused a statement: {type(error.orig).__name__}.") from None
    except (sqlalchemy.exc.DBAPIError, sqlalchemy.exc.TimeoutError) as error:
        raise StoreUnavailableError(f"The store's database cannot be used: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return str(original).strip().split("\n", 1)[0].rstrip(".")
