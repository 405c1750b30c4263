"""The rights to withdraw consent and to be deleted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from facegate import verify_act
from facegate.errors import RestrictedError, RetentionError, StoreUnavailableError
from facegate.retention import demands, schema
from facegate.retention.blobs import Blobs
from tests.unit.retention.conftest import PNG, Opened


def log(opened: Opened, **changes: Any) -> Any:
    said = {"kept_as": "operation", "kind": "log", "purpose": "safety", "media_type": None}
    return opened.put({"status": "done"}, **{**said, **changes})


def test_all_that_the_person_decides_about(opened: Opened) -> None:
    rights = opened.store.rights
    opened.put(), opened.put(kept_as="draft")
    lawful = [opened.put(kept_as="safety", purpose="safety"), opened.put(kept_as="legal", purpose="terms")]
    other = opened.put(person="person-2")
    rights.setting("person-1", "history", timedelta(days=9), who="support")
    rights.object("person-1", "safety", who="support")
    done = rights.delete("person-1", who="support")
    assert (done.count, done.bytes, done.held, done.kept, done.answered) == (2, 2 * len(PNG), 0, 2, True)
    assert done.until == lawful[1].due
    assert done.as_dict() == {
        "demand": done.demand,
        "count": 2,
        "bytes": 2 * len(PNG),
        "held": 0,
        "kept": 2,
        "until": "2028-01-15T08:00:00.004Z",
        "answered": True,
    }
    act = verify_act(done.receipt)
    assert (act.act, act.count, act.kept, act.demand) == ("deleted", 2, 2, done.demand)
    assert opened.blob_names() == {each.asset for each in [*lawful, other]}
    assert rights.waiting() == []
    # What the person said holds for the rest.
    with pytest.raises(RestrictedError, match="does not want"):
        opened.store.get(lawful[0].asset, purpose="safety", who="worker")
    opened.clock.pass_(timedelta(days=91))
    opened.store.sweep(who="cron")
    assert len(opened.rows(schema.objections)) == 1
    # With the last of it the person is forgotten.
    opened.clock.pass_(timedelta(days=300))
    opened.store.sweep(who="cron")
    for table in (schema.people, schema.person_keys, schema.settings, schema.objections):
        assert opened.rows(table) == []
    assert {each.person for each in opened.rows(schema.demands)} == {None}


def test_of_whom_nothing_is_left_is_forgotten_at_once(local: Opened) -> None:
    rights = local.store.rights
    local.put()
    rights.restrict("person-1", who="support")
    rights.object("person-1", "terms", who="support")
    done = rights.delete("person-1", who="support")
    assert (done.count, done.kept, done.until, done.answered) == (1, 0, None, True)
    for table in (schema.people, schema.person_keys, schema.objections):
        assert local.rows(table) == []
    assert {each.person for each in local.rows(schema.demands)} == {None}
    assert rights.delete("nobody", who="support").count == 0
    assert local.rows(schema.people) == []


def test_who_comes_back_is_not_forgotten_with_the_rest(local: Opened) -> None:
    rights = local.store.rights
    local.put(kept_as="safety", purpose="safety")
    rights.delete("person-1", who="support")
    rights.object("person-1", "improvement", who="support")
    local.clock.pass_(timedelta(days=91))
    assert local.store.sweep(who="cron").expired == 1
    assert [each.purpose for each in local.rows(schema.objections)] == ["improvement"]


def test_what_a_hold_keeps_is_deleted_after_its_release_and_then_it_is_answered(opened: Opened) -> None:
    rights = opened.store.rights
    held, free, lawful = opened.put(), opened.put(), opened.put(kept_as="legal", purpose="terms")
    rights.object("person-1", "improvement", who="support")
    hold = opened.store.hold("asset", held.asset, who="legal", why="case-7")
    done = rights.delete("person-1", who="support")
    assert (done.count, done.held, done.kept, done.answered) == (1, 1, 1, False)
    assert verify_act(done.receipt).kept == 2
    assert opened.blob_names() == {held.asset, lawful.asset}
    assert [each.demand for each in rights.waiting()] == [done.demand]
    # Asked for once more, or swept, it stays.
    again = rights.delete("person-1", who="support")
    assert (again.demand, again.count, again.held, again.answered) == (done.demand, 0, 1, False)
    assert opened.store.sweep(who="cron").as_dict() == dict.fromkeys(
        ("expired", "unfinished", "resumed", "bytes", "answered"), 0
    )
    opened.store.release(hold.hold, who="legal", why="case-closed")
    assert [each.demand for each in rights.waiting()] == [done.demand]
    swept = opened.store.sweep(who="cron")
    assert (swept.expired, swept.answered) == (1, 1)
    assert rights.waiting() == []
    last = opened.acts()[-1]
    assert (last.act, last.demand, last.kept) == ("deleted", done.demand, 1)
    assert opened.blob_names() == {lawful.asset}
    assert free.asset not in opened.blob_names()
    opened.store.delete(lawful.asset, who="legal", why="over")
    assert (opened.rows(schema.people), opened.rows(schema.objections)) == ([], [])


def test_what_was_put_after_an_older_wish_is_waited_for_too(local: Opened) -> None:
    rights = local.store.rights
    at = datetime.fromtimestamp(local.clock.now / 1000, UTC) - timedelta(days=2)
    number = rights.receive("delete", "person-1", received_at=at).demand
    kept = local.put()
    hold = local.store.hold("asset", kept.asset, who="legal", why="case-7")
    assert not rights.delete("person-1", who="support", demand=number).answered
    assert local.store.sweep(who="cron").answered == 0
    local.store.release(hold.hold, who="legal", why="case-closed")
    assert local.store.sweep(who="cron").answered == 1


@pytest.mark.parametrize("way", ["delete", "withdraw"])
def test_a_put_under_a_hold_that_is_on_its_way_goes_after_the_release(local: Opened, way: str) -> None:
    hold = local.store.hold("person", "person-1", who="legal", why="case-7")
    done = []

    def slow() -> Iterator[bytes]:
        yield PNG
        done.append(getattr(local.again().rights, way)("person-1", who="support"))

    kept = local.put(slow())
    assert (done[0].held, done[0].answered) == (1, way == "withdraw")
    assert local.store.sweep(who="cron").count == 0
    local.store.release(hold.hold, who="legal", why="case-closed")
    assert local.store.sweep(who="cron").expired == 1
    assert local.blob_names() == set()
    assert local.row(kept.asset).state == schema.DELETED
    assert local.store.rights.waiting() == []


def test_a_deletion_that_stops_halfway_waits_and_is_settled(local: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    local.put()

    def down(*_: Any) -> None:
        raise StoreUnavailableError("A blob could not be deleted: no route.")

    with monkeypatch.context() as broken:
        broken.setattr(Blobs, "delete", down)
        with pytest.raises(StoreUnavailableError):
            local.store.rights.delete("person-1", who="support")
    assert [each.act for each in local.acts()] == ["put"]
    (waits,) = local.store.rights.waiting()
    local.clock.pass_(timedelta(hours=1))
    swept = local.store.sweep(who="cron")
    assert (swept.resumed, swept.answered, local.store.rights.waiting()) == (1, 1, [])
    assert local.acts()[-1].demand == waits.demand
    assert local.rows(schema.people) == []


def test_consent_withdrawn_from_one_purpose(opened: Opened) -> None:
    rights = opened.store.rights
    mine, draft, held = opened.put(), opened.put(kept_as="draft"), opened.put()
    other, entry = opened.put(person="person-2"), log(opened)
    hold = opened.store.hold("asset", held.asset, who="legal", why="case-7")
    done = rights.withdraw("person-1", "generation", who="support")
    assert (done.count, done.bytes, done.held, done.kept, done.answered) == (2, 2 * len(PNG), 1, 0, True)
    act = verify_act(done.receipt)
    assert (act.act, act.why, act.count, act.kept, act.demand) == ("withdrawn", "generation", 2, 1, done.demand)
    assert opened.acts()[-1] == act
    assert opened.blob_names() == {held.asset, other.asset, entry.asset}
    assert {opened.row(each.asset).state for each in (mine, draft)} == {schema.DELETED}
    with pytest.raises(RestrictedError, match="does not want to be used for: generation"):
        opened.put()
    assert opened.put(purpose="terms").asset
    opened.store.release(hold.hold, who="legal", why="case-closed")
    assert opened.store.sweep(who="cron").expired == 1
    # It is remembered after all is gone.
    opened.store.delete_request("request-1", who="support", why="asked")
    with pytest.raises(RestrictedError):
        opened.put()


def test_consent_withdrawn_from_all(local: Opened) -> None:
    rights = local.store.rights
    local.put(), log(local)
    lawful = local.put(kept_as="safety", purpose="safety")
    done = rights.withdraw("person-1", who="support")
    assert (done.count, done.held, done.kept, done.until) == (2, 0, 1, lawful.due)
    assert verify_act(done.receipt).why == "every-purpose"
    assert {each.purpose for each in local.rows(schema.objections)} == set(local.store.rules.purposes)
    assert local.blob_names() == {lawful.asset}
    with pytest.raises(RestrictedError):
        local.store.get(lawful.asset, purpose="safety", who="worker")


def test_what_was_put_for_a_purpose_that_is_no_more_goes_with_all(local: Opened) -> None:
    kept = local.put()
    local.execute(update(schema.assets).where(schema.assets.c.id == kept.asset).values(purpose="of-old"))
    assert local.store.rights.withdraw("person-1", "generation", who="support").count == 0
    assert local.store.rights.withdraw("person-1", who="support").count == 1


@pytest.mark.parametrize("way", ["delete", "withdraw"])
def test_a_put_that_is_on_its_way_is_given_up(local: Opened, way: str) -> None:
    done = []

    def slow() -> Iterator[bytes]:
        yield PNG
        done.append(getattr(local.again().rights, way)("person-1", who="support"))

    with pytest.raises(RetentionError, match="was deleted meanwhile"):
        local.put(slow())
    assert [(each.count, each.answered) for each in done] == [(1, True)]
    assert (local.blob_names(), local.rows(schema.asset_keys)) == (set(), [])


@pytest.mark.parametrize("known", [True, False])
def test_a_wish_that_another_sweeper_answers_meanwhile_is_answered_once(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """Of somebody who is known, and of somebody who is not."""
    if known:
        opened.put(kept_as="legal", purpose="terms")
    wish = opened.store.rights.receive("delete", "person-1").demand
    parts, other, record = opened.store._parts, opened.again()._parts, opened.store._parts.record
    answered: list[int] = []
    beside = threading.Thread(target=lambda: answered.append(demands.settle(other, who="other")))

    def slow(*arguments: Any, **fields: Any) -> Any:
        beside.start()
        beside.join(1.0)  # it has seen the wish by then, and waits; or has answered it
        return record(*arguments, **fields)

    monkeypatch.setattr(type(parts), "record", lambda self, *a, **f: (slow if self is parts else record)(*a, **f))
    answered.append(demands.settle(parts, who="cron"))
    beside.join()
    assert answered == [1, 0]
    assert [each.demand for each in opened.acts() if each.act == "deleted"] == [wish]
