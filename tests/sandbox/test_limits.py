"""What a child may use: enough for the largest upload, and no more."""

from __future__ import annotations

import io
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import facegate
from facegate.errors import LimitExceededError, SandboxTimeoutError, UploadError
from facegate.incoming import stage
from facegate.policy import MediaLimits, Policy
from facegate.sandbox import pool
from facegate.sandbox.budget import Budget, memory_for
from facegate.sandbox.host import Zygote
from tests.conftest import child_of

HERE = Path(__file__).parent
SIDE = 8000  # 64 megapixels, the default policy's most


def test_a_child_that_computes_for_ever_is_ended_by_the_kernel(zygote: Zygote) -> None:
    """The bench's budget is two seconds; the worker would wait for a minute."""
    child = zygote.fork(warm=False)
    command = {"probe": str(HERE / "spin.py"), "scratch": "/", "given": {}}
    with pytest.raises(SandboxTimeoutError, match="SIGXCPU"):
        child.call(command, timeout=60, request_id="spin")
    assert child.close() == "signal SIGXCPU"
    child.arena.close()


def test_the_budget_follows_the_policy() -> None:
    small = Policy(limits=MediaLimits(pixels=1_000_000, bytes=1 << 20), ttl=5)
    assert Budget.of(small).cpu < Budget.of(Policy()).cpu
    assert memory_for(small.limits) + 63_000_000 * 16 < memory_for(MediaLimits())


def test_only_a_child_with_a_video_has_room_for_one() -> None:
    import facegate

    policy = Policy(spares=0)
    budget = Budget.of(policy)
    with facegate.Gate(policy) as gate, gate.open_request("room-for-video", purpose="safety") as request:
        pid = child_of(request).pid
        memory, cpu = (resource.prlimit(pid, which) for which in (resource.RLIMIT_AS, resource.RLIMIT_CPU))
        assert memory[1] - memory[0] == budget.video_memory - budget.memory > 1 << 30
        assert cpu == (budget.cpu, budget.video_cpu + 1)
        with pytest.raises(UploadError):
            request.admit(b"no picture", "image")
        assert resource.prlimit(pid, resource.RLIMIT_AS) == memory
        with pytest.raises(UploadError):
            request.admit(b"no video either", "video")
        assert resource.prlimit(pid, resource.RLIMIT_AS) == (memory[1], memory[1])
        assert resource.prlimit(pid, resource.RLIMIT_CPU) == (budget.video_cpu, budget.video_cpu + 1)


@pytest.fixture(scope="module")
def largest() -> bytes:
    """A picture of 64 megapixels with alpha, in the format that takes most memory but one, and encodes in a moment."""
    file = io.BytesIO()
    pixels = np.full((SIDE, SIDE, 4), 200, np.uint8)
    pixels[:, ::2, 3] = 100
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def admit(zygote: Zygote, data: bytes) -> dict[str, object]:
    limits = MediaLimits()
    child = zygote.fork(warm=False)
    region, used = stage(data, int(limits.bytes), "limits", lambda: None, lambda each, _: each.close())
    try:
        command = {"do": "admit", "upload": 0, "bytes": used, "limits": limits.as_dict()}
        return child.call(command, [region], timeout=120, request_id="limits")
    finally:
        child.close()
        child.arena.close()
        region.wipe()
        region.close()


def test_the_largest_upload_fits(largest: bytes) -> None:
    real = Zygote()
    try:
        assert admit(real, largest)["width"] == SIDE
    finally:
        real.close()


def test_an_upload_that_needs_more_than_the_budget_is_refused_and_the_child_lives_on(largest: bytes) -> None:
    small = Zygote(Budget(memory=700 << 20, cpu=60))
    try:
        with pytest.raises(LimitExceededError, match="memory"):
            admit(small, largest)
    finally:
        small.close()


@pytest.fixture(scope="module")
def emptied() -> Iterator[facegate.Gate]:
    """A gate whose children each test has of its own."""
    with facegate.Gate(Policy(spares=0)) as gate:
        gate.pool.close()
        yield gate


@pytest.mark.parametrize("spare", [150, 300, 450, 600, 900])
def test_whenever_memory_runs_out_the_answer_is_a_refusal(spare: int, emptied: facegate.Gate) -> None:
    """16 megapixels, whatever step of decoding, analysis and redaction it is that finds no room."""
    file = io.BytesIO()
    Image.fromarray(np.full((4000, 4000, 3), 90, np.uint8)).save(file, "JPEG")
    emptied.pool = pool.SparePool(0, lambda _: None, Budget(memory=spare << 20, cpu=60))
    try:
        with suppress(LimitExceededError), emptied.open_request(f"room-{spare}", purpose="safety") as request:
            upload = request.admit(file.getvalue())
            request.analyze(upload)
            request.redact(upload)
        assert child_of(request).end == "killed at purge"
    finally:
        emptied.pool.close()
