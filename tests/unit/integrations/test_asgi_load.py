"""Ten uploads of 20 MB at a time, in a short form of `benchmarks.asgi`: no file, no copy in the heap, nothing kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from benchmarks.asgi import Wave, expected, picture, send, wave
from benchmarks.serving import Sample, Server, Watch, sample

UPLOADS = 10
MIB = 1 << 20


@dataclass
class Seen:
    """What was measured, of the controls and of the waves."""

    size: int
    before: Sample
    held: list[Sample]
    admits: list[Wave]
    redacts: Wave
    spooled: Watch
    watch: Watch


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    data = picture()
    wanted = hashlib.sha256(expected(data)).hexdigest()
    with Server("benchmarks.asgi_app:app") as server:
        with Watch(server.pid, 0.1) as spooled:
            assert send(server.port, "/spooled", data, form=True)[0] == 200
        for form in (False, True):
            assert send(server.port, "/admit", data, form=form)[0] == 200
        before = sample(server.pid)
        with Watch(server.pid, 0.1) as control:
            assert send(server.port, "/held", data, form=False)[0] == 200
        with Watch(server.pid, 0.1) as watch:
            admits = [wave(server, watch, "/admit", UPLOADS, data, None) for _ in range(2)]
            redacts = wave(server, watch, "/redact", 2, data, wanted)
        assert server.stop() == ""
        yield Seen(len(data), before, control.samples, admits, redacts, spooled, watch)


def test_a_copy_in_the_heap_would_be_seen(seen: Seen) -> None:
    assert max(each.heap for each in seen.held) > seen.before.heap + 0.9 * seen.size


def test_no_upload_is_copied_in_the_heap(seen: Seen) -> None:
    """Ten uploads in flight, each far larger than what the server's buffers and the parser add."""
    for each in (*seen.admits, seen.redacts):
        assert each.peak_heap < seen.before.heap + 2 * seen.size, "200 MB, were they copied"


def test_the_next_wave_needs_no_more_than_the_last(seen: Seen) -> None:
    first, second = seen.admits
    assert second.rest_heap < first.rest_heap + 8 * MIB
    assert second.rest_tree < first.rest_tree + 32 * MIB


def test_no_file_is_made(seen: Seen) -> None:
    if seen.watch.blind:
        pytest.skip(f"this host does not let files be watched: {seen.watch.blind}")
    assert seen.spooled.made, "the file that a framework's form parser spools to is seen"
    assert seen.watch.made == []
