"""Make a hard link."""

from pathlib import Path


def act(scratch: Path) -> None:
    (scratch / "link").hardlink_to(scratch / "existing")
