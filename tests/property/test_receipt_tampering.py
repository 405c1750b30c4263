"""The smallest change to a receipt is noticed: every bit of it, and every splice that hypothesis thinks of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.errors import InvalidReceiptError
from facegate.receipt import Signer, open_receipt, verify
from tests.unit.test_receipt import closed, opened

_SIGNER = Signer.generate()
_TEXT = open_receipt(opened(), _SIGNER).close(closed(), _SIGNER).to_json().encode()


def test_every_flipped_bit_is_noticed() -> None:
    verify(_TEXT)
    passed = []
    for position in range(len(_TEXT)):
        for bit in range(8):
            changed = bytearray(_TEXT)
            changed[position] ^= 1 << bit
            try:
                verify(bytes(changed))
            except InvalidReceiptError:
                continue
            passed.append((position, bit))
    assert passed == []


@given(st.integers(0, len(_TEXT)), st.integers(0, 40), st.binary(max_size=40))
def test_every_splice_is_noticed(start: int, length: int, replacement: bytes) -> None:
    changed = _TEXT[:start] + replacement + _TEXT[start + length :]
    if changed == _TEXT:
        verify(changed)
    else:
        with pytest.raises(InvalidReceiptError):
            verify(changed)
