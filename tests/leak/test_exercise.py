"""A user's own workload under the audit: a clean one passes, a leaky one is told on, and nothing passes for nothing."""

from __future__ import annotations

import logging
import socket
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import facegate
from facegate.audit.exercise import Exercise, exercise
from facegate.audit.receipts_seen import ReceiptsSeen
from facegate.cli import main

KEPT: dict[str, Any] = {}


def serve(gate: facegate.Gate, data: bytes, look: Any = lambda _: None) -> None:
    """The gate was open before, as a worker's is: while one closes, a busy host hides who made which file."""
    with gate.open_request(f"exercise-{time.monotonic_ns()}", purpose="generation") as request:
        upload = request.admit(data)
        faces = request.analyze(upload)
        assert faces.subject is not None
        with faces.subject.expose("landmarks") as xyz:
            logging.getLogger("exercise").warning("points: %d", len(xyz))
            look(xyz)
        output = request.finish(request.redact(upload), format="png")
    output.save("safe.png")


def leak(gate: facegate.Gate, data: bytes) -> None:
    """In every way that the contract names, each once."""

    def look(xyz: Any) -> None:
        np.save("points.npy", xyz)
        KEPT["points"] = xyz.copy()
        print(xyz[0].tolist())

    serve(gate, data, look)
    KEPT["socket"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    KEPT["socket"].bind(("127.0.0.1", 0))


def verdicts(found: Exercise) -> dict[str, str]:
    return {each.promise.slug: each.verdict for each in found.promises}


@pytest.fixture
def _forget() -> Any:
    yield
    if "socket" in KEPT:
        KEPT["socket"].close()
    KEPT.clear()


def test_a_clean_workload_passes_and_its_one_file_was_allowed(
    gate: facegate.Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = exercise(partial(serve, gate), files=["safe.png"])
    assert found.leaks == []
    assert set(verdicts(found).values()) == {"verified"}, [each.as_dict() for each in found.promises]
    assert found.passed
    assert (found.opened, found.over.found) == (1, 0)
    assert found.alive.found > 0, "the control of the search"


@pytest.mark.usefixtures("_forget")
def test_what_leaks_is_told(gate: facegate.Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The output, too: nobody said that it would be written."""
    monkeypatch.chdir(tmp_path)
    found = exercise(partial(leak, gate), channels=["worker: UDP"])
    told = "\n".join(found.leaks)
    assert "points.npy, which holds landmarks" in told
    assert "file written: safe.png" in told
    assert "KEPT[...] keeps landmarks after the request" in told
    assert "landmarks printed" in told
    assert "Python's network sockets" in told
    (allowed,) = [each for each in found.channels if each.name == "worker: UDP"]
    assert allowed.result == "allowed"
    assert found.over.found > 0
    failed = {name for name, verdict in verdicts(found).items() if verdict == "failed"}
    assert failed == {"memory-only", "purged", "not-shared", "not-told"}
    assert not found.passed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--exercise", "worker"], "takes MODULE:FUNCTION"),
        (["--exercise", "no_such_module_here:serve"], "there is no module no_such_module_here"),
        (["--exercise", "tests.leak.test_exercise:nothing"], "has no function nothing"),
        (["--allow-file", "*.png"], "concerns --exercise"),
    ],
)
def test_bad_usage_is_one_sentence(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["audit", "--out", str(tmp_path), *arguments])
    assert result.exit_code == 2
    assert sentence in result.output
    assert list(tmp_path.iterdir()) == []


def test_receipts_whole(gate: facegate.Gate, nobody: bytes) -> None:
    with ReceiptsSeen() as seen:
        with gate.open_request("seen-1", purpose="generation") as request:
            request.admit(nobody)
    assert [each.verdict for each in seen.evidence()] == ["verified", "verified"]


def test_receipts_a_request_that_is_still_open(gate: facegate.Gate) -> None:
    with ReceiptsSeen() as seen:
        request = gate.open_request("seen-2", purpose="generation")
        request.open()
    try:
        assert seen.evidence()[0].verdict == "failed"
    finally:
        request.close()


def test_receipts_no_request_at_all() -> None:
    with ReceiptsSeen() as seen:
        pass
    assert {each.verdict for each in seen.evidence()} == {"not verified"}


def test_receipts_a_receipt_of_another_key(gate: facegate.Gate) -> None:
    with ReceiptsSeen() as seen:
        with gate.open_request("seen-3", purpose="generation"):
            pass
    seen.ended[0] = seen.ended[0][0], facegate.Signer.generate().public_key_pem()
    assert seen.evidence()[0].verdict == "failed"


def test_receipts_everything_is_put_back() -> None:
    before = facegate.Request.begin, facegate.Gate._keep
    with ReceiptsSeen():
        pass
    assert (facegate.Request.begin, facegate.Gate._keep) == before
