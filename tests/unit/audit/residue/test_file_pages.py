"""Pages of files that several processes have mapped are read once, and what one of them stored there is still found."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from facegate.audit.residue import Markers, scan
from facegate.audit.residue.report import ResidueReport

SIZE = 32 << 20
PAGE = mmap.PAGESIZE
VECTOR = np.random.default_rng().normal(0, 1, 8).astype(np.float32)  # one window of 32 bytes
WORDS = VECTOR.tobytes()
OTHER = """
import mmap, sys
with open(sys.argv[1], "rb") as file:
    view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
view[0:1] + view[len(view) // 2:][:1]
for at, text in zip(sys.argv[2::2], sys.argv[3::2]):
    data = bytes.fromhex(text)
    view[int(at):int(at) + len(data)] = data
print("mapped", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def markers() -> Iterator[Markers]:
    with Markers.of(vector=VECTOR) as made:
        yield made


@contextmanager
def mapping(file: Path, *stores: tuple[int, bytes]) -> Iterator[int]:
    """A process that has the file mapped for itself, and has stored to its pages."""
    told = [part for at, data in stores for part in (str(at), data.hex())]
    command = [sys.executable, "-S", "-c", OTHER, str(file), *told]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"mapped\n"
        yield process.pid


def large(folder: Path, *stores: tuple[int, bytes]) -> Path:
    """A file without holes."""
    made = folder / "library.bin"
    content = bytearray(os.urandom(PAGE) * (SIZE // PAGE))
    for at, data in stores:
        content[at : at + len(data)] = data
    made.write_bytes(content)
    return made


def offsets(report: ResidueReport, file: Path) -> list[tuple[int, int]]:
    """Which process had how many windows in its map of the file."""
    found = []
    for number, each in enumerate(report.processes):
        found += [(number, hit.count) for hit in each.hits if hit.where == str(file)]
    return found


def test_a_page_that_nobody_stored_to_is_read_in_the_first_process_alone(markers: Markers, tmp_path: Path) -> None:
    file = large(tmp_path, (5 * PAGE + 100, WORDS))
    with mapping(file) as one, mapping(file) as other:
        together, alone = scan([one, other], markers), scan([other], markers)
    assert together.verified, together
    assert offsets(together, file) == [(0, 1)]
    assert offsets(alone, file) == [(0, 1)]
    saved = alone.processes[0].bytes_scanned - together.processes[1].bytes_scanned
    assert saved >= SIZE - 16 * PAGE


@pytest.mark.parametrize("page", [0, 1, 777, SIZE // PAGE - 1])
def test_what_a_process_stored_to_its_own_page_is_found_in_it(markers: Markers, tmp_path: Path, page: int) -> None:
    file = large(tmp_path)
    with mapping(file) as one, mapping(file, (page * PAGE + 64, WORDS)) as other:
        report = scan([one, other], markers)
    assert report.verified, report
    assert offsets(report, file) == [(1, 1)]


def test_a_file_that_one_process_changed_is_found_in_the_next(markers: Markers, tmp_path: Path) -> None:
    file = large(tmp_path, (9 * PAGE + 8, WORDS))
    with mapping(file, (9 * PAGE, bytes(PAGE))) as one, mapping(file) as other:
        report = scan([one, other], markers)
    assert offsets(report, file) == [(1, 1)]


@pytest.mark.parametrize("changed", [20, 21])
def test_what_lies_across_two_pages_is_found_where_only_one_is_known(
    markers: Markers, tmp_path: Path, changed: int
) -> None:
    """The first process has spoiled one half of it, so the other half alone is known when the second is looked at."""
    file = large(tmp_path, (21 * PAGE - 16, WORDS))
    with mapping(file, (changed * PAGE, bytes(PAGE))) as one, mapping(file) as other:
        report = scan([one, other], markers)
    assert offsets(report, file) == [(1, 1)]


def test_parts_of_a_file_that_were_not_mapped_before_are_read(markers: Markers, tmp_path: Path) -> None:
    file = large(tmp_path, (2 * PAGE + 8, WORDS), (3000 * PAGE + 8, WORDS))
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 16 * PAGE, access=mmap.ACCESS_COPY) as view:
        assert view[2 * PAGE + 8 :][: len(WORDS)] == WORDS
        with mapping(file) as other:
            report = scan([os.getpid(), other], markers)
    assert offsets(report, file) == [(0, 1), (1, 1)]
