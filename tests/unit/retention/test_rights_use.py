"""The rights to restrict and to object, and the consent that takes it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from facegate import verify_act
from facegate.errors import ConsentError, PurposeError, RestrictedError
from facegate.retention import schema
from facegate.rules.consent import Consent
from tests.unit.retention.conftest import DAY, PNG, Opened

# Consents are never of the future, so the clock of these tests is before now.
BEFORE = 1_700_000_000_000


def read(opened: Opened, asset: str, purpose: str = "generation") -> bytes:
    return opened.store.get(asset, purpose=purpose, who="worker").read()


def consent(opened: Opened, *to: str, after: int = 1) -> Consent:
    return Consent(*to, recorded_at=datetime.fromtimestamp((opened.clock.now + after) / 1000, UTC))


def test_what_is_restricted_is_not_read_and_goes_in_time(opened: Opened) -> None:
    rights, mine, other = opened.store.rights, opened.put(), opened.put(person="person-2")
    done = rights.restrict("person-1", who="support")
    act = verify_act(done.receipt)
    assert (done.count, act.act, act.count, act.demand) == (1, "restricted", 1, done.demand)
    later = opened.put()
    for each in (mine, later):
        with pytest.raises(RestrictedError, match="restricted the use"):
            read(opened, each.asset)
    assert read(opened, other.asset) == PNG
    since = opened.clock.now
    opened.put()
    assert rights.restrict("person-1", who="support").count == 3
    assert sorted(each.restricted or 0 for each in opened.rows(schema.people)) == [0, since - 1]
    # Rights stand above it.
    assert len(list(rights.access("person-1", who="support"))) == 3
    done = rights.unrestrict("person-1", who="support")
    act = verify_act(done.receipt)
    assert (done.count, done.demand, act.act, act.demand) == (3, None, "unrestricted", None)
    assert read(opened, mine.asset) == PNG
    rights.restrict("person-1", who="support")
    opened.clock.pass_(timedelta(days=181))
    assert opened.store.sweep(who="cron").expired == 4
    # That is remembered for what comes, until it is taken back.
    with pytest.raises(RestrictedError):
        read(opened, opened.put().asset)
    opened.store.delete_request("request-1", who="support", why="asked")
    rights.unrestrict("person-1", who="support")
    assert opened.rows(schema.people) == []


def test_an_objection_holds_for_reads_and_for_puts(opened: Opened) -> None:
    rights = opened.store.rights
    mine, other = opened.put(), opened.put(person="person-2")
    terms = opened.put(purpose="terms")
    done = rights.object("person-1", "terms", who="support")
    act = verify_act(done.receipt)
    assert (done.count, act.act, act.why, act.count, act.demand) == (1, "objected", "terms", 1, done.demand)
    for each in (mine, terms):
        with pytest.raises(RestrictedError, match="does not want to be used for: terms"):
            read(opened, each.asset, "terms")
        assert read(opened, each.asset) == PNG
    with pytest.raises(RestrictedError, match="does not want to be used for: terms"):
        opened.put(purpose="terms")
    assert read(opened, other.asset, "terms") == PNG
    # The first time it was said counts.
    since = opened.rows(schema.objections)[0].since
    opened.clock.now += 5
    rights.object("person-1", "terms", who="support")
    assert [each.since for each in opened.rows(schema.objections)] == [since]


def test_a_later_consent_takes_it_back(opened: Opened) -> None:
    opened.clock.now = BEFORE
    rights, mine = opened.store.rights, opened.put()
    rights.object("person-1", "generation", who="support")
    rights.object("person-1", "terms", who="support")
    for given in (
        consent(opened, "generation", after=0),
        consent(opened, "generation", after=-DAY),
    ):
        with pytest.raises(ConsentError, match="after that consent was recorded"):
            rights.consent_again("person-1", "generation", consent=given, who="support")
    for wrong in (consent(opened, "terms"), None):
        with pytest.raises(ConsentError, match="wants consent to: generation"):
            rights.consent_again("person-1", "generation", consent=wrong, who="support")  # type: ignore[arg-type]
    with pytest.raises(RestrictedError):
        read(opened, mine.asset)
    done = rights.consent_again("person-1", "generation", consent=consent(opened, "generation"), who="support")
    act = verify_act(done.receipt)
    assert (done.count, done.demand, act.act, act.why) == (1, None, "unrestricted", "generation")
    assert read(opened, mine.asset) == PNG
    with pytest.raises(RestrictedError):
        read(opened, mine.asset, "terms")


def test_a_purpose_is_one_of_the_policys(local: Opened) -> None:
    rights = local.store.rights
    given = Consent("generation", "anything")
    calls: list[Any] = [
        lambda purpose: rights.object("person-1", purpose, who="support"),
        lambda purpose: rights.withdraw("person-1", purpose, who="support"),
        lambda purpose: rights.consent_again("person-1", purpose, consent=given, who="support"),
    ]
    for call in calls:
        for purpose in ("anything", "", 7):
            with pytest.raises(PurposeError, match="none of the policy's: generation, improvement, safety, terms"):
                call(purpose)
    assert (local.rows(schema.demands), local.rows(schema.people), local.acts()) == ([], [], [])
