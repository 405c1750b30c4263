"""Every control fires, a clean workload is clean, every leaky habit is found, a silent control verifies nothing."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
import pytest

import facegate
from facegate.audit import channels
from facegate.audit.channels import Channel, run_channels, table
from facegate.audit.watchers.base import Observation, UnavailableError, Watcher
from facegate.audit.watchers.file_events import places
from facegate.audit.watchers.scene import Scene
from tests.unit.audit.habits import DEBUG_CROPS, FACE_CACHE, HABITS, LATEST, Habit, Pipeline

DOCUMENT = Path(__file__).parents[3] / "docs/channels.md"


def serve(gate: facegate.Gate, request_id: str, data: bytes, look: Callable[[Any], object] = lambda _: None) -> None:
    """One whole request."""
    with gate.open_request(request_id, purpose="generation") as request:
        upload = request.admit(data)
        faces = request.analyze(upload)
        assert faces.subject is not None
        with faces.subject.expose("landmarks") as xyz:
            look(xyz)
        safe = request.redact(upload, keep=faces.subject)
        request.finish(safe, format="jpeg")


@pytest.fixture(scope="module")
def clean(gate: facegate.Gate, astronaut: bytes) -> list[Channel]:
    """All channels, around two requests."""

    def workload() -> None:
        serve(gate, "clean-1", astronaut)
        serve(gate, "clean-2", astronaut)

    return run_channels(workload)


def test_at_least_thirty_channels_are_clean_and_their_controls_fired(clean: list[Channel]) -> None:
    assert [f"{each.name}: {each.detail}" for each in clean if each.result == "found"] == []
    assert len([each for each in clean if each.result == "clean" and each.control_fired]) >= 30
    assert [each.name for each in clean] == [each.name for each in table()]


def test_what_is_not_verified_names_what_the_host_lacks(clean: list[Channel]) -> None:
    for each in clean:
        assert each.control_fired == (each.result != "not verified"), each
        if not each.control_fired:
            assert each.detail.startswith(("needs ", "the control was refused")), each


def test_json_has_the_keys_of_the_report(clean: list[Channel]) -> None:
    for each in clean:
        assert set(json.loads(json.dumps(each.as_dict()))) == {
            "name",
            "watcher",
            "result",
            "control_fired",
            "detail",
            "absent",
        }


def test_a_gate_that_the_workload_makes_itself_is_clean_too(astronaut: bytes) -> None:
    """With the zygote's whole start under the watchers' eyes."""

    def workload() -> None:
        with facegate.Gate(facegate.Policy(spares=1)) as gate:
            serve(gate, "own-gate", astronaut)

    found = [f"{each.name}: {each.detail}" for each in run_channels(workload) if each.result == "found"]
    assert found == []


@pytest.fixture
def forget() -> Iterator[None]:
    yield
    FACE_CACHE.clear()
    DEBUG_CROPS.clear()
    LATEST.clear()
    Pipeline.last = None


@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.__name__)
def test_habit_is_found(habit: Habit, gate: facegate.Gate, astronaut: bytes, tmp_path: Path, new_id: Any) -> None:
    wanted = HABITS[habit]
    watchers = [each for each in table() if each.name in wanted]
    assert len(watchers) == len(wanted), "a channel was renamed"
    ends: list[Any] = []
    # xyz is zeros after the request; what a habit keeps, it has copied.
    found = run_channels(
        lambda: serve(gate, new_id(), astronaut, lambda xyz: ends.append(habit(xyz, tmp_path))), watchers
    )
    for end in ends:
        if callable(end):
            end()
    results = {each.name: each.result for each in found}
    if habit.__name__ == "spools":  # O_TMPFILE or a name that is removed: whichever the file system offers
        assert "found" in results.values()
    else:
        assert results == dict.fromkeys(wanted, "found"), found


def test_a_finding_names_file_and_line(gate: facegate.Gate, astronaut: bytes, tmp_path: Path) -> None:
    def leak(xyz: Any) -> None:
        np.save(tmp_path / "points.npy", xyz)

    watchers = [each for each in table() if each.name == "Python opens to write"]
    (channel,) = run_channels(lambda: serve(gate, "file-and-line", astronaut, leak), watchers)
    assert f"points.npy ({__file__}:{leak.__code__.co_firstlineno + 1})" in channel.detail


def without_control(watcher: Watcher) -> Watcher:
    """The same, but its control does nothing."""
    kind = type(watcher)
    made = object.__new__(type(kind.__name__, (kind,), {"act": lambda *_: None}))
    made.__dict__.update(watcher.__dict__)
    return made


def test_nothing_is_clean_without_its_control() -> None:
    results = run_channels(lambda: None, [without_control(each) for each in table()])
    assert {each.result for each in results} == {"not verified"}, [each for each in results if each.result == "clean"]
    assert not any(each.control_fired for each in results)


def test_a_watcher_that_gives_up_half_way_is_found_out() -> None:
    class Deaf(Watcher):
        def act(self, scene: Scene, phase: str) -> None:
            scene.notes.setdefault("deaf", []).append(phase)

        def look(self, scene: Scene) -> Iterator[Observation]:
            yield Observation("heard", control=f"{self.slug}.before")

    (channel,) = run_channels(lambda: None, [Deaf("deaf", "-", "-")])
    assert (channel.result, channel.control_fired) == ("not verified", False)
    assert channel.detail == "the control was not seen after the workload"


def test_what_a_host_lacks_is_said() -> None:
    class Missing(Watcher):
        def act(self, scene: Scene, phase: str) -> None:
            raise UnavailableError("a thing that this host lacks")

        def look(self, scene: Scene) -> Iterator[Observation]:
            yield from ()

    (channel,) = run_channels(lambda: None, [Missing("missing", "-", "-")])
    assert (channel.result, channel.detail) == ("not verified", "needs a thing that this host lacks")


def test_a_finding_counts_even_where_the_control_is_silent() -> None:
    class Found(Watcher):
        def act(self, scene: Scene, phase: str) -> None:
            raise PermissionError(1, "Operation not permitted")

        def look(self, scene: Scene) -> Iterator[Observation]:
            yield Observation("a trace")

    (channel,) = run_channels(lambda: None, [Found("found", "-", "-")])
    assert (channel.result, channel.control_fired) == ("found", False)


def test_controls_leave_nothing() -> None:
    """Of this run: others may be under way on the same host."""
    tokens: list[str] = []

    class Listening(Watcher):
        def act(self, scene: Scene, phase: str) -> None:
            tokens.append(scene.token)

        def look(self, scene: Scene) -> Iterator[Observation]:
            yield from ()

    run_channels(lambda: None, [*table(), Listening("listening", "-", "-")])
    token = tokens[0]
    folders = {Path(gettempdir()), *places().values(), Path("/opt"), Path("/var/lib"), Path("/")}
    assert [name for each in folders if each.is_dir() for name in os.listdir(each) if token in name] == []
    assert not any(token in name for name in os.environ)
    assert not any(token in word for word in sys.argv)
    assert not any(token in thread.name for thread in threading.enumerate())
    assert token not in Path("/proc/keys").read_text(encoding="utf-8")


def test_an_error_of_the_workload_is_raised_and_everything_is_put_back() -> None:
    import logging
    import pickle
    import warnings

    before = (sys.stdout, sys.stderr, pickle.dumps, pickle.Pickler, warnings.showwarning, logging.getLogRecordFactory())
    with pytest.raises(ZeroDivisionError):
        run_channels(lambda: 1 / 0)
    after = (sys.stdout, sys.stderr, pickle.dumps, pickle.Pickler, warnings.showwarning, logging.getLogRecordFactory())
    assert after == before


def test_names_are_unique() -> None:
    slugs = [each.slug for each in table()]
    assert len(slugs) == len(set(slugs)) >= 30


def test_the_documents_table_is_current() -> None:
    assert channels.markdown() in DOCUMENT.read_text(encoding="utf-8"), "run: python -m facegate.audit.channels"
