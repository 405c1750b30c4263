"""Run a batch: pictures side by side, videos one after the other; a file that fails stops nobody else."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from facegate.commands.batch.display import Silence
from facegate.commands.batch.manifest import Manifest, is_done
from facegate.commands.batch.place import Place
from facegate.commands.batch.plan import Job
from facegate.commands.batch.settings import Settings
from facegate.commands.batch.tally import State, Tally
from facegate.commands.batch.turns import Turns
from facegate.commands.batch.work import Made, work
from facegate.errors import FacegateError

if TYPE_CHECKING:
    from facegate.gate import Gate
    from facegate.streaming import Progress


@dataclass(frozen=True, slots=True)
class Result:
    """How one file ended.

    Attributes:
        job: what was to be done.
        state: how it ended.
        made: what was made; None unless it is done.
        error: the sentence; None unless it failed.
    """

    job: Job
    state: State
    made: Made | None = None
    error: str | None = None


def share_of(progress: Progress) -> float | None:
    """How much of a video is done: by its frames if its file counts them, by its time if not."""
    if progress.of_frames:
        return progress.frames / progress.of_frames
    return progress.seconds / progress.of_seconds if progress.of_seconds else None


@dataclass
class Batch:
    """A batch that is ready to run.

    Args:
        gate: opens the requests; closed when the batch is interrupted.
        jobs: what to do.
        settings: how.
        place: where results go.
        manifest: what is done, to be added to.
        tally: counts.
        display: is told of everything.
        resume: pass over what the manifest says is done, if that is so.
        key: PEM of the key that must have signed the receipts of what is passed over; None takes any.
    """

    gate: Gate
    jobs: Sequence[Job]
    settings: Settings
    place: Place
    manifest: Manifest
    tally: Tally
    display: Silence
    resume: bool = False
    key: bytes | None = None
    results: dict[str, Result] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stopped = threading.Event()
        self._turns = Turns(1)

    def run(self, threads: int) -> bool:
        """Do all of it.

        Args:
            threads: pictures at a time.

        Returns:
            Whether it came to its end: False after an interrupt, when open requests were purged and no file is half
            written.
        """
        self._turns = Turns(threads)
        pictures = [job for job in self.jobs if job.item.kind.media == "image"]
        videos = [job for job in self.jobs if job.item.kind.media == "video"]
        whole = self._phase(pictures, threads) and self._phase(videos, 1)
        for job in self.jobs:
            self.results.setdefault(job.item.name, Result(job, "unfinished"))
        return whole

    def _phase(self, jobs: Sequence[Job], threads: int) -> bool:
        # Signals reach the main thread alone, so that one only waits.
        with ThreadPoolExecutor(threads, thread_name_prefix="facegate-batch") as pool:
            futures = [pool.submit(self._one, job) for job in jobs]
            try:
                _wait(futures)
            except KeyboardInterrupt:
                self._stop(pool)
                return False
        return True

    def _stop(self, pool: ThreadPoolExecutor) -> None:
        """Purge what is open and wait until that is so, also for whoever cannot wait."""
        self._stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        while True:
            try:
                self.gate.close()  # every open request with it
                pool.shutdown(wait=True)
            except KeyboardInterrupt:
                continue
            return

    def _one(self, job: Job) -> None:
        if self._stopped.is_set():
            return
        result = self._attempt(job)
        self.results[job.item.name] = result
        ended = self.tally.end(job.item, result.state)
        if result.error is not None:
            self.display.fail(job.item.name, result.error)
        elif result.state != "unfinished":
            self.display.end(job.item, _words(result), ended)

    def _attempt(self, job: Job) -> Result:
        current = self.tally.start(job.item)

        def watch(progress: Progress) -> None:
            self.tally.frames(job.item, progress.frames, progress.of_frames, share_of(progress))
            self.display.frames(current)

        try:
            if self.resume and is_done(self.manifest.records.get(job.item.name), job, self.key):
                return Result(job, "resumed")
            made = self._turns.take(
                lambda: work(self.gate, job, self.settings, self.place, self.manifest, watch),
            )
            return Result(job, "done", made=made)
        except Exception as error:  # noqa: BLE001 (whatever it is, the other files go on)
            if self._stopped.is_set():
                return Result(job, "unfinished")
            return Result(job, "failed", error=_sentence(error) + _stale(job.target))


def _wait(futures: Sequence[Future[None]]) -> None:
    for future in as_completed(futures):
        future.result()


def _words(result: Result) -> str:
    made = result.made
    if made is None:
        return "done before"
    if made.frames is not None:
        return "1 frame" if made.frames == 1 else f"{made.frames} frames"
    faces = "1 face" if made.faces == 1 else f"{made.faces} faces"
    return f"{faces}, {made.kept} kept"


def _sentence(error: BaseException) -> str:
    """What to say of an error, in one sentence; nothing out of a file."""
    if isinstance(error, FacegateError):
        return error.reason
    if isinstance(error, BaseExceptionGroup):
        return " ".join(_sentence(each) for each in error.exceptions)
    if isinstance(error, OSError):
        return f"The file cannot be read: {error.strerror or type(error).__name__}."
    # A defect of ours. Where it happened helps to find it; its text could hold values.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return f"facegate has a defect: {type(error).__name__}{place}."


def _stale(target: Path) -> str:
    return " What lies at its output is of an earlier run." if target.exists() else ""
