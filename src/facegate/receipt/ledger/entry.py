"""An entry of the log: one line, in the one form that it can have.

The forms are regular expressions over the whole line, not a JSON parser and checks: they leave no byte free, no other
parser can be made to read something else, and a line of 3 KB takes a few microseconds.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from facegate.errors import InvalidLedgerError
from facegate.receipt.envelope import PAYLOAD_TYPE, Signer, canonical, decode, pre_authentication_encoding
from facegate.receipt.form import MAX_BYTES

Kind: TypeAlias = Literal["begun", "receipt", "act", "checkpoint", "rotation", "recovered"]
ENTRY_TYPE: Final = "application/vnd.facegate.ledger-entry.v1+json"
# A line holds an envelope of a receipt, and some hundred characters that are the ledger's.
MAX_LINE: Final = MAX_BYTES + 4096
NOTHING_BEFORE: Final = "0" * 64

_NUMBER, _DIGEST, _KEY = r"(?:0|[1-9][0-9]{0,15})", r"[0-9a-f]{64}", r"[A-Za-z0-9+/]{43}="
_SIGNATURE = r"[A-Za-z0-9+/]{86}=="
_TORN = rf'\{{"bytes":(?P<torn>{_NUMBER}),"sha256":"(?P<torn_digest>{_DIGEST})"\}}'
_ENVELOPE = (
    r'\{"payload":"(?P<payload>[A-Za-z0-9+/]+={0,2})",'
    rf'"payloadType":"{re.escape(PAYLOAD_TYPE)}",'
    rf'"signatures":\[\{{"keyid":"(?P<keyid>{_DIGEST})","sig":"(?P<sig>{_SIGNATURE})"\}}\]\}}'
)
_BODIES: Final[dict[Kind, str]] = {
    "receipt": (
        rf'\{{"envelope":{_ENVELOPE},'
        rf'"key":"(?P<key>{_KEY})","opened":"(?P<opened>{_DIGEST})","phase":"(?P<phase>OPEN|CLOSE)"\}}'
    ),
    # Its key is not said: it is the one in force.
    "act": rf'\{{"envelope":{_ENVELOPE}\}}',
    # The note's own form is checked where it is read.
    "checkpoint": r'\{"note":"(?P<note>[A-Za-z0-9+/=. \\]{1,1024})"\}',
    "rotation": rf'\{{"key":"(?P<key>{_KEY})"\}}',
    "recovered": rf'\{{"torn":{_TORN}\}}',
    "begun": rf'\{{"key":"(?P<key>{_KEY})","log":"(?P<log>[0-9a-f]{{32}})","torn":(?:null|{_TORN})\}}',
}
_FORMS: Final = {
    kind: re.compile(
        (
            rf'\{{"body":{body},"index":(?P<index>{_NUMBER}),"kind":"{kind}",'
            rf'"previous":"(?P<previous>{_DIGEST})","signature":"(?P<signature>{_SIGNATURE})"\}}'
        ).encode()
    )
    for kind, body in _BODIES.items()
}
_SIGNATURE_FIELD: Final = len(',"signature":"')


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log in its right form. Neither its place nor its signature is checked.

    Attributes:
        kind: what it is.
        line: without the newline.
        fields: what the form found.
    """

    kind: Kind
    line: bytes
    fields: Mapping[str, Any]

    @property
    def index(self) -> int:
        """Its number, from 0."""
        return int(self.fields["index"])

    def text(self, name: str) -> str:
        """One field."""
        return cast(bytes, self.fields[name]).decode()

    def key(self) -> Ed25519PublicKey:
        """The public key that it holds."""
        return key_of(self.text("key"))

    def note(self) -> str:
        """The signed note that it holds; `Checkpoint.parse` checks its form.

        Raises:
            InvalidLedgerError: it is not in canonical form.
        """
        written = f'"{self.text("note")}"'
        try:
            note = str(json.loads(written))
        except ValueError:
            note = ""
        if json.dumps(note) != written:
            raise InvalidLedgerError("its note is not in canonical form.", entry=self.index)
        return note

    def torn(self) -> tuple[int, str] | None:
        """Length and SHA-256 of what stands before it and is no entry."""
        if self.fields.get("torn") is None:
            return None
        return int(self.fields["torn"]), self.text("torn_digest")

    def digest(self) -> bytes:
        """What the next entry names, and a leaf of the tree."""
        return hashlib.sha256(self.line).digest()

    def check(self, key: Ed25519PublicKey) -> None:
        """Check that this key signed it: a DSSE signature over the line without that field.

        Raises:
            InvalidLedgerError: it did not.
        """
        signature = self.text("signature")
        signed = self.line[: -len(signature) - len('"}') - _SIGNATURE_FIELD] + b"}"
        try:
            key.verify(_bytes_of(signature, self.index), pre_authentication_encoding(signed, ENTRY_TYPE))
        except InvalidSignature:
            raise InvalidLedgerError("its signature does not fit it.", entry=self.index) from None


def parse(line: bytes) -> Entry | None:
    """The entry that a line without its newline is, or None if it is not in the form of any."""
    if not line.startswith(b'{"body":'):
        return None  # six forms to try are dear where a hostile file has a million lines
    for kind, form in _FORMS.items():
        found = form.fullmatch(line)
        if found is not None:
            return Entry(kind, line, found.groupdict())
    return None


def compose(kind: Kind, body: Mapping[str, Any], index: int, previous: str, signer: Signer) -> bytes:
    """The line of a new entry, without the newline."""
    content = {"body": body, "index": index, "kind": kind, "previous": previous}
    signature = signer.sign_bytes(pre_authentication_encoding(canonical(content), ENTRY_TYPE))
    return canonical(content | {"signature": base64.b64encode(signature).decode()})


def key_text(key: Ed25519PublicKey) -> str:
    """A public key as entries hold it: raw, base64."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def key_of(text: str) -> Ed25519PublicKey:
    """The public key that an entry holds.

    Raises:
        InvalidReceiptError: it is none.
    """
    return Ed25519PublicKey.from_public_bytes(decode(text))


def _bytes_of(text: str, index: int) -> bytes:
    data = base64.b64decode(text)
    if base64.b64encode(data).decode() != text:
        raise InvalidLedgerError("its signature is not in canonical form.", entry=index)
    return data
