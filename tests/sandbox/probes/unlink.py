"""Delete a file."""

from pathlib import Path


def act(scratch: Path) -> None:
    (scratch / "existing").unlink()
