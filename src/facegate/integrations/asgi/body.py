"""The body of an HTTP request: what its headers declare, and its pieces as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from facegate.codes import to_error
from facegate.errors import DisconnectedError, MalformedUploadError, PolicyError, StalledUploadError
from facegate.errors import UnsupportedFormatError as Unsupported

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

MULTIPART: Final = "multipart/form-data"
# What is none of these is refused unread. What the bytes are, the child says; a header is only a claim.
_MEDIA: Final = ("image/", "video/")
_UNSAID: Final = frozenset({"", "application/octet-stream"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a sender may take. A slow one holds a child and the memory of what it has sent.

    Attributes:
        piece: longest time without a byte, seconds.
        whole: longest time for the whole body, seconds; the request's own time to live holds besides.
    """

    piece: float = 15.0
    whole: float = 120.0

    def __post_init__(self) -> None:
        if not (0 < self.piece < float("inf") and 0 < self.whole < float("inf")):
            raise PolicyError("Patience.piece and Patience.whole must be positive numbers of seconds.")


@dataclass(frozen=True, slots=True)
class Declared:
    """What the headers say of the body.

    Attributes:
        content_type: as sent, whole.
        multipart: whether the body is a form.
    """

    content_type: bytes
    multipart: bool


def check_type(content_type: str) -> None:
    """Refuse what claims to be neither picture nor video.

    Raises:
        UnsupportedFormatError: it does.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in _UNSAID and not kind.startswith(_MEDIA):
        raise Unsupported("The upload's content type must be image/*, video/* or application/octet-stream.")


def declared(scope: Scope, limit: int, form_extra: int) -> Declared:
    """Read the headers, and refuse what they already rule out.

    Args:
        scope: of the connection.
        limit: most bytes of an upload.
        form_extra: most bytes that a form may have beside it.

    Raises:
        UnsupportedFormatError: the content type, or an encoding, is none that is taken.
        LimitExceededError: the body declares more bytes than the limit.
        MalformedUploadError: the declared length is no number.
    """
    headers: Mapping[bytes, bytes] = dict(scope["headers"])
    content_type = headers.get(b"content-type", b"")
    kind = content_type.decode("latin-1")
    multipart = kind.partition(";")[0].strip().lower() == MULTIPART
    if not multipart:
        check_type(kind)
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise Unsupported("The upload must be sent without a content encoding.")
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise MalformedUploadError("The declared length of the upload is no number.")
    # So many digits are no length; and no text that an attacker may stretch is made a number of.
    if len(length) > 18 or int(length) > limit + (form_extra if multipart else 0):
        raise to_error("limit.bytes")
    return Declared(content_type, multipart)


async def body(receive: Receive, patience: Patience) -> AsyncGenerator[bytes, None]:
    """The pieces of the body, none empty, as the server hands them over.

    Raises:
        StalledUploadError: the sender was slower than `patience` allows.
        DisconnectedError: the sender went away.
    """
    end = time.monotonic() + patience.whole
    while True:
        left = end - time.monotonic()
        try:
            async with asyncio.timeout(min(patience.piece, left)):
                message = await receive()
        except TimeoutError:
            sentence = f"The upload did not come within {patience.whole:g} seconds."
            if left > patience.piece:
                sentence = f"No byte of the upload came for {patience.piece:g} seconds."
            raise StalledUploadError(sentence) from None
        if message["type"] == "http.disconnect":
            raise DisconnectedError("The sender went away before the upload was whole.")
        piece: bytes = message.get("body", b"")
        if piece:
            yield piece
        if not message.get("more_body", False):
            return
