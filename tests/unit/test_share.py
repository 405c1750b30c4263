"""What leaves a request for a partner, through a real gate: covered, stripped, counted, and never anything facial."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import facegate
from facegate import rules
from facegate.errors import (
    AnalysisError,
    DecodeError,
    OutputError,
    RequestClosedError,
    SealedError,
    ShapeError,
    SharingError,
)
from facegate.memory import spans
from facegate.receipt import Shared
from facegate.rules.read import parse
from fixtures.collection import two_people
from fixtures.portraits import portrait
from tests.clips import clip, decoded
from tests.conftest import encode
from tests.leak.words import told_by

NewId = Callable[[], str]
SHIPPED = Path(rules.__file__).parent / "shipped" / "default.toml"
PARTNERS = """
[sharing.provider]
says = "It makes the picture."
categories = ["upload", "output", "request-data"]
purposes = ["generation"]
regions = ["US"]
safeguard = "standard contractual clauses"

[sharing.plain]
says = "It shows what was made, bystanders too, who agreed to that."
categories = ["upload", "output"]
purposes = ["generation"]
regions = ["DE", "FR"]
safeguard = "none is needed at home"
bystanders = "kept"

[sharing.evidence]
says = "It takes what was sent as evidence, as it is."
categories = ["upload"]
purposes = ["terms", "generation"]
regions = ["DE"]
safeguard = "the same"
bystanders = "kept"
metadata = "kept"
"""
COMMENT = b"who took it, and where"


@pytest.fixture(scope="module")
def policy() -> facegate.Policy:
    text = SHIPPED.read_text(encoding="utf-8") + PARTNERS
    return facegate.Policy(rules=parse(text.encode(), "ours.toml"))


@pytest.fixture(scope="module")
def gate(policy: facegate.Policy) -> Iterator[facegate.Gate]:
    with facegate.Gate(policy) as made:
        yield made


@pytest.fixture(scope="module")
def pair() -> bytes:
    """The astronaut and a second face beside her, JPEG, with metadata."""
    made = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = COMMENT.decode()
    Image.fromarray(two_people().rgb).save(made, "JPEG", quality=95, exif=exif, comment=COMMENT)
    return made.getvalue()


@pytest.fixture(scope="module")
def small() -> bytes:
    """24 frames, MP4."""
    return clip(24)


def shared_by(request: facegate.Request) -> list[dict[str, Any]]:
    assert request.receipt is not None
    facegate.verify(request.receipt)
    found: list[dict[str, Any]] = request.receipt.statement()["predicate"]["shared"]
    return found


def pixels_of(output: facegate.Output) -> NDArray[np.int_]:
    with Image.open(io.BytesIO(output.data)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def covered(output: facegate.Output) -> list[bool]:
    """Of the two people, whether the middle of the face is of one colour."""
    after = pixels_of(output)
    flat = []
    for x0, y0, x1, y1 in two_people().boxes:
        x, y, reach = int(x0 + x1) // 2, int(y0 + y1) // 2, int(x1 - x0) // 6
        flat.append(int(np.ptp(after[y - reach : y + reach, x - reach : x + reach].reshape(-1, 3), axis=0).max()) < 30)
    return flat


def test_an_upload_leaves_with_bystanders_covered_and_without_metadata(
    gate: facegate.Gate, pair: bytes, new_id: NewId
) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        everyone = request.share("provider", upload, category="upload", region="US-CA")
        faces = request.analyze(upload)
        output = request.share("provider", upload, category="upload", keep=faces.subject, format="jpeg", quality=95)
        assert (everyone.format, output.format) == ("png", "jpeg")
        assert covered(everyone) == [True, True]
        assert sorted(covered(output)) == [False, True]
        kept_open = request.finish(request.redact(upload))
    assert COMMENT in pair
    for left in (everyone, output):
        assert COMMENT not in left.data
        with Image.open(io.BytesIO(left.data)) as picture:
            assert not dict(picture.getexif())
    assert covered(kept_open) == [True, True]
    assert shared_by(request) == [
        {"partner": "provider", "category": "upload", "count": 2, "bytes": everyone.size + output.size}
    ]


def test_what_redact_has_left_of_the_picture_stays_as_it_is(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        subject = request.analyze(upload).subject
        safe = request.redact(upload, keep=subject)
        before = request.share("provider", upload, category="upload")
        output = request.finish(safe)
    assert covered(before) == [True, True]
    assert sorted(covered(output)) == [False, True]


def test_a_partner_whose_bystanders_are_kept_still_gets_no_metadata(
    gate: facegate.Gate, pair: bytes, new_id: NewId
) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        output = request.share("plain", upload, category="upload", region="FR")
        with pytest.raises(SharingError, match="keep is for"):
            keep = request.analyze(upload).subject
            request.share("plain", upload, category="upload", region="FR", keep=keep)
    assert covered(output) == [False, False]
    assert COMMENT not in output.data


def test_an_upload_leaves_as_it_came_where_the_policy_says_so(
    gate: facegate.Gate, pair: bytes, small: bytes, tmp_path: Path, new_id: NewId
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(small)
    with gate.open_request(new_id(), purpose="terms") as request:
        picture = request.admit(pair)
        left = request.share("evidence", picture, category="upload")
        assert (left.data, left.format) == (pair, "jpeg")
        for source in (small, path):
            video = request.share("evidence", request.admit(source, "video"), category="upload")
            assert (video.data, video.format) == (small, "mp4")
        with pytest.raises(SharingError, match="as it came"):
            request.share("evidence", picture, category="upload", format="png")
        cut = request.admit(path, "video")
        path.write_bytes(small[:100])
        with pytest.raises(DecodeError, match="shorter"):
            request.share("evidence", cut, category="upload")
    assert shared_by(request)[0]["count"] == 3
    residue = facegate.verify(request.receipt).purge  # type: ignore[arg-type]
    assert residue is not None
    assert residue.bytes_wiped > len(pair) + len(small), "what was kept for that is wiped like any"


def test_uploads_are_not_kept_where_nobody_may_have_them_as_they_came(
    gate: facegate.Gate, pair: bytes, new_id: NewId
) -> None:
    """Only with a partner that may have it so does the upload's region outlive `admit`."""

    def held(purpose: str) -> list[str]:
        with gate.open_request(new_id(), purpose=purpose) as request:
            request.admit(pair)
            assert request._custody is not None
            return [region.name for region in request._custody._regions]

    assert held("safety") == []
    assert held("terms") == ["upload"]


def test_a_video_leaves_covered(gate: facegate.Gate, small: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        video = request.admit(small, "video")
        subject = request.analyze(video, at=0.2).subject
        output = request.share("provider", video, category="upload", profile="fast")
        kept = request.share("provider", video, category="upload", keep=subject, profile="fast", format="mkv")
        with pytest.raises(SharingError, match="not in between"):
            request.share("plain", video, category="upload", region="DE")
        finished = request.finish(request.redact(video, profile="fast"))
    assert (output.format, output.frames, kept.format, finished.frames) == ("mp4", 24, "mkv", 24)
    before, after, other = decoded(small), decoded(output.data), decoded(kept.data)
    changed = [[np.abs(a.astype(int) - b).max(axis=2) > 60 for a, b in zip(before, made, strict=True)]
               for made in (after, other)]  # fmt: skip
    assert all(0.02 < each.mean() < 0.6 for each in changed[0])
    assert np.mean(changed[1]) < 0.8 * np.mean(changed[0]), "one face is left"
    assert shared_by(request) == [
        {"partner": "provider", "category": "upload", "count": 2, "bytes": output.size + kept.size}
    ]


def test_an_output_is_what_was_pasted_or_generated(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    generated = np.ascontiguousarray(two_people().rgb)
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        face = request.analyze(upload).subject
        assert face is not None
        pasted = request.paste(face, np.full((512, 512, 3), 90, np.uint8))
        assert covered(request.share("provider", pasted, category="output")) == [True, True]
        whole = request.share("plain", pasted, category="output", region="DE")
        assert sorted(covered(whole)) == [False, True], "the crop covers one, nothing the other"
        assert covered(request.share("provider", generated, category="output")) == [True, True]
        left = request.share("plain", generated, category="output", region="DE")
        assert (pixels_of(left) == generated).all()
        with pytest.raises(ShapeError):
            request.share("provider", np.zeros((5, 5), np.float32), category="output")
        with pytest.raises(OutputError):
            request.share("provider", generated, category="output", format="gif")
    assert [(each["partner"], each["category"], each["count"]) for each in shared_by(request)] == [
        ("plain", "output", 2),
        ("provider", "output", 2),
    ]


def test_only_the_subject_may_stay_uncovered(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        faces = request.analyze(upload)
        (bystander,) = faces.bystanders
        with pytest.raises(SharingError, match="everyone else is a bystander"):
            request.share("provider", upload, category="upload", keep=bystander)
        request.analyze(upload)
        with pytest.raises(AnalysisError, match="latest analysis"):
            request.share("provider", upload, category="upload", keep=faces.subject)
        with pytest.raises(SharingError, match="keep is for"):
            pixels = np.zeros((8, 8, 3), np.uint8)
            request.share("provider", pixels, category="output", keep=faces.subject)
    assert shared_by(request) == []


def test_request_data_leaves_as_json(gate: facegate.Gate, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        sent = {"prompt": "a portrait", "size": [512, 512], "seed": 7}
        left = request.share("provider", sent, category="request-data")
    assert json.loads(left) == sent
    assert type(left) is bytes
    assert shared_by(request) == [{"partner": "provider", "category": "request-data", "count": 1, "bytes": len(left)}]


@pytest.mark.parametrize(
    ("partner", "category", "sentence"),
    [
        ("nobody", "upload", "names no such partner"),
        ("plain", "request-data", "shares no request-data with plain"),
        ("provider", "geometry", "category must be one of"),
    ],
)
def test_the_policy_is_asked_first(
    gate: facegate.Gate, pair: bytes, new_id: NewId, partner: str, category: Any, sentence: str
) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        with pytest.raises(SharingError, match=sentence):
            request.share(partner, request.admit(pair), category=category, region="DE")
    assert shared_by(request) == []


def test_a_purpose_or_a_place_that_the_partner_does_not_have(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="safety") as request:
        with pytest.raises(SharingError, match="for this purpose"):
            request.share("provider", request.admit(pair), category="upload")
    with gate.open_request(new_id(), purpose="generation") as request:
        with pytest.raises(SharingError, match="in that region"):
            request.share("provider", request.admit(pair), category="upload", region="CN")
        with pytest.raises(SharingError, match="say which"):
            request.share("plain", request.admit(pair), category="upload")


def test_the_shipped_policy_shares_with_nobody(pair: bytes, new_id: NewId) -> None:
    with facegate.Gate() as gate, gate.open_request(new_id(), purpose="generation") as request:
        with pytest.raises(SharingError, match="no such partner"):
            request.share("provider", request.admit(pair), category="upload")


def _writable(view: NDArray[Any]) -> NDArray[Any]:
    place = view.__array_interface__["data"][0]
    return np.frombuffer((ctypes.c_char * view.nbytes).from_address(place), view.dtype)


FACIAL: dict[str, Callable[[NDArray[np.float32], facegate.FaceSet], Any]] = {
    "a face": lambda _, faces: faces.subject,
    "a set of faces": lambda _, faces: faces,
    "a handle in a list": lambda _, faces: {"prompt": "x", "photo": [faces.upload]},
    "a handle in an object": lambda _, faces: SimpleNamespace(to=SimpleNamespace(face=faces.subject)),
    "exposed geometry": lambda view, _: view,
    "a view of a view": lambda view, _: view[10:200][::3],
    "a memoryview": lambda view, _: memoryview(view)[3:],
    "DLPack": lambda view, _: np.from_dlpack(_writable(view)),
    "ctypes": lambda view, _: (ctypes.c_float * 4).from_address(view.__array_interface__["data"][0]),
    "in a tuple in a dict": lambda view, _: {"settings": ({"points": view[:2]},)},
    "an object array": lambda view, _: np.array([None, view], object),
}


@pytest.mark.parametrize("category", ["request-data", "output"])
@pytest.mark.parametrize("name", FACIAL)
def test_nothing_facial_leaves(gate: facegate.Gate, pair: bytes, new_id: NewId, name: str, category: Any) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        faces = request.analyze(request.admit(pair))
        assert faces.subject is not None
        with faces.subject.expose("landmarks") as view, pytest.raises(SealedError) as caught:
            request.share("provider", FACIAL[name](view, faces), category=category)
        assert caught.value.request_id == request.request_id
        assert caught.value.reason.startswith("The payload ")
    assert shared_by(request) == []


@pytest.mark.parametrize(
    "show", [lambda upload, _: upload.expose(), lambda _, face: face.crop("ffhq"), lambda _, face: face.mask()]
)
def test_pixels_that_are_shown_are_no_output(
    gate: facegate.Gate, pair: bytes, new_id: NewId, show: Callable[[Any, Any], Any]
) -> None:
    """As arrays they are what an output may be; where they lie tells them from one."""
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        with show(upload, request.analyze(upload).subject) as shown:
            pixels = getattr(shown, "pixels", shown)
            with pytest.raises(SealedError, match="memory of an open request"):
                request.share("plain", pixels[::2, ::2], category="output", region="DE")
        with pytest.raises(SealedError, match="memory of an open request"):
            request.share("plain", pixels, category="output", region="DE")
    assert shared_by(request) == []


def test_memory_of_another_open_request_is_no_output_either(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as first:
        upload = first.admit(pair)
        with gate.open_request(new_id(), purpose="generation") as second, upload.expose() as pixels:
            with pytest.raises(SealedError):
                second.share("plain", pixels, category="output", region="DE")
            with pytest.raises(AnalysisError, match="not one that this request admitted"):
                second.share("plain", upload, category="upload", region="DE")


def test_what_was_adopted_does_not_leave(gate: facegate.Gate, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        pixels = request.adopt(np.zeros((64, 64, 3), np.uint8))
        for each in (pixels, pixels[3:9], {"a": [memoryview(pixels)]}, np.from_dlpack(pixels)):
            with pytest.raises(SealedError, match="adopted"):
                request.share("provider", each, category="output")
        request.share("provider", pixels.copy(), category="output")
    assert [each["count"] for each in shared_by(request)] == [1]


@pytest.mark.parametrize(
    ("payload", "category", "sentence"),
    [
        (b"\xff\xd8", "upload", "a picture or video that the request admitted"),
        (np.zeros((8, 8, 3), np.uint8), "upload", "a picture or video that the request admitted"),
        (b"\xff\xd8", "output", "what paste made, or pixels"),
        (b"\xff\xd8", "request-data", "request-data is JSON"),
        (np.zeros(3), "request-data", "request-data is JSON"),
        ({"a": [0.5] * 478}, "request-data", "has at most 8 numbers"),
    ],
)
def test_what_its_category_does_not_have_is_refused(
    gate: facegate.Gate, new_id: NewId, payload: Any, category: Any, sentence: str
) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        with pytest.raises(SharingError, match=sentence):
            request.share("provider", payload, category=category)
    assert shared_by(request) == []


def test_handles_go_where_they_belong(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        for payload, category, sentence in (
            (upload, "output", "what paste made"),
            (upload, "request-data", "have categories of their own"),
            (request.redact(upload), "upload", "share covers faces itself"),
            (request.redact(upload), "output", "share covers faces itself"),
        ):
            with pytest.raises(SharingError, match=sentence):
                request.share("provider", payload, category=category)  # type: ignore[call-overload]
        with pytest.raises(SharingError, match="profile is for a video"):
            request.share("provider", upload, category="upload", profile="fast")
    assert shared_by(request) == []


def test_nothing_leaves_a_request_that_is_over(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    request = gate.open_request(new_id(), purpose="generation")
    with pytest.raises(RequestClosedError, match="not entered"):
        request.share("provider", "x", category="request-data")
    with request:
        upload = request.admit(pair)
        request.share("provider", "x", category="request-data")
        request.finish(upload)
        for payload, category in (("x", "request-data"), (upload, "upload")):
            with pytest.raises(RequestClosedError):
                request.share("provider", payload, category=category)  # type: ignore[call-overload]
    assert [each["count"] for each in shared_by(request)] == [1], "what left before is counted"


def test_what_the_receipt_no_longer_takes_is_not_handed_out(gate: facegate.Gate, new_id: NewId) -> None:
    """The request ends between the moment at which the payload is ready and that at which it would be handed out."""
    with gate.open_request(new_id(), purpose="generation") as request:
        custody = request._custody
        assert custody is not None
        count, custody.note_shared = custody.note_shared, lambda *of: (request.cancel(), count(*of))  # type: ignore[method-assign]
        with pytest.raises(RequestClosedError):
            request.share("provider", "x", category="request-data")
    assert shared_by(request) == []


def test_no_error_keeps_the_payload(gate: facegate.Gate, new_id: NewId) -> None:
    with gate.open_request(new_id(), purpose="generation") as request:
        for payload in ({"prompt": "the secret words", "x": object()}, {"prompt": "the secret words", "n": [1.5] * 99}):
            with pytest.raises(SharingError) as caught:
                request.share("provider", payload, category="request-data")
            assert "secret words" not in told_by(caught.value)


def test_async_requests_share_alike(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    async def story() -> tuple[facegate.Output, bytes, Any]:
        async with gate.open_request(new_id(), purpose="generation") as request:
            upload = await request.admit(pair)
            subject = (await request.analyze(upload)).subject
            output = await request.share("provider", upload, category="upload", keep=subject)
            left = await request.share("provider", ["x"], category="request-data", region="US")
            with pytest.raises(SealedError):
                await request.share("provider", [subject], category="request-data")
        return output, left, request.receipt

    output, left, receipt = asyncio.run(story())
    assert sorted(covered(output)) == [False, True]
    assert facegate.verify(receipt).shared == (
        Shared(partner="provider", category="request-data", count=1, bytes=len(left)),
        Shared(partner="provider", category="upload", count=1, bytes=output.size),
    )


def test_the_ledger_has_it(policy: facegate.Policy, pair: bytes, tmp_path: Path, new_id: NewId) -> None:
    path = tmp_path / "ledger.jsonl"
    with facegate.Ledger(path, facegate.Signer.generate()) as ledger, facegate.Gate(policy, ledger=ledger) as gate:
        with gate.open_request(new_id(), purpose="generation") as request:
            request.share("provider", request.admit(pair), category="upload", region="US")
        assert request.receipt is not None
        closed = request.receipt.envelopes[1]["payload"]
    assert closed in path.read_text(encoding="ascii")
    assert facegate.verify_ledger(path).checked == 2
    (shared,) = shared_by(request)
    assert set(shared) == {"partner", "category", "count", "bytes"}, "no digest, no place, nothing of the person"


def test_addresses_are_let_go_with_the_requests(gate: facegate.Gate, pair: bytes, new_id: NewId) -> None:
    gate.pool.wait_full(30)
    gc.collect()
    before = len(spans._live)
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(pair)
        with upload.expose():
            request.share("provider", upload, category="upload")
        gate.pool.wait_full(30)
        assert len(spans._live) > before
    del upload
    gc.collect()
    assert len(spans._live) == before


def test_a_copy_of_the_portrait_is_not_taken_for_memory_of_the_request(gate: facegate.Gate, new_id: NewId) -> None:
    """Only where memory lies is asked, so what the worker made itself leaves, whatever it shows."""
    with gate.open_request(new_id(), purpose="generation") as request:
        upload = request.admit(encode(portrait("astronaut"), "PNG"))
        with upload.expose() as pixels:
            left = request.share("plain", pixels.copy(), category="output", region="DE")
    assert (pixels_of(left) == portrait("astronaut")).all()
