"""What is looked at, what cannot be, and that the second is never taken for clean."""

from __future__ import annotations

import ast
import ctypes
import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facegate import kernel
from facegate.audit.residue import Markers, scan, tree
from facegate.audit.residue.places import Places
from facegate.audit.residue.scratch import Scratch
from facegate.audit.residue.search import BLOCK, Search
from facegate.audit.residue.stopped import stopped
from facegate.audit.residue.sweep import Sweep
from facegate.memory.secret import SecretRegion, secret_memory

VECTOR = np.random.default_rng().normal(0, 1, 600).astype(np.float32)
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
SECRET = pytest.mark.skipif(secret_memory().state != "achieved", reason="no memfd_secret")


@pytest.fixture(scope="module")
def markers() -> Iterator[Markers]:
    with Markers.of(vector=VECTOR) as made:
        yield made


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing."""
    with subprocess.Popen([sys.executable, "-S", "-c", "import time; print(1, flush=True); time.sleep(600)"],
                          stdout=subprocess.PIPE) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_memory_that_its_owner_may_not_read_is_read(markers: Markers) -> None:
    """A page that was made unreadable still has what was stored to it."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    page[:2400] = VECTOR.tobytes()
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    assert libc.mprotect(address, 4096, kernel.PROT_NONE) == 0
    report = scan([os.getpid()], markers)
    assert libc.mprotect(address, 4096, kernel.PROT_READ | kernel.PROT_WRITE) == 0
    assert report.verified, report
    assert any(address <= hit.first < address + 4096 for hit in report.processes[0].hits)


def test_pages_that_were_never_touched_are_counted_apart(markers: Markers) -> None:
    before = scan([os.getpid()], markers).processes[0]
    with mmap.mmap(-1, 1 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as large:
        large[1 << 29] = 1
        after = scan([os.getpid()], markers).processes[0]
    assert (1 << 30) - (4 << 20) < after.bytes_absent - before.bytes_absent < (1 << 30) + (4 << 20)
    assert after.bytes_scanned - before.bytes_scanned < 16 << 20


def test_files_in_every_form_are_looked_at_once(markers: Markers, tmp_path: Path) -> None:
    """One kept in a folder, one open and deleted, one with holes; another in a folder that nobody named is not seen."""
    (tmp_path / "named").mkdir()
    (tmp_path / "named" / "kept.bin").write_bytes(VECTOR.tobytes())
    (tmp_path / "other.bin").write_bytes(VECTOR.tobytes())
    (tmp_path / "named" / "link").symlink_to(tmp_path / "other.bin")
    with (tmp_path / "gone.bin").open("w+b") as gone, (tmp_path / "sparse.bin").open("w+b") as sparse:
        gone.write(VECTOR.tobytes())
        gone.flush()
        (tmp_path / "gone.bin").unlink()
        sparse.seek(40 << 30)
        sparse.write(VECTOR.tobytes())
        sparse.flush()
        report = scan([os.getpid()], markers, folders=[tmp_path / "named"])
    found = {Path(hit.where.partition(" ")[0].rstrip(",")).name: hit for hit in report.processes[-1].hits}
    assert found.keys() >= {"kept.bin", "gone.bin", "sparse.bin"}
    assert "other.bin" not in found
    assert found["sparse.bin"].first >= 40 << 30
    assert report.processes[-1].seconds < 20
    assert {hit.count for hit in found.values()} == {16}


@ROOT
def test_a_process_that_cannot_be_read_is_not_clean(sleeper: subprocess.Popen[bytes]) -> None:
    """Another user scans a process of root's: nothing is found, and nothing is verified."""
    program = f"""
import json, os
import numpy as np
from facegate.audit.residue import Markers, scan
markers = Markers.of(vector=np.random.default_rng(1).random(600, np.float32))
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
for pids in ([{sleeper.pid}], [os.getpid(), {sleeper.pid}]):
    report = scan(pids, markers)
    print(json.dumps([report.found, report.verified, str(report), report.as_dict()]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        found, verified, text, whole = json.loads(line)
        assert (found, verified) == (0, False)
        assert "NOT VERIFIED" in text
        assert "all of its memory not read: Permission denied" in text
        assert whole["verified"] is False
        gaps = [gap for each in whole["processes"] if each["pid"] == sleeper.pid for gap in each["unreadable"]]
        assert [(gap["where"], gap["bytes"] > 1 << 20, gap["explained"]) for gap in gaps] == [
            ("all of its memory", True, None)
        ]


@ROOT
def test_a_user_can_verify_what_is_his() -> None:
    """Without any privilege: the files behind maps are found by their paths; what is root's is no loss."""
    theirs = Path(f"/dev/shm/facegate-roots-{os.getpid()}")
    folder = Path(f"/dev/shm/facegate-roots-folder-{os.getpid()}")
    program = """
import mmap, os, tempfile
import numpy as np
from facegate import kernel
from facegate.audit.residue import Markers, scan
vector = np.random.default_rng(1).random(600, np.float32)
markers = Markers.of(vector=vector)
folder = tempfile.TemporaryDirectory()
os.chown(folder.name, 65534, 65534)
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
for kept in (False, True):
    report = scan([os.getpid()], markers, folders=[folder.name])
    assert report.verified, report
    print([hit.where.partition(",")[0] for hit in report.processes[-1].hits])
    file = tempfile.NamedTemporaryFile(dir=folder.name, prefix="kept")
    file.write(vector.tobytes()); file.flush()
    shown = mmap.mmap(file.fileno(), 2400)
print({gap.where: gap.explained for gap in report.processes[-1].unreadable})
"""
    try:
        theirs.touch(0o600)
        folder.mkdir(0o700)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    finally:
        theirs.unlink()
        folder.rmdir()
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.splitlines()
    assert first == "[]"
    assert "/kept" in second
    gaps = ast.literal_eval(third)
    assert gaps[str(theirs)] == "another user's file, which none of the processes may write to"
    assert gaps[str(folder)] == "another user's folder, which none of the processes may enter"


@ROOT
@pytest.mark.parametrize("mode", [0o711, 0o770])
def test_a_folder_that_its_users_might_enter_and_the_scanner_cannot_list_is_a_gap(mode: int) -> None:
    """What its mode says of groups and access lists is not followed up: it might."""
    program = """
import os, sys
from pathlib import Path
from facegate.audit.residue import Markers
from facegate.audit.residue.places import Places
from facegate.audit.residue.scratch import Scratch
from facegate.audit.residue.search import BLOCK, Search
from facegate.audit.residue.sweep import Sweep
with Markers.of(bytes=os.urandom(64)) as markers, Scratch(3 * BLOCK) as scratch:
    sweep = Sweep(Search(markers, scratch))
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
    Places(sweep).folder(Path(sys.argv[1]), frozenset({65534}))
    print([(gap.where, gap.reason, gap.explained) for gap in sweep.unreadable])
"""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        Path(folder).chmod(mode)
        done = subprocess.run([sys.executable, "-c", program, folder], stdout=subprocess.PIPE, text=True, check=True)
        assert ast.literal_eval(done.stdout) == [(folder, "Permission denied", None)]


def test_a_folder_that_goes_meanwhile_has_nothing_and_one_that_never_was_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a")
    (tmp_path / "folder").mkdir()

    class Remover(Sweep):
        def over(self, *arguments: Any) -> int:
            (tmp_path / "folder").rmdir()
            return super().over(*arguments)

    with Markers.of(vector=VECTOR) as markers, Scratch(3 * BLOCK) as scratch:
        sweep = Remover(Search(markers, scratch))
        Places(sweep).folder(tmp_path)
        assert sweep.bytes_scanned == 1
        assert sweep.unreadable == []
        Places(sweep).folder(tmp_path / "never")
        assert [(gap.where, gap.explained) for gap in sweep.unreadable] == [(str(tmp_path / "never"), None)]


def test_a_process_that_has_ended_verifies_nothing(markers: Markers, sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    sleeper.wait()
    report = scan([sleeper.pid], markers)
    assert not report.verified
    assert not report.clean
    assert report.processes[0].unreadable[0].reason == "no such process"
    assert scan([os.getpid(), sleeper.pid], markers).verified, "of what lives, everything was looked at"


@SECRET
def test_secret_memory_is_read_through_its_descriptor(markers: Markers) -> None:
    with SecretRegion("trial", 4096) as region:
        with region.buffer() as buffer:
            np.frombuffer(buffer, np.uint8)[:2400] = VECTOR.view(np.uint8)
        report = scan([os.getpid()], markers)
        assert [hit.count for hit in report.processes[-1].hits if "secretmem" in hit.where] == [16]
        assert report.verified, report
        assert not any("secretmem" in hit.where for hit in report.processes[0].hits)
    assert not any("secretmem" in hit.where for hit in scan([os.getpid()], markers).processes[-1].hits)


@SECRET
def test_secret_memory_without_a_descriptor_is_not_clean(markers: Markers) -> None:
    """Nobody can read it then but its owner, and only who knows that the owner did may say so."""
    descriptor = kernel.syscall(kernel.SYS_MEMFD_SECRET, os.O_CLOEXEC)
    os.ftruncate(descriptor, 8192)
    address = kernel.map_file(descriptor, 8192, kernel.PROT_READ | kernel.PROT_WRITE)
    os.close(descriptor)
    try:
        report = scan([os.getpid()], markers)
        assert not report.verified
        gaps = [gap for gap in report.processes[0].unreadable if gap.explained is None]
        assert [(gap.where, gap.first, gap.bytes, gap.reason) for gap in gaps] == [
            ("/secretmem (deleted)", address, 8192, "Input/output error")
        ]
        report = scan([os.getpid()], markers, explained=lambda gap: "read back" if gap.first == address else None)
        assert report.verified
        assert "read back" in {gap.explained for gap in report.processes[0].unreadable}
    finally:
        kernel.unmap(address, 8192)


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


def test_processes_are_held_still_and_let_go(sleeper: subprocess.Popen[bytes]) -> None:
    with stopped([os.getpid(), sleeper.pid]):
        assert state_of(sleeper.pid) == "T"
    until = time.monotonic() + 5
    while state_of(sleeper.pid) == "T" and time.monotonic() < until:
        time.sleep(0.001)
    assert state_of(sleeper.pid) in {"R", "S"}
    sleeper.send_signal(signal.SIGSTOP)
    while state_of(sleeper.pid) != "T":
        time.sleep(0.001)
    with stopped([sleeper.pid]):
        pass
    assert state_of(sleeper.pid) == "T", "whoever was stopped before stays so"


def test_the_tree_is_this_process_and_what_came_of_it(sleeper: subprocess.Popen[bytes]) -> None:
    found = tree()
    assert found[0] == os.getpid()
    assert sleeper.pid in found
    assert os.getppid() not in found
    assert tree(sleeper.pid) == [sleeper.pid]
