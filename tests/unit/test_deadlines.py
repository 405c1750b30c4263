"""The thread that ends requests whose time is over keeps none of them."""

from __future__ import annotations

import threading
import weakref

from facegate.deadlines import Deadlines
from tests.conftest import eventually


class Request:
    """As much of one as a deadline knows."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def end(self) -> None:
        self.ended.set()


def test_what_was_ended_is_let_go_of() -> None:
    deadlines, request = Deadlines(), Request()
    try:
        deadlines.add(0.01, request.end)
        assert request.ended.wait(5)
        reference = weakref.ref(request)
        del request
        assert eventually(lambda: reference() is None, 5), "the thread keeps what it ended"
    finally:
        deadlines.close()
