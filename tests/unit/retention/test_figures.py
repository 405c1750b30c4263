"""Figures: counted by the database, and the same that one counts by hand."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import event, insert

from facegate import rules
from facegate.retention import counting, schema
from tests.unit.retention.conftest import DAY, PNG, Opened
from tests.unit.retention.lived import live, personal


def of(figures: Any, kept_as: str) -> Any:
    return next(each for each in figures.classes if each.kept_as == kept_as)


def counted(buckets: Any) -> dict[str, int]:
    return {name: number for name, number in buckets.items() if number}


def test_figures_are_those_that_one_counts_by_hand(opened: Opened) -> None:
    live(opened)
    found, size = opened.store.figures(), len(PNG)
    assert (found.store, found.policy, found.version) == (opened.store.id, "default", 1)
    assert found.digest == rules.shipped().digest()
    assert (found.count, found.bytes, found.overdue) == (5, 6 * size, 2)
    history, draft, safety = (of(found, name) for name in ("history", "draft", "safety"))
    assert (history.count, history.held, history.overdue, history.next_due) == (1, 1, 0, None)
    assert history.oldest // timedelta(days=1) == 31
    assert counted(history.by_life) == {"first quarter": 1}
    assert counted(history.by_age) == {"under 90 days": 1}
    assert (draft.count, draft.bytes, draft.held) == (3, 3 * size, 0)
    assert (draft.overdue, draft.overdue_bytes, draft.overdue_since // timedelta(hours=1)) == (2, 2 * size, 1)
    assert draft.median // timedelta(hours=1) == 25
    assert counted(draft.by_life) == {"first quarter": 1, "longer": 2}
    assert draft.next_due.timestamp() * 1000 == opened.clock.now + DAY
    assert (safety.bytes, counted(safety.by_age)) == (2 * size, {"under 1 week": 1})
    assert of(found, "operation").count == 0
    holds = found.holds
    assert (holds.count, dict(holds.by_target)) == (2, {"asset": 1, "request": 0, "person": 1})
    assert (holds.assets, holds.bytes, holds.oldest // timedelta(days=1)) == (1, size, 11)
    gone = [(each.why, each.count, (found.generated.date() - each.day).days) for each in found.deletions]
    assert gone == [("wish", 1, 11), ("expired", 1, 1)]
    assert found.deletions[0].bytes == size
    waiting = [(each.wish, each.count, each.overdue, counted(each.by_days_left)) for each in found.wishes]
    assert waiting == [("access", 1, 1, {"overdue": 1}), ("export", 1, 0, {"30 days or more": 1})]
    assert (found.people, found.restricted) == (3, 1)
    assert dict(found.master_keys) == {opened.keys.current: 3}


def test_figures_of_any_store_are_those_of_its_rows(opened: Opened) -> None:
    """The edges of each bucket among them."""
    number = random.Random(int(os.environ.get("FACEGATE_SEED", "7")))
    now, rows = opened.clock.now, []
    edges = [bound for bound in counting.AGES.values() if bound]
    for kept_as, keeping in opened.store.rules.retention.items():
        length = keeping.duration // timedelta(milliseconds=1)
        quarters = [quarter * length // 4 for quarter in range(5)]
        ages = [edge + step for edge in (*edges, *quarters) for step in (-1, 0, 1) if edge + step >= 0]
        ages += [number.randrange(400 * DAY) for _ in range(20)]
        rows += [
            {
                "id": f"{number.getrandbits(128):032x}",
                "state": number.choice([schema.KEPT] * 8 + [schema.WRITING]),
                "kept_as": kept_as,
                "kind": "output",
                "bytes": number.randrange(1 << 40),
                "created": now - age,
                "due": now - age + length,
                "holds": number.choice([0, 0, 0, 1, 2]),
                "lease": None,
            }
            for age in ages
        ]
    opened.execute(insert(schema.assets).values(rows))
    found = opened.store.figures()
    for each in found.classes:
        mine = [row for row in rows if row["state"] == schema.KEPT and row["kept_as"] == each.kept_as]
        ages = sorted(now - row["created"] for row in mine)
        length = opened.store.rules.retention[each.kept_as].duration // timedelta(milliseconds=1)
        late = [row for row in mine if row["due"] <= now and not row["holds"]]
        assert (each.count, each.bytes) == (len(mine), sum(row["bytes"] for row in mine))
        assert each.held == sum(1 for row in mine if row["holds"])
        assert each.oldest == timedelta(milliseconds=ages[-1])
        assert each.median == timedelta(milliseconds=ages[len(ages) // 2])
        assert (each.overdue, each.overdue_bytes) == (len(late), sum(row["bytes"] for row in late))
        assert sum(each.by_life.values()) == sum(each.by_age.values()) == each.count
        assert each.by_age == _buckets(ages, counting.AGES)
        quarters = {name: quarter and quarter * length for name, quarter in counting.LIVES.items()}
        assert each.by_life == _buckets([4 * age for age in ages], quarters)


def _buckets(values: list[int], bounds: dict[str, int | None]) -> dict[str, int]:
    found = Counter(next(name for name, bound in bounds.items() if bound is None or value < bound) for value in values)
    return {name: found[name] for name in bounds}


def test_an_empty_store_has_figures(opened: Opened) -> None:
    found = opened.store.figures()
    assert (found.count, found.bytes, found.overdue, found.people) == (0, 0, 0, 0)
    assert [each.kept_as for each in found.classes] == list(opened.store.rules.retention)
    assert (found.deletions, found.wishes, dict(found.master_keys)) == ((), (), {})


def test_what_is_unfinished_is_counted_by_its_lease(opened: Opened) -> None:
    live(opened)
    now = opened.clock.now
    for state, lease in (("writing", now + 1), ("writing", now), ("deleting", now - 1)):
        values = {"kept_as": "history", "kind": "log", "bytes": 0, "created": now, "due": now, "lease": lease}
        opened.execute(insert(schema.assets).values(id=os.urandom(16).hex(), state=state, **values))
    assert opened.store.figures().unfinished.as_dict() == {
        "writing": {"count": 2, "pastLease": 1},
        "deleting": {"count": 1, "pastLease": 1},
    }


def test_a_class_that_the_policy_does_not_name_any_more_is_counted(local: Opened) -> None:
    live(local)
    with local.again(rules=rules.load("guardian")) as store:
        found = store.figures()
    assert [each.kept_as for each in found.classes] == ["draft", "history", "operation", "safety"]
    safety = found.classes[-1]
    assert (safety.duration, safety.count, counted(safety.by_life)) == (None, 1, {"first quarter": 1})
    assert found.count == 5


def test_rare_reasons_are_one(local: Opened) -> None:
    now, rows = local.clock.now, []
    for place in range(12):
        for _ in range(20 - place):
            values = {"kept_as": "history", "kind": "log", "bytes": 1, "created": now, "due": now, "deleted": now}
            rows.append({"id": os.urandom(16).hex(), "state": "deleted", "why": f"reason-{place:02}", **values})
    local.execute(insert(schema.assets).values(rows))
    reasons = local.store.figures().reasons
    assert list(reasons) == [*(f"reason-{place:02}" for place in range(7)), "other"]
    assert reasons["other"] == (13 + 12 + 11 + 10 + 9, 55)
    assert sum(count for count, _ in reasons.values()) == len(rows)


def test_only_the_last_days_are_counted_and_a_clock_that_is_ahead_makes_no_tomorrow(opened: Opened) -> None:
    now, values = opened.clock.now, {"kept_as": "history", "kind": "log", "bytes": 1, "created": 0, "due": 0}
    began = (now // DAY - counting.DAYS + 1) * DAY
    for why, deleted in (("before", began - 1), ("first", began), ("ahead", now + DAY)):
        row = {"id": os.urandom(16).hex(), "state": "deleted", "why": why, "deleted": deleted}
        opened.execute(insert(schema.assets).values(**row, **values))
    found = opened.store.figures()
    assert [(each.why, (found.generated.date() - each.day).days) for each in found.deletions] == [
        ("first", counting.DAYS - 1),
        ("ahead", 0),
    ]


def test_nothing_personal_is_in_them(opened: Opened) -> None:
    live(opened)
    found = opened.store.figures()
    for text in (json.dumps(found.as_dict()), repr(found)):
        assert opened.store.id in text
        for value in personal(opened):
            assert value not in text, value


def test_they_are_counted_without_a_look_at_tombstones_or_whole_rows(local: Opened) -> None:
    """Tombstones only ever become more; SQLite says itself how it finds what it counts."""
    live(local)
    engine, seen = local.store._parts.database.engine, []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    local.store.figures()
    event.remove(engine, "before_cursor_execute", note)
    plans = []
    with engine.connect() as connection:
        for statement, parameters in seen:
            if "FROM assets" in statement:
                found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans += [row.detail for row in found if " assets" in row.detail]
    assert len(plans) >= 5
    for plan in plans:
        assert "USING" in plan, plan
        assert "asset_kept" in plan or "asset_deleted" in plan or "asset_lease" in plan, plan


def test_a_database_that_is_away_is_one_sentence(local: Opened) -> None:
    local.execute(sqlalchemy.text("ALTER TABLE people RENAME TO nobody"))
    from facegate.errors import StoreUnavailableError

    with pytest.raises(StoreUnavailableError, match="database cannot be used"):
        local.store.figures()
