"""The arena's layout and the handles' refusals."""

from __future__ import annotations

import copy
import os
import pickle

import numpy as np
import pytest

from facegate.errors import ProtocolError, SealedError
from facegate.memory.arena import ARENA_BYTES, LAYOUT, MAX_FACES, checked_count, new_arena, slot
from facegate.memory.sealed import Sealed


def test_products_do_not_share_pages() -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    pages = [
        number
        for product in LAYOUT.values()
        for number in range(product.offset // page, -(-(product.offset + product.length) // page))
    ]
    assert len(pages) == len(set(pages))
    assert max(pages) < ARENA_BYTES // page
    assert all(product.offset % page == 0 for product in LAYOUT.values())


def test_slots_are_where_windows_look() -> None:
    with new_arena() as arena:
        assert arena.locked
        for number, (name, product) in enumerate(LAYOUT.items(), start=1):
            with arena.buffer() as buffer:
                slot(buffer, name)[...] = number
            window = arena.window(product.offset, product.length)
            assert (window.array(np.float32, product.shape) == number).all()
            window.revoke()


@pytest.mark.parametrize("value", [-1, MAX_FACES + 1, 1.0, True, None, "3", 1 << 70])
def test_impossible_counts_are_refused(value: object) -> None:
    with pytest.raises(ProtocolError):
        checked_count(value)


class Handle(Sealed):
    """A handle with a secret that must never show."""

    __slots__ = ("secret",)

    def __init__(self) -> None:
        self.secret = 0.123456


@pytest.mark.parametrize(
    "leak",
    [
        *(lambda handle, p=protocol: pickle.dumps(handle, p) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        copy.copy,
        copy.deepcopy,
        np.asarray,
        np.array,
        lambda handle: copy.deepcopy([handle]),
    ],
)
def test_handles_refuse_to_leave(leak) -> None:
    with pytest.raises(SealedError, match=r"\[sealed Handle\]"):
        leak(Handle())


def test_handles_print_nothing() -> None:
    handle = Handle()
    for text in (repr(handle), str(handle), f"{handle}", f"{handle:>40}", f"{[handle]}"):
        assert "sealed" in text
        assert "0.123" not in text
