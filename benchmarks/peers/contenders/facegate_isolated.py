"""facegate as a worker uses it: open, admit, analyze, look at the 478 landmarks of the subject; purge is not timed.

A spare is waiting before each run, as it is for a worker that is not saturated. Arguments: photo, scan and, if not the
best that the host allows, the ceiling of the level.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import facegate

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
data = Path(sys.argv[1]).read_bytes()
scan = sys.argv[2]
# Named only when given: this also runs with versions that had no levels.
ceiling = {"ceiling": sys.argv[3], "level": sys.argv[3]} if len(sys.argv) > 3 else {}
gate = facegate.Gate(facegate.Policy(spares=2, **ceiling))
serial = iter(range(1 << 30))


def run() -> float:
    """One request; milliseconds from opening it to holding the landmarks."""
    gate.pool.wait_full(30)
    begun = time.perf_counter()
    with gate.open_request(f"bench-{next(serial)}", purpose="generation") as request:
        faces = request.analyze(request.admit(data), scan=scan)
        with faces.subject.expose("landmarks") as xyz:
            spent = (time.perf_counter() - begun) * 1e3
            if xyz.shape != (478, 3) or not xyz.any():
                raise SystemExit("no landmarks")
    return spent


for _ in range(5):
    run()
print("ready", file=answers, flush=True)
for line in sys.stdin:
    print(json.dumps([run() for _ in range(int(line))]), file=answers, flush=True)
gate.close()
