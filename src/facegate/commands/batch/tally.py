"""How far a batch is: counts, what is being worked on, how fast, how long still. Thread-safe; nothing is drawn here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from facegate.commands.batch.kinds import Media
from facegate.commands.batch.walk import Item

State: TypeAlias = Literal["done", "resumed", "failed", "unfinished"]


@dataclass(slots=True)
class Current:
    """A file that is being worked on.

    Attributes:
        item: the file.
        began: when, on the tally's clock, seconds.
        frames: of a video, done so far.
        total: frames of a video, if its file tells; None if it does not.
        share: of a video, how much of it is done, 0 to 1; None while nobody can tell.
    """

    item: Item
    began: float
    frames: int = 0
    total: int | None = None
    share: float | None = None

    def rate(self, now: float) -> float:
        """Frames in a second."""
        return self.frames / max(now - self.began, 1e-6)

    def left(self, now: float) -> float | None:
        """Seconds until a video is done; None if nobody can tell."""
        return max(now - self.began, 0.0) * (1 / self.share - 1) if self.share else None


@dataclass(slots=True)
class _Load:
    """Bytes of one medium: pictures and videos go at speeds that have nothing to do with each other."""

    files: int = 0
    left: int = 0
    worked: int = 0
    began: float | None = None
    seconds: float = 0.0


@dataclass(slots=True)
class Snapshot:
    """A moment of a tally.

    Attributes:
        total: files of the batch.
        ended: files that are done, in whichever way.
        failed: of these, how many failed.
        current: what is being worked on, oldest first.
        elapsed: seconds since the batch began.
        left: seconds until it ends; None while nobody can tell.
        now: the tally's clock.
    """

    total: int
    ended: int
    failed: int
    current: list[Current]
    elapsed: float
    left: float | None
    now: float


@dataclass
class Tally:
    """Counts a batch.

    Args:
        items: all files of the batch.
        clock: seconds that only grow.
    """

    items: Sequence[Item]
    clock: Callable[[], float] = time.monotonic
    counts: dict[State, int] = field(
        default_factory=lambda: dict.fromkeys(("done", "resumed", "failed", "unfinished"), 0)
    )

    def __post_init__(self) -> None:
        self._guard = threading.Lock()
        self._began = self.clock()
        self._current: dict[str, Current] = {}
        self._loads: dict[Media, _Load] = {"image": _Load(), "video": _Load()}
        for item in self.items:
            self._loads[item.kind.media].left += item.size
            self._loads[item.kind.media].files += 1

    def start(self, item: Item) -> Current:
        """A file is begun."""
        with self._guard:
            now = self.clock()
            current = self._current[item.name] = Current(item, now)
            load = self._loads[item.kind.media]
            load.began = now if load.began is None else load.began
            return current

    def frames(self, item: Item, frames: int, total: int | None, share: float | None) -> None:
        """So many frames of a video are done; how many there are, and which share that is, as far as is known."""
        with self._guard:
            current = self._current.get(item.name)
            if current is not None:
                current.frames, current.total = frames, total
                current.share = None if share is None else min(max(share, 0.0), 1.0)

    def end(self, item: Item, state: State) -> int:
        """A file is ended; how many are, with it."""
        with self._guard:
            self._current.pop(item.name, None)
            self.counts[state] += 1
            load = self._loads[item.kind.media]
            load.left -= item.size
            # What was done before says nothing about how long the rest takes.
            if state in {"done", "failed"}:
                load.worked += item.size
            if load.began is not None:
                load.seconds = self.clock() - load.began
            return sum(self.counts.values())

    def look(self) -> Snapshot:
        """How far it is now."""
        with self._guard:
            now = self.clock()
            return Snapshot(
                total=len(self.items),
                ended=sum(self.counts.values()),
                failed=self.counts["failed"],
                current=list(self._current.values()),
                elapsed=now - self._began,
                left=self._left(now),
                now=now,
            )

    def _left(self, now: float) -> float | None:
        seconds = 0.0
        for media, load in self._loads.items():
            if not load.left:
                continue
            mine = [each for each in self._current.values() if each.item.kind.media == media]
            partly = sum((each.share or 0.0) * each.item.size for each in mine)
            worked = load.worked + partly
            if not worked or load.began is None:
                return None
            # While a file is under way its time counts too, or the estimate would jump whenever one ends.
            spent = now - load.began if mine and partly else load.seconds
            seconds += (load.left - partly) * spent / worked
        return seconds
