"""A request from end to end, through the real child."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facegate
from facegate import stills
from facegate.errors import (
    AnalysisError,
    DecodeError,
    LimitExceededError,
    OutputError,
    PolicyError,
    PurposeError,
    RequestClosedError,
    RequestReusedError,
    SealedError,
    ShapeError,
    UnsupportedFormatError,
    UploadError,
)
from fixtures.backgrounds import background
from fixtures.collection import two_people
from fixtures.scenes import Placed, compose
from tests.conftest import child_of, encode

NewId = Callable[[], str]


@pytest.fixture(scope="module")
def pair() -> bytes:
    """The astronaut, and a second face beside her."""
    return encode(two_people().rgb, "PNG")


def test_the_whole_story(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    scene = two_people()
    with gate.open_request(new_id(), purpose="generation") as request:
        assert request.receipt is not None
        assert request.receipt.phase == "OPEN"
        upload = request.admit(pair)
        assert upload.size_wh == scene.rgb.shape[1::-1]
        assert upload.format == "PNG"
        faces = request.analyze(upload, subject="largest")
        assert len(faces) == 2
        assert faces.subject is faces[0]
        assert [face.is_subject for face in faces] == [True, False]
        with faces.expose("boxes") as boxes, faces.expose("confidence") as confidence:
            assert boxes.shape == (2, 4)
            assert (confidence > 0.5).all()
            areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
            assert areas[0] > areas[1]
            box = boxes[0].copy()
        with faces.subject.expose("landmarks") as xyz:
            assert xyz.shape == (478, 3)
            assert xyz.dtype == np.float32
            inside = (xyz[:, :2] > box[:2] - 40).all() and (xyz[:, :2] < box[2:] + 40).all()
            assert inside
            kept = xyz
        assert not kept.any(), "dead after the block"
        with faces.subject.expose("five_points") as five:
            assert five[0, 0] < five[1, 0], "the eye on the left of the picture comes first"
        with faces.subject.expose("embedding") as embedding:
            assert np.linalg.norm(embedding) == pytest.approx(1, abs=1e-5)
        safe = request.redact(upload, keep=faces.subject)
        with safe.expose() as after, upload.expose() as before:
            x0, y0, x1, y1 = box.astype(int)
            assert (after[y0:y1, x0:x1] == before[y0:y1, x0:x1]).all(), "the subject is untouched"
            x0, y0, x1, y1 = scene.boxes[1].astype(int)
            assert after[y0 + 5 : y1 - 5, x0 + 5 : x1 - 5].std(axis=(0, 1)).max() == 0, "the bystander is one colour"
            assert (after != before).any(axis=2).mean() < 0.3
        output = request.finish(safe, format="png")
    assert Image.open(io.BytesIO(output.data)).size == upload.size_wh
    assert request.receipt.phase == "CLOSE"
    verified = facegate.verify(request.receipt, trusted_key=gate.signer.public_key_pem())
    assert verified.outcome == "finished"
    with pytest.raises(RequestClosedError, match="finished"):
        request.analyze(upload)
    with pytest.raises(RequestClosedError), faces.subject.expose("landmarks"):
        pass


def test_finish_purges_at_once_and_keeps_nothing(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        child = child_of(request)
        faces = request.analyze(request.admit(astronaut))
        with faces.subject.expose("landmarks") as xyz:
            assert xyz.any()
            pixels = np.zeros((64, 48, 3), np.uint8)
            request.finish(pixels, format="jpeg", quality=80)
            assert not xyz.any(), "revoked inside the block, because the output was produced"
        assert child.end == "killed at purge"
        assert child.arena.closed
        with pytest.raises(RequestClosedError):
            request.finish(pixels)


@pytest.mark.parametrize("source", ["bytes", "bytearray", "memoryview", "str", "path", "file", "bytesio", "fd", "pipe"])
def test_every_source(gate: facegate.Gate, astronaut: bytes, new_id: NewId, tmp_path: Path, source: str) -> None:
    path = tmp_path / "upload.txt"  # the name says nothing
    path.write_bytes(astronaut)
    with gate.open_request(new_id(), purpose="generation") as request, path.open("rb") as file:
        read, write = os.pipe()
        if source == "pipe":
            if os.fork() == 0:
                with os.fdopen(write, "wb") as pipe:
                    pipe.write(astronaut)
                os._exit(0)
            os.close(write)
        made = {
            "bytes": astronaut,
            "bytearray": bytearray(astronaut),
            "memoryview": memoryview(astronaut),
            "str": str(path),
            "path": path,
            "file": file,
            "bytesio": io.BytesIO(astronaut),
            "fd": file.fileno(),
            "pipe": read,
        }
        assert request.admit(made[source]).size_wh == (512, 512)
        os.close(read)
        if source == "pipe":
            os.wait()
        else:
            os.close(write)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", UploadError),
        (b"hello, this is text", UnsupportedFormatError),
        (b"\xff\xd8\xff\xe0" + bytes(100), UploadError),
        (bytes(9 << 20), LimitExceededError),
    ],
)
def test_a_refused_upload_leaves_the_request_open(new_id: NewId, astronaut: bytes, data: bytes, error: type) -> None:
    limits = facegate.MediaLimits(bytes=8 << 20)
    with (
        facegate.Gate(facegate.Policy(limits=limits, spares=0)) as gate,
        gate.open_request(new_id(), purpose="generation") as request,
    ):
        for sent in (data, io.BytesIO(data)):
            with pytest.raises(error) as caught:
                request.admit(sent)
            assert caught.value.request_id == request.request_id
            assert caught.value.__cause__ is None
        assert len(request.analyze(request.admit(astronaut))) == 1


def test_an_output_that_came_too_late_is_not_handed_out(
    gate: facegate.Gate, astronaut: bytes, new_id: NewId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever withdraws while the output is being made must not see it leave: what ended the request first holds."""
    encode_it = stills.encode

    def withdrawn_meanwhile(*said: Any) -> bytes:
        data = encode_it(*said)
        request.kill("withdrawn", "ConsentWithdrawnError")
        return data

    with gate.open_request(new_id(), purpose="generation") as request:
        safe = request.redact(request.admit(astronaut))
        monkeypatch.setattr(stills, "encode", withdrawn_meanwhile)
        with pytest.raises(RequestClosedError, match="withdrawn"):
            request.finish(safe)
    assert facegate.verify(request.receipt).outcome == "withdrawn"


def test_truncated_upload_is_a_decode_error(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request, pytest.raises(DecodeError):
        request.admit(astronaut[: len(astronaut) // 2])


def test_subject_selectors(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    x0, y0, x1, y1 = (float(value) for value in two_people().boxes[1])
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        for selector, index in [("largest", 0), (1, 1), (0, 0), (((x0 + x1) / 2, (y0 + y1) / 2), 1)]:
            faces = request.analyze(upload, subject=selector)
            assert faces.subject is not None
            assert faces.subject.index == index
        for selector in ("none", None):
            faces = request.analyze(upload, subject=selector)
            assert len(faces) == 2
            assert faces.subject is None
            with pytest.raises(AnalysisError, match="bystander"):
                faces[0].expose("landmarks")
        for selector in (2, -1, (1.0, 1.0)):
            with pytest.raises(AnalysisError):
                request.analyze(upload, subject=selector)
        for selector in ("biggest", 1.5, True, (1, 2, 3), (float("nan"), 1)):
            with pytest.raises(AnalysisError, match="subject must be"):
                request.analyze(upload, subject=selector)


def test_no_face_is_a_result(gate: facegate.Gate, nobody: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="safety") as request:
        upload = request.admit(nobody)
        faces = request.analyze(upload)
        assert len(faces) == 0
        assert faces.subject is None
        assert list(faces) == []
        with faces.expose("boxes") as boxes:
            assert boxes.shape == (0, 4)
        safe = request.redact(upload)
        with safe.expose() as after, upload.expose() as before:
            assert (after == before).all()


def test_only_the_subject_is_meshed(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        faces = request.analyze(request.admit(pair), subject=1)
        (bystander,) = faces.bystanders
        for name in ("landmarks", "five_points", "pose", "rotation", "embedding"):
            with pytest.raises(AnalysisError, match="bystander"):
                bystander.expose(name)
        with bystander.expose("box") as box, bystander.expose("confidence") as confidence:
            assert box.shape == (4,)
            assert confidence.shape == (1,)


def test_a_new_analysis_takes_the_place_of_the_last(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        first = request.analyze(upload)
        assert first.subject is not None
        with first.subject.expose("landmarks") as old:
            request.analyze(upload, subject=1)
            assert not old.any(), "who looks at the first person must not read the second"
        with pytest.raises(RequestClosedError, match="later analysis"), first.subject.expose("landmarks"):
            pass
        with pytest.raises(AnalysisError, match="latest analysis"):
            request.redact(upload, keep=first.subject)


def test_redaction_finds_everyone_after_a_coarse_scan(gate: facegate.Gate, new_id: NewId) -> None:
    near, far = Placed("astronaut", (420, 450), 400), Placed("hopper", (1050, 420), 48)
    scene = compose("near_and_far", background("noise", 900, 1200, seed=1), [near, far])
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(encode(scene.rgb, "PNG"))
        faces = request.analyze(upload, scan="large")
        assert len(faces) == 1, "the control: the coarse scan misses the bystander"
        safe = request.redact(upload, keep=faces.subject)
        with safe.expose() as after, upload.expose() as before:
            x0, y0, x1, y1 = scene.boxes[1].astype(int)
            assert (after[y0 + 5 : y1 - 5, x0 + 5 : x1 - 5].std(axis=(0, 1)) == 0).all()
            x0, y0, x1, y1 = scene.boxes[0].astype(int)
            assert (after[y0:y1, x0:x1] == before[y0:y1, x0:x1]).all()


def test_keep_nobody_covers_everyone(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        with request.redact(upload).expose() as after:
            for x0, y0, x1, y1 in two_people().boxes.astype(int):
                assert (after[y0 + 5 : y1 - 5, x0 + 5 : x1 - 5].std(axis=(0, 1)) == 0).all()


def test_bad_arguments_are_refused_and_cost_nothing(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(astronaut)
        faces = request.analyze(upload)
        with pytest.raises(AnalysisError):
            request.analyze(upload, scan="quick")  # type: ignore[arg-type]
        for options in ({"style": "smear"}, {"shape": "star"}, {"margin": -1}, {"margin": float("nan")}):
            with pytest.raises(AnalysisError):
                request.redact(upload, **options)
        with pytest.raises(AnalysisError, match="exposes"):
            faces.subject.expose("age")
        with pytest.raises(AnalysisError, match="exposes"):
            faces.expose("landmarks")
        with pytest.raises(IndexError):
            faces[1]
        for array in (
            np.zeros((4, 4, 2), np.uint8),
            np.zeros((4, 4, 3), np.float32),
            np.zeros((0, 4, 3), np.uint8),
            [[1, 2], [3, 4]],
        ):
            with pytest.raises(ShapeError):
                request.finish(array)  # type: ignore[arg-type]
        with pytest.raises(OutputError):
            request.finish(np.zeros((4, 4, 3), np.uint8), format="tiff")  # type: ignore[arg-type]
        with pytest.raises(OutputError):
            request.finish(np.zeros((4, 4, 3), np.uint8), format="jpeg", quality=101)
        with gate.open_request(new_id(), purpose="generation") as other, pytest.raises(AnalysisError, match="admitted"):
            other.analyze(upload)
        assert request.finish(np.zeros((4, 4), np.uint8)).data.startswith(b"\x89PNG")


def test_finish_takes_grey_rgb_and_rgba(gate: facegate.Gate, new_id: NewId) -> None:
    ramp = np.arange(64 * 48 * 4, dtype=np.uint32).astype(np.uint8).reshape(64, 48, 4)
    for pixels, mode in ((ramp[..., 0], "RGB"), (ramp[:, ::-1, :3], "RGB"), (ramp, "RGBA")):
        with gate.open_request(new_id(), purpose="generation") as request:
            image = Image.open(io.BytesIO(request.finish(pixels, format="png").data))
        assert image.mode == mode
        expected = np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels
        assert (np.asarray(image) == expected).all()


def test_handles_are_sealed(gate: facegate.Gate, astronaut: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(astronaut)
        faces = request.analyze(upload)
        for handle in (upload, faces, faces.subject):
            assert repr(handle).startswith("[sealed ")
            with pytest.raises(SealedError):
                np.asarray(handle)
            with pytest.raises(SealedError):
                handle.__reduce_ex__(4)


def test_request_ids(gate: facegate.Gate, new_id: NewId) -> None:
    for bad in ("", "a" * 129, "a b", "../x", "-x", ".x", "ü", "a\n", None, 7):
        with pytest.raises(PolicyError, match="request ID"):
            gate.open_request(bad, purpose="generation")  # type: ignore[arg-type]
    name = new_id()
    gate.open_request(name, purpose="generation")
    with pytest.raises(RequestReusedError):
        gate.open_request(name, purpose="generation")
    with pytest.raises(PurposeError):
        gate.open_request(new_id(), purpose="advertising")
    for ttl in (0, -1, 1e9, float("nan")):
        with pytest.raises(PolicyError, match="ttl"):
            gate.open_request(new_id(), purpose="generation", ttl=ttl)


def test_a_request_is_entered_once_and_not_used_before(gate: facegate.Gate, new_id: NewId) -> None:
    request = gate.open_request(new_id(), purpose="generation")
    with pytest.raises(RequestClosedError, match="not entered"):
        request.admit(b"x")
    with request:
        pass
    with pytest.raises(RequestClosedError, match="once"):
        request.__enter__()


def test_no_more_than_max_open(new_id: NewId) -> None:
    with facegate.Gate(facegate.Policy(max_open=1, spares=0)) as gate:
        with gate.open_request(new_id(), purpose="generation"):
            with (
                pytest.raises(PolicyError, match="1 requests are open"),
                gate.open_request(new_id(), purpose="generation"),
            ):
                pass
        with gate.open_request(new_id(), purpose="generation"):
            pass


def test_each_request_has_a_child_of_its_own(gate: facegate.Gate, new_id: NewId) -> None:
    assert gate.pool.wait_full(30)  # spares, too, serve once
    with gate.open_request(new_id(), purpose="generation") as one:
        first = child_of(one)
        with gate.open_request(new_id(), purpose="generation") as other:
            assert child_of(other).pid != first.pid
            assert child_of(other).arena is not first.arena
    with gate.open_request(new_id(), purpose="generation") as later:
        assert child_of(later) is not first
        assert child_of(later).alive


def test_asyncio(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    async def one() -> bytes:
        opened = gate.open_request(new_id(), purpose="generation")
        async with opened as request:
            upload = await request.admit(pair)
            faces = await request.analyze(upload, subject="largest")
            with faces.subject.expose("landmarks") as xyz:
                assert xyz.any()
            safe = await request.redact(upload, keep=faces.subject)
            output = await request.finish(safe, format="webp")
        assert opened.receipt is not None
        assert facegate.verify(opened.receipt).outcome == "finished"
        return output.data

    async def many() -> list[bytes]:
        return await asyncio.gather(*(one() for _ in range(5)))

    first, *rest = asyncio.run(many())
    assert all(data == first for data in rest)
