"""With the settings of docs/fastapi.md no piece of an upload stays in the heap of the server."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.asgi import picture, send
from benchmarks.serving import Server

PAGE = Path(__file__).parents[3] / "docs" / "fastapi.md"


def pieces_in(pid: int, data: bytes) -> int:
    """How many of some hundred pieces of an upload, 48 bytes each, are in the memory that a process can write to."""
    marks = {each[:8]: each for each in (data[at : at + 48] for at in range(300_000, len(data) - 48, 8192))}
    # None that begins like what memory is full of: zeros, and what freed memory is overwritten with.
    marks = {head: each for head, each in marks.items() if len(set(each)) > 20 and len(set(head)) > 4}
    assert len(marks) > 100
    heads = np.frombuffer(b"".join(marks), "<u8")
    # Most of memory is passed over by what it has in place of a head's last two bytes.
    likely = np.zeros(1 << 16, bool)
    likely[heads >> np.uint64(48)] = True
    found: set[bytes] = set()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            span, access = line.split()[:2]
            if not access.startswith("rw"):
                continue
            start, end = (int(each, 16) for each in span.split("-"))
            memory.seek(start)
            try:
                content = memory.read(end - start)
            except OSError:
                continue  # guard pages and secret memory, which is no heap
            for shift in range(8):
                words = np.frombuffer(content, "<u8", len(content) // 8 - 1, shift)
                places = np.flatnonzero(likely[words.view("<u2")[3::4]])
                for place in places[np.isin(words[places], heads)]:
                    at = 8 * int(place) + shift
                    if content[at : at + 48] == marks[content[at : at + 8]]:
                        found.add(content[at : at + 8])
    return len(found)


def test_nothing_of_an_upload_stays_in_the_heap_of_the_server() -> None:
    settings = dict(re.findall(r"(PYTHONMALLOC|GLIBC_TUNABLES)=([\w.=]+)", PAGE.read_text(encoding="utf-8")))
    assert set(settings) == {"PYTHONMALLOC", "GLIBC_TUNABLES"}
    data = picture(6_000_000)
    with Server("benchmarks.asgi_app:app", settings) as server:
        for form in (False, True):
            assert send(server.port, "/admit", data, form=form)[0] == 200
        assert pieces_in(server.pid, data) == 0
        holder = threading.Thread(target=send, args=(server.port, "/held?seconds=4", data), kwargs={"form": False})
        holder.start()
        counts = []
        while holder.is_alive():
            counts.append(pieces_in(server.pid, data))
            time.sleep(0.05)
        assert max(counts) > 100, "what is in the heap is found"
