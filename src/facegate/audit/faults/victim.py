"""A worker with one request open in every stage that it is told, which is then killed.

``python -m facegate.audit.faults.victim STAGE...``. The portrait comes on standard input. On standard output: a line of
JSON for each receipt and, when every request is where it should be, one with the processes below this one.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from facegate.audit.faults.course import Course, digest
from facegate.audit.faults.forks import Forks
from facegate.audit.faults.gate import FaultGate
from facegate.audit.faults.plan import Plan
from facegate.audit.faults.processes import below, identify
from facegate.audit.faults.search import Person
from facegate.audit.faults.stand import POLICIES, Stand
from facegate.receipt import Receipt

_guard = threading.Lock()
_PATIENCE = 60.0


def main(stages: list[str], data: bytes) -> None:
    """Open the requests, wait until each is in its stage, then for ever."""
    stand = Stand()
    with FaultGate(
        POLICIES["usual"][0], cpu=None, on_receipt=lambda receipt: _say({"receipt": _text(receipt)})
    ) as gate:
        with gate.open_request("reference", purpose="safety") as request:
            subject = request.analyze(request.admit(data), scan="large").subject
            with subject.expose("landmarks") as xyz:  # type: ignore[union-attr]
                stand.person = Person(data, digest(xyz))
        courses = [
            Course(Plan(stage, "worker killed", "after", dies=False, by_task=False), stand, Forks()) for stage in stages
        ]
        for number, course in enumerate(courses):
            threading.Thread(target=course.run, args=(gate, f"victim-{number}"), daemon=True).start()
        until = time.monotonic() + _PATIENCE
        while not all(course.fired or course.plan.stage in stand.reached for course in courses):
            if time.monotonic() > until:
                _say({"lost": [course.plan.stage for course in courses if not course.fired]})
                return
            time.sleep(0.002)
        found = [identify(pid) for pid in below(os.getpid())]
        _say({"held": [(each.pid, each.started) for each in found if each is not None]})
        threading.Event().wait()


def _text(receipt: Receipt) -> str:
    return receipt.to_json()


def _say(line: dict[str, object]) -> None:
    with _guard:
        print(json.dumps(line), flush=True)  # noqa: T201 - its output is what it is for


if __name__ == "__main__":
    main(sys.argv[1:], sys.stdin.buffer.read())
