"""Receipts of acts and ledgers with acts, as whoever verifies them gets them: damaged, and signed by a forger."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import unicodedata
from functools import cached_property
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from facegate.errors import InvalidLedgerError, InvalidReceiptError
from facegate.receipt import ActReceipt, Signer, verify_act
from facegate.receipt.ledger import Ledger, acts, verify_ledger
from facegate.receipt.ledger.entry import compose, parse
from tests.acts import act
from tests.acts import acts as several
from tests.fuzz.mutate import damaged
from tests.fuzz.targets.receipts import change
from tests.ledgers import MemorySink, receipts


def _fixed(number: int) -> Signer:
    """A fixed key, so that an input is the same each time."""
    return Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(number, number + 32))))


class ActReceipts:
    """`verify_act`, `ActReceipt.from_json` and all that can be asked of what it returns."""

    name = "acts"
    follow = "facegate/receipt"

    @cached_property
    def _signer(self) -> Signer:
        return _fixed(0)

    def seeds(self) -> dict[str, bytes]:
        plain = act(asset=None, request=None, demand=None)
        return {"whole": self._written(act()), "plain": self._written(plain)}

    def _written(self, said: Any) -> bytes:
        return ActReceipt.of(said, self._signer).text.encode()

    def mutate(self, value: bytes, rng: random.Random) -> bytes:
        kind = rng.randrange(4)
        if kind == 0:
            return damaged(value, rng, value)
        try:
            whole = json.loads(value)
            if kind == 1:
                change(whole, rng)
                return json.dumps(whole, indent=2).encode() + b"\n"
            said = json.loads(base64.b64decode(whole["envelope"]["payload"]))
            change(said, rng)
            return ActReceipt.around(self._signer.sign(said), self._signer.public_key_pem()).text.encode()
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return damaged(value, rng, value)

    def run(self, value: bytes) -> str:
        outcome = self._verified(value)
        try:
            thing = json.loads(value)
        except (ValueError, RecursionError):
            thing = value
        self._verified(thing)
        try:
            receipt = ActReceipt.from_json(value)
        except InvalidReceiptError:
            assert outcome == "refused"
            return outcome
        assert receipt.text.encode() == value
        assert receipt.envelope["payload"]
        assert receipt.public_key
        return outcome

    def _verified(self, thing: Any) -> str:
        try:
            found = verify_act(thing)
        except InvalidReceiptError:
            return "refused"
        # What a terminal or a log would obey.
        texts = found.who + found.why + (found.request or "")
        assert not {unicodedata.category(each) for each in texts} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert len(repr(found)) < 200
        return "verified"


class Ledgers:
    """`verify_ledger` and `acts`, on a log with entries of all kinds, and what a `Ledger` makes of it."""

    name = "ledgers"
    follow = "facegate/receipt"

    @cached_property
    def _signer(self) -> Signer:
        return _fixed(1)

    def seeds(self) -> dict[str, bytes]:
        of_acts, of_both = MemorySink(), MemorySink()
        # An ID that is not random, either.
        with patch("facegate.receipt.ledger.writer.secrets.token_hex", lambda size: "5a" * size):
            Ledger(of_acts, self._signer)
            Ledger(of_both, self._signer)
        with Ledger(of_acts, self._signer) as ledger:
            ledger.record(several(2))
        with Ledger(of_both, self._signer, every=3) as ledger:
            for each in receipts(self._signer, request_id="fuzzed", sequence=1):
                ledger.append(each)
                ledger.record(act())
            ledger.rotate(self._signer)
            ledger.record(act(act="put"))
        return {"acts": bytes(of_acts.data), "both": bytes(of_both.data)}

    def mutate(self, value: bytes, rng: random.Random) -> bytes:
        kind = rng.randrange(5)
        if kind == 0:
            return damaged(value, rng, value)
        lines = value.splitlines(keepends=True)
        if kind == 1:
            at, to = rng.randrange(len(lines) + 1), rng.randrange(len(lines) + 1)
            return b"".join(lines[:at] + lines[to:])
        try:
            return self._forged([json.loads(line) for line in lines], rng)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return damaged(value, rng, value)

    def _forged(self, entries: list[dict[str, Any]], rng: random.Random) -> bytes:
        """One entry changed, outside or in what it signs, and all of them chained and signed anew by the log's key."""
        chosen = rng.choice(entries)
        envelope = chosen["body"].get("envelope")
        if envelope is not None and rng.random() < 0.6:
            said = json.loads(base64.b64decode(envelope["payload"]))
            change(said, rng)
            chosen["body"]["envelope"] = self._signer.sign(said)
        else:
            change(chosen["body"], rng)
        out, previous = b"", "0" * 64
        for number, each in enumerate(entries):
            line = compose(each["kind"], each["body"], number, previous, self._signer)
            previous = hashlib.sha256(line).hexdigest()
            out += line + b"\n"
        return out

    def run(self, value: bytes) -> str:
        try:
            whole: dict[str, int] | None = dict(verify_ledger(value).acts)
        except InvalidLedgerError:
            whole = None
        found, read = [], True
        try:
            found.extend(acts(value))
        except InvalidLedgerError:
            read = False
        # Whoever reads the acts alone accepts at least the logs that verify, and then finds the same.
        assert read or whole is None
        if whole is not None:
            assert sum(whole.values()) == len(found)
        self._appended(value)
        return "refused" if whole is None else "verified"

    def _appended(self, value: bytes) -> None:
        """A ledger that opens such a log goes on with it, or says why not; it never takes a byte back."""
        sink = MemorySink(value)
        try:
            with Ledger(sink, self._signer) as ledger:
                ledger.record(act())
        except InvalidReceiptError:
            assert bytes(sink.data) == value
            return
        assert bytes(sink.data).startswith(value)
        assert parse(bytes(sink.data).splitlines()[-1]) is not None
