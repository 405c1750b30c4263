"""A real request, scanned from outside: its data is in the child and the arena while it is open, and nowhere after."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import facegate
from facegate.audit.residue import Markers, ResidueReport, scan, tree
from facegate.memory.secret import secret_memory
from fixtures.portraits import portrait
from tests.conftest import encode

SECRET = secret_memory().state == "achieved"


@pytest.fixture(scope="module")
def upload() -> bytes:
    """A portrait whose pixels are known: PNG loses nothing."""
    return encode(portrait("astronaut"), "PNG")


@pytest.fixture(scope="module")
def markers(upload: bytes) -> Iterator[Markers]:
    """Of what a request with the portrait has; the same in every process, since analysis is deterministic."""
    with facegate.Gate() as gate, gate.open_request("markers-1", purpose="generation") as request:
        faces = request.analyze(request.admit(upload), subject="largest")
        with faces.subject.expose("landmarks") as xyz, faces.subject.expose("embedding") as vector:
            made = Markers.of(landmarks=xyz, embedding=vector, pixels=portrait("astronaut"), upload=upload)
    with made:
        yield made


@contextmanager
def working(upload: bytes, folder: Path, end: str) -> Iterator[tuple[int, Iterator[str]]]:
    """A worker's pid and its steps; asking for the next lets it go on."""
    path = folder / "upload"
    path.write_bytes(upload)
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("worker.py")), str(path), end],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def steps() -> Iterator[str]:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in process.stdout:
            yield line.strip()
            process.stdin.write("\n")
            process.stdin.flush()

    try:
        yield process.pid, steps()
    finally:
        process.kill()
        process.communicate()


def kinds(report: ResidueReport, role: str) -> set[str]:
    """What was found in processes of one role."""
    return {hit.kind for each in report.processes if each.role == role for hit in each.hits}


@pytest.mark.parametrize("end", ["finish", "exception", "cancel"])
def test_what_a_request_has_is_gone_after_it(upload: bytes, markers: Markers, tmp_path: Path, end: str) -> None:
    with working(upload, tmp_path, end) as (pid, steps):
        for name in steps:
            if end != "finish" and name not in {"redacted", "purged"}:
                continue
            report = scan(tree(pid), markers, stop=True)
            assert report.verified, f"{name}: {report}"
            assert {"worker", "zygote", "child", "files"} == {each.role for each in report.processes}
            assert not kinds(report, "zygote"), f"{name}: {report}"
            if name in {"idle", "purged", "refilled"}:
                assert report.clean, f"{name}: {report}"
            else:
                # The control: the same scan finds everything while it is there. Secret memory is found in its
                # owner's descriptor, any other arena in the maps too.
                assert "pixels" in kinds(report, "child"), f"{name}: {report}"
                assert {"landmarks", "embedding"} <= kinds(report, "files"), f"{name}: {report}"
                assert ({"landmarks", "embedding"} <= kinds(report, "worker")) != SECRET, f"{name}: {report}"
            if name == "exposed":
                assert "pixels" in kinds(report, "worker"), f"{name}: {report}"
    assert name == "refilled", "the worker did not come to its end"


def test_secret_arenas_are_explained_by_their_owner(upload: bytes, markers: Markers, tmp_path: Path) -> None:
    if not SECRET:
        pytest.skip("no memfd_secret")
    with working(upload, tmp_path, "finish") as (pid, steps):
        assert next(steps) == "idle"
        whole = scan(tree(pid), markers)
        maps = [gap for each in whole.processes for gap in each.unreadable if "secretmem" in gap.where]
        assert maps
        assert all(gap.explained is not None and "descriptor" in gap.explained for gap in maps)
        children = [each.pid for each in whole.of("child") if each.pid is not None]
        alone = scan(children, markers)
        assert not alone.verified, "without its owner nobody has read a child's arena"
        read_back = scan(children, markers, explained=lambda gap: "spare" if "secretmem" in gap.where else None)
        assert read_back.verified
        assert {gap.explained for each in read_back.of("child") for gap in each.unreadable} >= {"spare"}
