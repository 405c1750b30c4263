"""The product, broken on purpose in the process that is killed: the matrix must tell each of these."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import delete, select, update

from facegate.retention import database, deleting, holding, people, putting, schema
from facegate.retention.kept import Kept


def _kept_before_it_is_written() -> None:
    announce = putting._announce

    def early(parts: Any, asset: str, *rest: Any) -> None:
        announce(parts, asset, *rest)
        with parts.database.writing() as connection:
            connection.execute(update(schema.assets).where(schema.assets.c.id == asset).values(state=schema.KEPT))

    def late(parts: Any, asset: str, size: int) -> Kept:
        with parts.database.writing() as connection:
            chosen = schema.assets.c.id == asset
            connection.execute(update(schema.assets).where(chosen).values(bytes=size, lease=None))
            return Kept.of(connection.execute(select(schema.assets).where(chosen)).one())

    putting._announce = early
    putting._keep = late


def _key_after_the_blob() -> None:
    """The claim leaves the keys, and the burial takes them."""
    bury = deleting.bury

    class _NoKeys:
        """Stands for the table of keys in the claim: nothing is deleted from it."""

    def claim(parts: Any, connection: Any, *arguments: Any, **named: Any) -> Any:
        keys = connection.execute(select(schema.asset_keys)).all()
        claimed = whole(parts, connection, *arguments, **named)
        for key in keys:
            if key.asset in claimed.assets:
                connection.execute(schema.asset_keys.insert().values(asset=key.asset, wrapped=key.wrapped))
        return claimed

    def late(parts: Any, *arguments: Any) -> None:
        with parts.database.writing() as connection:
            deleting_now = select(schema.assets.c.id).where(schema.assets.c.state == schema.DELETING)
            connection.execute(delete(schema.asset_keys).where(schema.asset_keys.c.asset.in_(deleting_now)))
        bury(parts, *arguments)

    whole = deleting.claim
    deleting.claim = claim
    deleting.bury = late


def _no_transactions() -> None:
    """Every statement is committed by itself."""

    @contextlib.contextmanager
    def writing(self: Any) -> Iterator[Any]:
        with self.engine.connect() as connection:
            yield _Hasty(connection)

    class _Hasty:
        def __init__(self, connection: Any) -> None:
            self._connection = connection
            self.dialect = connection.dialect

        def execute(self, *arguments: Any) -> Any:
            result = self._connection.execute(*arguments)
            rows = result.freeze() if result.returns_rows else None
            self._connection.commit()
            return result if rows is None else rows()

    database.Database.writing = writing


def _acknowledged_without_commit() -> None:
    """What is said to be held is rolled back."""
    whole = holding.hold

    def hold(parts: Any, *arguments: Any, **named: Any) -> Any:
        class _Rollback(Exception):  # noqa: N818
            pass

        engine = parts.database

        class Undone:
            is_sqlite = engine.is_sqlite

            @contextlib.contextmanager
            def writing(self) -> Iterator[Any]:
                with contextlib.suppress(_Rollback), engine.writing() as connection:
                    yield connection
                    raise _Rollback

        import dataclasses

        return whole(dataclasses.replace(parts, database=Undone()), *arguments, **named)

    holding.hold = hold


def _person_never_forgotten() -> None:
    people.forget = lambda *_, **__: None


BREAKS: dict[str, Callable[[], None]] = {
    "kept before it is written": _kept_before_it_is_written,
    "the key after the blob": _key_after_the_blob,
    "no transactions": _no_transactions,
    "acknowledged without commit": _acknowledged_without_commit,
    "nobody is forgotten": _person_never_forgotten,
}
