"""Who is let in: each rule refuses by an error of its own, and says nothing of the person."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import facegate
from facegate import Consent, kernel, rules
from facegate.errors import (
    AgeError,
    ConsentError,
    ConsentWithdrawnError,
    PolicyError,
    PurgeError,
    PurposeError,
    RequestClosedError,
)
from facegate.rules.door import Visitor, admit
from tests.leak.words import told_by

NewId = Callable[[], str]
STRICT, GUARDIAN, DEFAULT = rules.load("explicit-consent"), rules.load("guardian"), rules.shipped()
LOCAL = replace(DEFAULT, ages=replace(DEFAULT.ages, regions={"KR": 14, "US": 17, "US-IL": 18}))


@pytest.mark.parametrize(
    ("policy", "purpose", "said", "error"),
    [
        (DEFAULT, "generation", {}, None),
        (DEFAULT, "generation", {"age": 16}, None),
        (DEFAULT, "generation", {"age": 15}, AgeError),
        (DEFAULT, "advertising", {}, PurposeError),
        (DEFAULT, "advertising", {"age": 15}, PurposeError),
        (LOCAL, "generation", {"age": 15, "region": "KR"}, None),
        (LOCAL, "generation", {"age": 13, "region": "KR"}, AgeError),
        (LOCAL, "generation", {"age": 16, "region": "US"}, AgeError),
        (LOCAL, "generation", {"age": 17, "region": "US-CA"}, None),
        (LOCAL, "generation", {"age": 17, "region": "US-IL"}, AgeError),
        (LOCAL, "generation", {"age": 15, "region": "DE"}, AgeError),
        (STRICT, "generation", {"age": 30}, ConsentError),
        (STRICT, "generation", {"consent": Consent("biometric")}, AgeError),
        (STRICT, "generation", {"age": 30, "consent": Consent("generation")}, ConsentError),
        (STRICT, "generation", {"age": 30, "consent": Consent("biometric")}, None),
        (STRICT, "safety", {"age": 30}, None),
        (STRICT, "improvement", {"age": 30, "consent": Consent("biometric")}, ConsentError),
        (STRICT, "improvement", {"age": 30, "consent": Consent("improvement")}, None),
        (GUARDIAN, "generation", {"age": 17, "consent": Consent("biometric")}, ConsentError),
        (GUARDIAN, "generation", {"age": 17, "consent": Consent("biometric", by_guardian=True)}, None),
        (GUARDIAN, "safety", {"age": 17}, ConsentError),
        (GUARDIAN, "generation", {"age": 15, "consent": Consent("biometric", by_guardian=True)}, AgeError),
        (GUARDIAN, "generation", {"age": 18, "consent": Consent("biometric")}, None),
    ],
)
def test_a_rule_refuses_by_its_own_error(
    policy: rules.Rules, purpose: str, said: dict[str, Any], error: type[PolicyError] | None
) -> None:
    if error is None:
        assert admit(policy, purpose, Visitor(**said), "door").name == purpose
    else:
        with pytest.raises(error) as caught:
            admit(policy, purpose, Visitor(**said), "door")
        assert type(caught.value) is error
        assert caught.value.request_id == "door"
        assert str(said.get("age", "?")) not in caught.value.reason


@pytest.mark.parametrize(
    "said",
    [
        {"age": -1},
        {"age": 131},
        {"age": True},
        {"age": 16.0},
        {"age": "16"},
        {"region": "de"},
        {"region": "GERMANY"},
        {"region": 1},
        {"consent": True},
        {"consent": "biometric"},
        {"person": ""},
        {"person": "a b"},
        {"person": 7},
    ],
)
def test_what_cannot_be_said(gate: facegate.Gate, new_id: NewId, said: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        gate.open_request(new_id(), purpose="safety", **said)


def test_what_is_no_consent() -> None:
    with pytest.raises(PolicyError, match="names purposes"):
        Consent("A purpose")
    with pytest.raises(PolicyError, match="time zone"):
        Consent("safety", recorded_at=datetime(2026, 1, 1))
    with pytest.raises(PolicyError, match="not later than now"):
        Consent("safety", recorded_at=datetime.now(UTC) + timedelta(days=1))
    for guardian in ("no", 1, None):
        with pytest.raises(PolicyError, match="by_guardian must be"):
            Consent("safety", by_guardian=guardian)
    with pytest.raises(AttributeError):
        Consent("safety").by_guardian = True
    assert repr(Consent("safety")) == "[a Consent]"


def test_a_refusal_takes_no_child_and_uses_no_id_up(gate: facegate.Gate, new_id: NewId) -> None:
    name = new_id()
    with pytest.raises(AgeError):
        gate.open_request(name, purpose="safety", age=9)
    with gate.open_request(name, purpose="safety", age=19):
        pass


def test_geometry_is_for_purposes_that_allow_it_and_covering_is_for_all(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId
) -> None:
    with gate.open_request(new_id(), purpose="improvement") as request:
        upload = request.admit(astronaut)
        for subject in ("largest", "none"):
            with pytest.raises(PurposeError, match="no facial geometry"):
                request.analyze(upload, subject=subject)
        output = request.finish(request.redact(upload), format="jpeg")
    assert output.data
    assert facegate.verify(request.receipt).purpose == "improvement"


def test_the_digest_of_the_rules_is_on_the_receipt(new_id: NewId) -> None:
    with facegate.Gate(facegate.Policy(spares=0, rules=STRICT)) as gate:
        with gate.open_request(new_id(), purpose="safety", age=20) as request:
            pass
    opened = facegate.verify(request.receipt).statements[0]["predicate"]
    assert opened["rules"] == {"sha256": STRICT.digest()}


def test_nothing_of_the_person_is_on_the_receipt(gate: facegate.Gate, new_id: NewId) -> None:
    said = {"person": "somebody-4711", "consent": Consent("safety"), "age": 77, "region": "NZ"}
    with gate.open_request(new_id(), purpose="safety", **said) as request:
        shown = repr(request)
    # The statements as they were signed; in the file they are base64, where two letters of a region turn up by chance.
    told = f"{facegate.verify(request.receipt).statements} {request.receipt} {shown}"
    for word in ("somebody-4711", "NZ", "77", "consent"):
        assert not re.search(rf"\b{word}\b", told), word


def test_no_error_keeps_anything_of_the_person(gate: facegate.Gate, new_id: NewId) -> None:
    """Neither its words nor the locals of facegate's frames."""
    with pytest.raises(AgeError) as caught:
        gate.open_request(new_id(), purpose="safety", person="somebody-4711", age=9, region="NZ")
    assert "somebody-4711" not in told_by(caught.value)
    gate.withdraw("somebody-4711")
    with pytest.raises(ConsentWithdrawnError) as caught_again:
        gate.open_request(new_id(), purpose="safety", person="somebody-4711")
    assert "somebody-4711" not in told_by(caught_again.value)


@pytest.fixture
def two_gates() -> Iterator[tuple[facegate.Gate, facegate.Gate]]:
    with facegate.Gate(facegate.Policy(spares=0)) as one, facegate.Gate(facegate.Policy(spares=0)) as other:
        yield one, other


def test_withdrawing_purges_at_once_and_nobody_else(
    two_gates: tuple[facegate.Gate, facegate.Gate], astronaut: bytes, new_id: NewId
) -> None:
    gate, other = two_gates
    with (
        gate.open_request(new_id(), purpose="generation", person="p-1") as first,
        gate.open_request(new_id(), purpose="safety", person="p-1") as second,
        gate.open_request(new_id(), purpose="generation", person="p-2") as somebody,
        gate.open_request(new_id(), purpose="generation") as nobody,
        other.open_request(new_id(), purpose="generation", person="p-1") as elsewhere,
    ):
        faces = first.analyze(first.admit(astronaut))
        with faces.subject.expose("landmarks") as xyz:
            assert xyz.any()
            assert gate.withdraw("p-1") == 2
            assert not xyz.any()
        for ended in (first, second):
            receipt = facegate.verify(ended.receipt)
            assert receipt.outcome == "withdrawn"
            assert receipt.purge.bytes_nonzero == 0
            with pytest.raises(RequestClosedError):
                ended.admit(astronaut)
        for untouched in (somebody, nobody, elsewhere):
            assert untouched.admit(astronaut)
        assert gate.withdraw("p-1") == gate.withdraw("p-3") == 0
    assert facegate.verify(somebody.receipt).outcome == "abandoned"


def test_whoever_withdrew_is_let_in_by_a_later_consent(gate: facegate.Gate, new_id: NewId) -> None:
    before = Consent("generation", recorded_at=datetime.now(UTC) - timedelta(days=1))
    gate.withdraw("p-9")
    for consent in (None, before):
        with pytest.raises(ConsentWithdrawnError):
            gate.open_request(new_id(), purpose="generation", person="p-9", consent=consent)
    with gate.open_request(new_id(), purpose="generation", person="p-9", consent=Consent("generation")):
        pass
    with gate.open_request(new_id(), purpose="generation", person="p-10"):
        pass


def test_a_purge_that_failed_is_told_to_who_withdraws_and_the_others_are_purged(
    astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    with facegate.Gate(facegate.Policy(spares=0)) as gate:
        requests = [gate.open_request(new_id(), purpose="generation", person="p-1") for _ in range(2)]
        for each in requests:
            each.open()
            each.analyze(each.admit(astronaut))
        with monkeypatch.context() as patched, pytest.raises(ExceptionGroup) as caught:
            patched.setattr(kernel, "fill", lambda *_: None)
            gate.withdraw("p-1")
        assert [type(each) for each in caught.value.exceptions] == [PurgeError, PurgeError]
        assert [facegate.verify(each.receipt).outcome for each in requests] == ["purge-failed", "purge-failed"]
        assert gate.load.open == 0


def test_a_receipt_that_nobody_can_keep_holds_no_withdrawal_up(new_id: NewId) -> None:
    def keep(receipt: facegate.Receipt) -> None:
        if receipt.phase == "CLOSE":
            raise OSError("full")

    with facegate.Gate(facegate.Policy(spares=0), on_receipt=keep) as gate:
        requests = [gate.open_request(new_id(), purpose="generation", person="p-1") for _ in range(2)]
        for each in requests:
            each.open()
        with pytest.raises(OSError, match="full"):
            gate.withdraw("p-1")
        for each in requests:
            assert facegate.verify(each.receipt).outcome == "withdrawn"
        assert gate.load.open == 0


def test_a_fork_of_the_worker_withdraws_nothing(gate: facegate.Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would say that it had purged what it does not hold."""
    monkeypatch.setattr(gate, "_owner", -1)
    with pytest.raises(RequestClosedError, match="another process"):
        gate.withdraw("p-1")


def test_whoever_withdraws_while_waiting_is_not_let_in(new_id: NewId) -> None:
    """Between `open_request` and the block."""
    with facegate.Gate(facegate.Policy(spares=0)) as gate:
        request = gate.open_request(new_id(), purpose="generation", person="p-1")
        gate.withdraw("p-1")
        with pytest.raises(ConsentWithdrawnError), request:
            pytest.fail("the block was entered")
        assert gate.load.open == 0
