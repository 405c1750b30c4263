"""A request about a video from end to end, through the real child; and every way in which it can end early."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facegate
from facegate import videos
from facegate.errors import (
    AnalysisError,
    ChildCrashedError,
    DecodeError,
    LimitExceededError,
    OutputError,
    ProtocolError,
    RequestClosedError,
    SandboxTimeoutError,
    SealedError,
    UnsupportedFormatError,
    UploadError,
)
from facegate.policy import Policy, VideoLimits
from tests.clips import clip, decoded, packets
from tests.conftest import child_of

NewId = Callable[[], str]
FRAMES = 24


@pytest.fixture(scope="module")
def small() -> bytes:
    """24 frames with sound, MP4."""
    return clip(FRAMES)


@pytest.fixture(scope="module")
def long() -> bytes:
    """Enough frames to be interrupted in the middle; noise, so that the output comes in many pieces."""
    return clip(300, size_wh=(640, 480), sound=False, options={"preset": "ultrafast", "crf": "5"})


@pytest.fixture
def path(tmp_path: Path, small: bytes) -> Path:
    made = tmp_path / "upload.bin"
    made.write_bytes(small)
    return made


def left_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def outcome(request: facegate.Request) -> tuple[str, str | None, str]:
    assert request.receipt is not None
    verified = facegate.verify(request.receipt)
    assert verified.purge.bytes_nonzero == 0
    return verified.outcome, verified.error, verified.child_end


def test_the_whole_story(gate: facegate.Gate, small: bytes, path: Path, new_id: NewId) -> None:
    target = path.with_name("safe.mp4")
    told: list[facegate.Progress] = []
    with gate.open_request(new_id(), purpose="generation") as request:
        video = request.admit(path)
        assert isinstance(video, facegate.VideoUpload)
        assert (video.size_wh, video.format, video.tracks, video.rate) == ((320, 256), "mp4", 2, 25.0)
        assert video.duration == pytest.approx(FRAMES / 25, abs=0.05)
        assert video.frames == FRAMES
        faces = request.analyze(video, at=0.5)
        assert len(faces) == 2
        with faces.subject.expose("landmarks") as xyz:
            assert xyz.any()
        safe = request.redact(video)
        child = child_of(request)
        output = request.finish(safe, to=target, preset="ultrafast", progress=told.append)
        assert child.end == "killed at purge"
    assert outcome(request)[0] == "finished"
    assert (output.path, output.data, output.frames) == (target, b"", FRAMES)
    made = target.read_bytes()
    assert output.size == len(made)
    assert left_in(path.parent) == {"upload.bin", "safe.mp4"}
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert packets(made, "audio") == packets(small, "audio"), "sound is copied"
    assert (told[-1].frames, told[-1].of_frames) == (FRAMES, FRAMES)
    assert [each.frames for each in told] == sorted(each.frames for each in told)
    before, after = decoded(small), decoded(made)
    assert len(after) == FRAMES
    changed = [np.abs(a.astype(int) - b).max(axis=2) > 60 for a, b in zip(before, after, strict=True)]
    assert all(0.02 < each.mean() < 0.6 for each in changed), "faces are covered in every frame, and not all of it is"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    "source", ["bytes", "bytearray", "path", "str", "file", "raw", "fd", "bytesio", "pipe", "wrapped"]
)
def test_every_source_and_every_target_give_the_same(
    gate: facegate.Gate, small: bytes, path: Path, new_id: NewId, source: str
) -> None:
    read, write = os.pipe()

    def feed() -> None:
        with os.fdopen(write, "wb") as pipe:
            pipe.write(small)

    class Wrapped(io.RawIOBase):
        def __init__(self) -> None:
            self.file = io.BytesIO(small)

        def readinto(self, buffer: Any) -> int:
            return self.file.readinto(memoryview(buffer)[:5000])

    feeder = threading.Thread(target=feed if source == "pipe" else lambda: os.close(write))
    feeder.start()
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        sources = {
            "bytes": small, "bytearray": bytearray(small), "path": path, "str": str(path), "file": file, "raw": raw,
            "fd": file.fileno(), "bytesio": io.BytesIO(small), "pipe": read, "wrapped": Wrapped(),
        }  # fmt: skip
        with gate.open_request(new_id(), purpose="generation") as request:
            video = request.admit(sources[source], "video")
            handle = io.BytesIO()
            options = {"format": "mkv", "preset": "ultrafast"}
            to = {"bytes": None, "path": path.with_name("out.mkv")}.get(source, handle)
            output = request.finish(request.redact(video, profile="fast"), to=to, **options)
        assert file.tell() == raw.tell() == 0, "the caller's position is the caller's"
    feeder.join()
    os.close(read)
    made = output.path.read_bytes() if output.path else output.data or handle.getvalue()
    assert len(made) == output.size
    assert len(decoded(made)) == FRAMES
    known = _SAME.setdefault("mkv", made)
    assert made == known, "wherever it comes from and goes to"


_SAME: dict[str, bytes] = {}


def test_the_subject_stays_and_the_bystander_goes(gate: facegate.Gate, small: bytes, new_id: NewId) -> None:
    before = decoded(small)
    with gate.open_request(new_id(), purpose="generation") as request:
        video = request.admit(small, "video")
        faces = request.analyze(video, subject="largest")
        with faces.expose("boxes") as boxes:
            (x0, y0, x1, y1), (u0, v0, u1, v1) = boxes.round().astype(int).tolist()
        kept, covered = [], []
        for number, frame in enumerate(request.frames(video, keep=faces.subject)):
            changed = np.abs(frame.astype(int) - before[number]).max(axis=2) > 60
            kept.append(changed[y0:y1, x0 + number : x1 + number].mean())  # everything moves one pixel a frame
            middle = changed[v0 + 3 : v1 - 3, u0 + number + 3 : u1 + number - 3]
            covered.append(middle.mean())
    assert min(covered) > 0.4, covered
    assert max(kept) < 0.05, kept


def test_a_file_is_read_from_where_it_stands(gate: facegate.Gate, small: bytes, path: Path, new_id: NewId) -> None:
    path.write_bytes(b"x" * 1000 + small)
    with path.open("rb") as file, gate.open_request(new_id(), purpose="generation") as request:
        file.seek(1000)
        assert request.admit(file).size_wh == (320, 256)
        assert request.admit(file.fileno()).size_wh == (320, 256)
        assert file.tell() == 1000


def test_the_child_gets_a_descriptor_that_it_cannot_write_to(gate: facegate.Gate, path: Path, new_id: NewId) -> None:
    with path.open("r+b", buffering=0) as file, gate.open_request(new_id(), purpose="generation") as request:
        request.admit(file)
        inside = Path(f"/proc/{child_of(request).pid}/fd")
        mine = [each for each in inside.iterdir() if each.readlink() == path]
        assert len(mine) == 1
        flags = (inside.parent / "fdinfo" / mine[0].name).read_text().split("flags:")[1].split()[0]
        assert int(flags, 8) & os.O_ACCMODE == os.O_RDONLY


def test_auto_goes_by_the_first_bytes(gate: facegate.Gate, astronaut: bytes, small: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        assert isinstance(request.admit(astronaut), facegate.ImageUpload)
        assert isinstance(request.admit(small), facegate.VideoUpload)
        assert isinstance(request.admit(io.BytesIO(small)), facegate.VideoUpload)
        with pytest.raises(UnsupportedFormatError, match="picture"):
            request.admit(small, "image")
        with pytest.raises(UnsupportedFormatError, match="video"):
            request.admit(astronaut, "video")
        with pytest.raises(UnsupportedFormatError):
            request.admit(b"neither of them")
        with pytest.raises(UploadError, match="empty"):
            request.admit(b"", "video")
        with pytest.raises(AnalysisError, match="media must be"):
            request.admit(small, "sound")  # type: ignore[call-overload]


def test_frames_for_a_worker_that_wants_arrays(gate: facegate.Gate, small: bytes, path: Path, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        video = request.admit(path)
        before = decoded(small)
        for redacted in (True, False):
            frames = request.frames(video, redacted=redacted)
            assert frames.seconds is None
            last, seen, seconds = None, 0, []
            for frame in frames:
                assert (frame.shape, frame.dtype, frame.flags.writeable) == ((256, 320, 3), np.uint8, False)
                assert last is None or not last.any(), "the one before is gone"
                difference = np.abs(frame.astype(int) - before[seen]).max(axis=2) > 60
                assert difference.mean() > 0.01 if redacted else difference.mean() < 0.001
                last, seen = frame, seen + 1
                seconds.append(frames.seconds)
            assert seen == FRAMES
            assert last is not None
            assert not last.any()
            assert seconds == pytest.approx([number / 25 for number in range(FRAMES)], abs=1e-3)
        covered = request.redact(video, style="blur", profile="fast")
        with request.frames(covered) as frames:
            kept = next(frames)
            assert kept.any()
        assert not kept.any()
        with pytest.raises(StopIteration):
            next(frames)


def test_frames_left_early_free_the_child(gate: facegate.Gate, long: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        video = request.admit(long)
        for _ in request.frames(video, redacted=False):
            break
        first = request.frames(video, redacted=False)
        next(first)
        with pytest.raises(AnalysisError, match="being read"):
            next(request.frames(video, redacted=False))
        with pytest.raises(AnalysisError, match="being read"):
            request.finish(request.redact(video))
        next(first)
        first.close()
        assert next(request.frames(video, redacted=False)).any()


def test_frames_of_a_video_that_is_turned_are_upright(gate: facegate.Gate, new_id: NewId) -> None:
    data = clip(6, turned=True, sound=False)
    with gate.open_request(new_id(), purpose="generation") as request:
        video = request.admit(data)
        assert video.size_wh == (256, 320)
        (first, *_) = (frame.copy() for frame in request.frames(video, redacted=False))
        assert first.shape == (320, 256, 3)
        assert np.abs(first.astype(int) - np.rot90(decoded(data)[0], -1)).max() < 40
        assert len(request.analyze(video)) == 2, "faces are found upright"


def test_a_video_with_frames_alive_can_be_finished_away(gate: facegate.Gate, path: Path, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        frames = request.frames(request.admit(path))
        shown = next(frames)
        assert shown.any()
        request.finish(np.zeros((8, 8, 3), np.uint8))
        assert not shown.any(), "revoked with the rest"
        with pytest.raises(RequestClosedError):
            next(frames)


def test_a_video_that_came_too_late_has_no_name(
    gate: facegate.Gate, path: Path, new_id: NewId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = videos.write

    def withdrawn_meanwhile(*said: Any) -> Any:
        made = write(*said)
        request.kill("withdrawn", "ConsentWithdrawnError")
        return made

    with gate.open_request(new_id(), purpose="generation") as request:
        safe = request.redact(request.admit(path))
        monkeypatch.setattr(videos, "write", withdrawn_meanwhile)
        with pytest.raises(RequestClosedError, match="withdrawn"):
            request.finish(safe, to=tmp_path / "late.mp4")
    assert facegate.verify(request.receipt).outcome == "withdrawn"
    assert list(tmp_path.glob("*late*")) == []


ENDS: dict[str, tuple[type[BaseException], str]] = {
    "cancel": (RequestClosedError, "cancelled"),
    "killed": (ChildCrashedError, "child-crashed"),
    "stuck": (SandboxTimeoutError, "timeout"),
    "expired": (RequestClosedError, "expired"),
}


@pytest.mark.parametrize("end", ENDS)
def test_whatever_ends_it_in_the_middle_there_is_no_output_and_a_receipt(
    long: bytes, tmp_path: Path, new_id: NewId, end: str
) -> None:
    upload, target = tmp_path / "long.mp4", tmp_path / "out.mp4"
    upload.write_bytes(long)
    target.write_bytes(b"what was there before")
    error, word = ENDS[end]
    with facegate.Gate(Policy(spares=0, operation_timeout=1.5)) as gate:
        begun = threading.Event()
        request = gate.open_request(new_id(), purpose="generation", ttl=3.0 if end == "expired" else None)

        def act(progress: facegate.Progress) -> None:
            if begun.is_set() or not progress.frames:
                return
            begun.set()
            assert progress.frames < 300, "in the middle"
            if end == "cancel":
                thread = threading.Thread(target=request.cancel)
                thread.start()
                thread.join(10)
            elif end in {"killed", "stuck"}:
                os.kill(child_of(request).pid, signal.SIGKILL if end == "killed" else signal.SIGSTOP)
            else:
                until = time.monotonic() + 20
                while request._custody.ending is None and time.monotonic() < until:
                    time.sleep(0.01)

        with pytest.raises(error), request:
            request.finish(request.redact(request.admit(upload)), to=target, progress=act)
        assert begun.is_set()
    assert outcome(request)[0] == word
    assert target.read_bytes() == b"what was there before"
    assert left_in(tmp_path) == {"long.mp4", "out.mp4"}


def test_a_child_that_answers_and_does_nothing_is_stuck(long: bytes, tmp_path: Path, new_id: NewId) -> None:
    with facegate.Gate(Policy(spares=0, operation_timeout=1.0, ttl=12.0)) as gate:
        request = gate.open_request(new_id(), purpose="generation")
        with pytest.raises(SandboxTimeoutError, match="step"), request:
            safe = request.redact(request.admit(long))
            _answers(request, lambda _: {"pieces": [], "done": False, "beats": 7, "frames": 0, "seconds": 0})
            request.finish(safe, to=tmp_path / "out.mp4")
        assert outcome(request)[0] == "timeout"
    assert left_in(tmp_path) == set()


def _answers(request: facegate.Request, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Have the child of a request say something else to `video.next` and `video.frame`, as a hostile one could."""
    child = child_of(request)
    real = child.call

    def call(command: dict[str, Any], *given: Any, **options: Any) -> dict[str, Any]:
        said = real(command, *given, **options)
        return said | answer(said) if command["do"] in {"video.next", "video.frame"} else said

    child.call = call  # type: ignore[method-assign]


LIES: dict[str, dict[str, Any]] = {
    "a hole": {"pieces": [[1, 5]]},
    "before the beginning": {"pieces": [[-1, 5]]},
    "nothing": {"pieces": [[0, 0]]},
    "negative": {"pieces": [[0, -5]]},
    "more than fits": {"pieces": [[0, (1 << 20) + 1]]},
    "more than fits together": {"pieces": [[0, 1 << 20], [1 << 20, 1]]},
    "over the limit": {"pieces": [[0, 1 << 19], [1 << 19, 1 << 19]]},
    "too many": {"pieces": [[0, 1]] * 257},
    "no list": {"pieces": "all of it"},
    "no pair": {"pieces": [[0, 1, 2]]},
    "no number": {"pieces": [[0, True]]},
    "a fraction": {"pieces": [[0, 1.5]]},
    "missing": {"pieces": None},
    "done with nothing": {"pieces": [], "done": True},
    "done, perhaps": {"done": "yes"},
    "no time": {"seconds": float("nan")},
    "a time in words": {"seconds": "later"},
    "frames backwards": {"frames": -1},
    "no beats": {"beats": None},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_child_that_lies_about_the_output_is_ended(small: bytes, tmp_path: Path, new_id: NewId, lie: str) -> None:
    limits = VideoLimits(bytes=1_000_000)
    with facegate.Gate(Policy(spares=0, video=limits)) as gate:
        request = gate.open_request(new_id(), purpose="generation")
        with pytest.raises(ProtocolError), request:
            safe = request.redact(request.admit(small), profile="fast")
            _answers(request, lambda _: LIES[lie])
            request.finish(safe, to=tmp_path / "out.mp4")
        assert outcome(request)[0] == "child-crashed"
    assert left_in(tmp_path) == set()


@pytest.mark.parametrize("lie", [{"slot": 3}, {"slot": -1}, {"slot": "a"}, {"done": None}, {"seconds": "x"}])
def test_a_child_that_lies_about_a_frame_is_ended(
    gate: facegate.Gate, small: bytes, new_id: NewId, lie: dict[str, Any]
) -> None:
    request = gate.open_request(new_id(), purpose="generation")
    with pytest.raises(ProtocolError), request:
        frames = request.frames(request.admit(small), redacted=False)
        _answers(request, lambda said: lie if said.get("slot") is not None else {})
        list(frames)
    assert outcome(request)[0] == "child-crashed"


def test_a_damaged_video_leaves_nothing_and_the_request_open(
    gate: facegate.Gate, long: bytes, small: bytes, tmp_path: Path, new_id: NewId
) -> None:
    damaged = bytearray(long)
    middle = len(damaged) * 2 // 3
    damaged[middle : middle + 20_000] = bytes(np.random.default_rng(1).integers(0, 256, 20_000, np.uint8))
    with gate.open_request(new_id(), purpose="generation") as request:
        with pytest.raises(UploadError):
            request.admit(small[: len(small) // 2])
        video = request.admit(bytes(damaged))
        with pytest.raises(DecodeError):
            request.finish(request.redact(video, profile="fast"), to=tmp_path / "out.mp4")
        assert left_in(tmp_path) == set()
        with pytest.raises(DecodeError):
            list(request.frames(video, redacted=False))
        output = request.finish(request.redact(request.admit(small), profile="fast"))
    assert len(decoded(output.data)) == FRAMES


def test_a_file_that_is_cut_while_it_is_read_is_told(
    gate: facegate.Gate, long: bytes, tmp_path: Path, new_id: NewId
) -> None:
    path = tmp_path / "long.mp4"
    path.write_bytes(long)
    with gate.open_request(new_id(), purpose="generation") as request:
        frames = request.frames(request.admit(path), redacted=False)
        next(frames)
        os.truncate(path, len(long) // 4)
        with pytest.raises(DecodeError, match="shorter"):
            list(frames)
        with pytest.raises(UploadError):
            list(request.frames(request.admit(path), redacted=False))


LIMITS = {
    "frames": 10,
    "duration": 0.3,
    "side": 300,
    "pixels": 10_000,
    "rate": 10,
    "bit_rate": 1000,
    "tracks": 1,
    "bytes": 99,
}


@pytest.mark.parametrize("limit", LIMITS)
def test_limits(small: bytes, path: Path, new_id: NewId, limit: str) -> None:
    policy = Policy(spares=0, video=VideoLimits(**{limit: LIMITS[limit]}))
    with facegate.Gate(policy) as gate, gate.open_request(new_id(), purpose="generation") as request:
        for source in (small, path, io.BytesIO(small)):
            with pytest.raises(LimitExceededError):
                request.admit(source)


def test_an_output_over_the_limit_is_refused(small: bytes, tmp_path: Path, new_id: NewId) -> None:
    policy = Policy(spares=0, video=VideoLimits(bytes=len(small) + 100))
    with facegate.Gate(policy) as gate, gate.open_request(new_id(), purpose="generation") as request:
        safe = request.redact(request.admit(small), profile="fast")
        with pytest.raises(LimitExceededError, match="output"):
            request.finish(safe, format="mkv", codec="ffv1", to=tmp_path / "out.mkv")
        assert left_in(tmp_path) == set()


def test_bad_arguments_are_refused_and_cost_nothing(
    gate: facegate.Gate, astronaut: bytes, path: Path, new_id: NewId, tmp_path: Path
) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        video, picture = request.admit(path, "video"), request.admit(astronaut, "image")
        for at in (-1, float("nan"), float("inf"), "1", True):
            with pytest.raises(AnalysisError, match="at must"):
                request.analyze(video, at=at)  # type: ignore[arg-type]
        with pytest.raises(AnalysisError, match="at must"):
            request.analyze(picture, at=1.0)
        for options in ({"profile": "best"}, {"style": "smear"}, {"shape": "star"}, {"margin": -1}):
            with pytest.raises(AnalysisError):
                request.redact(video, **options)
        with pytest.raises(AnalysisError, match="profile is for a video"):
            request.redact(picture, profile="fast")  # type: ignore[call-overload]
        safe = request.redact(video, profile="fast")
        with pytest.raises(AnalysisError, match="redacted already"):
            request.redact(safe)
        with pytest.raises(AnalysisError, match="settled"):
            request.frames(safe, style="blur")
        with pytest.raises(AnalysisError, match="settled"):
            request.frames(video, redacted=False, margin=1.0)
        with pytest.raises(AnalysisError, match="takes a video"):
            request.frames(picture)  # type: ignore[arg-type]
        with pytest.raises(OutputError, match="leaves redacted only"):
            request.finish(video)  # type: ignore[call-overload]
        for options in (
            {"format": "png"}, {"codec": "x" * 99}, {"codec": 5}, {"preset": ""}, {"quality": 0}, {"quality": 2.5},
            {"codec": "h265"}, {"preset": "warp"}, {"format": "webm", "codec": "h264"},
        ):  # fmt: skip
            with pytest.raises(OutputError):
                request.finish(safe, **options)
        for to in (5, io.StringIO(), tmp_path / "nowhere" / "out.mp4", "/dev/null", tmp_path):
            with pytest.raises(OutputError):
                request.finish(safe, to=to)  # type: ignore[arg-type]
        with pytest.raises(OutputError, match="for a video"):
            request.finish(request.redact(picture), to=tmp_path / "x")  # type: ignore[call-overload]
        with pytest.raises(AnalysisError, match="latest analysis"):
            faces = request.analyze(picture)
            request.redact(video, keep=faces.subject)
        for handle in (video, safe):
            assert repr(handle).startswith("[sealed ")
            with pytest.raises(SealedError):
                handle.__reduce_ex__(4)
        with gate.open_request(new_id(), purpose="generation") as other:
            for operation in (other.analyze, other.redact, other.frames):
                with pytest.raises(AnalysisError, match="admitted"):
                    operation(video)
            with pytest.raises(AnalysisError, match="admitted"):
                other.finish(safe)
        assert len(decoded(request.finish(safe).data)) == FRAMES


def test_what_progress_raises_comes_out_and_the_request_goes_on(
    gate: facegate.Gate, path: Path, new_id: NewId, tmp_path: Path
) -> None:
    class TellError(Exception):
        pass

    def tell(_: facegate.Progress) -> None:
        raise TellError

    with gate.open_request(new_id(), purpose="generation") as request:
        safe = request.redact(request.admit(path), profile="fast")
        with pytest.raises(TellError):
            request.finish(safe, to=tmp_path / "out.mp4", progress=tell)
        assert left_in(tmp_path) == {"upload.bin"}
        request.finish(safe, to=tmp_path / "out.mp4")
    assert left_in(tmp_path) == {"upload.bin", "out.mp4"}


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_disk_that_is_full_leaves_nothing(
    gate: facegate.Gate, path: Path, new_id: NewId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    request = gate.open_request(new_id(), purpose="generation")
    with pytest.raises(OutputError, match=r"out\.mp4 could not be written: No space"), request:
        safe = request.redact(request.admit(path), profile="fast")
        monkeypatch.setattr(os, step, full)
        request.finish(safe, to=tmp_path / "out.mp4")
    monkeypatch.undo()
    assert left_in(tmp_path) == {"upload.bin"}


def test_no_file_without_a_name_is_no_obstacle(
    gate: facegate.Gate, path: Path, new_id: NewId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE")
    seen: set[str] = set()
    with gate.open_request(new_id(), purpose="generation") as request:
        safe = request.redact(request.admit(path), profile="fast")
        request.finish(safe, to=tmp_path / "out.mp4", progress=lambda _: seen.update(left_in(tmp_path)))
    assert any(name.startswith(".facegate-") for name in seen)
    assert left_in(tmp_path) == {"upload.bin", "out.mp4"}


@pytest.fixture(scope="module")
def inline() -> Iterator[facegate.Gate]:
    with facegate.Gate(Policy(level="inline", ceiling="inline")) as made:
        yield made


def test_inline_gives_the_same(
    gate: facegate.Gate, inline: facegate.Gate, small: bytes, path: Path, new_id: NewId
) -> None:
    made = []
    for which, source in ((gate, small), (inline, small), (inline, path)):
        with which.open_request(new_id(), purpose="generation") as request:
            video = request.admit(source, "video")
            assert len(request.analyze(video, at=0.3)) == 2
            shown = [frame.mean() for frame in request.frames(video, profile="fast")]
            assert len(shown) == FRAMES
            made.append(request.finish(request.redact(video, profile="fast"), preset="ultrafast").data)
        assert outcome(request)[0] == "finished"
    assert made[0] == made[1] == made[2]
    assert not [each for each in threading.enumerate() if each.name in {"facegate-decode", "facegate-encode"}]


def test_inline_can_be_left_in_the_middle(inline: facegate.Gate, long: bytes, new_id: NewId) -> None:
    with inline.open_request(new_id(), purpose="generation") as request:
        frames = request.frames(request.admit(long))
        shown = next(frames)
    assert not shown.any()
    assert not [each for each in threading.enumerate() if each.name.startswith("facegate-dec")]
    with pytest.raises(RequestClosedError):
        next(frames)


def test_asyncio(gate: facegate.Gate, path: Path, new_id: NewId, tmp_path: Path) -> None:
    async def whole() -> None:
        opened = gate.open_request(new_id(), purpose="generation")
        async with opened as request:
            video = await request.admit(path, "video")
            faces = await request.analyze(video, at=0.2)
            count = 0
            async for frame in request.frames(video, redacted=False):
                assert frame.any()
                count += 1
            assert count == FRAMES
            async with request.frames(video, profile="fast") as frames:
                assert (await anext(frames)).any()
            safe = await request.redact(video, keep=faces.subject, profile="fast")
            await request.finish(safe, to=tmp_path / "out.mp4")
        assert opened.receipt is not None
        assert facegate.verify(opened.receipt).outcome == "finished"

    asyncio.run(whole())
    assert left_in(tmp_path) == {"upload.bin", "out.mp4"}


def test_a_cancelled_task_leaves_nothing(gate: facegate.Gate, long: bytes, new_id: NewId, tmp_path: Path) -> None:
    opened = gate.open_request(new_id(), purpose="generation")

    async def cut() -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        async def work() -> None:
            async with opened as request:
                safe = await request.redact(await request.admit(long, "video"))

                def told(_: facegate.Progress) -> None:
                    loop.call_soon_threadsafe(begun.set)

                await request.finish(safe, to=tmp_path / "out.mp4", progress=told)

        task = asyncio.create_task(work())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cut())
    assert outcome(opened)[0] == "cancelled"
    assert left_in(tmp_path) == set()
