"""Receipts, as whoever verifies them gets them: files, what a JSON parser made of one, and what a forger signed."""

from __future__ import annotations

import base64
import json
import random
import unicodedata
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facegate.errors import InvalidReceiptError, ReceiptError
from facegate.receipt import Receipt, Signer, open_receipt, verify
from facegate.receipt.envelope import decode, load_public_key
from facegate.receipt.form import to_json
from tests.fuzz.mutate import damaged
from tests.unit.test_receipt import closed, opened

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1.5, 2**63, 10**400, 1e308, "", "x", "OPEN", "CLOSE", "achieved", "\ud800", "\x1b[2J",
    "\u202e", "2026-02-30T00:00:00.000Z", "ab" * 32, "A" * 9000, [], {}, [[]], [{}], {"sha256": "ab" * 32}, [None] * 50,
)  # fmt: skip


class Receipts:
    """`verify`, `Receipt.from_json` and all that can be asked of what it returns."""

    name = "receipts"
    follow = "facegate/receipt"

    @cached_property
    def _signer(self) -> Signer:
        # A fixed key, so that an input is the same each time.
        return Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))

    def seeds(self) -> dict[str, bytes]:
        first = open_receipt(opened(), self._signer)
        return {"open": first.text.encode(), "closed": first.close(closed(), self._signer).text.encode()}

    def mutate(self, value: bytes, rng: random.Random) -> bytes:
        kind = rng.randrange(4)
        if kind == 0:
            return damaged(value, rng, value)
        try:
            bundle = json.loads(value)
            if kind == 1:
                change(bundle, rng)
                return json.dumps(bundle, indent=2).encode() + b"\n"
            return self._forged(bundle, rng)
        except (ValueError, LookupError, TypeError, AttributeError, ReceiptError, RecursionError):
            return damaged(value, rng, value)

    def _forged(self, bundle: dict[str, Any], rng: random.Random) -> bytes:
        """One of the statements changed and signed again, OPEN and CLOSE apart or together."""
        statements = [json.loads(base64.b64decode(each["payload"])) for each in bundle["envelopes"]]
        change(rng.choice(statements), rng)
        if rng.random() < 0.3:
            statements = [rng.choice(statements)]
        return to_json([self._signer.sign(each) for each in statements], self._signer.public_key_pem()).encode()

    def run(self, value: bytes) -> str:
        outcome = self._verified(value)
        try:
            thing = json.loads(value)
        except (ValueError, RecursionError):
            thing = value
        self._verified(thing)
        try:
            receipt = Receipt.from_json(value)
        except InvalidReceiptError:
            return outcome
        assert str(receipt).isprintable()
        assert receipt.phase in {"OPEN", "CLOSE"}
        for ask in (
            receipt.statement,
            lambda: receipt.close(closed(), self._signer),
            lambda: decode(receipt.envelopes[0]["payload"]),
            lambda: load_public_key(receipt.public_key),
        ):
            try:
                ask()
            except ReceiptError:
                outcome = outcome or "receipt"
        return outcome

    def _verified(self, thing: Any) -> str:
        try:
            verified = verify(thing, allow_open=True)
        except InvalidReceiptError:
            return "refused"
        texts = (verified.request_id, verified.purpose, verified.level, verified.child_end or "", verified.error or "")
        # What a terminal or a log would obey.
        assert not {unicodedata.category(each) for text in texts for each in text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        return "verified"


def change(thing: Any, rng: random.Random) -> None:
    """One to three places of a JSON value changed, removed, doubled or put elsewhere."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        place = thing
        while True:
            names = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not names:
                break
            name = rng.choice(names)
            inner = place[name]
            if isinstance(inner, (dict, list)) and inner and rng.random() < 0.75:
                place = inner
                continue
            match rng.randrange(6):
                case 0:
                    del place[name]
                case 1 | 2:
                    place[name] = rng.choice(_VALUES)
                case 3 if isinstance(inner, str):
                    place[name] = damaged(inner.encode("utf-8", "surrogatepass"), rng, b'"\\\x00').decode(
                        errors="replace"
                    )
                case 4 if isinstance(place, dict):
                    place[rng.choice(("x", "phase", "sig", "payload", ""))] = inner
                case _:
                    place[name] = [inner] if rng.random() < 0.5 else {"sha256": inner}
            break
