"""The sweep: what is due goes, what is not stays, and what others left half-done is finished."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from facegate.retention import putting, schema
from facegate.retention.demands import receive
from tests.unit.retention.conftest import PNG, Opened
from tests.unit.retention.test_delete import tombstone_has_nothing


def test_each_class_goes_when_its_time_is_over(opened: Opened) -> None:
    kept = {
        name: opened.put(
            {"x": 1} if "upload" not in each.kinds and "log" in each.kinds and "output" not in each.kinds else PNG,
            kept_as=name,
            kind="log" if each.kinds == ("log",) else "output",
            purpose=each.purposes[0],
            media_type=None if each.kinds == ("log",) else "image/png",
        )
        for name, each in opened.store.rules.retention.items()
    }
    left = set(kept)
    for name, each in sorted(kept.items(), key=lambda item: item[1].due):
        opened.clock.now = int(each.due.timestamp() * 1000) - 1
        opened.store.sweep(who="cron")
        assert opened.row(each.asset).state == schema.KEPT, name
        opened.clock.now += 1
        assert opened.store.sweep(who="cron").expired >= 1
        assert tombstone_has_nothing(opened, each.asset), name
        assert opened.row(each.asset).why == "expired"
        left.discard(name)
    assert not left
    assert opened.blob_names() == set()
    assert not opened.rows(schema.person_keys)
    assert not opened.rows(schema.people)


def test_nothing_due_is_nothing_done(opened: Opened) -> None:
    opened.put()
    acts = len(opened.acts())
    assert opened.store.sweep(who="cron").as_dict() == {
        "expired": 0,
        "unfinished": 0,
        "resumed": 0,
        "bytes": 0,
        "answered": 0,
    }
    assert len(opened.acts()) == acts


def test_what_people_said_outlives_what_is_kept(opened: Opened) -> None:
    """Whoever objected must not be asked anew because a draft expired; the key goes all the same."""
    for person in ("objects", "restricts", "sets", "said nothing"):
        opened.put(person=person, kept_as="draft")
    opened.execute(insert(schema.objections).values(person="objects", purpose="safety", since=1))
    opened.execute(insert(schema.settings).values(person="sets", kept_as="history", milliseconds=1000))
    people = schema.people
    opened.execute(people.update().where(people.c.person == "restricts").values(restricted=1))
    opened.clock.pass_(timedelta(days=1))
    assert opened.store.sweep(who="cron").expired == 4
    assert {each.person for each in opened.rows(people)} == {"objects", "restricts", "sets"}
    assert not opened.rows(schema.person_keys)
    again = opened.put(person="sets")
    assert again.due - again.created == timedelta(seconds=1)


def test_a_put_that_never_ended(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(putting, "_keep", _killed)
        broken.setattr(putting.deleting, "abandon", lambda *_: None)
        with pytest.raises(SystemExit):
            opened.put()
    (row,) = opened.rows(schema.assets)
    assert (row.state, opened.blob_names()) == (schema.WRITING, {row.id})
    assert opened.store.sweep(who="cron").count == 0
    assert list(opened.store.kept(person="person-1")) == []
    opened.clock.pass_(opened.store._parts.lease)
    swept = opened.store.sweep(who="cron")
    assert (swept.unfinished, swept.count) == (1, 1)
    assert opened.blob_names() == set()
    assert (opened.row(row.id).state, opened.row(row.id).why) == (schema.DELETED, "unfinished")
    assert opened.acts()[-1].act == "swept"


def test_a_slow_put_is_believed_to_be_alive(opened: Opened) -> None:
    lease = opened.store._parts.lease

    def slow() -> Any:
        for number in range(4):
            yield PNG if number == 0 else bytes(100)
            opened.clock.pass_(lease / 2)
            assert opened.again().sweep(who="cron").count == 0

    kept = opened.put(slow(), media_type="image/png")
    assert opened.store.get(kept.asset, purpose="generation", who="worker").read() == PNG + bytes(300)


def test_a_put_that_was_given_up_is_not_kept(opened: Opened) -> None:
    """Whoever sleeps longer than the lease learns that it is gone, and leaves no blob."""

    def asleep() -> Any:
        yield PNG
        opened.clock.pass_(opened.store._parts.lease * 2)
        assert opened.again().sweep(who="cron").unfinished == 1

    with pytest.raises(Exception, match="was deleted meanwhile"):
        opened.put(asleep())
    assert opened.blob_names() == set()
    assert [each.state for each in opened.rows(schema.assets)] == [schema.DELETED]


def test_a_put_while_its_person_is_deleted(opened: Opened) -> None:
    def meanwhile() -> Any:
        yield PNG
        opened.again().delete_person("person-1", who="support", why="underage")

    with pytest.raises(Exception, match="was deleted meanwhile"):
        opened.put(meanwhile())
    assert opened.blob_names() == set()
    assert not opened.rows(schema.asset_keys)


def test_a_wish_to_delete_is_settled_once_the_hold_is_released(opened: Opened) -> None:
    kept, lawful = opened.put(), opened.put(kept_as="legal", purpose="terms")
    hold = opened.store.hold("asset", kept.asset, who="legal", why="case-7")
    demand = receive(opened.store._parts, "delete", "person-1")
    from facegate.retention.erasing import delete_person

    done = delete_person(opened.store._parts, "person-1", who="support", why="wish", person_decides=True, demand=demand)
    assert (done.count, done.held, done.kept) == (0, 1, 1)
    assert opened.store.sweep(who="cron").as_dict()["answered"] == 0
    opened.store.release(hold.hold, who="legal", why="case-closed")
    swept = opened.store.sweep(who="cron")
    assert (swept.expired, swept.answered) == (1, 1)
    (row,) = opened.rows(schema.demands)
    assert (row.person, row.done) == (None, opened.clock.now)
    assert opened.acts()[-1].demand == demand
    assert opened.blob_names() == {lawful.asset}


def _killed(*_: Any) -> None:
    raise SystemExit
