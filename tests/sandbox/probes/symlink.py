"""Make a symbolic link: its target is text, and text can carry data."""

from pathlib import Path


def act(scratch: Path) -> None:
    (scratch / "link").symlink_to("face")
