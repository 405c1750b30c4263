"""Nothing facial in words: errors of every stage, tracebacks with locals, logs, warnings, prints, native stderr."""

from __future__ import annotations

import asyncio
import faulthandler
import hashlib
import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facegate
from facegate import kernel
from facegate.errors import FacegateError
from fixtures import networks
from fixtures.collection import two_people
from fixtures.containers import encoded
from fixtures.formats_good import picture
from tests.conftest import child_of, encode
from tests.leak.words import Secret, everything_of, held_by, told_by

NewId = Callable[[], str]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[facegate.Gate]:
    """A gate that makes everything that can be exposed, identity embeddings among it."""
    model = networks.written(tmp_path_factory.mktemp("model"), networks.recognizer())
    recognizer = facegate.Recognizer(model, hashlib.sha256(model.read_bytes()).hexdigest(), threshold=0.8)
    with facegate.Gate(facegate.Policy(recognizer=recognizer)) as made:
        yield made


@pytest.fixture(scope="module")
def secret(gate: facegate.Gate) -> Secret:
    """What a request of two people knows."""
    upload = encode(two_people().rgb, "JPEG")
    with gate.open_request("words-truth", purpose="safety") as request:
        faces = request.analyze(request.admit(upload))
        arrays = everything_of(faces)
    assert len(faces) == 2
    assert {"landmarks", "identity", "points_68"} <= set(arrays)
    return Secret(upload, arrays)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """All that was logged, warned of and printed so far."""
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        def everything() -> str:
            printed = capfd.readouterr()
            return "\n".join([caplog.text, *(str(each.message) for each in caught), printed.out, printed.err])

        yield everything


class Stream:
    """A file object that breaks in the middle."""

    def __init__(self, secret: Secret) -> None:
        self.left = secret

    def read(self, count: int) -> bytes:
        if not self.left:
            raise OSError("the line broke")
        data, self.left = self.left.upload[: count // 2], None
        return data


def _array(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    return np.full(shape, 201, dtype)


def _analyzed(request: facegate.Request, secret: Secret) -> tuple[facegate.ImageUpload, facegate.FaceSet]:
    upload = request.admit(secret.upload)
    return upload, request.analyze(upload)


def _stop(request: facegate.Request) -> None:
    os.kill(child_of(request).pid, signal.SIGSTOP)


def _kill(request: facegate.Request) -> None:
    os.kill(child_of(request).pid, signal.SIGKILL)


# Each fails at another stage; the error must come out of facegate.
FAILURES: dict[str, Callable[[facegate.Request, Secret], Any]] = {
    "unknown": lambda request, secret: request.admit(b"GARBAGE" + secret.upload),
    "truncated": lambda request, secret: request.admit(secret.upload[: len(secret.upload) // 2]),
    "damaged": lambda request, secret: request.admit(secret.upload[:400] + secret.upload),
    "too large": lambda request, secret: request.admit(secret.upload * (1 + (64 << 20) // len(secret.upload))),
    "stream": lambda request, secret: request.admit(Stream(secret)),
    "killed at admit": lambda request, secret: (_kill(request), request.admit(secret.upload)),
    "hanging at admit": lambda request, secret: (_stop(request), request.admit(secret.upload)),
    "index": lambda request, secret: request.analyze(request.admit(secret.upload), subject=7),
    "point": lambda request, secret: request.analyze(request.admit(secret.upload), subject=(1.5, 2.5)),
    "killed at analyze": lambda request, secret: (
        upload := request.admit(secret.upload),
        _kill(request),
        request.analyze(upload),
    ),
    "style": lambda request, secret: request.redact(_analyzed(request, secret)[0], style="nothing"),
    "hanging at redact": lambda request, secret: (
        upload := _analyzed(request, secret)[0],
        _stop(request),
        request.redact(upload),
    ),
    "shape": lambda request, secret: (_analyzed(request, secret), request.finish(_array(5, 5, 7))),
    "side": lambda request, secret: (_analyzed(request, secret), request.finish(_array(1, 70_000, 3), format="jpeg")),
    "killed at finish": lambda request, secret: (
        _analyzed(request, secret),
        _kill(request),
        request.finish(_array(64, 64, 3)),
    ),
    "closed": lambda request, secret: (
        upload := request.admit(secret.upload),
        request.cancel(),
        request.analyze(upload),
    ),
    "pickled": lambda request, secret: _analyzed(request, secret)[1].subject.__reduce_ex__(4),
    "product": lambda request, secret: _analyzed(request, secret)[1].bystanders[0].expose("landmarks"),
}


@pytest.fixture(scope="module")
def quick() -> Iterator[facegate.Gate]:
    """A gate whose child may take two seconds for a command."""
    with facegate.Gate(facegate.Policy(operation_timeout=2.0, spares=1)) as made:
        yield made


@pytest.mark.parametrize("stage", FAILURES)
def test_an_error_of_any_stage_tells_and_holds_nothing(
    quick: facegate.Gate, secret: Secret, said: Callable[[], str], new_id: NewId, stage: str
) -> None:
    with pytest.raises((FacegateError, OSError)) as caught:
        with quick.open_request(new_id(), purpose="safety") as request:
            FAILURES[stage](request, secret)
    assert held_by(caught.value) == []
    assert secret.in_text(told_by(caught.value) + said()) == []


def test_without_the_decorator_it_would(quick: facegate.Gate, secret: Secret, new_id: NewId) -> None:
    """The control: the same search finds the upload in the frames of the bare method."""
    with pytest.raises(FacegateError) as caught, quick.open_request(new_id(), purpose="safety") as request:
        type(request).admit.__wrapped__(request, b"GARBAGE" + secret.upload)
    assert any("admit.source" in each for each in held_by(caught.value))
    assert secret.in_text(told_by(caught.value))


def test_the_search_finds_what_is_printed(secret: Secret) -> None:
    """The control: every product and the upload are found in the ways in which they would be printed."""
    for name, array in secret.arrays.items():
        for text in (repr(array), str(array.tolist()), repr(array.astype(float).ravel()[:6])):
            assert secret.in_text(text), name
    for text in (repr(secret.upload), secret.upload.hex(), repr({"data": secret.upload[:4000]})):
        assert secret.in_text(text)
    assert secret.in_text("nothing of the kind: 3.14159, 478, 0.25, (512, 832)") == []


@pytest.mark.parametrize("stage", ["truncated", "index", "killed at analyze", "hanging at admit"])
def test_awaited_errors_too(
    quick: facegate.Gate, secret: Secret, said: Callable[[], str], new_id: NewId, stage: str
) -> None:
    """The frames of asyncio hold the arguments of what runs in a thread; its debug mode logs."""

    async def fail() -> None:
        async with quick.open_request(new_id(), purpose="safety") as request:
            if stage == "truncated":
                await request.admit(secret.upload[:5000])
            if stage == "hanging at admit":
                _stop(request._request)
            upload = await request.admit(secret.upload)
            if stage == "killed at analyze":
                _kill(request._request)
            await request.analyze(upload, subject=9)

    with pytest.raises(FacegateError) as caught:
        asyncio.run(fail(), debug=True)
    assert held_by(caught.value) == []
    assert secret.in_text(told_by(caught.value) + said()) == []


def test_a_failed_purge_does_not_show_what_was_left(
    quick: facegate.Gate, secret: Secret, said: Callable[[], str], new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        with quick.open_request(new_id(), purpose="safety") as request:
            _analyzed(request, secret)
            monkeypatch.setattr(kernel, "fill", lambda *_: None)
            raise ZeroDivisionError
    monkeypatch.undo()
    assert held_by(caught.value) == []
    assert secret.in_text(told_by(caught.value) + said()) == []
    assert isinstance(caught.value.exceptions[1], facegate.errors.PurgeError)


def test_a_wipe_that_breaks_down_does_not_show_what_it_read(
    quick: facegate.Gate, secret: Secret, said: Callable[[], str], new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of reading back, with bytes in hand that were not wiped."""

    def broken(*given: object) -> None:
        del given  # as numpy's own does, which is no frame of Python's
        raise MemoryError

    with pytest.raises(facegate.errors.PurgeError) as caught:
        with quick.open_request(new_id(), purpose="safety") as request:
            _analyzed(request, secret)
            monkeypatch.setattr(kernel, "fill", lambda *_: None)
            monkeypatch.setattr(np, "count_nonzero", broken)
    monkeypatch.undo()
    assert held_by(caught.value) == []
    assert secret.in_text(told_by(caught.value) + said()) == []


def test_an_error_of_the_body_keeps_zeros(
    quick: facegate.Gate, secret: Secret, said: Callable[[], str], new_id: NewId
) -> None:
    """The frames are the user's, and stay; what they were shown is gone."""

    def body(request: facegate.Request) -> None:
        upload, faces = _analyzed(request, secret)
        with faces.subject.expose("landmarks") as xyz, faces.expose("boxes") as boxes, upload.expose() as rgb:
            shown = (xyz.any(), boxes.any(), rgb.any(), xyz[3:9])
            assert all(shown[:3])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        with quick.open_request(new_id(), purpose="safety") as request:
            body(request)
    frame = next(entry.frame for entry in caught.traceback if entry.name == "body")
    kept = frame.f_locals
    assert kept["shown"][:3] == (True, True, True)
    assert not any(array.any() for array in (kept["xyz"], kept["boxes"], kept["rgb"], kept["shown"][3]))
    assert secret.in_text(told_by(caught.value) + repr(kept) + said()) == []


def test_public_objects_print_nothing_while_they_are_open(
    gate: facegate.Gate, secret: Secret, said: Callable[[], str], new_id: NewId, tmp_path: Path
) -> None:
    with gate.open_request(new_id(), purpose="safety") as request:
        upload, faces = _analyzed(request, secret)
        safe = request.redact(upload, keep=faces.subject)
        custody = request._custody
        with faces.subject.expose("landmarks") as xyz, safe.expose():
            assert secret.in_text(str(xyz[:9])), "the geometry is there"
            windows = list(custody._windows)
            open_objects = [
                gate,
                gate.policy,
                gate.signer,
                gate.pool,
                request,
                request.receipt,
                upload,
                safe,
                faces,
                *faces,
            ]
            open_objects += [faces.subject, custody, child_of(request), child_of(request).arena, *windows]
            texts = [form(each) for each in open_objects for form in (repr, str, "{}".format, "{0!a}".format)]
            with (tmp_path / "trace").open("w+") as trace:
                faulthandler.dump_traceback(trace, all_threads=True)
                trace.seek(0)
                texts.append(trace.read())
        output = request.finish(safe, format="png")
        texts += [repr(output), str(request.receipt), request.receipt.to_json()]
    assert len(windows) == 2
    assert secret.in_text("\n".join(texts) + said()) == []


PROGRAM = """
import sys, facegate, faulthandler, logging
logging.basicConfig(level=logging.DEBUG)
faulthandler.enable()
data = open(sys.argv[1], "rb").read()
with facegate.Gate(facegate.Policy(spares=0)) as gate, gate.open_request("r-1", purpose="safety") as request:
    faces = request.analyze(request.admit(data))
    with faces.subject.expose("landmarks") as xyz:
        if sys.argv[2] == "print":
            print(xyz[:20], file=sys.stderr)
        if sys.argv[2] == "kill":
            faulthandler.dump_traceback()
            import os; os.kill(request._custody._child.pid, 9)
        request.admit(data[: len(data) // 2])
"""


@pytest.mark.parametrize(
    ("how", "last"), [("fail", "DecodeError"), ("kill", "ChildCrashedError"), ("print", "DecodeError")]
)
def test_what_an_uncaught_error_prints(secret: Secret, tmp_path: Path, how: str, last: str) -> None:
    """sys.excepthook, faulthandler and all loggers; where the program prints geometry itself, the search finds it."""
    path = tmp_path / "upload"
    path.write_bytes(secret.upload)
    command = [sys.executable, "-X", "dev", "-c", PROGRAM, str(path), how]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert last in done.stderr.splitlines()[-1]
    assert bool(secret.in_text(done.stdout + done.stderr)) == (how == "print")


DAMAGED_TIFF = encoded(Image.fromarray(picture()), "TIFF", compression="tiff_lzw")
DAMAGED_TIFF = DAMAGED_TIFF[:8] + b"\xff" * 40 + DAMAGED_TIFF[48:]


def test_what_native_libraries_print_reaches_nobody(
    gate: facegate.Gate, capfd: pytest.CaptureFixture[str], new_id: NewId
) -> None:
    """What libtiff says of damage goes to descriptor 2: heard here, where it runs on purpose, and not from a child."""
    from facegate.codes import Refusal
    from facegate.policy import MediaLimits
    from facegate.vision.decode import decode

    with pytest.raises(Refusal):
        decode(DAMAGED_TIFF, MediaLimits())
    assert capfd.readouterr().err, "the control: there is something to be heard"
    with gate.open_request(new_id(), purpose="safety") as request:
        folder = Path(f"/proc/{child_of(request).pid}/fd")
        for output in ("1", "2"):
            assert str((folder / output).readlink()) == "/dev/null"
        with pytest.raises(facegate.errors.DecodeError):
            request.admit(DAMAGED_TIFF)
        files = {str(each.readlink()) for each in folder.iterdir()}
        assert {each for each in files if each.startswith("/")} <= {"/dev/null", "/memfd:facegate-sample (deleted)"}
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")
    assert child_of(request).end == "killed at purge"


def test_silence_is_read_back() -> None:
    """Each case in a process of its own, since it closes its mouth for good."""
    program = """
import os, sys
from facegate.errors import SandboxSetupError
from facegate.sandbox import silence
def verdict(text):
    os.write(said, text.encode())
said = os.dup(1)
try:
    silence.read_back()
except SandboxSetupError:
    verdict("loud ")
verdict(silence.apply(silence.open_sink()).state + " ")
os.dup2(os.open("/dev/null", os.O_RDONLY), 2)
try:
    silence.read_back()
except SandboxSetupError:
    verdict("closed")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "loud achieved closed"


FORGET = """
import os, sys, weakref, gc
import numpy as np
from facegate.codes import Refusal
from facegate.policy import Policy
from facegate.sandbox import confine, executor, wire
from facegate.sandbox.budget import Budget

class Bench:
    def warm(self): pass
    def begin(self, arena): pass
    def perform(self, command, regions):
        if command["do"] == "ask":
            return {"alive": self.seen() is not None}
        pixels = np.full(1 << 20, 7, np.uint8)
        self.seen = weakref.ref(pixels)
        try:
            raise ValueError("what a library says")
        except ValueError as error:
            kept = error  # a cycle, as libraries make them: frame, error, traceback, frame
        if command["do"] == "memory":
            raise MemoryError
        raise Refusal("decode.damaged") from None

gc.disable()
ours, theirs = wire.pair()
arena = os.memfd_create("arena")
os.ftruncate(arena, 4096)
parent = os.getpid()
pid = os.fork()
if pid == 0:
    ours.close()
    budget = Budget.of(Policy())
    confine.confine(budget)
    channel = theirs.detach()
    os._exit(executor.run(channel, arena, workbench=Bench(), parent=parent, warm=False, filters=None, budget=budget))
theirs.close()
print(wire.receive(ours)[0]["listener"], wire.receive(ours)[0]["ready"])
for do in ("refuse", "ask", "memory", "ask"):
    wire.send(ours, {"do": do, "sources": 0})
    print(wire.receive(ours)[0])
"""


def test_a_refusal_does_not_keep_pixels_alive_in_the_child() -> None:
    """With the collector off, as in a child, only clearing the frames of the error lets them go."""
    done = subprocess.run([sys.executable, "-c", FORGET], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [
        "False True",
        "{'refused': 'decode.damaged'}",
        "{'alive': False}",
        "{'refused': 'memory'}",
        "{'alive': False}",
    ]
