"""The inline level: the same requests without a child, here and where there is no Linux, and honest receipts."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import facegate
from facegate.errors import (
    AnalysisError,
    ChildCrashedError,
    DecodeError,
    ProtectionError,
    RequestClosedError,
    UnsupportedFormatError,
)
from facegate.memory.portable import PortableRegion

NewId = Callable[[], str]
INLINE = facegate.Policy(level="inline", ceiling="inline")


@pytest.fixture(scope="module")
def inline() -> Iterator[facegate.Gate]:
    with facegate.Gate(INLINE) as made:
        yield made


def test_the_same_numbers_as_in_a_child(
    inline: facegate.Gate, gate: facegate.Gate, astronaut: bytes, new_id: NewId
) -> None:
    def numbers(which: facegate.Gate) -> dict[str, np.ndarray]:
        copies = {}
        with which.open_request(new_id(), purpose="safety") as request:
            subject = request.analyze(request.admit(astronaut)).subject
            for name in ("landmarks", "pose", "embedding"):
                with subject.expose(name) as values:
                    copies[name] = values.copy()
        return copies

    here, there = numbers(inline), numbers(gate)
    for name, values in here.items():
        assert np.array_equal(values, there[name]), name


PROGRAM = """
import sys
import facegate
from facegate.policy import Policy
from pathlib import Path
from tests.conftest import descendants
upload = Path(sys.argv[1]).read_bytes()
policy = Policy(level="inline", ceiling="inline")
with facegate.Gate(policy) as gate, gate.open_request("alone", purpose="generation") as request:
    request.analyze(request.admit(upload))
    print(descendants())
"""


def test_a_whole_request_starts_no_process(astronaut: bytes, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(astronaut)
    command = [sys.executable, "-c", PROGRAM, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()", done.stderr


def test_a_whole_request_says_what_it_is(inline: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with inline.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(astronaut)
        faces = request.analyze(upload)
        with faces.subject.expose("landmarks") as xyz, upload.expose() as rgb:
            assert xyz.all()
            assert rgb.any()
            assert not xyz.flags.writeable
        assert not xyz.any(), "dead after the block"
        assert not rgb.any()
        with faces.subject.expose("landmarks") as kept:
            output = request.finish(request.redact(upload), format="jpeg")
        assert not kept.any(), "dead after the purge"
    assert len(output.data) > 1000
    verified = facegate.verify(request.receipt)
    assert (verified.level, verified.outcome, verified.child_end) == ("inline", "finished", "no child: inline")
    assert verified.purge.bytes_wiped == verified.purge.bytes_reread > 100_000
    states = {each.name: each.state for each in verified.protections}
    assert states["own_process"] == states["seccomp"] == "waived"


def test_refusals_are_those_of_a_child(inline: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with inline.open_request(new_id(), purpose="safety") as request:
        for wrong, kind in (
            (b"nothing", UnsupportedFormatError),
            (b"", UnsupportedFormatError),
            (astronaut[:9000], DecodeError),
        ):
            with pytest.raises(kind) as caught:
                request.admit(wrong)
            assert caught.value.__context__ is None or caught.value.__suppress_context__
        upload = request.admit(astronaut)
        with pytest.raises(AnalysisError):
            request.analyze(upload, subject=7)
        assert len(request.analyze(upload)) == 1


def test_an_error_of_the_analysis_ends_the_request_and_stays_untold(
    inline: facegate.Gate, astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("quotes 12345.678 of the picture")

    with inline.open_request(new_id(), purpose="safety") as request:
        upload = request.admit(astronaut)
        monkeypatch.setattr(inline.pool._bench.landmarker._mesher, "mesh", broken)
        with pytest.raises(ChildCrashedError) as caught:
            request.analyze(upload)
        assert "12345.678" not in "".join(traceback.format_exception(caught.value))
        with pytest.raises(RequestClosedError):
            request.admit(astronaut)
    assert facegate.verify(request.receipt).outcome == "child-crashed"


def test_the_pixels_are_overwritten_when_the_request_ends(
    inline: facegate.Gate, astronaut: bytes, new_id: NewId
) -> None:
    with inline.open_request(new_id(), purpose="safety") as request:
        upload = request.admit(astronaut)
        request.redact(upload)
        held = request._custody._child._bench._uploads[upload.upload_id]
        decoded, redacted = held.frame.rgb, held.redacted.rgb
        assert decoded.any()
        assert redacted.any()
    assert not decoded.any()
    assert not redacted.any()


def test_many_threads_take_turns(inline: facegate.Gate, astronaut: bytes, nobody: bytes) -> None:
    counts: dict[int, int] = {}

    def work(serial: int) -> None:
        with inline.open_request(f"inline-thread-{serial}-{time.monotonic_ns()}", purpose="safety") as request:
            counts[serial] = len(request.analyze(request.admit(nobody if serial % 2 else astronaut)))

    threads = [threading.Thread(target=work, args=(serial,)) for serial in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert counts == {serial: 0 if serial % 2 else 1 for serial in range(8)}


ELSEWHERE = """
import json, sys
import asyncio, av, click, concurrent.futures, cv2, ctypes, multiprocessing, subprocess
import numpy as np
import PIL.Image
import ai_edge_litert.interpreter, cryptography.hazmat.primitives.asymmetric.ed25519
# What only Linux has must not be asked for, nor what Windows has not.
sys.platform = "win32"
for name in ("fcntl", "resource"):
    sys.modules[name] = None
import facegate
try:
    facegate.Gate()
except facegate.errors.ProtectionError as error:
    refused = str(error)
with open(sys.argv[1], "rb") as file:
    data = file.read()
with facegate.Gate(facegate.Policy(level="inline")) as gate:
    with gate.open_request("r-1", purpose="generation") as request:
        upload = request.admit(data)
        faces = request.analyze(upload)
        with faces.subject.expose("landmarks") as xyz:
            kept, seen = xyz[5:], bool(xyz.all())
        with faces.subject.expose("landmarks") as still:
            output = request.finish(request.redact(upload, keep=faces.subject), format="webp")
sys.platform = "linux"
verified = facegate.verify(request.receipt)
print(json.dumps({
    "refused": refused, "seen": seen, "kept": bool(kept.any() or still.any()), "output": len(output.data),
    "level": verified.level, "wiped": verified.purge.bytes_wiped, "nonzero": verified.purge.bytes_nonzero,
    "achieved": [each.name for each in verified.protections if each.state == "achieved"],
    "linux": sorted({"facegate.kernel", "facegate.memory.region", "facegate.sandbox.pool"} & set(sys.modules)),
}))
"""


def test_elsewhere_the_default_refuses_and_inline_works(astronaut: bytes, tmp_path: Path) -> None:
    """As good as it gets without another system: Python says win32, and the modules that Windows lacks are gone."""
    (tmp_path / "upload").write_bytes(astronaut)
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path / "upload")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert "needs Linux" in report["refused"]
    assert (report["seen"], report["kept"], report["level"], report["nonzero"]) == (True, False, "inline", 0)
    assert report["achieved"] == []
    assert report["linux"] == []
    assert report["wiped"] > 100_000
    assert report["output"] > 1000


def test_a_portable_region_wipes_and_its_windows_read_zeros() -> None:
    region = PortableRegion("portable", 10_000)
    region.buffer()[:4] = b"face"
    window = region.window(0, 4096)
    view = window.array(np.uint8, (4,))
    assert bytes(view) == b"face"
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1
    wiped = region.wipe()
    assert (wiped.bytes_wiped, wiped.bytes_nonzero) == (region.size, 0)
    region.close()
    assert bytes(view) == bytes(4)
    with pytest.raises(ValueError, match="revoked"):
        window.array(np.uint8, (4,))
    with pytest.raises(ProtectionError):
        _ = region.fd
