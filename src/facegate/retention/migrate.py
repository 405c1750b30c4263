"""The database's schema: made, upgraded, and compared with what this version of facegate wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, inspect, select

from facegate.errors import RetentionError
from facegate.retention.database import Database

if TYPE_CHECKING:
    from alembic.config import Config


# Any number that no other program that uses the database is likely to lock.
_LOCK: Final = int.from_bytes(b"facegate")


def upgrade(database: Database) -> None:
    """Make the tables, or bring them to this version; nothing happens if they are.

    Raises:
        StoreUnavailableError: the database cannot be used.
    """
    from alembic import command  # noqa: PLC0415

    with database.writing() as connection:
        if not database.is_sqlite:
            # Several processes may open an empty database at once, and each would make the tables.
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check(database: Database) -> None:
    """Raise unless the tables are of this version.

    Raises:
        RetentionError: they are not there, or of another version.
    """
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    found = version(database)
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise RetentionError("The database has no store in it: `facegate retention init` makes one.")
    if found != wanted:
        raise RetentionError(
            f"The database's tables are of version {found}, not {wanted}: `facegate retention init` upgrades older."
        )


def version(database: Database) -> str | None:
    """Of the tables; None where they are no store's."""
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def is_empty(database: Database) -> bool:
    """Whether there is no table at all."""
    with database.reading() as connection:
        return not inspect(connection).get_table_names()


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "facegate.retention:migrations")
    config.set_main_option("path_separator", "os")
    return config
