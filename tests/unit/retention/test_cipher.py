"""The stream: every change, cut, exchange and repetition of its parts is noticed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.errors import DamagedError
from facegate.retention.cipher import CHUNK, MAGIC, TAG, seal, sealed_size, unseal

KEY, ASSET = bytes(range(32)), b"0" * 32
CONTENT = os.urandom(2 * CHUNK + 1000)
SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1000)


def sealed(content: bytes, key: bytes = KEY, asset: bytes = ASSET) -> bytes:
    return b"".join(seal([memoryview(content)], key, asset))


def unsealed(blob: bytes, key: bytes = KEY, asset: bytes = ASSET) -> bytes:
    return b"".join(unseal([memoryview(blob)], key, asset))


def cut(data: bytes, places: list[int]) -> Iterator[memoryview]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    start = 0
    for end in ends:
        yield memoryview(data)[start:end]
        start = end


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_is_unsealed(size: int) -> None:
    blob = sealed(CONTENT[:size])
    assert len(blob) == sealed_size(size)
    assert unsealed(blob) == CONTENT[:size]


@given(
    st.integers(0, len(CONTENT)), st.lists(st.integers(0, 4 * CHUNK), max_size=8), st.lists(st.integers(0, 4 * CHUNK))
)
@settings(max_examples=25, deadline=None)
def test_however_the_pieces_come(size: int, places: list[int], others: list[int]) -> None:
    blob = b"".join(seal(cut(CONTENT[:size], places), KEY, ASSET))
    assert blob == sealed(CONTENT[:size])
    assert b"".join(unseal(cut(blob, others), KEY, ASSET)) == CONTENT[:size]


def test_it_is_gcm_with_the_chunks_number_and_end_in_the_nonce() -> None:
    """By hand, so that what is written today can be read by whoever has this page."""
    blob, cipher, step = sealed(CONTENT), AESGCM(KEY), CHUNK + TAG
    body = blob[len(MAGIC) :]
    for number, last in ((0, b"\0"), (1, b"\0"), (2, b"\1")):
        nonce = number.to_bytes(11, "big") + last
        chunk = cipher.decrypt(nonce, body[number * step : (number + 1) * step], b"FGK1" + ASSET)
        assert chunk == CONTENT[number * CHUNK : (number + 1) * CHUNK]


def _swapped(blob: bytes) -> bytes:
    start, step = len(MAGIC), CHUNK + TAG
    first, second = blob[start : start + step], blob[start + step : start + 2 * step]
    return blob[:start] + second + first + blob[start + 2 * step :]


@pytest.mark.parametrize(
    "change",
    [
        lambda blob: blob[:-1],
        lambda blob: blob[: -(1000 + TAG)],  # exactly the last chunk
        lambda blob: blob[: len(MAGIC) + CHUNK + TAG],
        lambda blob: blob[: len(MAGIC)],
        lambda _: b"",
        lambda blob: blob + b"\0",
        lambda blob: blob + blob[len(MAGIC) :],
        lambda blob: blob[: len(MAGIC)] + blob[len(MAGIC) + CHUNK + TAG :],
        _swapped,
        lambda blob: b"FGK2" + blob[4:],
        lambda blob: bytes([blob[0] ^ 1]) + blob[1:],
        lambda blob: blob[:-1] + bytes([blob[-1] ^ 1]),
        lambda blob: blob[:100] + bytes([blob[100] ^ 1]) + blob[101:],
    ],
)
def test_every_change_is_noticed(change) -> None:
    with pytest.raises(DamagedError):
        unsealed(change(sealed(CONTENT)))


def test_nothing_unauthenticated_comes_out() -> None:
    blob = bytearray(sealed(CONTENT))
    blob[len(MAGIC) + CHUNK + TAG + 5] ^= 1  # in the second chunk
    pieces = unseal([memoryview(bytes(blob))], KEY, ASSET)
    assert next(pieces) == CONTENT[:CHUNK]
    with pytest.raises(DamagedError):
        next(pieces)


def test_another_key_or_another_asset_reads_nothing() -> None:
    blob = sealed(CONTENT)
    with pytest.raises(DamagedError):
        unsealed(blob, key=bytes(32))
    with pytest.raises(DamagedError):
        unsealed(blob, asset=b"1" * 32)
