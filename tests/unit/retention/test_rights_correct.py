"""The right to correct, and how long a person wants things to be kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from facegate import verify_act
from facegate.errors import NotKeptError, RestrictedError, RetentionError
from facegate.retention import schema
from tests.unit.retention.conftest import DAY, Opened


def test_a_label(local: Opened) -> None:
    mine, other = local.put(label="holidy"), local.put()
    done = local.store.rights.correct("person-1", asset=mine.asset, label="holiday", who="support")
    assert done.count == 1
    assert (local.row(mine.asset).label, local.row(other.asset).label) == ("holiday", None)
    act = verify_act(done.receipt)
    assert (act.act, act.asset, act.count, act.demand) == ("corrected", mine.asset, 1, done.demand)
    assert local.store.rights.correct("person-1", label=None, who="support").count == 2
    assert [each.label for each in local.store.kept(person="person-1")] == [None, None]


def test_nobody_corrects_what_is_somebody_elses(opened: Opened) -> None:
    opened.put()
    other, gone = opened.put(person="person-2", label="theirs"), opened.put()
    opened.store.delete(gone.asset, who="support", why="asked")
    acts = len(opened.acts())
    for asset in (other.asset, gone.asset, "0" * 32, "", "x\0"):
        with pytest.raises(NotKeptError, match=r"Nothing of that ID is kept of that person\."):
            opened.store.rights.correct("person-1", asset=asset, label="mine", who="support")
    opened.store.rights.correct("person-1", label="mine", who="support")
    assert opened.row(other.asset).label == "theirs"
    # What was refused is no wish, and no act.
    assert (len(opened.acts()), opened.store.rights.waiting()) == (acts + 1, [])


def test_a_label_is_a_line(local: Opened) -> None:
    kept = local.put(label="holiday")
    for label in ("", "a\nb", "x" * 501, 7):
        with pytest.raises(RetentionError, match="label must be a text of one line"):
            local.store.rights.correct("person-1", asset=kept.asset, label=label, who="support")  # type: ignore[arg-type]
    assert local.row(kept.asset).label == "holiday"


def test_a_shorter_time_holds_for_what_is_kept_and_for_what_comes(opened: Opened) -> None:
    rights, other = opened.store.rights, opened.put(person="person-2")
    mine, held, draft = opened.put(), opened.put(), opened.put(kept_as="draft")
    hold = opened.store.hold("asset", held.asset, who="legal", why="case-7")
    done = rights.setting("person-1", "history", timedelta(days=7), who="support")
    assert (done.wanted, done.effective, done.policy_wins) == (timedelta(days=7), timedelta(days=7), False)
    assert done.count == 2
    assert done.as_dict() == {
        "demand": done.demand,
        "kept_as": "history",
        "wanted": "7 days",
        "effective": "7 days",
        "policy_wins": False,
        "count": 2,
    }
    act = verify_act(done.receipt)
    assert (act.act, act.why, act.count, act.demand) == ("settings", "history", 2, done.demand)
    for each, days in ((mine, 7), (held, 7), (draft, 1), (other, 180)):
        row = opened.row(each.asset)
        assert row.due == row.created + days * DAY
    later = opened.put()
    assert later.due - later.created == timedelta(days=7)
    opened.clock.pass_(timedelta(days=8))
    assert opened.store.sweep(who="cron").expired == 3
    opened.store.release(hold.hold, who="legal", why="case-closed")
    assert opened.store.sweep(who="cron").expired == 1
    # The setting outlives what it was made for.
    assert opened.put().due - opened.put().created < timedelta(days=8)


def test_longer_than_the_policy_is_the_policys(local: Opened) -> None:
    kept = local.put()
    done = local.store.rights.setting("person-1", "history", timedelta(days=400), who="support")
    assert (done.wanted, done.effective, done.policy_wins) == (timedelta(days=400), timedelta(days=180), True)
    assert (done.count, local.row(kept.asset).due) == (0, kept.created.timestamp() * 1000 + 180 * DAY)
    later = local.put()
    assert later.due - later.created == timedelta(days=180)
    assert local.store.rights.access("person-1", who="support").settings == {"history": timedelta(days=400)}


def test_a_time_is_never_made_later(local: Opened) -> None:
    rights, kept = local.store.rights, local.put()
    soon = (kept.created + timedelta(days=2)).timestamp() * 1000
    for days in (2, 50, 400, None):
        done = rights.setting("person-1", "history", None if days is None else timedelta(days=days), who="support")
        assert (local.row(kept.asset).due, done.count) == (soon, days == 2)
    assert (done.wanted, done.effective, done.policy_wins) == (None, timedelta(days=180), False)
    assert done.as_dict()["wanted"] is None
    assert local.rows(schema.settings) == []
    later = local.put()
    assert later.due - later.created == timedelta(days=180)


def test_not_at_all(local: Opened) -> None:
    local.put()
    assert local.store.rights.setting("person-1", "history", timedelta(0), who="support").count == 1
    assert local.put().asset
    assert local.store.sweep(who="cron").expired == 2


@pytest.mark.parametrize(
    ("kept_as", "duration", "error", "sentence"),
    [
        ("safety", timedelta(1), RestrictedError, "How long safety is kept is not the person's to decide: What is"),
        ("legal", None, RestrictedError, "not the person's to decide"),
        ("unheard", timedelta(1), RetentionError, "keeps nothing of that class; its classes are: draft, history,"),
        (None, timedelta(1), RetentionError, "keeps nothing of that class"),
        ("history", timedelta(-1), RetentionError, "not negative"),
        ("history", 7, RetentionError, "must be a timedelta"),
    ],
)
def test_what_is_no_setting(local: Opened, kept_as: Any, duration: Any, error: type[Exception], sentence: str) -> None:
    kept = local.put(kept_as="safety", purpose="safety")
    with pytest.raises(error, match=sentence):
        local.store.rights.setting("person-1", kept_as, duration, who="support")
    assert local.row(kept.asset).due == kept.due.timestamp() * 1000
    assert (local.rows(schema.settings), local.rows(schema.demands)) == ([], [])


def test_somebody_of_whom_nothing_is_kept_is_known_while_a_setting_is(local: Opened) -> None:
    rights = local.store.rights
    rights.setting("person-1", "history", timedelta(days=1), who="support")
    assert [each.person for each in local.rows(schema.people)] == ["person-1"]
    assert local.put().due - local.put().created < timedelta(days=2)
    local.store.delete_request("request-1", who="support", why="asked")
    assert len(local.rows(schema.people)) == 1
    rights.setting("person-1", "history", None, who="support")
    assert local.rows(schema.people) == []
