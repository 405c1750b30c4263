"""Writers and sweepers on one store at once, each a process of its own, with a clock on which a day takes seconds."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facegate.retention import RetentionStore
from tests.fault.retention.place import Opened, Place
from tests.fault.retention.plan import LEASE, Did, Plan
from tests.fault.retention.writer import Writer


def run(place: Place, plan: Plan) -> list[Did]:
    """Fork all of them, from a process that has nothing open; what each did."""
    folder = place.path / "did"
    folder.mkdir()
    stop = folder / "stop"
    writers = [_fork(place, plan, folder / f"writer{each}", _write, each) for each in range(plan.writers)]
    sweepers = [_fork(place, plan, folder / f"sweeper{each}", _sweep, stop) for each in range(plan.sweepers)]
    for pid in writers:
        os.waitpid(pid, 0)
    stop.touch()
    for pid in sweepers:
        os.waitpid(pid, 0)
    files = sorted(folder.glob("*.json"))
    assert len(files) == plan.writers + plan.sweepers, "A process was killed."
    return [Did(**json.loads(file.read_text())) for file in files]


def _fork(place: Place, plan: Plan, path: Path, task: Callable[..., None], argument: Any) -> int:
    pid = os.fork()
    if pid:
        return pid
    did, begun = Did(), time.monotonic()
    try:
        opened = Opened(place, plan.now, ledger=f"ledger-{path.name}", lease=LEASE)
        with opened as store:
            task(store, plan, did, argument)
    except BaseException:
        did.errors.append(traceback.format_exc())
    did.seconds = time.monotonic() - begun
    path.with_suffix(".json").write_text(json.dumps(asdict(did)))
    os._exit(0)


def _sweep(store: RetentionStore, _: Plan, did: Did, stop: Path) -> None:
    while True:
        last = stop.exists()
        swept = store.sweep(who="cron")
        did.swept += swept.expired
        did.taken_over += swept.unfinished + swept.resumed
        if last:
            return
        time.sleep(0.15)


def _write(store: RetentionStore, plan: Plan, did: Did, number: int) -> None:
    writer = Writer(store, plan, did, number)
    for each in range(plan.assets // plan.writers):
        writer.step(each)
    writer.release_all()
