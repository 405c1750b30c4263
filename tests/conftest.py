"""What many tests share: encoded portraits, a running gate, a look at the processes below this one."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import facegate
from facegate.sandbox.child import Child
from fixtures.portraits import portrait

# Tests that look at the whole host, or that count what there is of it, take turns on one worker of pytest-xdist, and so
# do those that start many confined children, by then mostly on the other; the files of all others are shared out.
# PostgreSQL takes turns with the first: its processes write a file and are gone, and nobody can say whose they were.
_IN_TURNS = {
    "host": (
        "deploy/",
        "fault/",
        "leak/",
        "unit/audit/",
        "unit/retention/",
        "unit/servers/",
        "unit/test_pytest_plugin.py",
    ),
    "children": ("sandbox/", "unit/test_cli.py", "unit/commands/"),
}
# Of those folders, what looks at its own process alone.
_SHARED_OUT = ("leak/test_candidates.py", "leak/test_revocation.py", "leak/test_words.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share tests out by file. Not by ``--dist loadgroup``, which pytest 9.2 broke for pytest-xdist 3.8."""
    from xdist.scheduler import LoadScopeScheduling

    class Turns(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            if path.startswith(tuple(f"tests/{each}" for each in _SHARED_OUT)):
                return path
            names = (name for name, parts in _IN_TURNS.items() if path.startswith(tuple(f"tests/{p}" for p in parts)))
            return next(names, path)

    return Turns(config, log)


def encode(rgb: NDArray[np.uint8], picture_format: str = "JPEG") -> bytes:
    """`rgb` as a file in memory."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, picture_format)
    return file.getvalue()


@pytest.fixture(scope="session")
def astronaut() -> bytes:
    """scikit-image's portrait, JPEG."""
    return encode(portrait("astronaut"))


@pytest.fixture(scope="session")
def hopper() -> bytes:
    """The portrait that matplotlib carries, JPEG."""
    return encode(portrait("hopper"))


@pytest.fixture(scope="session")
def nobody() -> bytes:
    """A picture without people, JPEG."""
    return encode(np.full((256, 256, 3), 128, np.uint8))


@pytest.fixture(scope="module")
def gate() -> Iterator[facegate.Gate]:
    """A gate with the default policy."""
    with facegate.Gate() as made:
        yield made


@pytest.fixture
def new_id(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes request IDs that no other test uses."""
    serial = iter(range(1_000_000))
    stem = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:80].strip("-")
    return lambda: f"t{time.monotonic_ns()}-{stem}-{next(serial)}"


def child_of(request: facegate.Request) -> Child:
    """The child that serves an open request."""
    assert request._custody is not None
    return request._custody._child


def descendants(root: int | None = None) -> set[int]:
    """Process IDs of all living descendants, zombies included."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="ascii", errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found: set[int] = set()
    fringe = {root or os.getpid()}
    while fringe:
        fringe = {pid for pid, parent in parents.items() if parent in fringe} - found
        found |= fringe
    return found


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether the condition becomes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()
