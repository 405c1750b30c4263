"""Every hostile upload goes through a request into the real child: the right refusal, in time; the child lives on."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import facegate
from facegate.codes import CODES, to_error
from facegate.errors import FacegateError
from facegate.memory.locks import kernel_locked_bytes
from fixtures.formats_good import HEIGHT, WIDTH, metadata_jpeg
from fixtures.hostile import DECODES, Hostile, hostile_uploads
from tests.conftest import child_of, descendants, eventually

NewId = Callable[[], str]

CORPUS = list(hostile_uploads())
# What a policy's operation_timeout of 30 s would end; the slowest, a hundred scans of 64 million pixels, takes 5.
SLOWEST_SECONDS = 20.0
_GROUP = 50
LARGE = [each for each in CORPUS if "bomb" in each.name or "many" in each.name or "restarts" in each.name]
SMALL = [each for each in CORPUS if each not in LARGE]
GROUPS = [list(SMALL[at : at + _GROUP]) for at in range(0, len(SMALL), _GROUP)] + [[each] for each in LARGE]


def state() -> tuple[int, int, int, int]:
    """Descriptors, processes, locked memory and shared maps of this worker."""
    maps = Path("/proc/self/maps").read_text(encoding="ascii").count("facegate")
    return len(os.listdir("/proc/self/fd")), len(descendants()), kernel_locked_bytes(), maps


@pytest.fixture(scope="module")
def gate() -> Iterator[facegate.Gate]:
    """A gate of its own, which must hold after the whole corpus what it held before."""
    with facegate.Gate(facegate.Policy(spares=1)) as made:
        with made.open_request("warm", purpose="safety") as request:
            request.admit(metadata_jpeg())
        assert made.pool.wait_full(60)
        before = state()
        yield made
        assert made.pool.wait_full(60)
        assert eventually(lambda: state() == before), f"{before} -> {state()}"


def outcome(request: facegate.Request, upload: Hostile) -> str:
    """The code that the child refused with, or `DECODES`."""
    try:
        picture = request.admit(upload.build())
    except FacegateError as error:
        (code,) = {code for code in CODES if (type(to_error(code)), CODES[code][1]) == (type(error), error.reason)}
        return code
    assert picture.format in {"JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"}
    return DECODES


@pytest.mark.parametrize("uploads", GROUPS, ids=lambda group: group[0].name)
def test_refused_or_decoded_in_time_and_the_child_lives_on(
    gate: facegate.Gate, uploads: list[Hostile], new_id: NewId
) -> None:
    """A refusal leaves the request open, so many share one; those that decode to much have one each."""
    with gate.open_request(new_id(), purpose="safety") as request:
        pid = child_of(request).pid
        for upload in uploads:
            upload.build()
            begun = time.monotonic()
            came = outcome(request, upload)
            assert came in upload.codes, f"{upload.name}: {came}, not {sorted(upload.codes)}"
            assert time.monotonic() - begun < SLOWEST_SECONDS, upload.name
            assert child_of(request).alive, upload.name
            assert child_of(request).pid == pid
        assert request.admit(metadata_jpeg()).size_wh == (WIDTH, HEIGHT)
        assert request.receipt is not None
    receipt = facegate.verify(request.receipt)
    assert (receipt.outcome, receipt.child_end) == ("abandoned", "killed at purge")
    assert receipt.purge is not None
    assert receipt.purge.bytes_nonzero == 0


def test_the_corpus_is_what_it_says() -> None:
    """Names are unique, all codes exist, every type has every kind of attack."""
    assert len({each.name for each in CORPUS}) == len(CORPUS) >= 900
    assert {code for each in CORPUS for code in each.codes} <= {*CODES, DECODES}
    assert all(each.codes for each in CORPUS)
    for kind, attack in itertools.product(
        ("jpeg", "png", "webp", "gif", "tiff", "bmp"), ("-lie-", "-bomb", "-and-", "-1x1")
    ):
        assert any(each.name.startswith(kind) and attack in each.name for each in CORPUS), (kind, attack)


def test_the_corpus_is_the_same_each_time() -> None:
    """Otherwise a failure could not be repeated."""
    again = {each.name: each for each in hostile_uploads()}
    assert all(again[each.name].build() == each.build() for each in SMALL)
