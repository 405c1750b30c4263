"""The one written form of a receipt. What no signature covers must not be free to change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from facegate.errors import InvalidReceiptError
from facegate.receipt.fields import ENVELOPE, check_fields

MEDIA_TYPE: Final = "application/vnd.facegate.receipt.v1+json"
# A receipt has 3 to 5 KB; the bound keeps a hostile file from costing more than a moment.
MAX_BYTES: Final = 256 * 1024
Found = TypeVar("Found")


def to_json(envelopes: Sequence[Mapping[str, Any]], public_key: bytes) -> str:
    """A bundle in its one written form: verify refuses any other, so nothing can be smuggled in between."""
    ordered = [in_order(each) for each in envelopes]
    bundle = {"mediaType": MEDIA_TYPE, "publicKey": public_key.decode(), "envelopes": ordered}
    return json.dumps(bundle, indent=2) + "\n"


def in_order(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """An envelope with its fields in the order in which they are written."""
    return {
        "payloadType": envelope["payloadType"],
        "payload": envelope["payload"],
        "signatures": [{"keyid": each["keyid"], "sig": each["sig"]} for each in envelope["signatures"]],
    }


def parse(receipt: str | bytes | Mapping[str, Any]) -> tuple[list[dict[str, Any]], bytes]:
    """Envelopes and public key (PEM) of a receipt in its right form; no signature is checked.

    Args:
        receipt: the file's content, compared byte for byte with the one written form; or what a JSON parser or a
            database made of it, where order and whitespace no longer exist.

    Raises:
        InvalidReceiptError: it is not in that form.
    """
    return parse_as(receipt, _content, lambda found: to_json(*found), MAX_BYTES)


def parse_as(
    receipt: str | bytes | Mapping[str, Any],
    content: Callable[[dict[str, Any]], Found],
    write: Callable[[Found], str],
    limit: int,
) -> Found:
    """What `content` takes from a file of at most `limit` bytes whose one written form `write` makes of that again.

    Raises:
        InvalidReceiptError: it is not in that form.
    """
    if isinstance(receipt, Mapping):
        found = content(dict(receipt))
        _check_size(write(found), limit)
        return found
    if not isinstance(receipt, (str, bytes)):
        raise InvalidReceiptError("A receipt is text, bytes, a mapping or the object that was signed.")
    _check_size(receipt, limit)
    try:
        data = receipt.encode() if isinstance(receipt, str) else receipt
    except UnicodeEncodeError:
        raise InvalidReceiptError("The receipt is no JSON.") from None
    found = content(load(data))
    if write(found).encode() != data:
        raise InvalidReceiptError("The receipt is not in the form in which receipts are written.")
    return found


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


def _check_size(text: str | bytes, limit: int) -> None:
    if len(text) > limit:
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
