"""Many large uploads at a time against a real uvicorn: how fast, how much memory, and which files are made.

``python -m benchmarks.asgi [--profile full|short] [--json FILE]``

Each upload is a TIFF of 20 MB, every other one in a form. ``discard`` is the ceiling: the server receives the body and
throws it away. ``admit`` takes it in and decodes it; ``redact`` also covers all faces and encodes the picture. Waves of
the same uploads follow each other: memory is flat if the next wave's peak, and the rest between waves, are the last
one's. Files are watched by fanotify, which is tried on a form that is spooled.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import io
import json
import statistics
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

import facegate
from benchmarks.serving import Server, Watch
from fixtures.collection import two_people

MIB = 1 << 20
BOUNDARY = "----facegate-7f3a"
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.tif"\r\nContent-Type: image/tiff\r\n\r\n'
).encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
# What the tree may hold for each upload in flight besides the bytes themselves, and what is noise.
SETTLE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Wave:
    """Uploads that were sent at the same time.

    Attributes:
        path: where to.
        uploads: how many.
        seconds: from the first byte sent to the last answer.
        p50: median of the time from connecting to the whole answer, seconds.
        p99: 99th percentile of it; of fewer than 100 uploads the slowest.
        mb_per_second: encoded bytes taken in, over the whole wave.
        peak_tree: most memory of the worker and all below it, bytes, shared pages counted once.
        peak_heap: most of the worker's own heap, bytes.
        rest_tree: of the tree afterwards.
        rest_heap: of the worker's heap afterwards.
        most_processes: in the tree.
    """

    path: str
    uploads: int
    seconds: float
    p50: float
    p99: float
    mb_per_second: float
    peak_tree: int
    peak_heap: int
    rest_tree: int
    rest_heap: int
    most_processes: int


def picture(size: int = 20_000_000) -> bytes:
    """A photo of two people as an uncompressed TIFF of about so many bytes."""
    scene = Image.fromarray(two_people().rgb)
    scale = (size / (3 * scene.width * scene.height)) ** 0.5
    file = io.BytesIO()
    scene.resize((round(scene.width * scale), round(scene.height * scale)), Image.Resampling.BICUBIC).save(file, "TIFF")
    return file.getvalue()


def expected(data: bytes) -> bytes:
    """What the service must answer: the same work without a server."""
    with facegate.Gate() as gate, gate.open_request("expected", purpose="generation") as request:
        return request.finish(request.redact(request.admit(data, "image")), format="jpeg").data


def send(port: int, path: str, data: bytes, *, form: bool) -> tuple[int, bytes, float]:
    """Send an upload; the status, the answer and the seconds that it took."""
    begun = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    pieces = [HEAD, memoryview(data), TAIL] if form else [memoryview(data)]
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}" if form else "image/tiff",
        "Content-Length": str(sum(map(len, pieces))),
    }
    try:
        connection.request("POST", path, iter(pieces), headers)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, content, time.perf_counter() - begun
    finally:
        connection.close()


def wave(server: Server, watch: Watch, path: str, uploads: int, data: bytes, wanted: str | None) -> Wave:
    """Send uploads all at the same time.

    Args:
        server: that takes them.
        watch: of it.
        path: where to.
        uploads: how many.
        data: each.
        wanted: SHA-256 of every answer; None for any.
    """
    ready = threading.Barrier(uploads)

    def one(number: int) -> float:
        ready.wait()
        status, content, seconds = send(server.port, path, data, form=number % 2 == 1)
        if status != 200 or (wanted is not None and hashlib.sha256(content).hexdigest() != wanted):
            raise SystemExit(f"upload {number} to {path} was answered {status}, {content[:300]!r}")
        return seconds

    begun, clock = time.monotonic(), time.perf_counter()
    with ThreadPoolExecutor(uploads) as pool:
        taken = sorted(pool.map(one, range(uploads)))
    seconds = time.perf_counter() - clock
    during = watch.since(begun)
    at_rest = _settled(watch)
    return Wave(
        path,
        uploads,
        seconds,
        statistics.median(taken),
        taken[min(len(taken) - 1, round(0.99 * len(taken)))],
        uploads * len(data) / 1e6 / seconds,
        max((each.tree for each in during), default=0),
        max((each.heap for each in during), default=0),
        at_rest.tree,
        at_rest.heap,
        max((each.processes for each in during), default=0),
    )


def _settled(watch: Watch):  # noqa: ANN202 (a Sample)
    """Memory once children of the wave are gone and spares wait again: the least of a few looks."""
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end:
        time.sleep(4 * watch.every)
        last = watch.samples[-3:]
        if len({each.processes for each in last}) == 1 and last[-1].processes < 12:
            break
    return min(watch.samples[-3:], key=lambda each: each.tree)


def run(uploads: int, waves: Mapping[str, int], *, every: float = 0.5) -> dict[str, object]:
    """Everything; what `main` prints.

    Args:
        uploads: at a time.
        waves: how many, by where they go to.
        every: seconds between two looks at the memory.
    """
    data = picture()
    wanted = hashlib.sha256(expected(data)).hexdigest()
    with Server("benchmarks.asgi_app:app") as server:
        with Watch(server.pid, every) as control:
            send(server.port, "/spooled", data, form=True)
        with Watch(server.pid, every) as watch:
            # One alone warms the worker up.
            wave(server, watch, "/redact", 1, data, wanted)
            before = _settled(watch)
            done = []
            for path in (path for path, times in waves.items() for _ in range(times)):
                done.append(wave(server, watch, path, uploads, data, wanted if path == "/redact" else None))
                print(done[-1], flush=True)
        errors = server.stop()
    return {
        "upload_bytes": len(data),
        "before": asdict(before),
        "waves": [asdict(each) for each in done],
        "files_of_control": sorted(set(control.made)),
        "files": sorted(set(watch.made)),
        "not_watched": watch.blind,
        "server_errors": errors,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", choices=("full", "short"), default="full")
    parser.add_argument("--redact", type=int, default=2, help="waves of redact, which keep two cores busy for minutes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    waves = {"/discard": 2, "/admit": 3, "/redact": options.redact}
    result = run(100 if options.profile == "full" else 10, waves)
    table = Table(title=f"uploads of {result['upload_bytes'] / 1e6:.1f} MB at a time")  # type: ignore[operator]
    for name in ("to", "uploads", "seconds", "p50 s", "p99 s", "MB/s", "peak MiB", "rest", "heap peak MiB", "rest"):
        table.add_column(name, justify="right")
    for each in result["waves"]:  # type: ignore[attr-defined]
        w = Wave(**each)
        memory = (f"{size / MIB:,.0f}" for size in (w.peak_tree, w.rest_tree, w.peak_heap, w.rest_heap))
        times = (f"{w.seconds:.1f}", f"{w.p50:.2f}", f"{w.p99:.2f}", f"{w.mb_per_second:.0f}")
        table.add_row(w.path, str(w.uploads), *times, *memory)
    console = Console(width=140)
    console.print(table)
    before = result["before"]
    print(f"before: tree {before['tree'] / MIB:.0f} MiB, heap of the worker {before['heap'] / MIB:.0f} MiB")  # type: ignore[index]
    print(f"files made: {result['files'] or 0}; by the control: {result['files_of_control']}; {result['not_watched']}")
    if result["server_errors"]:
        print(result["server_errors"])
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
