"""Sources of uploads: what facegate reads from, and what a file object can do with the buffer that it is given."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import facegate
from facegate.memory.arena import ARENA_BYTES
from facegate.memory.region import Region

PROGRAM = """
import sys
import numpy as np
import facegate

class Keeper:
    kept = []
    def readinto(self, buffer):
        self.kept.append(np.frombuffer(buffer, np.uint8))
        if len(self.kept) > 1:
            return 0
        buffer[:9] = b"no image!"
        return 9

with facegate.Gate(facegate.Policy(spares=0)) as gate, gate.open_request("r-1", purpose="safety") as request:
    try:
        request.admit(Keeper())
    except facegate.errors.UnsupportedFormatError:
        print(int(Keeper.kept[0].sum()))
"""


def test_a_file_object_that_keeps_its_buffer_reads_zeros_and_nothing_crashes() -> None:
    """In a process of its own: without the scratch buffer it dies of SIGSEGV."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "0"), done.stderr


class Odd(io.RawIOBase):
    """Reads a few bytes at a time, and claims what it likes."""

    def __init__(self, data: bytes, claim: int | None = None) -> None:
        self.data, self.claim = data, claim

    def readinto(self, buffer: memoryview) -> int:
        piece = self.data[: min(7001, len(buffer))]
        self.data = self.data[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece) if self.claim is None or not piece else self.claim


@pytest.mark.parametrize("kind", ["bytesio", "file", "raw", "spooled", "odd"])
def test_every_kind_of_file_gives_the_same_picture(
    gate: facegate.Gate, astronaut: bytes, new_id: Callable[[], str], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(astronaut)
    spooled = tempfile.SpooledTemporaryFile()  # noqa: SIM115
    spooled.write(astronaut)
    spooled.seek(0)
    buffering = 0 if kind == "raw" else -1
    with path.open("rb", buffering=buffering) as file, spooled:
        sources = {"bytesio": io.BytesIO(astronaut), "spooled": spooled, "odd": Odd(astronaut)}
        with gate.open_request(new_id(), purpose="safety") as request:
            first, second = request.admit(astronaut), request.admit(sources.get(kind, file))
            with first.expose() as left, second.expose() as right:
                assert np.array_equal(left, right)
                assert left.any()


@pytest.mark.parametrize("claim", [-5, 1 << 40])
def test_a_file_that_lies_about_what_it_read_is_an_upload_like_any(
    gate: facegate.Gate, new_id: Callable[[], str], claim: int
) -> None:
    with pytest.raises(facegate.errors.UploadError), gate.open_request(new_id(), purpose="safety") as request:
        request.admit(Odd(b"no image!", claim))


@pytest.mark.parametrize("how", ["too much", "breaks off", "is over"])
def test_an_upload_that_is_refused_while_it_is_read_is_wiped_and_counted(
    gate: facegate.Gate, astronaut: bytes, new_id: Callable[[], str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    left: list[bytes] = []
    close = Region.close

    def watched(region: Region) -> None:
        if region.name == "upload" and not region.closed:
            left.append(os.pread(region.fd, 1 << 20, 0))
        close(region)

    class Breaking(Odd):
        def readinto(self, buffer: memoryview) -> int:
            if len(self.data) < len(astronaut) / 2:
                if how == "breaks off":
                    raise OSError(5, "broken")
                request.cancel()
            return super().readinto(buffer)

    monkeypatch.setattr(Region, "close", watched)
    errors = {"breaks off": OSError, "is over": facegate.errors.RequestClosedError}
    request = gate.open_request(new_id(), purpose="safety")
    with request:
        if how == "too much":
            admissions = request._admissions
            monkeypatch.setattr(admissions, "limits", replace(admissions.limits, bytes=len(astronaut) - 1))
        source = Odd(astronaut) if how == "too much" else Breaking(astronaut)
        with pytest.raises(errors.get(how, facegate.errors.LimitExceededError)):
            request.admit(source)
    assert len(left) == 1
    assert any(astronaut)
    assert len(left[0]) >= len(astronaut) / 2
    assert not any(left[0])
    if how != "is over":
        seen = facegate.verify(request.receipt)
        assert seen.purge.bytes_wiped >= ARENA_BYTES + len(astronaut) // 2
