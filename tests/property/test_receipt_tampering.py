"""The smallest change to a receipt is noticed: every bit of it, and every splice that hypothesis thinks of.

A forger without the gate's key can still sign anything with a key of his own, so what the signatures of an unpinned
receipt cover is hostile too: it may be refused or accepted, but never crash the one who checks it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.errors import InvalidReceiptError
from facegate.receipt import Receipt, Signer, open_receipt, verify
from facegate.receipt.form import to_json
from tests.unit.test_receipt import closed, opened

_SIGNER = Signer.generate()
_TEXT = open_receipt(opened(), _SIGNER).close(closed(), _SIGNER).to_json().encode()


def test_every_flipped_bit_is_noticed() -> None:
    verify(_TEXT)
    passed = []
    for position in range(len(_TEXT)):
        for bit in range(8):
            changed = bytearray(_TEXT)
            changed[position] ^= 1 << bit
            try:
                verify(bytes(changed))
            except InvalidReceiptError:
                continue
            passed.append((position, bit))
    assert passed == []


@given(st.integers(0, len(_TEXT)), st.integers(0, 40), st.binary(max_size=40))
def test_every_splice_is_noticed(start: int, length: int, replacement: bytes) -> None:
    changed = _TEXT[:start] + replacement + _TEXT[start + length :]
    if changed == _TEXT:
        verify(changed)
    else:
        with pytest.raises(InvalidReceiptError):
            verify(changed)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in items:
        yield (*path, name)
        yield from _paths(each, (*path, name))


_STATEMENTS = [json.loads(base64.b64decode(each["payload"])) for each in json.loads(_TEXT)["envelopes"]]
_PLACES = [(phase, path) for phase in (0, 1) for path in _paths(_STATEMENTS[phase])]
# Texts of any kind, lone surrogates too; every type; objects and lists where a text belongs.
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=12)
    | st.sampled_from(["2026-02-30T00:00:00.000Z", "2026-13-01T00:00:00.000Z", "ab" * 32, "OPEN", "achieved"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


def _signed(phase: int, path: tuple[Any, ...], value: Any, *, remove: bool = False) -> str:
    """The receipt with one place changed, by someone who has a key: CLOSE still names the old OPEN."""
    statements = json.loads(json.dumps(_STATEMENTS))
    place = statements[phase]
    for name in path[:-1]:
        place = place[name]
    if remove:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return to_json([_SIGNER.sign(each) for each in statements], _SIGNER.public_key_pem())


def _harmless(text: str) -> bool:
    return not any(unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for each in text)


@given(st.sampled_from(_PLACES), _JSON)
def test_whatever_a_forger_signs_is_refused_in_one_way(place: tuple[int, tuple[Any, ...]], value: Any) -> None:
    text = _signed(*place, value)
    # OPEN alone too: beside its CLOSE, which names the digest, any change to it is refused for that.
    alone = to_json(json.loads(text)["envelopes"][:1], _SIGNER.public_key_pem())
    for each in (text, alone):
        assert str(Receipt.from_json(each)).isprintable()
        with contextlib.suppress(InvalidReceiptError):
            verified = verify(each, allow_open=True)
            assert all(
                map(_harmless, (verified.request_id, verified.purpose, verified.level, verified.child_end or ""))
            )


@pytest.mark.parametrize(("phase", "path"), _PLACES)
def test_no_field_can_be_left_out(phase: int, path: tuple[Any, ...]) -> None:
    # A network or a protection more or less is what the gate had; CLOSE's digest of OPEN notices all the same.
    with pytest.raises(InvalidReceiptError):
        verify(_signed(phase, path, None, remove=True))


@given(st.binary(max_size=300) | st.text(st.characters(), max_size=300) | _JSON)
def test_what_is_no_receipt_is_refused_in_one_way(thing: Any) -> None:
    with pytest.raises(InvalidReceiptError):
        verify(thing)
