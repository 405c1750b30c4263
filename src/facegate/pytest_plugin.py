"""pytest plugin for worker teams: a test of a pipeline fails if anything facial outlives the request.

```python
@pytest.mark.facegate_sealed(files=["*.png"])
def test_portrait(facegate_gate, photo):
    portrait(facegate_gate, photo)
```
The marked test runs under the watchers of `facegate.audit.channels`, with their controls, and fails on a written file
(but for the patterns in ``files``), a pickled handle or array of geometry, a value that is logged, warned about or
printed, a global that keeps geometry or a crop (but for the patterns in ``kept``), a name lookup or connection, and
residue in memory (unless ``residue=False``). Only what the pipeline saw through `expose` is known to be facial. A test
that opens no request fails, too.

Nothing of the library is imported before a marked test runs.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    import facegate
    from facegate.audit.leaks import Allowed

_MARKER: Final = "facegate_sealed"
_UNVERIFIED: Final = pytest.StashKey[dict[str, None]]()
_COUNT: Final = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(files=(), kept=(), residue=True): fail if anything facial outlives the test's requests; "
        "files and kept are patterns of what is allowed",
    )
    config.stash[_UNVERIFIED] = {}
    config.stash[_COUNT] = 0


@pytest.fixture(scope="session")
def facegate_gate() -> Generator[facegate.Gate]:
    """A gate with the default policy, for the whole session."""
    import facegate  # noqa: PLC0415 (heavy, and only for those who ask)

    with facegate.Gate() as gate:
        yield gate


def _allowed(marker: pytest.Mark) -> Allowed:
    from facegate.audit.leaks import Allowed  # noqa: PLC0415

    known = {"files", "kept", "residue"}
    if marker.args or set(marker.kwargs) - known:
        raise pytest.UsageError(f"{_MARKER} takes {', '.join(sorted(known))}, by name.")
    patterns: dict[str, Any] = {name: marker.kwargs.get(name, ()) for name in ("files", "kept")}
    for name, value in patterns.items():
        if isinstance(value, str) or not all(isinstance(each, str) for each in value):
            raise pytest.UsageError(f"{_MARKER}: {name} must be a list of patterns.")
    return Allowed(tuple(patterns["files"]), tuple(patterns["kept"]), bool(marker.kwargs.get("residue", True)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Run a marked test under the watchers."""
    marker = item.get_closest_marker(_MARKER)
    if marker is None:
        return (yield)
    allowed = _allowed(marker)
    from facegate.audit.sealed_test import sealed  # noqa: PLC0415

    with sealed(allowed, item.config.rootpath) as verdict:
        yield
    item.config.stash[_COUNT] += 1
    item.config.stash[_UNVERIFIED].update(dict.fromkeys(verdict.unverified))
    if not verdict.opened:
        pytest.fail(f"facegate: no request was opened, so {_MARKER} has nothing to say.", pytrace=False)
    if verdict.leaks:
        count = len(verdict.leaks)
        lines = "\n".join(f"  {each}" for each in verdict.leaks)
        pytest.fail(f"facegate: {count} leak{'s' if count > 1 else ''} in a sealed test\n{lines}", pytrace=False)
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what could not be watched: a test that passed says nothing of that."""
    if not config.stash.get(_COUNT, 0):
        return
    terminalreporter.section("facegate")
    terminalreporter.line(f"{config.stash[_COUNT]} sealed tests")
    for each in config.stash[_UNVERIFIED]:
        terminalreporter.line(f"not verified: {each}")
