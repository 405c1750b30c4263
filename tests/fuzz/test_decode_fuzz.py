"""Damaged uploads: whatever comes in, a `Frame` or a `Refusal` comes out.

``FACEGATE_FUZZ_CASES`` sets how many mutations are tried (default 6000); ``FACEGATE_FUZZ_SEED`` where they begin.
"""

from __future__ import annotations

import os
import random
import zlib

import numpy as np
import pytest

from facegate.codes import CODES, Refusal
from facegate.policy import MediaLimits
from facegate.vision.decode import decode
from facegate.vision.frame import Frame
from facegate.vision.headers.header import MAX_ICC_BYTES
from fixtures.formats import good_uploads

CASES = int(os.environ.get("FACEGATE_FUZZ_CASES", "6000"))
SEED = int(os.environ.get("FACEGATE_FUZZ_SEED", "20240"))
# Small limits: a mutated header that claims millions of pixels is admitted otherwise, and only makes the test slow.
LIMITS = MediaLimits(bytes=1 << 20, pixels=1 << 20, side=4096)
GOOD = [upload for upload in good_uploads() if len(upload.data) < 1 << 16]
INTERESTING = (b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x01\0\0\0")


def _mutate(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        # Headers are a small part of a file and decide most.
        at = rng.randrange(min(len(changed), rng.choice((64, 256, len(changed)))) or 1)
        match rng.randrange(6):
            case 0:
                changed[at : at + 1] = bytes((rng.randrange(256),))
            case 1:
                value = rng.choice(INTERESTING)
                changed[at : at + len(value)] = value
            case 2:
                del changed[at : at + rng.choice((1, 2, 4, 64))]
            case 3:
                changed[at:at] = changed[at : at + rng.choice((1, 4, 64))]
            case 4:
                del changed[rng.randrange(len(changed)) + 1 :]
            case _:
                other = rng.choice(GOOD).data
                start = rng.randrange(len(other))
                changed[at : at + 32] = other[start : start + 32]
        if not changed:
            break
    return _resealed(bytes(changed)) if rng.random() < 0.7 else bytes(changed)


def _resealed(data: bytes) -> bytes:
    """A PNG's sums made right again; otherwise hardly any mutation would get past them."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    parts, position = [data[:8]], 8
    while position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        parts += [data[position:end], zlib.crc32(data[position + 4 : end]).to_bytes(4, "big")]
        position = end + 4
    return b"".join(parts)


def _check(frame: Frame) -> None:
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


@pytest.mark.parametrize("batch", range(6))
def test_damage_never_gets_further_than_a_refusal(batch: int, capfd: pytest.CaptureFixture[str]):
    """Both outcomes occur, or the mutations are too weak or too strong to mean anything."""
    outcomes = {"frame": 0, "refusal": 0}
    for index in range(batch * CASES // 6, (batch + 1) * CASES // 6):
        rng = random.Random(SEED + index)
        upload = GOOD[index % len(GOOD)]
        data = _mutate(upload.data, rng)
        try:
            _check(decode(data, LIMITS))
            outcomes["frame"] += 1
        except Refusal as refusal:
            assert refusal.code in CODES  # noqa: PT017 - a frame is as good an outcome
            outcomes["refusal"] += 1
        except Exception as error:
            pytest.fail(f"{upload.name}, case {SEED + index}: {type(error).__name__}")
        printed = capfd.readouterr()
        assert printed.out == ""
        # libtiff alone describes damage, on stderr, which the zygote points at nothing before it forks a child.
        assert not printed.err or data.startswith((b"II", b"MM"))
    assert min(outcomes.values()) > 0


def test_noise_behind_every_magic_is_refused():
    """Random bytes are never a picture."""
    rng = random.Random(SEED)
    for upload in GOOD:
        for keep in (2, 4, 8, 16):
            data = upload.data[:keep] + rng.randbytes(500)
            with pytest.raises(Refusal):
                decode(data, LIMITS)
