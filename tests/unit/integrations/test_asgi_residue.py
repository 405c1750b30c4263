"""With the settings of docs/fastapi.md no piece of an upload stays in the heap of the server."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

from benchmarks.asgi import picture, send
from benchmarks.serving import Server

PAGE = Path(__file__).parents[3] / "docs" / "fastapi.md"


def pieces_in(pid: int, data: bytes) -> int:
    """How many of some hundred pieces of an upload, 48 bytes each, are in a process's memory."""
    marks = {data[at : at + 48] for at in range(300_000, len(data) - 48, 8192)}
    marks = {each for each in marks if len(set(each)) > 20}
    assert len(marks) > 100
    found: set[bytes] = set()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            span, access = line.split()[:2]
            if "r" not in access or "[v" in line:
                continue
            start, end = (int(each, 16) for each in span.split("-"))
            memory.seek(start)
            try:
                content = memory.read(end - start)
            except OSError:
                continue  # guard pages and secret memory, which is no heap
            found |= {each for each in marks - found if each in content}
    return len(found)


def test_nothing_of_an_upload_stays_in_the_heap_of_the_server() -> None:
    settings = dict(re.findall(r"(PYTHONMALLOC|GLIBC_TUNABLES)=([\w.=]+)", PAGE.read_text(encoding="utf-8")))
    assert set(settings) == {"PYTHONMALLOC", "GLIBC_TUNABLES"}
    data = picture(6_000_000)
    with Server("benchmarks.asgi_app:app", settings) as server:
        for form in (False, True):
            assert send(server.port, "/admit", data, form=form)[0] == 200
        assert pieces_in(server.pid, data) == 0
        holder = threading.Thread(target=send, args=(server.port, "/held", data), kwargs={"form": False})
        holder.start()
        counts = []
        while holder.is_alive():
            counts.append(pieces_in(server.pid, data))
            time.sleep(0.05)
        assert max(counts) > 100, "what is in the heap is found"
