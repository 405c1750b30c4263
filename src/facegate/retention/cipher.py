"""Content, encrypted as a stream: AES-256-GCM over chunks, each bound to its place, its asset and the end.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance, 2015): the nonce holds the number of the chunk and whether it is the last, so that chunks cannot be
left out, put in, exchanged or cut off the end. Every asset has a key of its own, which encrypts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from facegate.errors import DamagedError

# Of content, in one piece: 2^20. Larger gains nothing, and a reader holds one.
CHUNK: Final = 1 << 20
TAG: Final = 16
# What a blob begins with: the format and its version, authenticated with each chunk.
MAGIC: Final = b"FGK1"


def sealed_size(size: int) -> int:
    """Bytes of a blob for content of this many bytes."""
    return len(MAGIC) + size + TAG * max(1, -(-size // CHUNK))


def seal(content: Iterable[memoryview], key: bytes, asset: bytes) -> Iterator[bytes]:
    """The blob of some content, in pieces of up to a chunk and its tag.

    Args:
        content: pieces of any size; none is kept.
        key: 32 bytes, used for nothing else.
        asset: ID, which the blob is bound to.
    """
    cipher, number = AESGCM(key), 0
    yield MAGIC
    # One behind: only the end of the content tells which chunk is the last.
    waiting: memoryview | bytes | None = None
    for chunk in _chunks(content):
        if waiting is not None:
            yield cipher.encrypt(_nonce(number, last=False), waiting, MAGIC + asset)
            number += 1
        waiting = chunk
    yield cipher.encrypt(_nonce(number, last=True), b"" if waiting is None else waiting, MAGIC + asset)


def unseal(blob: Iterable[memoryview], key: bytes, asset: bytes) -> Iterator[bytes]:
    """The content of a blob, chunk by chunk, each authenticated before it is given out.

    Args:
        blob: pieces of any size.
        key: that sealed it.
        asset: likewise.

    Raises:
        DamagedError: the blob was changed or cut off. What came before is right.
    """
    cipher, number = AESGCM(key), 0
    pieces = _chunks(_after_magic(blob), CHUNK + TAG)
    waiting: memoryview | bytes | None = None
    for chunk in pieces:
        if waiting is not None:
            yield _open(cipher, waiting, number, asset, last=False)
            number += 1
        waiting = chunk
    if waiting is None:
        raise DamagedError("A blob was cut off outside of the store.")
    yield _open(cipher, waiting, number, asset, last=True)


def _open(cipher: AESGCM, chunk: memoryview | bytes, number: int, asset: bytes, *, last: bool) -> bytes:
    try:
        return cipher.decrypt(_nonce(number, last=last), chunk, MAGIC + asset)
    except InvalidTag:
        raise DamagedError("A blob was changed or cut off outside of the store, or its key is another's.") from None


def _nonce(number: int, *, last: bool) -> bytes:
    # 12 bytes; 2^64 chunks are more than can be stored.
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")


def _after_magic(blob: Iterable[memoryview]) -> Iterator[memoryview]:
    begun = b""
    for each in blob:
        piece = each
        if len(begun) < len(MAGIC):
            missing = len(MAGIC) - len(begun)
            begun += piece[:missing]
            piece = piece[missing:]
            if not MAGIC.startswith(begun):
                raise DamagedError("A blob does not begin as one of this store does.")
        if len(piece):
            yield piece


def _chunks(pieces: Iterable[memoryview], size: int = CHUNK) -> Iterator[memoryview | bytes]:
    """The same bytes in chunks of one size, the last of which may be shorter; copied only where pieces are joined."""
    rest = bytearray()
    for piece in pieces:
        at = 0
        if rest:
            at = min(size - len(rest), len(piece))
            rest += piece[:at]
            if len(rest) < size:
                continue
            yield bytes(rest)
            rest = bytearray()
        while len(piece) - at >= size:
            yield piece[at : at + size]
            at += size
        rest += piece[at:]
    if rest:
        yield bytes(rest)
