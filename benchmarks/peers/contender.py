"""One side of a benchmark: a process of its own that times itself when its turn comes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

_SCRIPTS = Path(__file__).parent / "contenders"


class Contender:
    """A process that times its own work when it is asked to."""

    def __init__(self, python: str, script: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [python, str(_SCRIPTS / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if self._line() != "ready":
            raise RuntimeError(f"{script} did not start.")

    def time(self, runs: int) -> list[float]:
        """Milliseconds of each of `runs` runs."""
        assert self._process.stdin is not None
        print(runs, file=self._process.stdin, flush=True)
        timings: list[float] = json.loads(self._line())
        return timings

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
