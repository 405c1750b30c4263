"""The one written form of a receipt. What no signature covers must not be free to change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from facegate.errors import InvalidReceiptError
from facegate.receipt.fields import ENVELOPE, check_fields

MEDIA_TYPE: Final = "application/vnd.facegate.receipt.v1+json"
# A receipt has 3 to 5 KB; the bound keeps a hostile file from costing more than a moment.
MAX_BYTES: Final = 256 * 1024


def to_json(envelopes: Sequence[Mapping[str, Any]], public_key: bytes) -> str:
    """A bundle in its one written form: verify refuses any other, so nothing can be smuggled in between."""
    ordered = [
        {
            "payloadType": each["payloadType"],
            "payload": each["payload"],
            "signatures": [{"keyid": one["keyid"], "sig": one["sig"]} for one in each["signatures"]],
        }
        for each in envelopes
    ]
    bundle = {"mediaType": MEDIA_TYPE, "publicKey": public_key.decode(), "envelopes": ordered}
    return json.dumps(bundle, indent=2) + "\n"


def parse(receipt: str | bytes | Mapping[str, Any]) -> tuple[list[dict[str, Any]], bytes]:
    """Envelopes and public key (PEM) of a receipt in its right form; no signature is checked.

    Args:
        receipt: the file's content, compared byte for byte with the one written form; or what a JSON parser or a
            database made of it, where order and whitespace no longer exist.

    Raises:
        InvalidReceiptError: it is not in that form.
    """
    if isinstance(receipt, Mapping):
        envelopes, pem = _content(dict(receipt))
        _check_size(to_json(envelopes, pem))
        return envelopes, pem
    if not isinstance(receipt, (str, bytes)):
        raise InvalidReceiptError("A receipt is text, bytes, a mapping or a Receipt.")
    _check_size(receipt)
    try:
        data = receipt.encode() if isinstance(receipt, str) else receipt
    except UnicodeEncodeError:
        raise InvalidReceiptError("The receipt is no JSON.") from None
    envelopes, pem = _content(load(data))
    if to_json(envelopes, pem).encode() != data:
        raise InvalidReceiptError("The receipt is not in the form in which receipts are written.")
    return envelopes, pem


def load(data: bytes) -> dict[str, Any]:
    """A JSON object, no field of which comes twice.

    Raises:
        InvalidReceiptError: it is not that.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise InvalidReceiptError("The receipt has a field twice.")
        return found

    try:
        content = json.loads(data.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise InvalidReceiptError("The receipt is no JSON.") from None
    if not isinstance(content, dict):
        raise InvalidReceiptError("The receipt is no JSON object.")
    return content


def _check_size(text: str | bytes) -> None:
    if len(text) > MAX_BYTES:
        raise InvalidReceiptError("The receipt is larger than any receipt is.")


def _content(content: dict[str, Any]) -> tuple[list[dict[str, Any]], bytes]:
    match content:
        case {"mediaType": kind, "publicKey": str(pem), "envelopes": [_, *_] as envelopes} if (
            kind == MEDIA_TYPE and pem.isascii() and len(content) == 3 and len(envelopes) <= 2
        ):
            pass
        case _:
            raise InvalidReceiptError("The file is no receipt of this version.")
    for each in envelopes:
        check_fields(each, ENVELOPE, "envelope")
    return envelopes, pem.encode()
