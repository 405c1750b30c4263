"""Tables of a store, filled with as many rows as one wants, by the database itself: seconds for a million."""

from __future__ import annotations

import os
from typing import Final

from sqlalchemy import Connection, insert, text

from facegate.retention import Kept, RetentionStore, schema

PEOPLES_ASSETS: Final = 10
DAY: Final = 86_400_000
# A table of numbers from 1, and 32 hex digits, as each database makes them.
_NUMBERS: Final = {
    "sqlite": (
        "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :rows) "
        "SELECT {columns} FROM series"
    ),
    "postgresql": "SELECT {columns} FROM generate_series(1, CAST(:rows AS bigint)) AS series(n)",
}
_ID: Final = {
    "sqlite": "printf('%012x%020x', {at} + {n}, {n})",
    "postgresql": "lpad(to_hex(CAST({at} AS bigint) + {n}), 12, '0') || lpad(to_hex({n}), 20, '0')",
}
_KEY: Final = {"sqlite": "randomblob(60)", "postgresql": "decode(repeat(md5(n::text), 4), 'hex')"}
_AS_TEXT: Final = {"sqlite": "CAST({} AS TEXT)", "postgresql": "CAST({} AS text)"}
PNG: Final = b"\x89PNG\r\n\x1a\n" + bytes(100)


def fill(store: RetentionStore, rows: int, now: int, *, holds: int = 0) -> None:
    """Add assets that are not due for long, their keys, their people, and wishes and holds of long ago; no blobs.

    Their keys are wrapped by nobody, so the store cannot be opened again.

    Args:
        store: open, and of new tables.
        rows: assets, ten of each person.
        now: the store's time, milliseconds since 1970.
        holds: that are in force, of ten assets each.
    """
    database = store._parts.database
    with database.writing() as connection:
        dialect = connection.dialect.name
        number = _AS_TEXT[dialect].format("n")
        person = f"'person' || {_AS_TEXT[dialect].format(f'(n - 1) / {PEOPLES_ASSETS}')}"
        identity = _ID[dialect].format(at=now - 10 * DAY, n="n")
        names = f"'person' || {_AS_TEXT[dialect].format('n - 1')}, {now}"
        _insert(connection, "people (person, created)", names, rows // PEOPLES_ASSETS)
        wrapped = f"'person' || {_AS_TEXT[dialect].format('n - 1')}, '{store._parts.keys.current}', {_KEY[dialect]}"
        _insert(connection, "person_keys (person, master, wrapped)", wrapped, rows // PEOPLES_ASSETS)
        assets = (
            f"{identity}, 'kept', 'history', 'upload', 1000, {now - 10 * DAY}, {now + DAY} + n % {100 * DAY}, "
            f"CASE WHEN n <= {10 * holds} THEN 1 ELSE 0 END, {person}, 'request' || {number}, 'generation', 'image/png'"
        )
        columns = "id, state, class, kind, bytes, created, due, holds, person, request, purpose, media_type"
        _insert(connection, f"assets ({columns})", assets, rows)
        _insert(connection, "asset_keys (asset, wrapped)", f"{identity}, {_KEY[dialect]}", rows)
        wishes = f"{_ID[dialect].format(at=1, n='n')}, 'access', NULL, {now}, {now}, {now}"
        _insert(connection, "demands (id, act, person, received, due, done)", wishes, rows // 10)
        released = f"{_ID[dialect].format(at=2, n='n')}, 'request', '', 'case', 'legal', {now}, {now}"
        _insert(connection, "holds (id, target, value, why, placed_by, placed, released)", released, rows // 10)
        if holds:
            in_force = (
                f"{_ID[dialect].format(at=3, n='n')}, 'request', 'case' || {number}, 'case', 'legal', {now}, NULL"
            )
            _insert(connection, "holds (id, target, value, why, placed_by, placed, released)", in_force, holds)
            of = _ID[dialect].format(at=3, n="((n - 1) / 10 + 1)")
            _insert(connection, "held (hold, asset)", f"{of}, {identity}", 10 * holds)
    analyze(store)


def fill_due(store: RetentionStore, rows: int, now: int, *, people: int) -> None:
    """Add assets that are due, with blobs, of so many people, who have others, too."""
    blobs = store._parts.blobs
    assert blobs.folder is not None
    ids = [f"{now:012x}{os.urandom(10).hex()}" for _ in range(rows)]
    row = {"state": "kept", "kept_as": "draft", "kind": "upload", "bytes": 1000, "created": now - 1, "due": now - 1}
    row |= {"request": None, "purpose": "generation", "media_type": "image/png"}
    for each in ids:
        path = blobs.folder / blobs._name(each)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1020))
    whose = [f"person{number % people}" for number in range(rows)]
    with store._parts.database.writing() as connection:
        connection.execute(
            insert(schema.assets), [row | {"id": i, "person": p} for i, p in zip(ids, whose, strict=True)]
        )
        connection.execute(insert(schema.asset_keys), [{"asset": each, "wrapped": os.urandom(60)} for each in ids])


def put(store: RetentionStore, person: str, request: str) -> Kept:
    """A small upload."""
    return store.put(
        PNG,
        person=person,
        request=request,
        kept_as="history",
        kind="upload",
        purpose="generation",
        who="worker",
        media_type="image/png",
    )


def analyze(store: RetentionStore) -> None:
    """Have the database know what is in its tables, as its own daemon would in time."""
    database = store._parts.database
    with database.reading() as connection:
        connection.exec_driver_sql("ANALYZE" if database.is_sqlite else "VACUUM (ANALYZE)")


def _insert(connection: Connection, into: str, columns: str, rows: int) -> None:
    select = _NUMBERS[connection.dialect.name].format(columns=columns)
    connection.execute(text(f"INSERT INTO {into} {select}"), {"rows": rows})
