"""No statement of a store looks at all assets, whoever they are of: each is planned by the database as it is sent.

Planned with the parameters that were sent and, on PostgreSQL, without looking at them, as it plans what is sent often.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from benchmarks.retention_rows import fill, fill_due, put
from facegate import Ledger, Signer, rules
from facegate.retention import FileKeys, RetentionStore, schema
from tests.servers.fixtures import postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

ROWS = 20_000
NOW = 1_900_000_000_000
# Tables that grow with what is kept, or with what was.
LARGE = "assets|asset_keys|people|person_keys|demands|holds|held"
Sent = tuple[str, Any]


class Clock:
    """Stands still until it is moved."""

    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RetentionStore]:
    """Full of other people's assets; its clock is an attribute of it."""
    folder: Path = tmp_path_factory.mktemp("plans")
    if request.param == "sqlite":
        yield from _opened(f"sqlite:///{folder}/store.sqlite", folder)
        return
    server = request.getfixturevalue("postgres_server")
    with server.fresh_database() as url:
        yield from _opened(url, folder)


def _opened(url: str, folder: Path) -> Iterator[RetentionStore]:
    keys = FileKeys.create(folder / "keys")
    clock = Clock()
    with Ledger(folder / "ledger", Signer.generate()) as ledger:
        made = RetentionStore(
            rules.shipped(), database=url, blobs=folder / "blobs", keys=keys, ledger=ledger, clock=clock
        )
        with made:
            fill(made, ROWS, NOW, holds=300)
            yield made


def sweep(store: RetentionStore) -> None:
    """Of what is due, of a put and a deletion that were not finished, and with a wish that waits."""
    fill_due(store, 3, NOW, people=100)
    store.rights.receive("delete", "person7")
    put(store, "sweeper", "rs")
    with store._parts.database.writing() as connection:
        for state, number in (("writing", 11), ("deleting", 12)):
            mine = schema.assets.c.request == f"request{number}"
            connection.execute(update(schema.assets).where(mine).values(state=state, lease=1))
    store.sweep(who="cron")


ACTS: dict[str, Callable[[RetentionStore], Any]] = {
    "put, kept, get, delete": lambda store: (
        put(store, "ann", "ra"),
        [store.get(each.asset, purpose="generation", who="worker").read() for each in store.kept(person="ann")],
        [store.delete(each.asset, who="worker", why="asked") for each in store.kept(request="ra")],
    ),
    "delete a person": lambda store: store.delete_person("person3", who="worker", why="too-young"),
    "delete a request": lambda store: store.delete_request("request77", who="worker", why="asked"),
    "hold and release": lambda store: [
        store.release(store.hold(target, value, who="legal", why="case").hold, who="legal", why="over")
        for target, value in (("person", "person5"), ("request", "request90"))
    ],
    "holds and wishes": lambda store: (store.holds(), store.rights.waiting()),
    "rights": lambda store: (
        store.rights.access("person9", who="service"),
        store.rights.restrict("person9", who="service"),
        store.rights.unrestrict("person9", who="service"),
        store.rights.delete("person9", who="service"),
    ),
    "sweep": sweep,
}


@pytest.mark.parametrize("act", ACTS)
def test_every_statement_finds_its_rows_by_an_index(store: RetentionStore, act: str) -> None:
    sent: list[Sent] = []
    engine = store._parts.database.engine

    def note(_c: Any, _u: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        ACTS[act](store)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    listed = act in {"holds and wishes", "sweep"}
    looked = [each for each in sent if _concerned(each[0])]
    assert looked
    bad = [
        (plan, statement)
        for statement, parameters in looked
        for plan in _scans(store, statement, parameters, listed=listed)
    ]
    assert not bad, "\n\n".join(f"{plan}\n{statement}" for plan, statement in bad)


def test_a_statement_that_has_no_index_is_told(store: RetentionStore) -> None:
    statement = "SELECT id FROM assets WHERE label = "
    if store._parts.database.is_sqlite:
        assert _scans(store, statement + "?", ("x",))
    else:
        assert len(_scans(store, statement + "%(label)s", {"label": "x"})) == 2


def _concerned(statement: str) -> bool:
    known = statement.startswith(("SELECT", "UPDATE", "DELETE"))
    return known and re.search(rf"\b({LARGE})\b", statement) is not None


def _scans(store: RetentionStore, statement: str, parameters: Any, *, listed: bool = False) -> list[str]:
    """Parts of the database's plans that look at all of a large table."""
    with store._parts.database.engine.connect() as connection:
        if store._parts.database.is_sqlite:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            plans = [row[3] for row in rows]
            # What goes through an index goes through all of it; these two have only what is open, and all of that is
            # what is listed.
            scans = [plan for plan in plans if re.match(rf"SCAN ({LARGE})\b", plan)]
            return [plan for plan in scans if not (listed and plan.endswith(("hold_active", "demand_open")))]
        plans = _plans(connection.connection.cursor(), statement, parameters)
        connection.rollback()
    return [plan.strip() for plan in plans if re.search(rf"Seq Scan on ({LARGE})\b", plan)]


def _plans(cursor: Any, statement: str, parameters: Any) -> list[str]:
    """As PostgreSQL plans with the values, and without."""
    names: list[str] = []

    def numbered(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    prepared = re.sub(r"%\((\w+)\)s", numbered, statement)
    from psycopg import sql

    values = sql.SQL(", ").join(sql.Literal(parameters[name]) for name in names)
    plans = []
    for mode in ("force_custom_plan", "force_generic_plan"):
        cursor.execute(f"SET plan_cache_mode = {mode}")
        cursor.execute(sql.SQL("PREPARE as_sent AS ") + sql.SQL(prepared))
        execute = sql.SQL("EXPLAIN EXECUTE as_sent") + (sql.SQL("({})").format(values) if names else sql.SQL(""))
        cursor.execute(execute)
        plans += [row[0] for row in cursor.fetchall()]
        cursor.execute("DEALLOCATE as_sent")
    return plans
