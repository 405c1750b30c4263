"""Try one input of a fuzzer again, by its name: ``python -m tests.fuzz.replay TARGET NAME``; see `tests.fuzz.loop`."""

from __future__ import annotations

import os
import sys

from tests.fuzz.loop import PROGRESS_BYTES, Progress, replay
from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    descriptor = os.memfd_create("fuzz-progress")
    os.ftruncate(descriptor, PROGRESS_BYTES)
    print(replay(TARGETS[sys.argv[1]](), sys.argv[2], Progress(descriptor)).outcomes)
