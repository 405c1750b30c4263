"""The real zygote with a bench of probes: ``probe_zygote.py [without-seccomp] FD MEMORY CPU``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import subprocess  # noqa: E402, F401 - probes need it, and it can load no code later

import bench  # noqa: E402
import raw  # noqa: E402

from facegate.sandbox import zygote  # noqa: E402

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[0] == "without-seccomp":
        zygote.supported = lambda: "taken away by the test"
        arguments = arguments[1:]
    raw.Entry.prepare()
    zygote.start(arguments, bench.ProbeBench)
