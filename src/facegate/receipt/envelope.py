"""DSSE: sign bytes together with their type.

Format: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from facegate.errors import InvalidReceiptError, ReceiptError

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


class Signer:
    """An Ed25519 key that signs receipts.

    Args:
        key: the private key.

    Does not protect against: whoever can read the worker's memory can sign in its name.
    """

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = key_id(key.public_key())

    @classmethod
    def generate(cls) -> Self:
        """A new key, known to this process alone."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes, password: bytes | None = None) -> Self:
        """A key from a PKCS #8 PEM file.

        Raises:
            ReceiptError: it is no Ed25519 private key, or the password is wrong.
        """
        try:
            key = serialization.load_pem_private_key(pem, password)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ReceiptError("The signing key could not be read: it must be a PKCS #8 PEM file.") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ReceiptError("The signing key must be an Ed25519 key.")
        return cls(key)

    def public_key_pem(self) -> bytes:
        """The public key, PEM; what verifiers pin."""
        return public_pem(self._key.public_key())

    @property
    def public_key(self) -> Ed25519PublicKey:
        """The public key."""
        return self._key.public_key()

    def sign(self, statement: dict[str, Any]) -> dict[str, Any]:
        """The envelope around a statement."""
        payload = canonical(statement)
        signature = self.sign_bytes(pre_authentication_encoding(payload))
        return {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [{"keyid": self.key_id, "sig": base64.b64encode(signature).decode()}],
        }

    def sign_bytes(self, data: bytes) -> bytes:
        """The signature of bytes that say themselves what they are: an encoding with its type, or a signed note."""
        return self._key.sign(data)

    def __repr__(self) -> str:
        return f"Signer(key_id={self.key_id[:16]!r}…)"

    def __reduce__(self) -> Any:
        raise ReceiptError("A signing key cannot be pickled.")


def canonical(statement: dict[str, Any]) -> bytes:
    """The one written form of a statement: sorted, without whitespace, ASCII."""
    return json.dumps(statement, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def pre_authentication_encoding(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """The bytes that are signed: type and payload with their lengths, so that neither can pass for the other."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def check(envelope: dict[str, Any], key: Ed25519PublicKey) -> bytes:
    """The payload of an envelope that this key signed.

    Raises:
        InvalidReceiptError: the signature is of another key or another payload.
    """
    payload = decode(envelope["payload"])
    (signature,) = envelope["signatures"]
    if signature["keyid"] != key_id(key):
        raise InvalidReceiptError("The receipt names another key than the one that it is checked with.")
    try:
        key.verify(decode(signature["sig"]), pre_authentication_encoding(payload))
    except InvalidSignature:
        raise InvalidReceiptError("The signature does not fit the receipt.") from None
    return payload


def decode(text: str) -> bytes:
    """Base64, standard alphabet, in its one canonical form.

    Raises:
        InvalidReceiptError: it is not that.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise InvalidReceiptError("The receipt holds something that is no base64.") from None
    # Base64 has spare bits at the end: another text with the same bytes would pass every signature.
    if base64.b64encode(data).decode() != text:
        raise InvalidReceiptError("The receipt holds base64 that is not in canonical form.")
    return data


def load_public_key(pem: bytes) -> Ed25519PublicKey:
    """A public key from PEM.

    Raises:
        InvalidReceiptError: it is no Ed25519 public key.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidReceiptError("The public key could not be read.") from None
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidReceiptError("The public key is no Ed25519 key.")
    return key


def trusted_key(pem: bytes) -> Ed25519PublicKey:
    """The key that a caller pins.

    Raises:
        ReceiptError: it is none.
    """
    try:
        return load_public_key(pem)
    except InvalidReceiptError:
        # The caller's mistake: whoever catches InvalidReceiptError must not take it for a forged receipt.
        raise ReceiptError("The trusted key could not be read: it must be the PEM of an Ed25519 public key.") from None


def public_pem(key: Ed25519PublicKey) -> bytes:
    """A public key as PEM."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of the raw public key, hex."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()
