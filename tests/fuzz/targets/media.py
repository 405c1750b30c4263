"""Uploads, as the child reads them: header readers alone, which is fast, and the whole way to pixels."""

from __future__ import annotations

import random
import zlib
from functools import cached_property

import numpy as np

from facegate.codes import CODES, Refusal
from facegate.policy import MediaLimits
from facegate.sizes import MAX_ICC_BYTES
from facegate.vision.decode import decode
from facegate.vision.frame import Frame
from facegate.vision.headers import read_header
from fixtures.formats import good_uploads
from tests.fuzz.mutate import damaged
from tests.fuzz.rebuild import rebuilt

# Small limits: a mutated header that claims millions of pixels is admitted otherwise, and only makes the test slow.
LIMITS = MediaLimits(bytes=1 << 20, pixels=1 << 20, side=4096)
_MOST_BYTES = 1 << 16


class _Uploads:
    name = ""
    follow = "facegate/vision/headers"

    def seeds(self) -> dict[str, bytes]:
        return {each.name: each.data for each in good_uploads() if len(each.data) < _MOST_BYTES}

    @cached_property
    def _others(self) -> list[bytes]:
        return list(self.seeds().values())

    def mutate(self, value: bytes, rng: random.Random) -> bytes:
        kind = value[:3]
        alike = [each for each in self._others if each[:3] == kind] or self._others
        other = rng.choice(alike if rng.random() < 0.9 else self._others)
        if rng.random() < 0.65:
            return rebuilt(value, rng, other)[: 4 * _MOST_BYTES]
        changed = damaged(value, rng, other)
        return resealed(changed) if rng.random() < 0.7 else changed


class Headers(_Uploads):
    """`read_header`: a `Header` that keeps its promises, or a `Refusal`."""

    name = "headers"

    def run(self, value: bytes) -> str:
        try:
            header = read_header(value)
        except Refusal as refusal:
            assert refusal.code in CODES  # noqa: PT017 - a header is as good an outcome
            return refusal.code
        assert header.width >= 1
        assert header.height >= 1
        assert 1 <= header.orientation <= 8
        assert len(header.payload) <= len(value) + 1024
        assert header.icc_profile is None or len(header.icc_profile) <= MAX_ICC_BYTES
        return "header"


class Decoding(_Uploads):
    """`decode`: a `Frame` that keeps its promises, or a `Refusal` that carries nothing but its code."""

    name = "decoding"

    def run(self, value: bytes) -> str:
        try:
            check_frame(decode(value, LIMITS))
        except Refusal as refusal:
            assert refusal.code in CODES  # noqa: PT017
            assert refusal.args == (refusal.code,)  # noqa: PT017
            return refusal.code
        return "frame"


def check_frame(frame: Frame) -> None:
    """Assert what `Frame` promises, and that it is within `LIMITS`."""
    height, width = frame.rgb.shape[:2]
    assert frame.rgb.shape == (height, width, 3)
    assert frame.rgb.dtype == np.uint8
    assert frame.rgb.flags.c_contiguous
    assert frame.rgb.flags.writeable
    assert height * width <= LIMITS.pixels
    assert max(height, width) <= LIMITS.side
    if frame.alpha is not None:
        assert frame.alpha.shape == (height, width)
    if frame.icc_profile is not None:
        assert 128 <= len(frame.icc_profile) <= MAX_ICC_BYTES


def resealed(data: bytes) -> bytes:
    """A PNG's sums made right again; otherwise hardly any mutation would get past them."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    parts, position = [data[:8]], 8
    while position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        parts += [data[position:end], zlib.crc32(data[position + 4 : end]).to_bytes(4, "big")]
        position = end + 4
    return b"".join(parts)
