"""Run another program."""

import subprocess
from pathlib import Path


def act(scratch: Path) -> None:  # noqa: ARG001
    subprocess.run(["/bin/true"], check=True)
