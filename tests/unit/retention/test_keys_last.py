"""A master key outlives a loss of power once it is made: its file is on the disk, and so is its name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from facegate.errors import MasterKeyError
from facegate.retention import FileKeys


def test_its_file_and_its_name_are_forced_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that was renamed and not forced there, the old one may come back, without the newest key."""
    done, fsync = [], os.fsync

    def note(descriptor: int) -> None:
        done.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), (tmp_path / "keys.new").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    FileKeys.create(tmp_path / "keys")
    assert done == [(str(tmp_path / "keys"), False), (str(tmp_path), False)]
    done.clear()
    FileKeys.add(tmp_path / "keys")
    assert done[0] == (str(tmp_path / "keys.new"), True)
    assert done[-1] == (str(tmp_path), False), "after the file has its name"


def test_a_folder_that_cannot_be_written_to_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError, match=r"keys cannot be written: No such file or directory\.$"):
        FileKeys.create(tmp_path / "none" / "keys")
