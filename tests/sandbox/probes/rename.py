"""Rename a file: its new name can carry data."""

from pathlib import Path


def act(scratch: Path) -> None:
    (scratch / "existing").rename(scratch / "face")
