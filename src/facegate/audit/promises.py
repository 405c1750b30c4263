"""The promises of the README, and what each of them rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from facegate.audit.evidence import Evidence, Verdict, together
from facegate.levels import needed

if TYPE_CHECKING:
    from facegate.audit.channels import Channel
    from facegate.audit.doctor import Diagnosis
    from facegate.audit.faults import FaultReport
    from facegate.audit.lives import Lives

_CALLS: Final = "child's calls"
_PROBED: Final = "a marked act on the same channel, in the same run"
_WHILE_OPEN: Final = "the same search while the request was open and showed its results"


@dataclass(frozen=True, slots=True)
class Seen:
    """All that an audit saw.

    Attributes:
        host: what the host gives.
        lives: ordinary requests.
        channels: ways out, watched.
        faults: requests that met a fault.
    """

    host: Diagnosis
    lives: Lives
    channels: Sequence[Channel]
    faults: FaultReport


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise.

    Attributes:
        slug: names it in JSON and in links.
        sentence: what is promised, as the README says it.
        rests_on: finds the evidence for it.
        channels: beginnings of the names of the channels that belong to it.
    """

    slug: str
    sentence: str
    rests_on: Callable[[Seen], Iterable[Evidence]]
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """A promise with what was seen."""

    promise: Promise
    evidence: tuple[Evidence, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of its evidence."""
        return together(self.evidence)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.promise.slug,
            "sentence": self.promise.sentence,
            "verdict": self.verdict,
            "evidence": [each.as_dict() for each in self.evidence],
        }


def judge(seen: Seen) -> tuple[Judged, ...]:
    """Every promise, with its evidence; that of its channels comes last."""
    return tuple(
        Judged(promise, (*promise.rests_on(seen), *of_channels(promise, seen.channels))) for promise in PROMISES
    )


def promise_of(channel: str) -> Promise:
    """The one promise that a channel belongs to: the one with the longest beginning that fits.

    Raises:
        KeyError: it belongs to none.
    """
    fitting = [
        (len(beginning), promise)
        for promise in PROMISES
        for beginning in promise.channels
        if channel.startswith(beginning)
    ]
    if not fitting:
        raise KeyError(channel)
    return max(fitting, key=lambda pair: pair[0])[1]


def of_channels(promise: Promise, channels: Sequence[Channel]) -> Iterable[Evidence]:
    """What a promise's channels say, together."""
    mine = [each for each in channels if promise_of(each.name) is promise]
    # What this host has not got, such as an accelerator, is listed among the channels and is no way out here.
    present = [each for each in mine if not each.absent]
    if not mine:
        return
    found = [each.name for each in present if each.result == "found"]
    unseen = [each.name for each in present if not each.control_fired]
    allowed = [each.name for each in present if each.result == "allowed"]
    absent = len(mine) - len(present)
    seen = f"{len(present)} channels, {len(found)} with something in them"
    seen += f": {', '.join(found)}" if found else ""
    seen += f"; used, as was allowed: {', '.join(allowed)}" if allowed else ""
    seen += f"; controls not seen: {', '.join(unseen)}" if unseen else ""
    seen += f"; {absent} not on this host" if absent else ""
    yield Evidence(
        "Nothing went through the channels that lead out.", not found if present else None, seen, _PROBED, not unseen
    )


def _searched(seen: Seen) -> Iterable[Evidence]:
    lives = seen.lives
    yield Evidence(
        "After the output nothing of the request is in the memory, the open files or the shared memory of any process.",
        lives.over.clean if lives.over.verified or lives.over.found else None,
        f"{lives.over.found} of {lives.over.markers} windows of 32 bytes found in "
        f"{lives.over.bytes_scanned / 2**20:.0f} MiB of {len(lives.over.processes)} places",
        f"{_WHILE_OPEN}: {lives.alive.found} windows found",
        lives.alive.found > 0,
    )
    yield Evidence(
        "A view that was kept reads zeros, and its handle refuses.",
        lives.kept_view,
        "landmarks, embedding and pixels, after the purge",
        _WHILE_OPEN,
        lives.alive.found > 0,
    )
    nonzero = sum(each.purge.bytes_nonzero for each in lives.receipts if each.purge)
    reread = sum(each.purge.bytes_reread for each in lives.receipts if each.purge)
    yield Evidence(
        "Every purge read back zeros.",
        nonzero == 0 and all(each.purge for each in lives.receipts),
        f"{reread} bytes of {len(lives.receipts)} requests read back, {nonzero} not zero",
        _WHILE_OPEN,
        lives.alive.found > 0,
    )


def _one_request(seen: Seen) -> Iterable[Evidence]:
    yield Evidence(
        "A request refuses pictures and faces of another that is open beside it.",
        seen.lives.refused == seen.lives.attempts,
        f"{seen.lives.refused} of {seen.lives.attempts} attempts refused",
        "its own picture, which it must take",
        seen.lives.own_taken,
    )


def _faults(seen: Seen) -> Iterable[Evidence]:
    run = seen.faults
    failed = [f"{cell.fault} in {cell.stage}" for cell in run.cells if cell.result == "failed"]
    doubtful = sum(cell.result == "not verified" for cell in run.cells)
    residue = sum(cell.residue_bytes for cell in run.cells)
    orphans = sum(cell.orphans for cell in run.cells)
    missing = sum(cell.missing_receipts for cell in run.cells)
    yield Evidence(
        "A fault at any stage leaves no residue, no process and a receipt that says how the request ended.",
        not failed and bool(run.cells) and not residue + orphans + missing,
        f"{run.requests} requests in {len(run.cells)} cells of stage and fault: {residue} bytes of residue, {orphans} "
        f"orphans, {missing} receipts missing"
        + (f"; failed: {', '.join(failed[:5])}" if failed else "")
        + (f"; {doubtful} cells could not be made here" if doubtful else ""),
        "the search while an unharmed request was open",
        run.control_fired,
    )


def _confined(seen: Seen) -> Iterable[Evidence]:
    by_name = {each.name: each for each in seen.host.protections}
    wanted = sorted(needed("process"))
    lacking = [name for name in wanted if by_name[name].state != "achieved"]
    tried = [each for each in seen.channels if each.name.startswith(_CALLS)]
    yield Evidence(
        "Every protection of the level 'process' is in force, as the kernel says.",
        not lacking,
        f"level {seen.host.level}; {len(wanted) - len(lacking)} of {len(wanted)} achieved"
        + (f"; missing: {', '.join(lacking)}" if lacking else ""),
        "a child that tries forbidden calls, and is caught at each",
        bool(tried) and all(each.control_fired for each in tried),
    )


def _receipts(seen: Seen) -> Iterable[Evidence]:
    lives = seen.lives
    yield Evidence(
        "Every request has a receipt that verifies with the gate's key.",
        bool(lives.receipts),
        f"{len(lives.receipts)} receipts",
        "one with a character changed, which must be refused",
        lives.forged,
    )


def _nothing(_: Seen) -> Iterable[Evidence]:
    return ()


PROMISES: Final = (
    Promise(
        "memory-only",
        "Facial geometry is computed in memory only; no file has it, at no time.",
        _nothing,
        (
            "files",
            "hard links",
            "symbolic links",
            "folders",
            "FIFOs",
            "file attributes",
            "core files",
            "children: files",
            "children: deleted",
            "children: bytes",
            "children: limit of core",
            "children: filter of core",
            "children: swap",
            "worker: deleted",
            "worker: unnamed",
            "worker: files",
            "Python opens",
            "Python changes",
            "Python copies",
            "Python makes",
            "databases",
            "accelerator",
        ),
    ),
    Promise("one-request", "It belongs to the one request that it was computed for.", _one_request),
    Promise(
        "purged",
        "It is purged the moment the output is produced.",
        _searched,
        (
            "arrays",
            "buffers",
            "lists",
            "children: memory files",
            "worker: memory files",
            "worker: shared",
            "System V",
            "POSIX",
            "keyring",
        ),
    ),
    Promise("purged-however-it-ends", "However the request ends, it is purged.", _faults),
    Promise(
        "confined",
        "The process that sees the upload can write no file, open no socket and start no program.",
        _confined,
        (_CALLS, "programs", "forks"),
    ),
    Promise(
        "not-shared",
        "Nothing is sent anywhere: facial data is never sold or shared.",
        _nothing,
        (
            "children: network",
            "children: listeners",
            "children: named Unix",
            "children: pipes",
            "worker: TCP",
            "worker: UDP",
            "worker: named Unix",
            "worker: pipes",
            "Python's",
            "name lookups",
            "requests to servers",
            "multiprocessing",
            "system log's socket",
        ),
    ),
    Promise(
        "not-told",
        "No log, error, representation, pickle or environment has anything facial in it.",
        _nothing,
        (
            "children: environment",
            "children: command",
            "children: names",
            "children: standard",
            "worker: environment",
            "worker: command",
            "worker: names",
            "marshal",
            "unpickling",
            "pickl",
            "log records",
            "warnings",
            "standard",
            "printed",
            "system log",
            "journal",
            "kernel log",
            "exceptions",
            "last exception",
        ),
    ),
    Promise("receipt", "Every request ends in a signed receipt, which says nothing about the person.", _receipts),
)
