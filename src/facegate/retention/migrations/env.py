"""Alembic runs this; `migrate.upgrade` gives it the connection, within a transaction."""

from alembic import context

from facegate.retention.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot change a column: Alembic copies the table.
    render_as_batch=True,
)
context.run_migrations()
