"""Many requests at the same time in front of few places: how fast, how long each waits, how much memory, which files.

``python -m benchmarks.load [--profile full|short] [--rounds N] [--json FILE]``

Whole requests (open, admit, analyze, look at the landmarks, purge), half of them asyncio tasks and half threads, all
there at once. ``pool`` is the ceiling: the same requests from as many threads as there are places, so that nobody
waits. The two take turns, since what else runs on the machine disturbs both. Files are watched as `facegate audit`
does it, with a control that must be seen; order is checked for every request.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import count, pairwise
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

import facegate
from facegate.audit.watchers.file_events import ENDED, UNKNOWN, FileEvents, bytecode_of_an_import
from facegate.audit.watchers.scene import Scene
from facegate.metrics import Event
from fixtures.portraits import portrait

PROFILES = {"full": (1000, 8, 3), "short": (60, 4, 1)}
SPARES = 4
MIB = 1 << 20
EVERY = 0.2  # seconds between looks at memory
HARMLESS = frozenset({"attribute", "removed"})  # they make no file
_serial = count()


@dataclass(slots=True)
class Memory:
    """Of this process and all below it, bytes, shared pages in equal parts among those that have them.

    Attributes:
        before: with the gate open and its spares ready.
        queued: of this process alone, while nearly everyone waits, more than before.
        peak: most that was seen.
        processes: most that were seen.
    """

    before: int = 0
    queued: int = 0
    peak: int = 0
    processes: int = 0


@dataclass(slots=True)
class Run:
    """One run.

    Attributes:
        kind: ``"queue"`` or ``"pool"``.
        requests: that were served.
        rate: requests per second.
        waiting: seconds, p50 and p99, of those that were opened.
        service: seconds from the turn to the end of the purge, p50 and p99.
        most_waiting: that were in the queue at a time.
        out_of_order: requests that got their place before one that had come earlier.
        outcomes: of all requests.
        memory: see there.
    """

    kind: str
    requests: int = 0
    rate: float = 0.0
    waiting: tuple[float, float] = (0.0, 0.0)
    service: tuple[float, float] = (0.0, 0.0)
    most_waiting: int = 0
    out_of_order: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    ordered = sorted(seconds)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, round(0.99 * len(ordered)))]


def proportional(pid: int | str = "self") -> int:
    """Memory of a process, bytes; 0 if it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def tree(root: int) -> list[int]:
    """A process and all below it."""
    found, fringe = [], [root]
    while fringe:
        found.append(pid := fringe.pop())
        with suppress(OSError):  # it has ended
            for children in list(Path(f"/proc/{pid}/task").glob("*/children")):
                fringe.extend(map(int, children.read_text(encoding="ascii").split()))
    return found


@contextmanager
def watched_memory(gate: facegate.Gate, most: int) -> Iterator[Memory]:
    """Look at memory while the block lasts; `most` is how many wait when nearly everyone does."""
    gate.pool.wait_full(60)
    seen, alone, over = Memory(before=sum(map(proportional, tree(os.getpid())))), proportional(), threading.Event()

    def look() -> None:
        while not over.wait(EVERY):
            processes = tree(os.getpid())
            seen.peak = max(seen.peak, sum(map(proportional, processes)))
            seen.processes = max(seen.processes, len(processes))
            if gate.load.waiting >= most:
                seen.queued = max(seen.queued, proportional() - alone)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def whole(request: facegate.Request, data: bytes) -> None:
    """One request from a thread."""
    with request:
        faces = request.analyze(request.admit(data), scan="large")
        with faces.subject.expose("landmarks") as xyz:
            assert xyz.any(), "no landmarks"


async def whole_async(request: facegate.Request, data: bytes) -> None:
    """One request from a task."""
    async with request as opened:
        faces = await opened.analyze(await opened.admit(data), scan="large")
        with faces.subject.expose("landmarks") as xyz:
            assert xyz.any(), "no landmarks"


def from_queue(requests: list[facegate.Request], places: int, data: bytes) -> None:
    """All at once: every other one a task of one event loop, the others threads."""
    threading.stack_size(256 << 10)
    threads = [threading.Thread(target=whole, args=(each, data)) for each in requests[::2]]
    threading.stack_size(0)

    async def tasks() -> None:
        # What a request that has its turn does, it does in a thread of the loop's: as many as there are places.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(places))
        await asyncio.gather(*(whole_async(each, data) for each in requests[1::2]))

    for thread in threads:
        thread.start()
    asyncio.run(tasks())
    for thread in threads:
        thread.join()


def from_pool(requests: list[facegate.Request], places: int, data: bytes) -> None:
    """As many at a time as there are places."""
    with ThreadPoolExecutor(places) as pool:
        list(pool.map(whole, requests, [data] * len(requests)))


def out_of_order(requests: list[facegate.Request]) -> int:
    """How many got their place before one that had come earlier."""
    granted = sorted(requests, key=lambda each: each.turn.since)
    arrived = [each.turn.since - (each.turn.waited or 0.0) for each in granted]
    return sum(later < earlier - 1e-9 for earlier, later in pairwise(arrived))


def run(kind: str, number: int, places: int, data: bytes) -> Run:
    """So many requests in front of so many places."""
    events: list[Event] = []
    policy = facegate.Policy(max_open=places, max_waiting=number, max_wait=1800.0, spares=SPARES)
    with facegate.Gate(policy, metrics=events.append) as gate:
        requests = [gate.open_request(f"load-{next(_serial)}", purpose="generation") for _ in range(number)]
        with watched_memory(gate, int(0.8 * number)) as memory:
            begun = time.perf_counter()
            (from_queue if kind == "queue" else from_pool)(requests, places, data)
            seconds = time.perf_counter() - begun
        assert (gate.load.open, gate.load.waiting) == (0, 0)
    closed = [each for each in events if each.name == "closed"]
    outcomes = Counter(str(each.outcome) for each in closed)
    late = out_of_order(requests)
    if outcomes != {"abandoned": number} or late:
        raise SystemExit(f"{kind}: {dict(outcomes)} of {number} requests, {late} out of order")
    return Run(
        kind,
        requests=len(closed),
        rate=number / seconds,
        waiting=percentiles([each.seconds_waiting for each in events if each.name == "opened"]),
        service=percentiles([each.seconds_open + each.seconds_purge for each in closed]),
        most_waiting=max(each.load.waiting for each in events),
        out_of_order=late,
        outcomes=dict(outcomes),
        memory=memory,
    )


def measure(number: int, places: int, rounds: int) -> dict[str, object]:
    """Everything; what `main` prints."""
    file = io.BytesIO()
    Image.fromarray(portrait("astronaut")).save(file, "JPEG", quality=95)
    data, runs = file.getvalue(), []
    run("pool", places, places, data)  # what is imported and compiled on the way is there from here on
    with Scene() as scene:
        files = scene.instrument(FileEvents)
        with scene.workload():
            (scene.scratch.parent / scene.mark("load", "before")).touch()
            for number_of_round in range(rounds):
                order = ("queue", "pool") if number_of_round % 2 == 0 else ("pool", "queue")
                runs += [run(kind, number, places, data) for kind in order]
        (scene.scratch.parent / scene.mark("load", "before")).unlink()
        files.check()
        seen = [
            each for each in list(files.events) if each.kind not in HARMLESS and not bytecode_of_an_import(each.path)
        ]
        ours = [each for each in seen if each.who not in {ENDED, UNKNOWN}]
        not_everywhere = files.why_not_everywhere
    rates = {kind: [each.rate for each in runs if each.kind == kind] for kind in ("queue", "pool")}
    ratios = [queue / pool for queue, pool in zip(rates["queue"], rates["pool"], strict=True)]
    return {
        "requests": number,
        "places": places,
        "spares": SPARES,
        "runs": [asdict(each) for each in runs],
        "ratio": statistics.median(ratios),
        "files_created": sorted(f"{each.kind} {each.path} by {each.who}" for each in ours if not each.control),
        "control_seen": any(each.control for each in ours),
        # Whoever had ended before it could be asked whose it was; on a busy host that is somebody else's compiler.
        "by_nobody_known": len({each.path for each in seen} - {each.path for each in ours}),
        "not_watched": not_everywhere,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", choices=sorted(PROFILES), default="full")
    parser.add_argument("--rounds", type=int, help="of queue and pool; the profile's by default")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    number, places, rounds = PROFILES[options.profile]
    result = measure(number, places, options.rounds or rounds)
    table = Table(title=f"{result['requests']} requests, {result['places']} places, {result['spares']} spares")
    titles = "|requests/s|waiting p50 s|p99|service p50 ms|p99|most waiting|out of order|tree MiB before|peak"
    for title in (*titles.split("|"), "queue in worker MiB", "processes"):
        table.add_column(title, justify="right")
    for each in result["runs"]:  # type: ignore[attr-defined]
        memory, waiting, service = each["memory"], each["waiting"], each["service"]
        times = (*(f"{seconds:.2f}" for seconds in waiting), *(f"{1e3 * seconds:.0f}" for seconds in service))
        sizes = [f"{memory[name] / MIB:.1f}" for name in ("before", "peak", "queued")]
        counts = (str(each["most_waiting"]), str(each["out_of_order"]))
        table.add_row(each["kind"], f"{each['rate']:.0f}", *times, *counts, *sizes, str(memory["processes"]))
    Console(width=160).print(table)
    print(f"queue / pool: {result['ratio']:.2f} of the rate")
    seen = "seen" if result["control_seen"] else "NOT seen, so this says nothing"
    print(f"files created: {len(result['files_created'])} {result['files_created'] or ''}; the control was {seen}")  # type: ignore[arg-type]
    print(f"files of processes that ended before they could be told apart: {result['by_nobody_known']}")
    if result["not_watched"]:
        print(f"not watched: {result['not_watched']}")
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
