"""The worker's end of a filter when nothing is to be learnt there; tests/sandbox/test_declined.py has real calls."""

from __future__ import annotations

import os
import threading

from facegate.sandbox.listener import NOTHING, Listener


def test_whoever_looks_comes_back_though_the_end_is_none() -> None:
    """A descriptor that always has something, and never a call: the child must be killed all the same."""
    reading, writing = os.pipe()
    os.write(writing, b"x")
    listener, answers = Listener(reading, NOTHING), []
    looking = threading.Thread(target=lambda: answers.append(listener.look()), daemon=True)
    looking.start()
    looking.join(10)
    os.close(writing)
    assert answers == [False]
    listener.close()
