"""The PostgreSQL server that tests use: it is a real one, it survives a kill, and it leaves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.conftest import descendants
from tests.servers.postgres import PostgresServer


def engine_of(url: str) -> Engine:
    """Without a pool: connections that a stop broke are not kept."""
    return create_engine(url, poolclass=NullPool)


def count(url: str) -> int:
    with engine_of(url).connect() as connection:
        return connection.execute(text("SELECT count(*) FROM kept")).scalar_one()


def keep(url: str, words: str) -> None:
    with engine_of(url).begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS kept (words text)"))
        connection.execute(text("INSERT INTO kept VALUES (:words)"), {"words": words})


def files_with(folder: Path, words: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and words in path.read_bytes()]


def test_every_database_is_empty_and_goes_at_the_end(postgres_server: PostgresServer) -> None:
    with postgres_server.fresh_database() as first:
        keep(first, "one")
        with postgres_server.fresh_database() as second, pytest.raises(Exception, match="does not exist"):
            count(second)
    with pytest.raises(OperationalError, match="does not exist"):
        count(first)


@pytest.mark.parametrize("hard", [False, True], ids=["in good order", "by a kill"])
def test_what_was_committed_is_there_after_a_stop(
    postgres_server: PostgresServer, postgres_url: str, hard: bool
) -> None:
    keep(postgres_url, "one")
    postgres_server.stop(hard=hard)
    try:
        with pytest.raises(OperationalError):
            count(postgres_url)
    finally:
        postgres_server.start()
    assert count(postgres_url) == 1


def test_a_kill_ends_connections_that_are_open(postgres_server: PostgresServer, postgres_url: str) -> None:
    with engine_of(postgres_url).connect() as connection:
        connection.execute(text("SELECT 1"))
        postgres_server.stop(hard=True)
        try:
            with pytest.raises(OperationalError):
                connection.execute(text("SELECT 1"))
        finally:
            postgres_server.start()


def test_what_is_stored_is_found_in_its_pages_and_its_log(postgres_server: PostgresServer, postgres_url: str) -> None:
    words = "words that only this test has"
    keep(postgres_url, words)
    postgres_server.checkpoint()
    found = files_with(postgres_server.data, words.encode())
    assert {path.relative_to(postgres_server.data).parts[0] for path in found} == {"base", "pg_wal"}


def test_a_commit_waits_for_the_disk_unless_told_otherwise(postgres_url: str) -> None:
    with engine_of(postgres_url).connect() as connection:
        assert connection.execute(text("SHOW fsync")).scalar_one() == "on"
        assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
    with PostgresServer(durable=False) as forgetful, engine_of(forgetful.url).connect() as connection:
        assert connection.execute(text("SHOW fsync")).scalar_one() == "off"


def test_it_listens_on_no_tcp_port_and_is_no_child_of_the_test(postgres_server: PostgresServer) -> None:
    with engine_of(postgres_server.url).connect() as connection:
        assert connection.execute(text("SHOW listen_addresses")).scalar_one() == ""
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        assert Path(f"/proc/{backend}").exists()
        assert backend not in descendants()
    assert (postgres_server.folder.stat().st_mode & 0o777) == 0o700


def test_the_end_takes_everything_even_after_a_kill() -> None:
    def segments() -> set[int]:
        return {int(line.split()[1]) for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}

    with PostgresServer(durable=False) as server:
        mine = int((server.data / "postmaster.pid").read_text().splitlines()[6].split()[1])
        assert mine in segments()
        server.stop(hard=True)
    assert not server.folder.exists()
    assert mine not in segments()
