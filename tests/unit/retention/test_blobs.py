"""The places of blobs: what is acknowledged is on the disk, and a deletion passes over what is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from obstore.store import LocalStore

from facegate.retention import blobs as blobs_of
from facegate.retention.blobs import Blobs

STORE = "5" * 32
FIRST, MISSING = "0" * 30 + "aa", "f" * 32


@pytest.mark.parametrize("size", [10, 20 << 20])
def test_what_is_acknowledged_is_on_the_disk(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every folder on the way to it, or the power takes a new one and all that is in it."""
    synced, fsync = [], os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(blobs_of.os, "fsync", noted)
    Blobs(tmp_path / "blobs", STORE).put(FIRST, iter([bytes(size)]))
    name = tmp_path / "blobs" / STORE / "aa" / FIRST
    assert name.stat().st_size == size
    assert synced == [name, name.parent, name.parent.parent, tmp_path / "blobs"]


def test_what_is_not_there_keeps_nothing_else(tmp_path: Path) -> None:
    """S3 says nothing of it; other stores that obstore knows do, and stop at it, as this one does by itself."""
    blobs = Blobs(LocalStore(tmp_path), STORE)
    blobs.folder = None  # not as the folder that it is, whose files are unlinked
    there = [f"{number:032x}" for number in range(50)]
    for each in there:
        blobs.put(each, iter([b"x"]))
    blobs.delete([MISSING, *there])
    assert list(blobs.list()) == []
    blobs.delete([MISSING])
    blobs.delete([])
