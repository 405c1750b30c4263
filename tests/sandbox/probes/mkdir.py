"""Make a directory."""

from pathlib import Path


def act(scratch: Path) -> None:
    (scratch / "directory").mkdir()
