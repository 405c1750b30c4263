"""The migrations make the tables that the code wants, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from facegate.errors import RetentionError
from facegate.retention import migrate, schema
from facegate.retention.database import Database
from tests.unit.retention.conftest import Opened


def test_they_make_what_the_code_wants(opened: Opened) -> None:
    with opened.store._parts.database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    # All checks and indexes, which the comparison looks at in part only.
    database = opened.store._parts.database
    with database.reading() as connection:
        inspector = inspect(connection)
        names = {index["name"] for table in schema.metadata.tables for index in inspector.get_indexes(table)}
    assert {index.name for table in schema.metadata.tables.values() for index in table.indexes} <= names


def test_twice_is_once(opened: Opened) -> None:
    kept = opened.put()
    migrate.upgrade(opened.store._parts.database)
    assert list(opened.again().kept(person="person-1")) == [kept]


def test_tables_of_another_version_are_refused(opened: Opened) -> None:
    opened.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RetentionError, match="are of version 9999, not"):
        opened.again()


def test_another_database_is_refused(opened: Opened) -> None:
    """Tables of something else, and none of ours: nothing is made in between them."""
    database = opened.store._parts.database
    opened.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(RetentionError, match="has no store in it"):
        opened.again()
    assert not migrate.is_empty(database)


def test_two_that_begin_at_once_make_one_store(opened: Opened) -> None:
    assert opened.again().id == opened.again().id == opened.store.id
    assert len(opened.rows(schema.stores)) == 1


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "none that SQLAlchemy reads"),
        ("mysql://x/y", "must be SQLite or PostgreSQL"),
        ("sqlite://", "A store in memory would lose all"),
        ("sqlite:///:memory:", "A store in memory would lose all"),
    ],
)
def test_urls_that_cannot_be(url: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(RetentionError, match=sentence):
        Database(url)
    assert list(tmp_path.iterdir()) == []
