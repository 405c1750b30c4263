"""The real zygote with a bench of probes: ``probe_zygote.py [without-seccomp] FD MEMORY CPU``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# What probes need: no code can be loaded later.
import encodings.idna  # noqa: F401
import fcntl  # noqa: F401
import resource  # noqa: F401
import subprocess  # noqa: F401
import termios  # noqa: F401

import bench
import raw

from facegate.sandbox import executor, zygote

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[0] == "without-seccomp":
        zygote.supported = lambda: "taken away by the test"
        arguments = arguments[1:]
    # Probes are given what no request is: files and sockets, which cannot be mapped.
    executor.regions = lambda descriptors, _: descriptors
    raw.Entry.prepare()
    zygote.start(arguments, bench.ProbeBench)
