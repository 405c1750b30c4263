"""Fewer at a time once memory to lock runs out, and no file is lost for it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from facegate.commands.batch.turns import Turns
from facegate.errors import LockLimitError


@pytest.mark.parametrize("room", [1, 2, 3, 7, 8])
def test_all_are_done_with_what_room_there_is(room: int) -> None:
    guard, turns = threading.Lock(), Turns(8)
    inside, most, refused = 0, 0, 0

    def work() -> int:
        nonlocal inside, most, refused
        with guard:
            if inside >= room:
                refused += 1
                raise LockLimitError("There is no room.")
            inside += 1
            most = max(most, inside)
        threading.Event().wait(0.002)
        with guard:
            inside -= 1
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: turns.take(work), range(100))) == 100
    assert most <= room
    assert refused <= 8 * 3, "after each refusal fewer come"
    assert refused == 0 or room < 8


def test_alone_it_is_told() -> None:
    tried = []

    def work() -> None:
        tried.append(1)
        raise LockLimitError("There is no room.")

    with pytest.raises(LockLimitError):
        Turns(4).take(work)
    assert len(tried) == 3, "as one of four, as one of two, alone"


def test_other_errors_pass() -> None:
    turns = Turns(1)
    with pytest.raises(ZeroDivisionError):
        turns.take(lambda: 1 // 0)
    assert turns.take(lambda: 5) == 5, "its turn is over all the same"
