"""Writers and sweepers on one store at once, each a process of its own, with a clock on which a day takes seconds."""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from facegate.errors import HeldError, NotKeptError, RetentionError
from facegate.retention import RetentionStore
from tests.fault.retention.place import Opened, Place
from tests.fault.retention.scenes import T0, content

DAY = 86_400_000
# So long that nobody is ever believed to be dead: each deletion is then done by exactly one.
LEASE = timedelta(days=10_000)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is done.

    Attributes:
        assets: that are put, by all writers together.
        writers: processes that put, hold, release and delete.
        sweepers: processes that sweep until the writers are done.
        day: seconds that a day of the store's clock takes; drafts are due after one.
        seed: of what the writers do.
        began: when the clock showed `T0`, in nanoseconds of the monotonic clock, which processes share.
    """

    assets: int
    writers: int = 8
    sweepers: int = 8
    day: float
    seed: int
    began: int = field(default_factory=time.monotonic_ns)

    def now(self) -> int:
        """The store's clock."""
        return T0 + int((time.monotonic_ns() - self.began) / 1e9 / self.day * DAY)


@dataclass
class Did:
    """What one process did.

    Attributes:
        put: ID and name of what was acknowledged as kept.
        refused: puts that ended because their person was deleted meanwhile.
        held: of assets: when the hold had been placed, and when its release was asked for.
        deleted: assets, as `Deleted` counts them.
        swept: as `Swept` counts them, without those taken over from others.
        taken_over: assets that others had not finished.
        read: how often something was read.
        seconds: that it took.
        errors: that must not be.
    """

    put: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    held: dict[str, list[list[int]]] = field(default_factory=dict)
    deleted: int = 0
    swept: int = 0
    taken_over: int = 0
    read: int = 0
    seconds: float = 0.0
    errors: list[str] = field(default_factory=list)


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
        time.sleep(0.05)


def _write(store: RetentionStore, plan: Plan, did: Did, number: int) -> None:
    writer = _Writer(store, plan, did, number)
    for each in range(plan.assets // plan.writers):
        writer.step(each)
    writer.release_all()


class _Writer:
    """Puts, and does something else to what it has put now and then. Some people are served by all writers."""

    def __init__(self, store: RetentionStore, plan: Plan, did: Did, number: int) -> None:
        self._store, self._plan, self._did, self._number = store, plan, did, number
        self._chance = random.Random(f"{plan.seed} {number}")
        self._mine: list[str] = []
        self._holds: list[tuple[str, str]] = []

    def step(self, each: int) -> None:
        person = f"person{self._number}-{each // 10}" if self._chance.random() < 0.8 else f"everybody{each // 50}"
        request = f"request{self._number}-{each // 5}"
        self._put(f"{self._number}-{each}", person, request)
        acts = (
            (0.06, self._hold),
            (0.05, self._release),
            (0.05, self._delete),
            (0.01, lambda: self._count(self._store.delete_person(person, who="worker", why="too-young"))),
            (0.01, lambda: self._count(self._store.delete_request(request, who="worker", why="asked"))),
            (0.1, self._read),
        )
        for chance, act in acts:
            if self._chance.random() < chance:
                act()

    def release_all(self) -> None:
        while self._holds:
            self._release()

    def _put(self, name: str, person: str, request: str) -> None:
        try:
            asset = self._store.put(
                content(name, 600),
                person=person,
                request=request,
                # One in ten outlives all of this.
                kept_as="history" if self._chance.random() < 0.1 else "draft",
                kind="upload",
                purpose="generation",
                media_type="image/png",
                label=name,
                who="worker",
            ).asset
        except RetentionError as error:
            if type(error) is not RetentionError or "meanwhile" not in str(error):
                raise
            self._did.refused += 1
        else:
            self._did.put[asset] = name
            self._mine.append(asset)

    def _hold(self) -> None:
        if not self._mine:
            return
        asset = self._chance.choice(self._mine[-20:])
        try:
            hold = self._store.hold("asset", asset, who="legal", why="case").hold
        except NotKeptError:
            return
        self._did.held.setdefault(asset, []).append([self._plan.now(), 0])
        self._holds.append((hold, asset))

    def _release(self) -> None:
        if not self._holds:
            return
        hold, asset = self._holds.pop(self._chance.randrange(len(self._holds)))
        times = self._did.held[asset]
        # Which of several on one asset does not matter: it is held until the last is released.
        next(each for each in times if not each[1])[1] = self._plan.now()
        assert self._store.release(hold, who="legal", why="over") == 1, "A hold did not keep what it was placed on."

    def _delete(self) -> None:
        if self._mine:
            with contextlib.suppress(NotKeptError, HeldError):
                self._count(self._store.delete(self._chance.choice(self._mine), who="worker", why="asked"))

    def _read(self) -> None:
        if not self._mine:
            return
        asset = self._chance.choice(self._mine[-20:])
        try:
            read = self._store.get(asset, purpose="generation", who="worker").read()
        except NotKeptError:
            return
        assert read == content(self._did.put[asset], 600), "Something is not as it was put."
        self._did.read += 1

    def _count(self, deleted: Any) -> None:
        self._did.deleted += deleted.count
