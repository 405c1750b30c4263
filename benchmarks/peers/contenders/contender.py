"""The loop of every contender: ``SCRIPT PHOTO [...]``, a count per line in, that many timings (ms) out as JSON.

Needs nothing but the standard library, since it runs in the peers' environments too.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path


def serve(run: Callable[[bytes], int], *, expect: int, clock: Callable[[], float] = time.perf_counter) -> None:
    """Warm up, say so, then time `run` on the photo as often as each line of stdin asks for.

    Args:
        run: does the whole work once and returns a count, so that nobody is timed for doing nothing.
        expect: the count that it must return.
        clock: seconds; the processor's, ``time.process_time``, for work of one process that others must not disturb.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries that print must not print into the answers
    data = Path(sys.argv[1]).read_bytes()
    for _ in range(5):
        if run(data) != expect:
            raise SystemExit(f"expected {expect}, got {run(data)}")
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        timings = []
        for _ in range(int(line)):
            begun = clock()
            run(data)
            timings.append((clock() - begun) * 1e3)
        print(json.dumps(timings), file=answers, flush=True)
