"""The right to know: all that is held on a person, without its content."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from facegate import verify_act
from facegate.retention import listing, schema
from tests.unit.retention.conftest import PNG, Opened


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def test_all_of_it_is_told(opened: Opened) -> None:
    rights = opened.store.rights
    mine = [
        opened.put(label="holiday"),
        opened.put({"status": "done"}, kept_as="operation", kind="log", purpose="safety", media_type=None),
        opened.put(kept_as="safety", purpose="safety"),
    ]
    opened.put(person="person-2")
    rights.setting("person-1", "draft", timedelta(hours=3), who="support")
    rights.object("person-1", "improvement", who="support")
    rights.restrict("person-1", who="support")
    for target, value in (("asset", mine[0].asset), ("request", "request-1"), ("person", "person-1")):
        opened.store.hold(target, value, who="legal", why="case-7")
    opened.store.hold("person", "person-2", who="legal", why="case-8")
    waits = rights.receive("delete", "person-1")
    found = rights.access("person-1", who="support")
    assert [each.asset for each in found] == [each.asset for each in mine]
    assert [each.asset for each in found] == [each.asset for each in mine]  # once more
    assert (found.count, found.bytes, found.holds) == (3, 2 * len(PNG) + len(b'{"status":"done"}'), 3)
    assert found.settings == {"draft": timedelta(hours=3)}
    assert found.objections == {"improvement": at(opened.clock.now)}
    assert found.restricted == at(opened.clock.now)
    assert found.since == at(mine[0].created.timestamp() * 1000)
    assert found.wishes == (waits,)
    assert found.classes == opened.store.rules.retention
    act = verify_act(found.receipt)
    assert (act.act, act.count, act.bytes, act.demand) == ("accessed", 3, found.bytes, found.demand)
    # Why there is a hold is not told, nor anything of others.
    told = json.dumps(found.as_dict())
    assert "case-7" not in told
    assert found.as_dict()["kept"][0]["label"] == "holiday"
    assert found.as_dict()["classes"]["safety"]["person-decides"] is False
    assert found.as_dict()["settings"] == {"draft": "3 hours"}
    assert found.as_dict()["wishes"] == [waits.as_dict()]
    assert "holiday" not in repr(found)


def test_of_somebody_unknown_nothing(local: Opened) -> None:
    found = local.store.rights.access("nobody", who="support")
    assert list(found) == []
    assert (found.count, found.bytes, found.holds) == (0, 0, 0)
    assert (found.settings, found.objections, found.wishes) == ({}, {}, ())
    assert (found.since, found.restricted) == (None, None)
    assert found.as_dict()["kept"] == []
    assert local.rows(schema.people) == []
    assert verify_act(found.receipt).count == 0


def test_what_is_not_kept_any_more_is_not_told(local: Opened) -> None:
    gone, left = local.put(), local.put()
    hold = local.store.hold("request", "request-1", who="legal", why="case-7")
    local.store.release(hold.hold, who="legal", why="case-closed")
    local.store.delete(gone.asset, who="support", why="asked")
    found = local.store.rights.access("person-1", who="support")
    assert ([each.asset for each in found], found.count, found.holds) == ([left.asset], 1, 0)


def test_pages_come_as_they_are_asked_for(local: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_PAGE", 4)
    mine = [local.put().asset for _ in range(10)]
    found = local.store.rights.access("person-1", who="support")
    pages = iter(found)
    assert [next(pages).asset for _ in range(4)] == mine[:4]
    # The next was not read yet.
    local.store.delete(mine[5], who="support", why="asked")
    assert [each.asset for each in pages] == [mine[4], *mine[6:]]
    assert found.count == 10
