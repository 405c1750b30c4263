"""mediapipe 1.x, which reports its usage to a server, as an engine in the real child.

What it does there that is forbidden was found by running it, and is declined: it works without all of it. When a
detector is closed, a thread of mediapipe's uploads what was counted, with libcurl: it makes a pipe, then looks
``play.googleapis.com`` up.

It lies in a folder of its own beside the tests' packages, installed without dependencies: it wants
opencv-contrib-python, which has the same ``cv2`` as opencv-python, and whichever was installed last would be what
facegate runs with.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from facegate.errors import ViolationError
from facegate.incoming import stage
from facegate.sandbox.budget import MIB, Budget
from facegate.sandbox.child import Child
from facegate.sandbox.host import Zygote
from facegate.sandbox.seccomp.install import supported
from facegate.vision.boxes import iou
from facegate.vision.detect import Detector
from fixtures.portraits import portrait

HERE = Path(__file__).parent
FOLDER = Path(sys.prefix) / "mediapipe"
NEEDED = ("libEGL.so.1", "libGLESv2.so.2")
BUDGET = Budget(memory=1024 * MIB, cpu=20)
# What it does besides that is forbidden. Not one of these is needed to find a face.
HABITS = {
    "madvise": errno.EINVAL,  # BoringSSL asks with an advice that no kernel knows; this is what the kernel answers
    "number:788533211": errno.ENOSYS,  # a call that public kernels do not have; the same
    "timer_create": errno.EPERM,  # a sampling profiler
    "setitimer": errno.EPERM,
}
UPLOAD = {"pipe": errno.EPERM, "pipe2": errno.EPERM, "socket": errno.EACCES}


class EngineZygote(Zygote):
    """The zygote with mediapipe, which is declined what it can do without."""

    program: ClassVar[tuple[str, ...]] = (str(HERE / "engine_zygote.py"), str(FOLDER))
    declines = HABITS | UPLOAD


class PipeZygote(EngineZygote):
    """The same, and children may make pipes: so much of the upload goes on."""

    program: ClassVar[tuple[str, ...]] = (*EngineZygote.program, "with-pipe")
    declines = HABITS | {"socket": errno.EACCES}


class StrictZygote(EngineZygote):
    """Nothing is declined, as for the engine that facegate ships."""

    declines: ClassVar[dict[str, int]] = {}


@pytest.fixture(scope="module", autouse=True)
def _needs() -> None:
    if not (FOLDER / "mediapipe").is_dir():
        pytest.skip(f"mediapipe 1.x in {FOLDER}: run `make mediapipe`")
    for name in NEEDED:
        try:
            ctypes.CDLL(name)
        except OSError:
            pytest.skip(f"{' and '.join(NEEDED)}, which mediapipe is linked with (Debian: libegl1 libgles2)")


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator[Child]:
    """A real child of the zygote that the test names."""
    if (why := supported()) is not None:
        pytest.skip(f"seccomp: {why}")
    made = request.param(BUDGET)
    forked = made.fork(warm=False)
    yield forked
    forked.close()
    forked.arena.close()
    made.close()


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    """scikit-image's portrait."""
    return portrait("astronaut")


def perform(child: Child, do: str, rgb: np.ndarray | None = None) -> dict:
    """One command, with the picture if there is one."""
    if rgb is None:
        return child.call({"do": do}, timeout=30, request_id="engine")
    region, _ = stage(rgb.tobytes(), rgb.nbytes, "engine", lambda: None, lambda each, _: each.close())
    try:
        return child.call({"do": do, "shape": rgb.shape[:2]}, [region], timeout=30, request_id="engine")
    finally:
        region.wipe()
        region.close()


def found_the_astronaut(faces: list[list[float]], rgb: np.ndarray) -> bool:
    """Whether it is the one face that facegate's own detector finds."""
    (face,) = faces
    ours = Detector().detect(rgb).boxes[:1]
    return bool(iou(np.array([face[:4]], np.float32), ours)[0] > 0.5 and face[4] > 0.5)


@pytest.mark.parametrize("child", [EngineZygote], indirect=True)
def test_it_works_in_the_child_and_its_upload_is_refused_and_seen(child: Child, rgb: np.ndarray) -> None:
    perform(child, "create")
    answer = perform(child, "detect", rgb)
    assert found_the_astronaut(answer["faces"], rgb)
    assert not child.declined.keys() & UPLOAD.keys(), "it has not begun to upload"
    perform(child, "close")
    # Its very first step; it gives up and comes to no socket.
    assert child.declined.keys() & UPLOAD.keys() in ({"pipe"}, {"pipe2"})
    assert child.alive
    assert child.close() == "killed at purge"


@pytest.mark.parametrize("child", [PipeZygote], indirect=True)
def test_its_lookup_of_the_server_is_refused_and_seen(child: Child, rgb: np.ndarray) -> None:
    """Where the first step is let through, the sockets that a lookup needs are refused."""
    perform(child, "create")
    assert found_the_astronaut(perform(child, "detect", rgb)["faces"], rgb)
    assert "socket" not in child.declined
    perform(child, "close")
    # One for libcurl to see whether there is IPv6, two for nscd, one for the name server.
    assert child.declined["socket"] >= 2
    assert child.alive
    assert child.close() == "killed at purge"
    assert child.declined["socket"] >= 2, "known after its end too"


@pytest.mark.parametrize("child", [StrictZygote], indirect=True)
def test_it_is_ended_where_nobody_said_what_to_decline(child: Child) -> None:
    with pytest.raises(ViolationError) as caught:
        perform(child, "create")
    assert caught.value.syscall in HABITS
    assert child.declined == {}


def test_outside_of_the_child_it_looks_the_server_up(rgb: np.ndarray, tmp_path: Path) -> None:
    """The control. What it would send is answered by the tracer with an error, so nothing leaves this machine."""
    if shutil.which("strace") is None:
        pytest.skip("strace, which sees the lookup")
    picture, trace = tmp_path / "picture.npy", tmp_path / "trace"
    np.save(picture, rgb)
    done = subprocess.run(
        [
            *("strace", "-f", "-s", "256", "-o", str(trace)),
            # Looking at files is how the program says where it is.
            *("-e", "trace=%network,pipe,pipe2,stat,newfstatat"),
            *("-e", "inject=sendto,sendmsg,sendmmsg:error=ENETUNREACH"),
            *(sys.executable, str(HERE / "engine_free.py"), str(FOLDER), str(picture)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
    )
    if "ptrace" in done.stderr and not trace.stat().st_size:
        pytest.skip("ptrace for strace")
    assert done.returncode == 0, done.stderr
    assert found_the_astronaut(json.loads(done.stdout)["faces"], rgb)
    before, closes, after = trace.read_text(encoding="utf-8").partition("/facegate-closes-the-detector")
    assert closes
    assert re.search(r"pipe2?\(", after)
    assert re.search(r"socket\(AF_INET, SOCK_DGRAM\|SOCK_CLOEXEC", after), "no name server was asked"
    # The name as it is written in a question to a name server; the digits are lengths.
    assert r"\4play\ngoogleapis\3com" in after
    # Importing it, loading its library and finding faces asked nobody.
    assert "sa_family=AF_INET" not in before
    assert "sendmmsg(" not in before
