"""Log records of whole requests, at DEBUG and with all their fields: nothing that is derived from the person."""

from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from os import kill
from pathlib import Path

import numpy as np
import pytest

import facegate
from facegate.errors import BusyError, ChildCrashedError, DecodeError
from facegate.logs import EVENTS, FIELDS, is_by_the_list, log
from facegate.request import Request
from fixtures.collection import two_people
from tests.conftest import child_of, encode
from tests.leak.words import Secret, everything_of

TIMES = {"seconds_waiting", "seconds_open", "seconds_purge"}
# What every record has of its own: when, and where in the code and in which process it was made.
_PLACES = {"created", "msecs", "relativeCreated", "thread", "process", "lineno", "levelno"}


class Ear(logging.Handler):
    """Keeps every record of every logger."""

    def __init__(self) -> None:
        super().__init__(1)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def ear() -> Iterator[Ear]:
    made, root, ours = Ear(), logging.getLogger(), logging.getLogger("facegate")
    levels = root.level, ours.level
    root.addHandler(made)
    root.setLevel(1)
    ours.setLevel(1)
    yield made
    root.removeHandler(made)
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def whole_life(folder: Path, face: str) -> Secret:
    """Requests as a worker has them: one that finishes, one that fails, one whose child dies, one that is refused.

    Returns what they knew, for the search.
    """
    upload = encode(two_people().rgb, "JPEG")
    path = folder / f"{face}.jpg"
    path.write_bytes(upload)
    policy = facegate.Policy(max_open=1, max_waiting=1, max_wait=0.05, spares=1)
    with facegate.Gate(policy, metrics=lambda _: 1 / 0) as gate:
        with gate.open_request("pseudonym-1", purpose="safety") as request:
            taken = request.admit(path)
            faces = request.analyze(taken)
            arrays = everything_of(faces)
            with pytest.raises(BusyError):
                gate.open_request("pseudonym-2", purpose="safety").open()
            request.finish(request.redact(taken, keep=faces.subject))
        with pytest.raises(DecodeError), gate.open_request("pseudonym-3", purpose="safety") as request:
            request.admit(upload[: len(upload) // 2])
        with pytest.raises(ChildCrashedError), gate.open_request("pseudonym-4", purpose="safety") as request:
            taken = request.admit(path)
            kill(child_of(request).pid, signal.SIGKILL)
            request.analyze(taken)
    return Secret(upload, arrays)


def of_the_person(record: logging.LogRecord, secret: Secret, path: str) -> list[str]:
    """What a record says of them: numbers of the geometry, pieces, size and name of the upload, sizes of faces."""
    content = {name: value for name, value in record.__dict__.items() if name not in _PLACES | TIMES}
    text = f"{record.getMessage()} {content}"
    found = [*secret.in_text(text), *(word for word in (path, Path(path).stem) if word in text)]
    height, width = two_people().rgb.shape[:2]
    boxes = secret.arrays["boxes"][:2]
    sizes = {height, width, len(secret.upload), *np.rint(boxes).astype(int).ravel().tolist()}
    sizes |= set(np.rint(boxes[:, 2:] - boxes[:, :2]).astype(int).ravel().tolist())
    said = {int(each) for each in re.findall(r"(?<![\w.-])\d+(?![\w.-])", text)}
    return found + [f"size {each}" for each in said & {each for each in sizes if each > 10}]


def test_no_record_holds_anything_of_the_person(ear: Ear, tmp_path: Path) -> None:
    secret = whole_life(tmp_path, "portrait-of-somebody")
    records = [each for each in ear.records if each.name.partition(".")[0] == "facegate"]
    names = {each.event for each in records}
    assert names >= {
        *("gate.opened", "gate.closed", "metrics.failed"),
        *("request.queued", "request.opened", "request.refused", "request.closed"),
    }
    for record in ear.records:
        assert of_the_person(record, secret, str(tmp_path / "portrait-of-somebody.jpg")) == [], record.name
    for record in records:
        assert is_by_the_list(record), record.__dict__
        # A pseudonym of the caller's is in its field and nowhere else.
        assert "pseudonym" not in record.getMessage()
        assert record.levelno <= logging.WARNING
        assert record.exc_info is None
    assert {each.request_id for each in records if hasattr(each, "request_id")} == {
        f"pseudonym-{number}" for number in range(1, 5)
    }
    warned = [each.event for each in records if each.levelno >= logging.WARNING]
    assert warned == ["metrics.failed"], "ordinary life, failures included, is nothing to warn of"


def _a_number(faces: facegate.FaceSet, _: facegate.ImageUpload) -> None:
    with faces.expose("boxes") as boxes:
        log("gate", "request.opened", seconds_open=str(boxes[0, 0]))


def _a_size_in_the_message(_: facegate.FaceSet, upload: facegate.ImageUpload) -> None:
    logging.getLogger("facegate.x").debug("%d wide", upload.size_wh[0])


def _a_size_in_a_field(_: facegate.FaceSet, upload: facegate.ImageUpload) -> None:
    logging.getLogger("facegate.x").debug("seen", extra={"w": upload.size_wh[0]})


def _a_path(*_: object) -> None:
    log("gate", "request.opened", reason="portrait-of-somebody.jpg")


def _landmarks(faces: facegate.FaceSet, _: facegate.ImageUpload) -> None:
    with faces.subject.expose("landmarks") as xyz:
        logging.getLogger("elsewhere").debug("%s", np.array2string(xyz, threshold=10**6))


@pytest.mark.parametrize("leak", [_a_number, _a_size_in_the_message, _a_size_in_a_field, _a_path, _landmarks])
def test_the_search_finds_what_is_logged(
    ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leak: Callable[..., None]
) -> None:
    analyze = Request.analyze

    def leaky(self: Request, upload: facegate.ImageUpload, **options: object) -> facegate.FaceSet:
        faces = analyze(self, upload, **options)  # type: ignore[call-overload]
        leak(faces, upload)
        return faces

    monkeypatch.setattr(Request, "analyze", leaky)
    secret = whole_life(tmp_path, "portrait-of-somebody")
    found = [
        record
        for record in ear.records
        if of_the_person(record, secret, str(tmp_path / "portrait-of-somebody.jpg"))
        or (record.name.startswith("facegate") and not is_by_the_list(record))
    ]
    assert found


def test_events_are_stable_and_their_fields_are_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs/load.md").read_text(encoding="utf-8")
    for name, (level, sentence) in EVENTS.items():
        assert level <= logging.WARNING
        assert f"| `{name}` | {logging.getLevelName(level)} | {sentence} |" in page
    assert all(f"`{name}`" in page for name in FIELDS)


def test_nothing_is_shown_or_made_where_nobody_asked_for_it() -> None:
    """In an interpreter without any setting: no output, no record, and none of Python's last resort."""
    code = """
import logging, sys
made = []
logging.setLogRecordFactory(lambda *given, **more: made.append(given) or logging.LogRecord(*given, **more))
import facegate
with facegate.Gate(facegate.Policy(spares=0), metrics=lambda _: 1 / 0) as gate:
    with gate.open_request("quiet", purpose="safety"):
        pass
handlers = logging.getLogger("facegate").handlers
assert [type(each).__name__ for each in handlers] == ["NullHandler"], handlers
print([given[4] for given in made])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.stdout == f"{[EVENTS['metrics.failed'][1]]}\n"
