"""Hostile input, made by the thousand: only what is documented comes out, in time, and nothing grows.

``FACEGATE_FUZZ_CASES`` sets how many inputs each fuzzer tries, ``FACEGATE_FUZZ_SEED`` where they begin; ``make fuzz``
tries more than a million. A failure prints the command that repeats it.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Iterator

import pytest

from facegate.codes import CODES, Refusal
from facegate.vision.decode import decode
from fixtures.formats import good_uploads
from fixtures.grammar import grammar
from tests.fuzz import watch
from tests.fuzz.loop import PROGRESS_BYTES, Progress, fuzz, replay
from tests.fuzz.targets import TARGETS
from tests.fuzz.targets.media import LIMITS, Decoding, Headers

GOOD = [upload for upload in good_uploads() if len(upload.data) < 1 << 16]
# A few seconds each; the third is what must occur, or the damage is too weak or too strong to mean anything.
SHORT: dict[str, tuple[int, set[str]]] = {
    "headers": (20_000, {"header", "decode.truncated", "decode.header", "limit.metadata", "format.samples"}),
    "decoding": (5_000, {"frame", "decode.truncated", "decode.damaged", "decode.header"}),
    "messages": (20_000, {"message", "ProtocolError"}),
    "answers": (300, {"finished", "ProtocolError", "ChildCrashedError"}),
    "receipts": (2_000, {"refused", "verified"}),
    "acts": (2_000, {"refused", "verified"}),
    "ledgers": (1_000, {"refused", "verified"}),
}


@pytest.mark.parametrize("target", SHORT)
def test_hostile_input_ends_in_a_documented_way(target: str) -> None:
    cases, expected = SHORT[target]
    report = watch.run(target, cases)
    assert expected <= set(report.outcomes)
    if target in {"headers", "decoding"}:
        assert set(report.outcomes) <= {*CODES, "header", "frame"}
        assert report.edges > 100
        assert report.kept > 0


@pytest.mark.parametrize("upload", GOOD, ids=lambda upload: upload.name)
def test_the_grammar_fits_what_it_reads(upload: object) -> None:
    """Taken apart and put together, a sound file shows the same picture, or the grammar would only make noise."""
    pair = grammar(upload.data)
    again = pair[1](pair[0](upload.data))
    assert len(pair[0](upload.data)) >= 2
    assert (decode(again, LIMITS).rgb == decode(upload.data, LIMITS).rgb).all()


@pytest.fixture
def progress() -> Iterator[Progress]:
    descriptor = os.memfd_create("fuzz-test")
    os.ftruncate(descriptor, PROGRESS_BYTES)
    yield Progress(descriptor)
    os.close(descriptor)


class _Sick(Headers):
    """Fails, each in its way, on inputs that are not rare."""

    kept: list[object]

    def __init__(self, how: str) -> None:
        self.how, self.kept = how, []

    def run(self, value: bytes) -> str:
        if value[:1] == b"\x89":
            if self.how == "raises":
                raise KeyError("not documented")
            if self.how == "grows":
                self.kept.append(b"x" * (4 << 20))  # far more than freed room that could be used again
            if self.how == "leaks":
                self.kept.append(os.open(os.devnull, os.O_RDONLY))
            if self.how == "slow" and not self.kept:
                self.kept.append("once is enough")
                until = time.thread_time() + 2.1
                while time.thread_time() < until:
                    pass
        return "header"


@pytest.mark.parametrize(
    ("how", "words"),
    [("raises", "KeyError at"), ("grows", "memory grew"), ("leaks", "descriptors were left"), ("slow", "took 2.")],
)
def test_the_loop_notices_what_is_wrong(progress: Progress, how: str, words: str) -> None:
    sick = _Sick(how)
    report = fuzz(sick, 1, 12 if how == "slow" else 400, progress)
    for each in sick.kept:
        if isinstance(each, int):
            os.close(each)
    assert any(words in what for _, what in report.findings), report


def test_a_finding_is_repeated_by_its_name(progress: Progress) -> None:
    name, _ = fuzz(_Sick("raises"), 1, 200, progress).findings[0]
    with pytest.raises(KeyError):
        replay(_Sick("raises"), name, progress)


@pytest.mark.parametrize(
    ("how", "words"),
    [("os.kill(os.getpid(), 11)", "ended with -11"), ("time.sleep(99)", "hangs")],
)
def test_a_crash_and_a_hang_have_the_name_of_their_input(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object, how: str, words: str
) -> None:
    """In the process that tries inputs, so the one that watches must tell; run with a target that does it."""
    program = (
        "import os, sys, time\n"
        "from tests.fuzz import loop\nfrom tests.fuzz.targets import TARGETS\n"
        f"TARGETS['headers'].run = lambda self, value: {how}\n"
        "loop.main(*sys.argv[1:])\n"
    )
    script = tmp_path / "sick.py"
    script.write_text(program)
    real = watch.subprocess.Popen
    monkeypatch.setattr(watch.subprocess, "Popen", lambda argv, **rest: real(
        [argv[0], str(script), *argv[3:]], env={**os.environ, "PYTHONPATH": str(watch.ROOT)}, **rest
    ))  # fmt: skip
    monkeypatch.setattr(watch, "_HANGS_SECONDS", 2.0)
    with pytest.raises(AssertionError, match=words) as caught:
        watch.run("headers", 50, seed=7)
    assert "tests.fuzz.replay headers" in str(caught.value)
    name = str(caught.value).splitlines()[0].split()[-1].strip("'")
    assert name.rpartition(":")[2] == "7"


def test_libtiff_alone_prints_and_only_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    """Which the zygote points at nothing before it forks a child."""
    target, rng = Decoding(), random.Random(5)
    heard = 0
    for number in range(600):
        upload = GOOD[number % len(GOOD)]
        data = target.mutate(upload.data, rng)
        with contextlib.suppress(Refusal):
            decode(data, LIMITS)
        printed = capfd.readouterr()
        assert printed.out == ""
        assert not printed.err or data.startswith((b"II", b"MM"))
        heard += bool(printed.err)
    assert heard, "the control: there is something to be heard"


def test_noise_behind_every_magic_is_refused() -> None:
    """Random bytes are never a picture."""
    rng = random.Random(watch.SEED)
    for upload in GOOD:
        for keep in (2, 4, 8, 16):
            data = upload.data[:keep] + rng.randbytes(500)
            with pytest.raises(Refusal):
                decode(data, LIMITS)


@pytest.mark.parametrize("target", ["receipts", "acts", "ledgers"])
def test_the_seeds_of_what_is_signed_are_the_same_each_time(target: str) -> None:
    """Or a finding could not be made again by its name."""
    assert TARGETS[target]().seeds() == TARGETS[target]().seeds()


def test_every_target_has_a_short_profile() -> None:
    assert set(SHORT) == set(TARGETS)
