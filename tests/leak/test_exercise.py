"""A user's own workload under the audit: a clean one passes, a leaky one is told on, and nothing passes for nothing."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import facegate
from facegate.audit.exercise import Exercise, exercise
from facegate.audit.receipts_seen import ReceiptsSeen
from facegate.audit.signature import check
from facegate.cli import main

KEPT: dict[str, Any] = {}
ROOT = Path(__file__).parents[2]


def serve(data: bytes, look: Any = lambda _: None) -> None:
    with facegate.Gate(facegate.Policy(spares=1)) as gate:
        with gate.open_request("exercise-1", purpose="generation") as request:
            upload = request.admit(data)
            faces = request.analyze(upload)
            assert faces.subject is not None
            with faces.subject.expose("landmarks") as xyz:
                logging.getLogger("exercise").warning("points: %d", len(xyz))
                look(xyz)
            output = request.finish(request.redact(upload), format="png")
        output.save("safe.png")


async def serve_in_asyncio(data: bytes) -> None:
    async with facegate.Gate(facegate.Policy(spares=1)) as gate:
        async with gate.open_request("exercise-2", purpose="generation") as request:
            upload = await request.admit(data)
            await request.analyze(upload)
            await request.finish(await request.redact(upload), format="png")


def leak(data: bytes) -> None:
    """In every way that the contract names, each once."""

    def look(xyz: Any) -> None:
        np.save("points.npy", xyz)
        KEPT["points"] = xyz.copy()
        print(xyz[0].tolist())

    serve(data, look)
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


def test_a_clean_workload_passes_and_its_one_file_was_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = exercise(serve, files=["safe.png"])
    assert found.leaks == []
    assert set(verdicts(found).values()) == {"verified"}, [each.as_dict() for each in found.promises]
    assert found.passed
    assert (found.opened, found.over.found) == (1, 0)
    assert found.alive.found > 0, "the control of the search"


@pytest.mark.usefixtures("_forget")
def test_what_leaks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The output, too: nobody said that it would be written."""
    monkeypatch.chdir(tmp_path)
    found = exercise(leak, channels=["worker: UDP"])
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


def test_the_command_takes_a_coroutine_function_and_signs(tmp_path: Path) -> None:
    facegate_command = [sys.executable, "-c", "from facegate.cli import main; main()", "audit"]
    arguments = ["--exercise", "tests.leak.test_exercise:serve_in_asyncio", "--out", str(tmp_path)]
    done = subprocess.run(
        [*facegate_command, *arguments], check=False, capture_output=True, text=True, cwd=ROOT, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = check(json.loads((tmp_path / "facegate-exercise.json").read_text(encoding="utf-8")))
    assert report["passed"]
    assert report["requests"] == 1
    assert CliRunner().invoke(main, ["verify", str(tmp_path / "facegate-exercise.json")]).exit_code == 0


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
    before = facegate.Request.open, facegate.Gate._keep
    with ReceiptsSeen():
        pass
    assert (facegate.Request.open, facegate.Gate._keep) == before
