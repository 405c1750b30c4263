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


def test_products_lie_apart_and_only_small_ones_share_a_page() -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    behind = 0
    for product in sorted(LAYOUT.values(), key=lambda each: each.offset):
        assert product.offset >= behind
        assert product.offset % (page if product.length >= page else 64) == 0
        behind = product.offset + product.length
        start, length = product.window
        assert start % page == length % page == 0
        assert start <= product.offset
        assert behind <= start + length <= ARENA_BYTES
        if product.length < page:
            assert length == page
    # Twice, for the child's map and a window, within a lock limit of 64 KiB, with a page to spare.
    assert 12 * page >= ARENA_BYTES


def test_large_products_share_no_page() -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    large = [product for product in LAYOUT.values() if product.length >= page]
    for each in large:
        start, length = each.window
        others = [other for other in LAYOUT.values() if other is not each]
        assert not any(start < other.offset + other.length and other.offset < start + length for other in others)


def test_slots_are_where_windows_look() -> None:
    with new_arena() as arena:
        assert arena.locked
        for number, (name, product) in enumerate(LAYOUT.items(), start=1):
            with arena.buffer() as buffer:
                slot(buffer, name)[...] = number
            start, length = product.window
            window = arena.window(start, length)
            shown = window.array(np.float32, (length // 4,))[product.begin :][: product.length // 4]
            assert (shown == number).all()
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
