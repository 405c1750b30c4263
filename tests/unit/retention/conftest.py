"""A store on each kind of database and place of blobs: the same tests hold for all."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from facegate import Ledger, Signer, rules
from facegate.retention import FileKeys, RetentionStore, migrate, schema
from facegate.retention.cipher import sealed_size
from facegate.retention.database import Database
from facegate.retention.kept import Kept
from tests.servers.fixtures import postgres_server, s3_bucket, s3_server
from tests.servers.postgres import PostgresServer

__all__ = ["postgres_server", "s3_bucket", "s3_server"]

DATABASES = ("sqlite", "postgresql")
PLACES = ("folder", "s3")
# Each database and each place once. `make retention` runs every pair; "local" needs no server, for a quick look.
PROFILE = os.environ.get("FACEGATE_RETENTION")
PAIRS = list(zip(DATABASES, PLACES, strict=True))
if PROFILE == "full":
    PAIRS = list(itertools.product(DATABASES, PLACES))
elif PROFILE == "local":
    PAIRS = PAIRS[:1]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
DAY = 86_400_000


@dataclass
class Clock:
    """Time that passes when a test says so; milliseconds since 1970."""

    now: int = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now

    def pass_(self, duration: timedelta) -> None:
        self.now += duration // timedelta(milliseconds=1)


@dataclass
class Opened:
    """A store that is open, and what it is made of."""

    store: RetentionStore
    ledger: Ledger
    folder: Path
    database: str
    blobs: Any
    keys: Any
    clock: Clock
    more: list[RetentionStore] = field(default_factory=list)

    def put(self, content: Any = PNG, **changes: Any) -> Kept:
        """Put a picture, or whatever else is said, a moment after the one before."""
        self.clock.now += 1
        said = {
            "person": "person-1",
            "request": "request-1",
            "kept_as": "history",
            "kind": "upload",
            "purpose": "generation",
            "media_type": "image/png",
            "who": "worker",
        }
        return self.store.put(content, **{**said, **changes})

    def again(self, **changes: Any) -> RetentionStore:
        """Another store object on the same data."""
        said: dict[str, Any] = {
            "rules": self.store.rules,
            "database": self.database,
            "blobs": self.blobs,
            "keys": self.keys,
            "ledger": self.ledger,
            "clock": self.clock,
        }
        said |= changes
        store = RetentionStore(said.pop("rules"), **said)
        self.more.append(store)
        return store

    def rows(self, table: sqlalchemy.Table) -> list[Any]:
        """All of a table."""
        with self.store._parts.database.reading() as connection:
            return list(connection.execute(sqlalchemy.select(table)).all())

    def row(self, asset: str) -> Any:
        """An asset's row."""
        return next(each for each in self.rows(schema.assets) if each.id == asset)

    def execute(self, statement: Any) -> None:
        """Change the database behind the store's back."""
        with self.store._parts.database.writing() as connection:
            connection.execute(statement)

    def blob_names(self) -> set[str]:
        """IDs of the assets whose blobs are there."""
        return {each.asset for each in self.store._parts.blobs.list()}

    def blob(self, kept: Kept) -> bytes:
        """The blob of an asset, as it lies there."""
        return b"".join(self.store._parts.blobs.get(kept.asset, sealed_size(kept.bytes)))

    def acts(self) -> list[Any]:
        """What is on the ledger."""
        from facegate.receipt.ledger import acts

        return [act for _, act in acts(self.folder / "ledger")]


@pytest.fixture(scope="session")
def tables(request: pytest.FixtureRequest) -> Iterator[str]:
    """A PostgreSQL database with the tables and nothing in them, to be copied: migrations take longer than a test."""
    server = request.getfixturevalue("postgres_server")
    with server.fresh_database() as url:
        database = Database(url)
        migrate.upgrade(database)
        database.close()
        yield url


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, tables: str) -> Iterator[str]:
    """A copy of it."""
    with postgres_server.fresh_database(tables) as url:
        yield url


@pytest.fixture(params=PAIRS, ids="+".join)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """An empty store."""
    with _open(request, tmp_path, *request.param) as found:
        yield found


@pytest.fixture
def local(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """An empty store in SQLite and a folder, for what ends before either is asked."""
    with _open(request, tmp_path, "sqlite", "folder") as found:
        yield found


@contextlib.contextmanager
def _open(request: pytest.FixtureRequest, tmp_path: Path, database: str, place: str) -> Iterator[Opened]:
    clock = Clock()
    keys = FileKeys.create(tmp_path / "master-keys")
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgres_url")
    blobs: Any = tmp_path / "blobs"
    if place == "s3":
        from obstore.store import S3Store

        server, bucket = request.getfixturevalue("s3_server"), request.getfixturevalue("s3_bucket")
        retry = {"max_retries": 0, "retry_timeout": timedelta(seconds=5)}
        blobs = S3Store(bucket, **server.options(), retry_config=retry)
    with Ledger(tmp_path / "ledger", Signer.generate()) as ledger:
        store = RetentionStore(rules.shipped(), database=url, blobs=blobs, keys=keys, ledger=ledger, clock=clock)
        found = Opened(store, ledger, tmp_path, url, blobs, keys, clock)
        yield found
        for each in (store, *found.more):
            each.close()
