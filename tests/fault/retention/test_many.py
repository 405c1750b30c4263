"""Eight writers and eight sweepers on one store: nothing is deleted twice, too early, never, or while it is held.

Short by default; ``FACEGATE_RETENTION=full`` (``make retention``) is 100,000 assets, ``FACEGATE_RETENTION_ASSETS``
another number, ``FACEGATE_RETENTION_SEED`` another run.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from facegate.receipt.ledger import acts
from facegate.retention import schema
from tests.fault.retention.agreement import consistent, rows_of
from tests.fault.retention.forker import Forker
from tests.fault.retention.kinds import PostgresqlAndFolder, SqliteAndFolder
from tests.fault.retention.place import Opened, Place
from tests.fault.retention.plan import DAY, LEASE, Did, Plan
from tests.fault.retention.scenes import content
from tests.servers import postgres
from tests.servers.postgres import PostgresServer

FULL = os.environ.get("FACEGATE_RETENTION") == "full"
SEED = int(os.environ.get("FACEGATE_RETENTION_SEED", "1"))
ASSETS = int(os.environ.get("FACEGATE_RETENTION_ASSETS", "100000" if FULL else "240"))
# Seconds of a day of the store, after which most of what is put is due.
DAY_SECONDS = 20.0 if FULL else 0.5


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "SQLite":
        yield SqliteAndFolder(tmp_path).fresh()
        return
    if missing := postgres.missing():
        pytest.skip(f"needs {missing}")
    with PostgresServer() as server, closing(PostgresqlAndFolder(tmp_path, server)) as kind:
        yield kind.fresh()


@pytest.mark.timeout(7200 if FULL else 120)
def test_many_writers_and_sweepers_delete_everything_once_and_in_its_time(place: Place) -> None:
    plan = Plan(assets=ASSETS, day=DAY_SECONDS, seed=SEED)
    begun = time.monotonic()
    with Forker() as forker:
        did = forker.many(place, plan)
    took = time.monotonic() - begun
    errors = [error for each in did for error in each.errors]
    assert not errors, "\n".join([f"seed {SEED}", *errors[:3]])
    put = {asset: name for each in did for asset, name in each.put.items()}
    refused = sum(each.refused for each in did)
    assert len(put) + refused == ASSETS // plan.writers * plan.writers
    done = plan.now()
    with Opened(place, done, ledger="ledger-judge", lease=LEASE) as store:
        rows = rows_of(store)
        assert put.keys() <= rows.keys(), "what was acknowledged has no row"
        assert len(rows) <= len(put) + refused
        assert {row.state for row in rows.values()} <= {schema.KEPT, schema.DELETED}
        _assert_each_in_its_time(rows, did)
        _assert_the_rest_is_readable(store, rows, put, done)
        assert consistent(store, place) == []
    with Opened(place, done + 2 * DAY, ledger="ledger-judge", lease=LEASE) as store:
        last = store.sweep(who="cron")
        rows = rows_of(store)
        assert not [row for row in rows.values() if row.state == schema.KEPT and row.due <= done + 2 * DAY]
        assert consistent(store, place) == []
    # Those of which nobody was told that they are kept are undone, not deleted.
    tombstones = sum(row.state == schema.DELETED and row.why != "unfinished" for row in rows.values())
    assert sum(each.taken_over for each in did) == 0
    assert sum(each.swept + each.deleted for each in did) + last.count == tombstones
    assert _deletions_on(place) == tombstones
    writing = max(each.seconds for each in did if each.put)
    meanwhile = tombstones - last.count
    print(
        f"\nseed {SEED}, {place.database.partition(':')[0]}, {plan.writers} writers and {plan.sweepers} sweepers",
        f"{len(put)} puts in {writing:.1f} s, {len(put) / writing:.0f}/s; {refused} refused",
        f"{meanwhile} deletions in {took:.1f} s, {meanwhile / took:.0f}/s; {last.count} in the end",
        f"{sum(len(each.held) for each in did)} assets held, {sum(each.read for each in did)} read",
        f"tombstones: {dict(Counter(row.why for row in rows.values() if row.why))}",
        sep="\n  ",
    )
    assert meanwhile > ASSETS // 10, "too little was swept meanwhile to say anything"


def _assert_each_in_its_time(rows: dict[str, Any], did: list[Did]) -> None:
    held = {asset: times for each in did for asset, times in each.held.items()}
    for row in rows.values():
        if row.state != schema.DELETED:
            continue
        if row.why == "expired":
            assert row.deleted >= row.due, "something was deleted before it was due"
        for _, released in held.get(row.id, ()):
            assert released, "a hold was never released"
            assert row.deleted >= released, "something was deleted while a hold kept it"


def _assert_the_rest_is_readable(store: Any, rows: dict[str, Any], put: dict[str, str], now: int) -> None:
    for asset, name in put.items():
        row = rows[asset]
        if row.state == schema.KEPT and row.due > now:
            assert store.get(asset, purpose="generation", who="judge").read() == content(name, 600)
        else:
            assert row.state == schema.DELETED or row.due <= now


def _deletions_on(place: Place) -> int:
    """As all ledgers together count them."""
    count = 0
    for path in place.path.glob("ledger-*"):
        count += sum(act.count for _, act in acts(path) if act.act in {"deleted", "swept"})
    return count
