"""A leaky build is caught in every one of its leaks: the matrix is no check that cannot fail."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from facegate.audit.faults import matrix, run
from tests.fault.leaky import LEAKS, clean_up

REQUESTS = 6
# Every leak takes a run of its own, with a gate, a person and a search of memory. Always: one of each of the ways in
# which the matrix notices something (bytes, maps, processes, descriptors, receipts); with `make faults` all.
ALWAYS = (
    "the wipe is skipped, and claimed",
    "windows are not revoked",
    "the child is not killed",
    "geometry is kept as base64",
    "a descriptor is left",
    "the signature is another's",
)
CHOSEN = tuple(LEAKS) if "FACEGATE_FAULTS" in os.environ else ALWAYS
# What leaks is found unclosed by Python as well, later, in some other test.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _cleaned() -> Iterator[None]:
    yield
    clean_up()
    gc.collect()  # here, where it is expected


@pytest.mark.parametrize("name", CHOSEN)
def test_the_matrix_tells_of_the_leak(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    leak = LEAKS[name]
    with monkeypatch.context() as patched:
        # What leaks does not go away, so there is nothing to wait for as long as for what does.
        patched.setattr(matrix, "_SETTLING_SECONDS", 1.0)
        leak.make(patched, tmp_path)
        # A seed of its own: what one leak left in this process must not be taken for another's.
        report = run([leak.cell], requests=REQUESTS, seed=100 + list(LEAKS).index(name))
    (cell,) = report.cells
    assert cell.requests == REQUESTS
    assert cell.result == "failed", cell
    assert leak.told in cell.detail
    assert not report.passed
    if "bytes of the person" in leak.told:
        assert cell.residue_bytes > 0
    if "no receipt" in leak.told:
        assert cell.missing_receipts == REQUESTS
    if "processes" in leak.told or "outlived" in leak.told:
        assert cell.orphans > 0


def test_the_same_cells_are_ok_without_leaks() -> None:
    cells = sorted({LEAKS[name].cell for name in CHOSEN})
    report = run(cells, requests=REQUESTS * len(cells), seed=99)
    assert report.passed, report.cells
