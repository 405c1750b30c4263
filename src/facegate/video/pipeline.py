"""Stages in threads, joined by bounded queues, of which none can wait for ever.

What hangs in such programs is a thread that waits for a neighbour that is gone: a reader on a full queue behind a
consumer that raised. Here every wait is one on the same condition, and ends when anything in the pipeline fails or is
stopped. Knows nothing of video. Child side, though it would work anywhere.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")
Stage = Callable[[Iterator[Any]], Iterable[Any]]


class Stopped(BaseException):
    """Unwinds a stage of a pipeline that is over. Not an `Exception`: no stage may take it for a failure of its own."""


class Flow:
    """What all threads of one pipeline share: whether it goes on and, if not, the first cause.

    Attributes:
        cause: the first error of any stage; it stays.
        stopped: set once; every wait then raises `Stopped`.
    """

    def __init__(self) -> None:
        self.cause: BaseException | None = None
        self.stopped = False
        # One for all: a pipeline moves hundreds of items a second, for which one lock is nothing.
        self.changed = threading.Condition()

    def stop(self, cause: BaseException | None = None) -> None:
        """End every wait; a cause after the first is dropped, for it follows from that one."""
        with self.changed:
            if not self.stopped:
                self.cause, self.stopped = cause, True
            self.changed.notify_all()

    def wait_for(self, ready: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait, with `changed` held, until something is so; returns whether it is.

        Raises:
            Stopped: the pipeline is over.
        """
        self.changed.wait_for(lambda: self.stopped or ready(), timeout)
        if self.stopped:
            raise Stopped
        return ready()


class Channel(Generic[T]):
    """A bounded queue between two threads of a flow.

    Args:
        flow: whose end ends every wait here.
        capacity: weight of items that may lie here; a single one may weigh more, or it could never pass.
        weight: of an item; 1 by default.

    Attributes:
        ended: whether nothing comes after what lies here.
    """

    def __init__(self, flow: Flow, capacity: float, weight: Callable[[T], float] | None = None) -> None:
        self._flow = flow
        self._capacity = capacity
        self._weight = weight or (lambda _: 1.0)
        self._items: deque[tuple[T, float]] = deque()
        self._load = 0.0
        self.ended = False
        self._abandoned = False

    @property
    def filled(self) -> bool:
        """Whether something lies here."""
        return bool(self._items)

    def put(self, item: T) -> None:
        """Wait for room, then leave the item.

        Raises:
            Stopped: the pipeline is over, or nobody will take anything from here any more.
        """
        weight = self._weight(item)
        with self._flow.changed:
            self._flow.wait_for(lambda: self._abandoned or not self._items or self._load + weight <= self._capacity)
            if self._abandoned:
                raise Stopped
            self._items.append((item, weight))
            self._load += weight
            self._flow.changed.notify_all()

    def give(self, item: T) -> None:
        """Leave the item without waiting, room or not; nothing happens if the pipeline is over."""
        with self._flow.changed:
            weight = self._weight(item)
            self._items.append((item, weight))
            self._load += weight
            self._flow.changed.notify_all()

    def end(self) -> None:
        """Nothing comes after what lies here."""
        with self._flow.changed:
            self.ended = True
            self._flow.changed.notify_all()

    def abandon(self) -> None:
        """Nobody takes from here any more: what lies here is dropped, and whoever puts is told to stop."""
        with self._flow.changed:
            self._abandoned = True
            self._items.clear()
            self._flow.changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._flow.changed:
            self._flow.wait_for(lambda: bool(self._items) or self.ended)
            if not self._items:
                raise StopIteration
            item, weight = self._items.popleft()
            self._load -= weight
            self._flow.changed.notify_all()
            return item


class Pipeline(Generic[T]):
    """A source and stages, each in a thread of its own; iterating gives what the last one gives.

    A stage is a function from an iterator to an iterable, a generator function for one: it may hold items back, drop
    some and add others. When any stage raises, at any item, all others stop at their next item or wait, their
    generators are closed in their own threads, and the error comes out of the iteration: the first one, since later
    ones follow from it. Use it with ``with``: leaving the block ends and joins all threads.

    Args:
        source: what the first thread iterates over; made in that thread if it is a function.
        stages: in order.
        names: of the threads: the source's, then one for each stage.
        depth: capacity of each queue.
        weight: of an item in a queue; 1 by default.
        flow: one that is shared with something else that waits; a new one by default.

    Does not protect against: a stage that never returns from one item; joining waits for it.
    """

    def __init__(
        self,
        source: Iterable[Any] | Callable[[], Iterable[Any]],
        *stages: Stage,
        names: Sequence[str] = (),
        depth: float = 4,
        weight: Callable[[Any], float] | None = None,
        flow: Flow | None = None,
    ) -> None:
        self.flow = flow or Flow()
        names = names or [f"stage {number}" for number in range(len(stages) + 1)]
        ends = [Channel[Any](self.flow, depth, weight) for _ in range(len(stages) + 1)]
        makes: list[Callable[[], Iterable[Any]]] = [source if callable(source) else lambda: source]
        makes += [_bound(stage, into) for stage, into in zip(stages, ends, strict=False)]
        self._results: Channel[T] = ends[-1]
        self._threads = [
            threading.Thread(target=self._run, args=(make, into, out), name=name, daemon=True)
            for make, into, out, name in zip(makes, [None, *ends], ends, names, strict=False)
        ]
        self._started: list[threading.Thread] = []

    def start(self) -> None:
        """Start all threads; iterating does it too. Idempotent.

        Raises:
            RuntimeError: the system gave no thread; those that had started are ended.
        """
        if self._started:
            return
        try:
            for thread in self._threads:
                thread.start()
                self._started.append(thread)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        self.start()
        with suppress(Stopped, StopIteration):
            return next(self._results)
        # At the end as after an error all threads are joined: one that fails when the last item is through has failed.
        self._join()
        if self.flow.cause is not None:
            raise self.flow.cause
        raise StopIteration

    def wait(self, timeout: float) -> bool:
        """Wait, for so many seconds at most; returns whether the next result, the end or an error is there."""
        with self.flow.changed:
            return self.flow.changed.wait_for(lambda: self.over or self._results.filled, timeout)

    @property
    def over(self) -> bool:
        """Whether no result will be added: the last stage has ended, or something failed; with `flow.changed` held."""
        return self.flow.stopped or self._results.ended

    def close(self) -> None:
        """Stop whatever runs, wait for all threads, drop what lies in the queues. Idempotent; raises nothing."""
        self.flow.stop()
        self._join()

    def _join(self) -> None:
        for thread in self._started:
            thread.join()

    def _run(self, make: Callable[[], Iterable[Any]], into: Channel[Any] | None, out: Channel[Any]) -> None:
        items: Iterable[Any] = ()
        try:
            try:
                items = make()
                for item in items:
                    out.put(item)
                    item = None  # noqa: PLW2901 - or this frame would hold it until the next one is made
            finally:
                # A generator left in the middle cleans up here, in its own thread, not in whichever drops it last.
                close = getattr(items, "close", None)
                if close is not None:
                    close()
                items = ()
            out.end()
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever it is, whoever waits must hear of it
            self.flow.stop(error)
        finally:
            if into is not None:
                into.abandon()


def _bound(stage: Stage, into: Channel[Any]) -> Callable[[], Iterable[Any]]:
    return lambda: stage(iter(into))
