"""The real zygote with mediapipe's FaceDetector: ``engine_zygote.py FOLDER [with-pipe] FD MEMORY CPU``.

FOLDER has mediapipe. With "with-pipe" children may make pipes, which facegate's never may: mediapipe's upload of usage
begins with one and gives up without, and a test wants to see what comes after.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from engine_bench import FaceDetectorBench

from facegate.sandbox import namespace, zygote
from facegate.sandbox.seccomp import rules
from facegate.sandbox.seccomp.conditions import equals, rows

F_SETFL = 4


def let_pipes_through() -> None:
    """Add to the rules what libcurl does to a pipe of its own before it looks a name up."""
    kept = [row for row in rules.RULES if row.name != "fcntl"]
    commands = equals(1, *rules.DESCRIPTOR_COMMANDS, F_SETFL)
    rules.RULES = (*kept, *rows("test", "fcntl", (commands,)), *rows("test", "pipe pipe2"))


def make() -> FaceDetectorBench:
    """The workbench, loaded where no server can be reached, if this user may have such a place."""
    namespace.leave_network()
    return FaceDetectorBench()


if __name__ == "__main__":
    folder, *arguments = sys.argv[1:]
    # Behind all else: numpy and the others are those that facegate runs with.
    sys.path.append(folder)
    if arguments[0] == "with-pipe":
        let_pipes_through()
        arguments = arguments[1:]
    zygote.start(arguments, make)
