"""A fork that comes while another thread maps memory of a request gets no map of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from facegate.memory import region, secret, window
from facegate.memory.region import Region
from facegate.memory.secret import SecretRegion, secret_memory


def fork_while(make: Callable[[], object], module: object, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether a fork that is begun between a map and the advice has a map of facegate's memory."""
    keep_apart, reached = module.keep_apart, threading.Event()

    def slow(*given: int) -> None:
        reached.set()
        time.sleep(0.2)  # a fork that need not wait is long over
        keep_apart(*given)

    monkeypatch.setattr(module, "keep_apart", slow)
    thread = threading.Thread(target=make)
    thread.start()
    assert reached.wait(5)
    pid = os.fork()
    if pid == 0:
        os._exit(_maps() > 0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    thread.join()
    return bool(code)


def _maps() -> int:
    text = Path("/proc/self/maps").read_text(encoding="utf-8")
    return text.count("memfd:facegate") + text.count("secretmem")


def test_while_a_region_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Region] = []
    assert not fork_while(lambda: made.append(Region("upload", 4096)), region, monkeypatch)
    made[0].close()


def test_while_secret_memory_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    if (found := secret_memory()).state != "achieved":
        pytest.skip(found.detail)
    made: list[SecretRegion] = []
    assert not fork_while(lambda: made.append(SecretRegion("arena", 4096)), secret, monkeypatch)
    made[0].close()


def test_while_a_window_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    with Region("arena", 4096) as held:
        made: list[window.Window] = []
        assert not fork_while(lambda: made.append(held.window()), window, monkeypatch)
        made[0].revoke()
