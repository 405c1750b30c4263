"""Wishes: their number, the day by which they are answered, and what answers them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from facegate import verify_act
from facegate.errors import ConsentError, LedgerError, NotKeptError, RetentionError
from facegate.retention import demands, schema
from facegate.retention.parts import Parts
from facegate.rules.consent import Consent
from tests.unit.retention.conftest import DAY, Opened

# One call of every right, and the wish that it answers.
RIGHTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "access": ("access", lambda rights, person, **said: rights.access(person, **said)),
    "correct": ("correct", lambda rights, person, **said: rights.correct(person, label="holiday", **said)),
    "setting": ("correct", lambda rights, person, **said: rights.setting(person, "history", timedelta(1), **said)),
    "export": ("export", lambda rights, person, **said: rights.export(person, io.BytesIO(), **said)),
    "restrict": ("restrict", lambda rights, person, **said: rights.restrict(person, **said)),
    "object": ("object", lambda rights, person, **said: rights.object(person, "improvement", **said)),
    "withdraw": ("withdraw", lambda rights, person, **said: rights.withdraw(person, "generation", **said)),
    "delete": ("delete", lambda rights, person, **said: rights.delete(person, **said)),
}
# What the ledger calls them.
ACTS = {
    "access": "accessed",
    "correct": "corrected",
    "setting": "settings",
    "export": "exported",
    "restrict": "restricted",
    "object": "objected",
    "withdraw": "withdrawn",
    "delete": "deleted",
}


def waiting(opened: Opened) -> list[str]:
    return [each.demand for each in opened.store.rights.waiting()]


def test_a_wish_has_a_number_and_a_day(local: Opened) -> None:
    now = datetime.fromtimestamp(local.clock.now / 1000, UTC)
    found = local.store.rights.receive("export", "person-1")
    assert (found.wish, found.received, found.due, found.overdue) == ("export", now, now + timedelta(days=30), False)
    assert len(found.demand) == 32
    assert found.as_dict() == {
        "demand": found.demand,
        "wish": "export",
        "received": "2027-01-15T08:00:00.000Z",
        "due": "2027-02-14T08:00:00.000Z",
        "overdue": False,
    }
    assert local.store.rights.waiting() == [found]


def test_those_that_are_overdue_come_first(opened: Opened) -> None:
    rights = opened.store.rights
    now = datetime.fromtimestamp(opened.clock.now / 1000, UTC)
    late = rights.receive("access", "person-2", received_at=now - timedelta(days=10))
    soon = rights.receive("delete", "person-1")
    overdue = rights.receive("export", "person-1", received_at=now - timedelta(days=40))
    assert overdue.overdue
    found = rights.waiting()
    assert [each.demand for each in found] == [overdue.demand, late.demand, soon.demand]
    assert [each.overdue for each in found] == [True, False, False]
    assert [each.person for each in found] == ["person-1", "person-2", "person-1"]
    assert rights.waiting(person="person-1") == [overdue, soon]
    opened.clock.pass_(timedelta(days=21))
    assert [each.overdue for each in rights.waiting()] == [True, True, False]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"wish": "erase"}, "What people may ask for is: access,"),
        ({"person": ""}, "person must be a text"),
        ({"received_at": datetime(2027, 1, 1)}, "time zone"),
        ({"received_at": datetime(2027, 1, 16, tzinfo=UTC)}, "future"),
        ({"received_at": datetime(1960, 1, 1, tzinfo=UTC)}, "1970"),
    ],
)
def test_what_is_no_wish(local: Opened, words: dict[str, Any], sentence: str) -> None:
    said = {"wish": "access", "person": "person-1"} | words
    with pytest.raises(RetentionError, match=sentence):
        local.store.rights.receive(said.pop("wish"), said.pop("person"), **said)
    assert local.rows(schema.demands) == []


def test_each_is_answered_at_once_or_later(local: Opened) -> None:
    for right, (wish, call) in RIGHTS.items():
        person = f"of-{right}"
        local.put(person=person)
        received = local.store.rights.receive(wish, person)
        local.clock.pass_(timedelta(days=3))
        done = call(local.store.rights, person, who="support", demand=received.demand)
        assert (done.demand, waiting(local)) == (received.demand, []), right
        act = verify_act(done.receipt, trusted_key=local.ledger.signer.public_key_pem())
        assert (act.act, act.who, act.demand, act.store) == (ACTS[right], "support", received.demand, local.store.id)
        assert local.acts()[-1] == act
        at_once = call(local.store.rights, person, who="support")
        assert at_once.demand not in {None, received.demand}
        assert local.acts()[-1].demand == at_once.demand
        assert waiting(local) == [], right
        assert max(each.done for each in local.rows(schema.demands)) == local.clock.now
    # Whose wishes they were is forgotten.
    assert {each.person for each in local.rows(schema.demands)} == {None}


def test_a_number_is_good_for_one_answer_to_one_wish_of_one_person(local: Opened) -> None:
    rights, kept = local.store.rights, local.put()
    for right, (wish, call) in RIGHTS.items():
        other = next(each for each in demands.WISHES if each != wish)
        wrong = [rights.receive(wish, "person-2").demand, rights.receive(other, "person-1").demand]
        answered = rights.receive(wish, "person-1").demand
        demands.answer(local.store._parts, answered)
        for number in [*wrong, answered, "0" * 32, "", "x\0", 7]:
            with pytest.raises(NotKeptError, match=f"No wish of that number, to {wish}, of that person waits"):
                call(rights, "person-1", who="support", demand=number)
        for each in wrong:
            demands.answer(local.store._parts, each)
        # Nothing was done.
        assert [each.act for each in local.acts()] == ["put"], right
    assert (local.rows(schema.settings), local.rows(schema.objections)) == ([], [])
    assert [each.restricted for each in local.rows(schema.people)] == [None]
    row = local.row(kept.asset)
    assert (row.state, row.label, row.due) == (schema.KEPT, None, row.created + 180 * DAY)


@pytest.mark.parametrize("words", [{"who": ""}, {"who": "a\nb"}, {"person": "x" * 129}, {"person": None}])
def test_wrong_words_do_nothing(local: Opened, words: dict[str, Any]) -> None:
    local.put()
    before = {table.name: local.rows(table) for table in schema.metadata.sorted_tables}
    for _, call in RIGHTS.values():
        said: dict[str, Any] = {"person": "person-1", "who": "support"} | words
        with pytest.raises(RetentionError, match="must be a text of one line"):
            call(local.store.rights, said["person"], who=said["who"])
    assert {table.name: local.rows(table) for table in schema.metadata.sorted_tables} == before
    assert len(local.acts()) == 1


@pytest.mark.parametrize("right", RIGHTS)
def test_what_is_not_on_the_ledger_is_not_answered(local: Opened, monkeypatch: pytest.MonkeyPatch, right: str) -> None:
    call = RIGHTS[right][1]
    local.put()

    def full(*_: Any, **__: Any) -> Any:
        raise LedgerError("The ledger's disk is full.")

    def killed(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(Parts, "record", full)
        with pytest.raises(LedgerError):
            call(local.store.rights, "person-1", who="support")
    (number,) = waiting(local)
    assert [each.act for each in local.acts()] == ["put"]
    # The thing itself may be done; doing it once more is no harm. Killed then, it is on the ledger, and waits.
    with monkeypatch.context() as broken:
        broken.setattr(demands, "answer", killed)
        with pytest.raises(SystemExit):
            call(local.store.rights, "person-1", who="support", demand=number)
    assert (waiting(local), local.acts()[-1].demand) == ([number], number)
    call(local.store.rights, "person-1", who="support", demand=number)
    assert waiting(local) == []
    assert [each.demand for each in local.acts()] == [None, number, number]


def test_a_plain_wish_that_waits_is_answered_without_its_number(local: Opened) -> None:
    rights = local.store.rights
    for right in ("access", "export", "restrict", "delete"):
        wish, call = RIGHTS[right]
        first = rights.receive(wish, "person-1")
        local.clock.now += 1
        rights.receive(wish, "person-1")
        of_another = rights.receive(wish, "person-2")
        assert call(rights, "person-1", who="support").demand == first.demand
        call(rights, "person-1", who="support")
        assert waiting(local) == [of_another.demand], right
        call(rights, "person-2", who="support")


def test_one_with_particulars_is_answered_by_its_number_alone(local: Opened) -> None:
    for right in ("correct", "setting", "object", "withdraw"):
        wish, call = RIGHTS[right]
        received = local.store.rights.receive(wish, "person-1")
        call(local.store.rights, "person-1", who="support")
        assert waiting(local) == [received.demand], right
        call(local.store.rights, "person-1", who="support", demand=received.demand)


def test_nothing_that_leaves_names_the_person(local: Opened) -> None:
    person, rights = "pseudonym-7f3e91", local.store.rights
    local.put(person=person)
    held = local.put(person=person, kept_as="draft")
    hold = local.store.hold("person", person, who="legal", why="case-7")
    said: list[Any] = [rights.receive("access", person), rights.waiting()]
    for right, (wish, call) in RIGHTS.items():
        number = rights.receive(wish, person).demand if right != "setting" else None
        said.append(call(rights, person, who="support", demand=number))
        with pytest.raises(NotKeptError) as caught:
            call(rights, person, who="support", demand="0" * 32)
        said.append(caught.value)
    said += [rights.unrestrict(person, who="support"), list(rights.access(person, who="support"))]
    with pytest.raises(ConsentError) as refused:
        rights.consent_again(person, "generation", consent=Consent("generation"), who="support")
    local.store.release(hold.hold, who="legal", why="case-closed")
    local.store.sweep(who="cron")
    with pytest.raises(NotKeptError) as gone:
        rights.correct(person, label="x", asset=held.asset, who="support")
    for each in [*said, refused.value, gone.value]:
        shown = [repr(each), str(each), str(each.as_dict()) if hasattr(each, "as_dict") else ""]
        if hasattr(each, "receipt"):
            shown.append(str(asdict(verify_act(each.receipt))))
        assert person not in "".join(shown)
    ledger = local.folder / "ledger"
    assert len(local.acts()) > len(RIGHTS)
    # What is signed is in base64 there.
    assert person not in str([asdict(each) for each in local.acts()])
    assert all(person.encode() not in each.read_bytes() for each in (ledger, *ledger.rglob("*")) if each.is_file())
