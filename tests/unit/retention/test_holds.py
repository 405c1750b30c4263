"""Legal holds: on an asset, a request, a person; what is put later; their release."""

from __future__ import annotations

from datetime import timedelta

import pytest

from facegate.errors import HeldError, NotKeptError, ReceiptError, RetentionError
from facegate.retention import schema
from tests.unit.retention.conftest import PNG, Opened

LONG = timedelta(days=1000)


@pytest.mark.parametrize(("target", "value"), [("asset", None), ("request", "request-1"), ("person", "person-1")])
def test_nothing_deletes_what_is_held(opened: Opened, target: str, value: str | None) -> None:
    kept = opened.put()
    hold = opened.store.hold(target, value or kept.asset, who="legal", why="case-7")
    assert hold.assets == 1
    opened.clock.pass_(LONG)
    assert opened.store.sweep(who="cron").count == 0
    with pytest.raises(HeldError):
        opened.store.delete(kept.asset, who="support", why="asked")
    assert opened.store.delete_request("request-1", who="support", why="asked").held == 1
    assert opened.store.delete_person("person-1", who="support", why="asked").held == 1
    assert opened.blob_names() == {kept.asset}
    assert opened.store.holds() == [hold]
    assert opened.store.release(hold.hold, who="legal", why="case-closed") == 1
    assert opened.store.holds() == []
    assert opened.blob_names() == {kept.asset}
    assert opened.store.sweep(who="cron").expired == 1
    assert opened.blob_names() == set()
    assert not opened.rows(schema.held)
    # Whom it was about is forgotten with it.
    assert [each.value for each in opened.rows(schema.holds)] == [""]


@pytest.mark.parametrize(("target", "value"), [("request", "request-1"), ("person", "person-1")])
def test_what_is_put_later_is_held_too(opened: Opened, target: str, value: str) -> None:
    opened.put(person="person-2", request="request-2")
    hold = opened.store.hold(target, value, who="legal", why="case-7")
    assert hold.assets == 0
    kept = opened.put()
    assert kept.held
    assert not opened.put(person="person-3", request="request-3").held
    opened.clock.pass_(LONG)
    assert opened.store.sweep(who="cron").expired == 2
    assert opened.blob_names() == {kept.asset}
    assert opened.store.release(hold.hold, who="legal", why="case-closed") == 1
    assert not opened.put().held


def test_two_holds_on_one_asset(opened: Opened) -> None:
    kept = opened.put()
    first = opened.store.hold("asset", kept.asset, who="legal", why="case-7")
    second = opened.store.hold("person", "person-1", who="legal", why="case-8")
    assert [each.hold for each in opened.store.holds()] == [first.hold, second.hold]
    opened.clock.pass_(LONG)
    opened.store.release(first.hold, who="legal", why="case-closed")
    assert opened.store.sweep(who="cron").count == 0
    opened.store.release(second.hold, who="legal", why="case-closed")
    assert opened.store.sweep(who="cron").expired == 1


def test_a_hold_while_something_is_put(opened: Opened) -> None:
    def meanwhile():
        yield PNG
        opened.again().hold("request", "request-1", who="legal", why="case-7")

    assert opened.put(meanwhile()).held


def test_wrong_holds(opened: Opened) -> None:
    with pytest.raises(NotKeptError):
        opened.store.hold("asset", "0" * 32, who="legal", why="case-7")
    with pytest.raises(RetentionError, match="A hold keeps one of: asset, request, person"):
        opened.store.hold("class", "history", who="legal", why="case-7")  # type: ignore[arg-type]
    with pytest.raises(ReceiptError):
        opened.store.hold("person", "person-1", who="legal", why="Case 7")
    with pytest.raises(NotKeptError):
        opened.store.release("0" * 32, who="legal", why="case-closed")
    hold = opened.store.hold("person", "person-1", who="legal", why="case-7")
    opened.store.release(hold.hold, who="legal", why="case-closed")
    with pytest.raises(NotKeptError):
        opened.store.release(hold.hold, who="legal", why="case-closed")
    assert [act.act for act in opened.acts()] == ["held", "released"]
