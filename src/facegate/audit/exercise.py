"""Somebody's own workload under every watcher: it keeps the promises, or it is said where it does not."""

from __future__ import annotations

import asyncio
import fnmatch
import inspect
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from facegate.audit.channels import Channel, watching
from facegate.audit.evidence import Evidence
from facegate.audit.exposed import Exposed
from facegate.audit.faults.search import Searcher
from facegate.audit.leaks import ENVIRONMENT, FILES, KEPT, PICKLES, STREAMS, WORDS, Allowed, Judge, open_files
from facegate.audit.lives import searched
from facegate.audit.promises import PROMISES, Judged, of_channels
from facegate.audit.receipts_seen import ReceiptsSeen
from facegate.audit.report import LIMITATIONS
from facegate.audit.residue import ResidueReport
from facegate.gate import Gate
from facegate.policy import Policy
from facegate.receipt.statement import timestamp

Workload = Callable[[bytes], object]
# Anybody's code logs, prints, pickles and keeps arrays: what counts is whether they are facial.
_OF_CONTENT: Final = (*WORDS, *STREAMS, *PICKLES, *KEPT, ENVIRONMENT)
# And makes files and folders: what counts is whether it was said that it would.
_OF_PATHS: Final = (
    *FILES,
    *("files ", "hard links", "symbolic links", "folders", "FIFOs", "file attributes"),
    *("Python changes", "Python copies", "Python makes temporary"),
)
_NOT_EXERCISED: Final = {"one-request", "purged-however-it-ends"}


@dataclass(frozen=True, slots=True)
class Exercise:
    """What came of one workload.

    Attributes:
        number: random; names this run.
        workload: what ran, as ``module:function``.
        began_at: UTC.
        seconds: that it took, watchers and searches included.
        seed: of the portrait; the same seed draws the same one.
        opened: requests that the workload opened.
        channels: ways out, watched.
        alive: the search of memory while a request of the audit's own showed the same person: the control.
        over: the search when the workload had returned.
        promises: those that a workload can break, with their evidence. That no request takes another's faces, and that
            faults purge, too, `facegate audit` tries without it.
    """

    number: str
    workload: str
    began_at: str
    seconds: float
    seed: int
    opened: int
    channels: tuple[Channel, ...]
    alive: ResidueReport
    over: ResidueReport
    promises: tuple[Judged, ...]

    @property
    def passed(self) -> bool:
        """Whether every promise was verified, and so no channel found anything and every control was seen."""
        return all(each.verdict == "verified" for each in self.promises)

    @property
    def leaks(self) -> list[str]:
        """What was found, one sentence each."""
        return [f"{each.name}: {each.detail}" for each in self.channels if each.result == "found"]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, without the signature."""
        return {
            "facegate": version("facegate"),
            "audit": self.number,
            "profile": "exercise",
            "workload": self.workload,
            "seed": self.seed,
            "beganAt": self.began_at,
            "seconds": round(self.seconds, 1),
            "passed": self.passed,
            "requests": self.opened,
            "promises": [each.as_dict() for each in self.promises],
            "channels": [each.as_dict() for each in self.channels],
            "residue": {"alive": self.alive.as_dict(), "over": self.over.as_dict()},
            "limitations": list(LIMITATIONS),
        }


def exercise(
    workload: Workload,
    *,
    files: Sequence[str] = (),
    kept: Sequence[str] = (),
    channels: Sequence[str] = (),
    seed: int | None = None,
) -> Exercise:
    """Run a workload once, in this process, with every channel watched, and search memory when it has returned.

    Args:
        workload: called with the portrait of a person drawn for this run, JPEG bytes, which it should admit to requests
            that it opens itself; a coroutine function is run to its end. What it returns is dropped. Models should be
            loaded before, say where its module is imported: whatever happens in the process meanwhile is its doing.
        files: patterns of paths that it may write, as `fnmatch` takes them, or of their last part.
        kept: patterns of what may be kept though it looks like a crop, such as ``pipeline.WEIGHTS*``.
        channels: patterns of names of channels that it may use, such as ``worker: TCP`` for a server. The report has
            them as allowed.
        seed: of the portrait, to repeat a run.

    Returns:
        What came of it: ask it for `passed` and `leaks`.

    Raises:
        FacegateError: no gate opens on this host.
        Exception: what the workload raises, after everything was undone.

    Does not protect against: requests that are served by another process than this one and those below it; a workload
    that behaves otherwise when it is not watched. The search knows the drawn person only; what is shown of others is
    looked for in what was written, said and kept.
    """
    chosen = secrets.randbelow(1 << 31) if seed is None else seed
    began, clock = datetime.now(UTC), time.monotonic()
    reports: list[ResidueReport] = []
    with Searcher() as searcher, ExitStack() as stack:
        # Begun before the watchers are, and idle until the workload has returned: nothing of it is the workload's.
        data = searcher.invite(chosen).data
        open_before = open_files()
        receipts = ReceiptsSeen()
        exposed = Exposed()
        stack.callback(exposed.close)
        judge = Judge(exposed, Allowed(tuple(files), tuple(kept)), Path.cwd(), open_before)

        def search() -> None:
            """Before the watchers compare anything: they would leave what they compare."""
            reports.append(searcher.report(searcher.worker()))
            with Gate(Policy(spares=0)) as gate:
                reports.append(searched(gate, searcher, data)[0])

        with watching(afterwards=search, concerns=judge.concerns) as found, receipts:
            _call(workload, data)
        judged = tuple(_judge(each, judge, channels) for each in found)
    over, alive = reports
    return Exercise(
        f"exercise-{secrets.token_hex(8)}",
        _named(workload),
        timestamp(began),
        time.monotonic() - clock,
        chosen,
        receipts.opened,
        judged,
        alive,
        over,
        tuple(_promises(judged, receipts, alive, over)),
    )


def _call(workload: Workload, data: bytes) -> None:
    result = workload(data)
    if inspect.iscoroutine(result):
        asyncio.run(result)


def _judge(channel: Channel, judge: Judge, allowed: Sequence[str]) -> Channel:
    """The channel, with what somebody's code may do taken out of its findings."""
    if channel.result != "found":
        return channel
    if channel.name.startswith(_OF_PATHS):
        leaks = judge.files(channel)
    elif channel.name in _OF_CONTENT:
        leaks = judge.leaks([channel])
    else:
        leaks = [channel.detail]
    if not leaks:
        return replace(channel, result="clean" if channel.control_fired else "not verified", detail="", findings=())
    detail = "; ".join(leaks)
    if any(fnmatch.fnmatch(channel.name, pattern) for pattern in allowed):
        return replace(channel, result="allowed", detail=detail)
    return replace(channel, detail=detail)


def _promises(
    channels: Sequence[Channel], receipts: ReceiptsSeen, alive: ResidueReport, over: ResidueReport
) -> Iterable[Judged]:
    complete, zeros = receipts.evidence()
    residue = Evidence(
        "When the workload has returned nothing of the person is in the memory, the open files or the shared memory of "
        "any process.",
        over.clean if over.verified or over.found else None,
        f"{over.found} of {over.markers} windows of 32 bytes found in {over.bytes_scanned / 2**20:.0f} MiB of "
        f"{len(over.processes)} places",
        f"the same search while a request of the audit's own showed the person: {alive.found} windows found",
        alive.found > 0,
    )
    own = {"purged": (residue, zeros), "receipt": (complete,)}
    for promise in PROMISES:
        if promise.slug not in _NOT_EXERCISED:
            yield Judged(promise, (*own.get(promise.slug, ()), *of_channels(promise, channels)))


def _named(workload: Workload) -> str:
    return f"{getattr(workload, '__module__', '?')}:{getattr(workload, '__qualname__', type(workload).__name__)}"
