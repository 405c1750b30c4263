"""The example of a task queue: messages are names; a face in one fails before it is sent. With a real worker."""

from __future__ import annotations

import base64
import importlib
import json
import os
import pickle
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import facegate
from facegate.errors import SealedError
from tests.conftest import eventually

pytest.importorskip("celery", reason="celery is not installed")
kombu = pytest.importorskip("kombu", reason="celery is not installed")

ROOT = Path(__file__).parents[3]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, astronaut: bytes) -> Iterator[ModuleType]:
    monkeypatch.setenv("FACEGATE_STORE", str(tmp_path))
    (tmp_path / "photo.jpg").write_bytes(astronaut)
    module = importlib.import_module("examples.celery_task")
    try:
        yield module
    finally:
        module.close_gate()
        module.gate.cache_clear()


def messages(app: Any) -> list[bytes]:
    """All that waits at the in-memory broker, as it was sent."""
    found = []
    with app.connection_for_read() as connection, connection.SimpleQueue(app.conf.task_default_queue) as queue:
        while queue.qsize():
            message = queue.get(timeout=5)
            found.append(json.dumps([message.body, message.headers], default=str).encode())
            message.ack()
    return found


def test_a_message_has_names_alone(example: ModuleType, astronaut: bytes) -> None:
    messages(example.app)
    request_id, _ = example.submit("photo.jpg")
    (sent,) = messages(example.app)
    assert request_id.encode() in sent
    assert b"photo.jpg" in sent
    assert len(sent) < 2000 < len(astronaut)


def test_a_real_worker_does_it(example: ModuleType, tmp_path: Path) -> None:
    from celery.contrib.testing.worker import start_worker

    with start_worker(example.app, pool="solo", perform_ping_check=False, shutdown_timeout=30):
        request_id, result = example.submit("photo.jpg")
        names = result.get(timeout=60)
        # A task that is delivered twice.
        again = example.redact_bystanders.delay(request_id, "photo.jpg")
        with pytest.raises(Exception, match="used before"):
            again.get(timeout=60)
    assert names == {"request": request_id, "output": f"{request_id}.png", "receipt": f"{request_id}.receipt.json"}
    verified = facegate.verify((tmp_path / names["receipt"]).read_text())
    assert (verified.request_id, verified.outcome, verified.purge.residuals) == (request_id, "finished", ())
    assert (tmp_path / names["output"]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("example")
def test_a_worker_of_several_processes_makes_its_gate_in_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker as in earnest: another program, which forks; its messages can be read, for they are files here."""
    broker, out = tmp_path / "broker", tmp_path / "worker.log"
    broker.mkdir()
    monkeypatch.setenv("FACEGATE_BROKER", "filesystem://")
    code = f"""
        from examples.celery_task import app
        app.conf.broker_transport_options = dict.fromkeys(("data_folder_in", "data_folder_out"), {str(broker)!r})
        app.conf.update(result_backend="file://{tmp_path}", worker_enable_remote_control=False)
        """
    (tmp_path / "in_files.py").write_text(textwrap.dedent(code))
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}", "PYTHONWARNINGS": "ignore"}
    send = (
        "import in_files; from examples.celery_task import submit; print(*(submit('photo.jpg')[0] for _ in range(4)))"
    )
    sent = subprocess.run(
        [sys.executable, "-c", send], env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    waiting = b"".join(each.read_bytes() for each in broker.iterdir())
    assert all(each.encode() in base64_free(waiting) for each in sent)
    command = [sys.executable, "-m", "celery", "--app", "in_files", "worker", "--concurrency", "2"]
    with out.open("wb") as log:
        worker = subprocess.Popen(
            [*command, "--without-gossip", "--without-mingle"], env=environment, stdout=log, stderr=log, cwd=tmp_path
        )
    try:
        receipts = [tmp_path / f"{each}.receipt.json" for each in sent]
        assert eventually(lambda: all(each.is_file() and each.stat().st_size for each in receipts), 90), out.read_text()
    finally:
        worker.terminate()
        worker.wait(60)
    assert {facegate.verify(each.read_text()).outcome for each in receipts} == {"finished"}
    assert len({facegate.verify(each.read_text()).key_id for each in receipts}) in {1, 2}


def base64_free(message: bytes) -> bytes:
    """A message of kombu's with the bodies, which are base64, decoded behind it."""
    bodies = re.findall(rb'"body": ?"([A-Za-z0-9+/=]+)"', message)
    return message + b"".join(base64.b64decode(each) for each in bodies)


@pytest.fixture
def face(gate: facegate.Gate, new_id: Callable[[], str], astronaut: bytes) -> Iterator[facegate.Face]:
    with gate.open_request(new_id(), purpose="generation") as request:
        face = request.analyze(request.admit(astronaut, "image")).subject
        assert face is not None
        yield face


def test_no_face_gets_into_a_message(example: ModuleType, face: facegate.Face) -> None:
    messages(example.app)
    with face.expose("landmarks") as points:
        numbers = points[0].tolist()
        for bad in (face, face.faces, points, np.array(points), numbers, points.tobytes(), str(numbers), 1.5, b"jpeg"):
            for eager in (False, True):
                example.app.conf.task_always_eager = eager
                try:
                    with pytest.raises(TypeError, match="names of objects alone") as caught:
                        example.redact_bystanders.delay("task-1", bad)
                    with pytest.raises(TypeError, match="names of objects alone"):
                        example.redact_bystanders.apply_async(kwargs={"request_id": "task-1", "object_name": bad})
                finally:
                    example.app.conf.task_always_eager = False
                assert str(numbers[0]) not in str(caught.value)
    assert messages(example.app) == []


@pytest.mark.parametrize("serializer", ["json", "pickle"])
def test_without_the_tasks_own_check_the_handle_refuses(
    example: ModuleType, face: facegate.Face, serializer: str
) -> None:
    """A task of no special class, sent as Celery sends it."""

    @example.app.task(name=f"plain-{serializer}", serializer=serializer)
    def plain(_: Any) -> None: ...

    messages(example.app)
    with pytest.raises((kombu.exceptions.EncodeError, SealedError)) as caught:
        plain.delay(face)
    assert "Face" in str(caught.value)
    with pytest.raises(SealedError):
        pickle.dumps(face)
    assert messages(example.app) == []
