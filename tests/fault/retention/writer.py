"""One of many writers: it puts, and holds, releases, reads and deletes what was put."""

from __future__ import annotations

import contextlib
import random
from typing import Any

from facegate.errors import HeldError, NotKeptError, RetentionError
from facegate.retention import RetentionStore
from tests.fault.retention.plan import Did, Plan
from tests.fault.retention.scenes import content


class Writer:
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
