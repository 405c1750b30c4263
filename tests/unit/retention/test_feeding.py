"""Pieces made in one thread, taken in another: all of them, in order, and whoever fails tells the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from facegate.retention.feeding import feed
from tests.unit.retention.conftest import PNG, Opened

PIECES = [bytes([number]) * 10 for number in range(50)]


def test_all_in_order_in_two_threads() -> None:
    threads: dict[str, int] = {}

    def make() -> Iterator[bytes]:
        threads["made"] = threading.get_ident()
        yield from PIECES

    def take(pieces: Iterator[bytes]) -> None:
        threads["taken"] = threading.get_ident()
        assert list(pieces) == PIECES

    feed(make(), take)
    assert threads["made"] == threading.get_ident() != threads["taken"]


def test_a_maker_that_fails_stops_the_taker() -> None:
    seen: list[object] = []

    def make() -> Iterator[bytes]:
        yield PIECES[0]
        raise KeyError("made")

    def take(pieces: Iterator[bytes]) -> None:
        try:
            seen.extend(pieces)
        except BaseException as error:
            seen.append(type(error).__name__)
            raise

    with pytest.raises(KeyError, match="made"):
        feed(make(), take)
    # It must not take what came for all that there is.
    assert seen == [PIECES[0], "_Stopped"]


@pytest.mark.parametrize("after", [0, 1, 30, 50])
def test_a_taker_that_fails_stops_the_maker(after: int) -> None:
    def take(pieces: Iterator[bytes]) -> None:
        for _ in range(after):
            next(pieces)
        raise OSError("taken")

    with pytest.raises(OSError, match="taken"):
        feed(iter(PIECES), take)
    assert not [each for each in threading.enumerate() if each.name == "facegate-retention-put"]


def test_from_one_store_into_the_other(opened: Opened) -> None:
    """Obstore would panic if its own stream were read while it writes."""
    content = PNG + bytes(20 << 20)
    first = opened.put(content)
    read = opened.store.get(first.asset, purpose="generation", who="worker")
    second = opened.put(iter(read), request="request-2")
    assert opened.store.get(second.asset, purpose="generation", who="worker").read() == content
