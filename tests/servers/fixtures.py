"""Fixtures for a ``conftest.py`` to import: one server of a kind for each worker of pytest-xdist, once asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import postgres, s3
from tests.servers.postgres import PostgresServer
from tests.servers.s3 import S3Server


def _needs(missing: str | None) -> None:
    if missing is not None:
        pytest.skip(f"needs {missing}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """PostgreSQL, durable. A test that stops it starts it again."""
    _needs(postgres.missing())
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty database of this test alone, for SQLAlchemy."""
    with postgres_server.fresh_database() as url:
        yield url


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """Swift with its S3 interface. A test that stops it starts it again."""
    _needs(s3.missing())
    with S3Server() as server:
        yield server


@pytest.fixture
def s3_bucket(s3_server: S3Server) -> str:
    """The name of a bucket of this test alone, empty."""
    return s3_server.fresh_bucket()
