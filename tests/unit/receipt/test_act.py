"""Acts: what they hold, what they refuse, and who can check that they were signed."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

import facegate
from facegate.errors import InvalidReceiptError, ReceiptError
from facegate.receipt import ACTS, Act, ActReceipt, Signer, check_act, open_receipt, sign_act, verify, verify_act
from facegate.receipt.envelope import PAYLOAD_TYPE, pre_authentication_encoding
from tests.acts import ASSET, DEMAND, NOW, STORE, act
from tests.unit.test_receipt import opened

SIGNER = Signer.generate()
KEY = SIGNER.public_key
NONE = ("asset", "request", "demand")


class _Nowhere(tzinfo):
    """A time zone that does not know where it is, which makes a datetime as good as naive."""

    def utcoffset(self, _: datetime | None) -> None:
        return None


_TEXTS: list[Any] = [None, "", 7, b"text", ["x"], "x" * 129, "a\nb", "a\x1b[2J", "a\u202eb", "\ud800", "\u2028"]
_IDS: list[Any] = ["", "ab" * 15, "ab" * 17, "AB" * 16, "ab" * 15 + "ag", "ab" * 16 + "\n", 7, b"ab" * 16, ["ab" * 16]]
_NUMBERS: list[Any] = [None, -1, 2**53, 1.0, True, "1", [1]]
WRONG: dict[str, list[Any]] = {
    "act": [None, "", "erased", "Deleted", "deleted ", b"deleted", 7, ["deleted"], {}],
    "who": _TEXTS,
    "why": [None, "", "Erasure", "1-erasure", "-e", "e_r", "e r", "erasure\n", "x" * 65, "é", 7, ["x"]],
    "at": [None, "2026-03-04T05:06:07.891Z", 7, NOW.replace(tzinfo=None), NOW.replace(tzinfo=_Nowhere())],
    "count": _NUMBERS,
    "bytes": _NUMBERS,
    "kept": _NUMBERS,
    "store": [None, *_IDS],
    "asset": _IDS,
    "demand": _IDS,
    "request": _TEXTS[1:],
}
# What a forger can put where a time belongs; JSON has no datetime.
TIMES: list[Any] = [
    None, 7, "", "2026-03-04", "2026-02-30T00:00:00.000Z", "2026-03-04T05:06:07Z", "2026-03-04T05:06:07.891000Z",
    "2026-03-04T05:06:07.891+00:00", "2026-03-04T05:06:07.891", "2026-03-04T06:06:07.891+01:00", "20260304T050607.891Z",
    "0001-01-01T00:00:00.000+23:59", "2026-03-04 05:06:07.891Z", "2026-03-04T05:06:07.891z",
]  # fmt: skip


def statement(**changes: Any) -> dict[str, Any]:
    """What a sound act says, with fields of the predicate changed."""
    said: dict[str, Any] = json.loads(base64.b64decode(sign_act(act(), SIGNER)["payload"]))
    said["predicate"] |= changes
    return said


def signed_bytes(payload: bytes) -> dict[str, Any]:
    """Any bytes as whoever has the key may sign them."""
    signature = SIGNER.sign_bytes(pre_authentication_encoding(payload))
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": SIGNER.key_id, "sig": base64.b64encode(signature).decode()}],
    }


def test_what_was_signed_is_what_is_read() -> None:
    for each in (act(), act(asset=None, request=None, demand=None, kept=0), act(count=0, bytes=2**53 - 1)):
        assert check_act(sign_act(each, SIGNER), KEY) == each
        assert verify_act(ActReceipt.of(each, SIGNER), trusted_key=SIGNER.public_key_pem()) == each
    plain = Act(act="swept", who="w", why="time-over", at=NOW, count=0, bytes=0, store=STORE)
    assert (plain.asset, plain.request, plain.demand, plain.kept) == (None, None, None, 0)


@pytest.mark.parametrize("word", ACTS)
def test_every_word_is_signed_and_read(word: str) -> None:
    assert check_act(sign_act(act(act=word), SIGNER), KEY).act == word


def test_the_words_are_those_that_are_documented() -> None:
    assert (
        *("put", "read", "listed", "deleted", "held", "released", "corrected", "settings", "exported", "accessed"),
        *("restricted", "unrestricted", "objected", "withdrawn", "rotated", "repaired", "swept"),
    ) == ACTS


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_refused_in_a_sentence_without_it(name: str, value: Any) -> None:
    with pytest.raises(ReceiptError) as caught:
        act(**{name: value})
    assert not isinstance(caught.value, InvalidReceiptError), "the caller's mistake is no verdict on a receipt"
    assert str(caught.value).startswith(f"An act's {name} must be ")
    assert str(caught.value).count(".") == 1
    # The same sentence whatever the value is: so it is not in it.
    with pytest.raises(ReceiptError) as other:
        act(**{name: NOW.replace(tzinfo=None) if name == "at" else object()})
    assert str(other.value) == str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in (WRONG | {"at": TIMES}).items() for value in values if type(value) is not bytes],
)
def test_a_wrong_value_that_somebody_signed_is_refused(name: str, value: Any) -> None:
    assert check_act(SIGNER.sign(statement()), KEY) == act()
    with pytest.raises(InvalidReceiptError, match=f"predicate.{name} is not what it must be"):
        check_act(SIGNER.sign(statement(**{name: value})), KEY)


def test_a_time_is_kept_in_utc_to_the_millisecond() -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    local = datetime(2026, 3, 4, 10, 36, 7, 891999, east)
    assert act(at=local) == act()
    assert (act(at=local).at.tzinfo, act(at=local).at.microsecond) == (UTC, 891000)
    assert statement()["predicate"]["at"] == "2026-03-04T05:06:07.891Z"
    for edge in (datetime(1, 1, 1, tzinfo=east), datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-timedelta(hours=5)))):
        with pytest.raises(ReceiptError, match="An act's at must be a time in the years 1 to 9999, UTC"):
            act(at=edge)
    early = act(at=datetime(7, 1, 1, tzinfo=UTC))
    assert check_act(sign_act(early, SIGNER), KEY) == early


def test_there_is_no_field_for_a_person() -> None:
    known = {"act", "who", "why", "at", "count", "bytes", "store", "asset", "request", "demand", "kept"}
    assert {each.name for each in fields(Act)} == known
    assert set(statement()["predicate"]) == known
    for name in ("person", "label", "name", "content", "subject", "note"):
        with pytest.raises(TypeError):
            act(**{name: "x"})
        with pytest.raises((AttributeError, FrozenInstanceError, TypeError)):
            object.__setattr__(act(), name, "x")
        said = statement()
        for place in (said, said["predicate"], said["subject"][0], said["subject"][0]["digest"]):
            place[name + "Id"] = "person-1"
            with pytest.raises(InvalidReceiptError, match="does not have the fields"):
                check_act(SIGNER.sign(said), KEY)
            del place[name + "Id"]
        check_act(SIGNER.sign(said), KEY)


def test_no_field_can_be_left_out() -> None:
    for name in statement()["predicate"]:
        said = statement()
        del said["predicate"][name]
        with pytest.raises(InvalidReceiptError, match="does not have the fields"):
            check_act(SIGNER.sign(said), KEY)
    for name in statement():
        said = statement()
        del said[name]
        with pytest.raises(InvalidReceiptError, match="does not have the fields"):
            check_act(SIGNER.sign(said), KEY)


def test_the_subject_is_the_asset_or_the_demand_or_the_store() -> None:
    for changes, name in (
        ({}, ASSET),
        ({"asset": None}, DEMAND),
        ({"asset": None, "demand": None}, STORE),
    ):
        (subject,) = json.loads(base64.b64decode(sign_act(act(**changes), SIGNER)["payload"]))["subject"]
        assert subject == {"name": name, "digest": {"sha256": hashlib.sha256(name.encode()).hexdigest()}}
    for name, digest, words in (
        (DEMAND, DEMAND, "not what the act was done to"),
        (ASSET, DEMAND, "not that of its name"),
        (DEMAND, ASSET, "not that of its name"),
        ("person-1", "person-1", "not what the act was done to"),
    ):
        subject = {"name": name, "digest": {"sha256": hashlib.sha256(digest.encode()).hexdigest()}}
        for subjects, why in (([subject], words), ([subject, subject], "statement.subject"), ([], "statement.subject")):
            with pytest.raises(InvalidReceiptError, match=why):
                check_act(SIGNER.sign(statement() | {"subject": subjects}), KEY)


def test_neither_repr_nor_error_says_whom_it_may_lead_to() -> None:
    whole = act(who="who-it-was", request="req-secret")
    for text in (repr(whole), str(whole), f"{ActReceipt.of(whole, SIGNER)!r}"):
        for part in ("who-it-was", "req-secret", ASSET, DEMAND, STORE):
            assert part not in text
    assert repr(act()) == "Act('deleted', count=3, bytes=123456, kept=1, at=2026-03-04T05:06:07.891Z)"


def test_an_act_cannot_be_changed_and_equals_its_like() -> None:
    one = act()
    with pytest.raises(FrozenInstanceError):
        one.count = 4  # type: ignore[misc]
    assert one == act() != replace(one, count=4)
    assert len({one, act(), replace(one, kept=0)}) == 2
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(ReceiptError):
        replace(one, count=-1)


def test_every_changed_bit_is_noticed_and_every_byte_left_out_or_put_in() -> None:
    text = ActReceipt.of(act(), SIGNER).to_json().encode()
    verify_act(text)
    for at in range(len(text)):
        flipped = [text[:at] + bytes([text[at] ^ 1 << bit]) + text[at + 1 :] for bit in range(8)]
        others = [text[:at] + text[at + 1 :], text[:at] + b" " + text[at:], text[:at]]
        assert all(map(refused, flipped + others)), at


def refused(text: Any) -> bool:
    try:
        verify_act(text)
    except InvalidReceiptError:
        return True
    return False


def test_any_other_written_form_is_refused() -> None:
    receipt = ActReceipt.of(act(), SIGNER)
    whole = json.loads(receipt.text)
    assert verify_act(whole) == act(), "a mapping, out of a database, has no order and no whitespace"
    assert verify_act(dict(reversed(whole.items()))) == act()
    inner = whole["envelope"]
    for other in (
        json.dumps(whole),
        json.dumps(whole, indent=4) + "\n",
        json.dumps(whole, indent=2),
        json.dumps(whole, indent=2) + "\n\n",
        json.dumps(dict(reversed(whole.items())), indent=2) + "\n",
        json.dumps(whole | {"envelope": dict(reversed(inner.items()))}, indent=2) + "\n",
        receipt.text.replace("vnd.facegate", "vnd\\u002efacegate"),
        receipt.text.replace('  "envelope"', '  "publicKey": "x",\n  "envelope"'),
        "\ufeff" + receipt.text,
        receipt.text.encode("utf-16"),
        "\ud800",
        receipt.text + " " * 20_000,
        whole | {"note": "x"},
        whole | {"mediaType": "application/vnd.facegate.receipt.v1+json"},
        whole | {"publicKey": whole["publicKey"].replace("\n", "\r\n")},
        whole | {"publicKey": None},
        whole | {"envelope": [inner]},
        whole | {"envelope": inner | {"note": "x"}},
        whole | {"envelope": inner | {"payloadType": "application/json"}},
        whole | {"envelope": inner | {"signatures": inner["signatures"] * 2}},
        whole | {"envelope": inner | {"signatures": []}},
        whole | {"envelope": inner | {"payload": inner["payload"] + "="}},
        whole | {"envelope": inner | {"payload": "A" * 20_000}},
        {"mediaType": whole["mediaType"], "publicKey": whole["publicKey"], "envelopes": [inner]},
        None,
        7,
        [whole],
    ):
        assert refused(other), other
    assert ActReceipt.from_json(receipt.text) == receipt
    with pytest.raises(InvalidReceiptError):
        ActReceipt.from_json(json.dumps(whole))


@pytest.mark.parametrize("other", [None, 7, "text", [], {}, {"payload": "x"}])
def test_what_is_no_envelope_is_refused_as_such(other: Any) -> None:
    with pytest.raises(InvalidReceiptError):
        check_act(other, KEY)


def test_what_was_signed_has_one_form_too() -> None:
    sound = base64.b64decode(sign_act(act(), SIGNER)["payload"])
    assert check_act(signed_bytes(sound), KEY) == act()
    for payload, words in (
        (sound.replace(b'":', b'": '), "canonical"),
        (sound.replace(b"service", b"s\\u0065rvice"), "canonical"),
        (sound.replace(b'{"act":"deleted"', b'{"act":"put","act":"deleted"'), "twice"),
        (sound.replace(b'"count":3', b'"count":3.0'), "predicate.count"),
        (sound.replace(b'"count":3', b'"count":' + b"9" * 5000), "no JSON"),
        (sound.replace(b'"kept":1', b'"kept":NaN'), "predicate.kept"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff", "no JSON"),
        (b"[]", "fields that it must have"),
        (b"null", "fields that it must have"),
    ):
        with pytest.raises(InvalidReceiptError, match=words):
            check_act(signed_bytes(payload), KEY)


def test_a_receipt_of_a_request_is_no_act_and_an_act_none_of_a_request() -> None:
    first = open_receipt(opened(), SIGNER)
    with pytest.raises(InvalidReceiptError, match="predicateType"):
        check_act(first.envelopes[0], KEY)
    with pytest.raises(InvalidReceiptError):
        verify_act(first.text)
    with pytest.raises(InvalidReceiptError):
        verify(ActReceipt.of(act(), SIGNER).text)
    dressed = json.loads(first.text) | {"envelopes": [sign_act(act(), SIGNER)]}
    with pytest.raises(InvalidReceiptError, match="predicateType"):
        verify(dressed, allow_open=True)


def test_only_the_key_that_signed_will_do() -> None:
    other = Signer.generate()
    receipt = ActReceipt.of(act(), SIGNER)
    assert receipt.public_key == SIGNER.public_key_pem()
    with pytest.raises(InvalidReceiptError, match="another key"):
        check_act(receipt.envelope, other.public_key)
    with pytest.raises(InvalidReceiptError, match="another key than the trusted"):
        verify_act(receipt, trusted_key=other.public_key_pem())
    with pytest.raises(InvalidReceiptError, match="another key"):
        verify_act(ActReceipt.around(receipt.envelope, other.public_key_pem()))
    posing = sign_act(act(), other)
    posing["signatures"][0]["keyid"] = SIGNER.key_id
    with pytest.raises(InvalidReceiptError, match="does not fit"):
        check_act(posing, KEY)
    with pytest.raises(ReceiptError, match="trusted key") as caught:
        verify_act(receipt, trusted_key=b"nonsense")
    assert not isinstance(caught.value, InvalidReceiptError)
    with pytest.raises(InvalidReceiptError, match="public key"):
        verify_act(json.loads(receipt.text) | {"publicKey": "nonsense"})


def test_other_implementations_of_dsse_and_in_toto_agree() -> None:
    written = sign_act(act(), SIGNER)
    owner, stranger = (
        SSlibKey.from_crypto(
            serialization.load_pem_public_key(each.public_key_pem()),
            keyid=SIGNER.key_id,  # type: ignore[arg-type]
        )
        for each in (SIGNER, Signer.generate())
    )
    envelope = Envelope.from_dict(json.loads(json.dumps(written)))
    assert set(envelope.verify([owner], 1)) == {SIGNER.key_id}
    with pytest.raises(VerificationError):
        envelope.verify([stranger], 1)
    said = json.loads(envelope.payload)
    subjects = [ResourceDescriptor(name=each["name"], digest=each["digest"]).pb for each in said["subject"]]
    Statement(subjects, said["predicateType"], said["predicate"]).validate()
    assert said["predicateType"] == "urn:facegate:act:v1"


def test_the_package_has_them() -> None:
    assert (facegate.Act, facegate.ActReceipt, facegate.verify_act) == (Act, ActReceipt, verify_act)
